"""Copies of 5 M rows, CSV → Parquet, PostgreSQL → Parquet, CSV → PostgreSQL, against DuckDB alone and psql's ``COPY`` in the same run."""

import json
import statistics
import sys
from pathlib import Path

import psycopg

from bench.data import TYPES, orders
from bench.measure import Figure, call

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers import PostgresServer

ROWS = 5_000_000
ROUNDS = 3
_TABLE = ", ".join(f"{name} {kind.replace('DOUBLE', 'DOUBLE PRECISION')}" for name, kind in TYPES.items())


def figures() -> list[Figure]:
    """Return throughput, and the worker's peak of memory."""
    csv = orders(ROWS)
    with PostgresServer(settings={"shared_buffers": "512MB", "max_wal_size": "8GB"}) as server:
        url = server.create_database("bench")
        with psycopg.connect(url, autocommit=True) as connection:
            for table in ("orders", "copied"):
                connection.execute(f"CREATE TABLE {table} ({_TABLE})")  # type: ignore[arg-type]  # names of ours
            call(["-m", "bench.transfers_beside", "psql_write", str(csv), "", url])
            connection.execute("INSERT INTO orders SELECT * FROM copied")
            connection.execute("VACUUM ANALYZE orders")
            taken = _in_turn(csv, url, connection)
    return [
        _line("copy 5 M × 8 rows CSV → Parquet, as text, vs DuckDB alone", taken, "csv_parquet", ("duckdb_strings",)),
        _line(
            "the same with types in the mapping, vs DuckDB's typed reader",
            taken,
            "csv_parquet_typed",
            ("duckdb_typed",),
        ),
        _line(
            "copy 5 M × 8 rows PostgreSQL → Parquet, vs the slower of psql's COPY TO and DuckDB's writing",
            taken,
            "postgres_parquet",
            ("psql_read", "duckdb_write"),
        ),
        _line("copy 5 M × 8 rows CSV → PostgreSQL, vs psql's COPY FROM", taken, "csv_postgres", ("psql_write",)),
    ]


_OURS = ("csv_parquet", "csv_parquet_typed", "postgres_parquet", "csv_postgres")
_BESIDE = ("duckdb_strings", "duckdb_typed", "duckdb_write", "psql_read", "psql_write")


def _in_turn(csv: Path, url: str, connection: "psycopg.Connection[tuple[object, ...]]") -> dict[str, dict[str, float]]:
    taken: dict[str, list[dict[str, float]]] = {}
    for _ in range(ROUNDS):
        for name in (*_BESIDE, *_OURS):
            connection.execute("TRUNCATE copied")
            program = "bench.transfers_ours" if name in _OURS else "bench.transfers_beside"
            arguments = [str(csv), url] if name in _OURS else [str(csv), json.dumps(TYPES), url]
            taken.setdefault(name, []).append(call(["-m", program, name, *arguments]))
    return {
        name: {key: statistics.median(one[key] for one in found) for key in found[0]} for name, found in taken.items()
    }


def _line(what: str, taken: dict[str, dict[str, float]], ours: str, beside: tuple[str, ...]) -> Figure:
    mine = taken[ours]
    slower = max(beside, key=lambda name: taken[name]["seconds"])
    theirs = taken[slower]["seconds"]
    return Figure(
        what,
        f"{ROWS / mine['seconds'] / 1e6:.2f} M rows/s, {mine['peak_mb']:.0f} MB",
        f"{slower}: {ROWS / theirs / 1e6:.2f} M rows/s",
        f"{theirs / mine['seconds']:.2f} ×",
        "≥ 0.8 ×",
    )
