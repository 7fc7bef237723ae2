"""The log in public formats: what a stranger needs to check it, and nothing of the server."""
