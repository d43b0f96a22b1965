"""Databases as sources: tables and queries, read in one snapshot each."""
