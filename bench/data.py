"""The files that are measured with: made once, by DuckDB, the same on every machine."""

from pathlib import Path

import duckdb

from bench.measure import SCRATCH

TYPES = {
    "id": "BIGINT",
    "name": "VARCHAR",
    "amount": "DECIMAL(12,2)",
    "quantity": "INTEGER",
    "created_at": "TIMESTAMPTZ",
    "day": "DATE",
    "active": "BOOLEAN",
    "ratio": "DOUBLE",
}
"""Columns of the measured CSV and the types that DuckDB's own typed reader is given."""


def orders(rows: int, *, bad_every: int = 0) -> Path:
    """Return a CSV of ``rows`` × 8 columns (about 83 bytes a row); every ``bad_every``-th row has a quantity that is no number."""
    SCRATCH.mkdir(exist_ok=True)
    path = SCRATCH / f"orders-{rows}-{bad_every}.csv"
    if path.exists():
        return path
    quantity = f"CASE WHEN i % {bad_every} = 7 THEN 'many' ELSE (i % 97)::VARCHAR END" if bad_every else "i % 97"
    part = path.with_suffix(".part")
    duckdb.connect().execute(f"""
        COPY (
            SELECT i AS id, 'customer ' || (i * 7919 % 1000003) AS name,
                   ((i * 104729 % 10000000) / 100)::DECIMAL(12,2) AS amount, {quantity} AS quantity,
                   strftime(TIMESTAMP '2024-01-01' + INTERVAL (i % 31536000) SECOND, '%Y-%m-%d %H:%M:%S') AS created_at,
                   DATE '2020-01-01' + (i % 2000)::INTEGER AS day, i % 3 = 0 AS active, (i % 1000) / 1000.0 AS ratio
            FROM range({rows}) t(i)
        ) TO '{part}' (FORMAT csv, HEADER)""")
    part.rename(path)
    return path
