"""Regular expressions of schemas: whether DuckDB, which will look for them, understands them."""


def fault_of(pattern: str) -> str:
    """Return why ``pattern`` is no RE2 regular expression, or ``""`` if it is one."""
    import duckdb  # noqa: PLC0415 — a fifth of a second, and few schemas have a pattern

    with duckdb.connect() as connection:
        try:
            connection.execute("SELECT regexp_matches('', ?)", [pattern]).fetchall()
        except duckdb.Error as error:
            return str(error).splitlines()[0].removeprefix("Invalid Input Error: ")
    return ""
