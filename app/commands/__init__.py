"""The commands of ``quietwatch``: each parses, opens what it needs, calls the same code as the API, and prints."""
