"""Durable execution on DBOS: what makes a run go from its first activity to its end (docs/internals/engine.md)."""
