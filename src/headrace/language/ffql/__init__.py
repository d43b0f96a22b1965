"""FFQL, the query language of records: ``status eq open and (amount gt 100 or "Due date" is error)``."""
