"""One file a noun: its routes, each of about ten lines."""
