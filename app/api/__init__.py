"""The HTTP interface: one router per noun, over the storage queries. Blind to the worker and to the pages."""
