"""The workspace that jobs work in."""
