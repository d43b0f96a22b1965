"""How a table is held for a transaction, so that nobody else writes to it meanwhile."""


def lock_statement(database: str, table: str) -> str:
    """Return the statement; empty: SQLite has one writer at a time anyway, and MySQL's would end the transaction."""
    if database == "PostgreSQL":
        return f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
    if database == "SQL Server":
        return f"DECLARE @headrace_held int; SELECT TOP (1) @headrace_held = 1 FROM {table} WITH (TABLOCKX, HOLDLOCK)"
    return ""
