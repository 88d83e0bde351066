"""The pages: server-rendered, without script, over the same storage queries as the API. Blind to the API."""
