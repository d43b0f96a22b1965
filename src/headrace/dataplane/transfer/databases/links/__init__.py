"""Connections that may write: one module for each kind of database, all with the same few methods."""
