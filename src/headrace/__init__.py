"""Headrace runs dataflows: good rows are committed once, bad rows are kept with reasons, failed runs are retried."""

__version__ = "0.1.0.dev0"
