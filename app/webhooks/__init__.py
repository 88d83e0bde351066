"""Outbound, without I/O: what a webhook's body is and how it is signed. Values in, values out."""
