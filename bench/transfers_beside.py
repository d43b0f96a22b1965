"""What a copy is held against: DuckDB alone, and psql's own ``COPY``. Prints one JSON object with the seconds that it took.

python -m bench.transfers_beside MEASURE CSV TYPES POSTGRES-URL
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb


def duckdb_strings(csv: Path, _types: str, _url: str) -> None:
    """DuckDB alone: every column as text, CSV to Parquet."""
    _copy(f"read_csv('{csv}', header=true, all_varchar=true)", csv)


def duckdb_typed(csv: Path, types: str, _url: str) -> None:
    """DuckDB alone: with the types given, CSV to Parquet."""
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in json.loads(types).items())
    _copy(f"read_csv('{csv}', header=true, columns={{{columns}}})", csv)


def duckdb_write(csv: Path, _types: str, _url: str) -> None:
    """DuckDB alone: Parquet to Parquet, which bounds how fast Parquet is written."""
    _copy(f"read_parquet('{csv.with_name('beside-typed.parquet')}')", csv)


def psql_read(_csv: Path, _types: str, url: str) -> None:
    """The psql of PostgreSQL alone: the table as text, to nowhere."""
    _psql(url, "\\copy orders to '/dev/null' csv")


def psql_write(csv: Path, _types: str, url: str) -> None:
    """The psql of PostgreSQL alone: the CSV into the table."""
    _psql(url, f"\\copy copied from '{csv}' csv header")


def _copy(relation: str, csv: Path) -> None:
    name = "beside-typed.parquet" if "columns=" in relation else "beside.parquet"
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute(f"COPY (FROM {relation}) TO '{csv.with_name(name)}' (FORMAT parquet)")


def _psql(url: str, command: str) -> None:
    subprocess.run(["psql", "-q", "-v", "ON_ERROR_STOP=1", url, "-c", command], check=True)


if __name__ == "__main__":
    began = time.perf_counter()
    globals()[sys.argv[1]](Path(sys.argv[2]), sys.argv[3], sys.argv[4])
    print(json.dumps({"seconds": time.perf_counter() - began}))
