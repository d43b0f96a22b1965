"""A million records of 20 columns: inserted in pages of 10,000, shown by page, counted, checked, over SQLite and over PostgreSQL."""

import os
import sys
import tempfile
from pathlib import Path

from bench.measure import SCRATCH, Figure, call

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from servers import PostgresServer

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))


def figures() -> list[Figure]:
    """Return the figures of both databases."""
    SCRATCH.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        on_sqlite = _measured(f"sqlite:///{Path(folder) / 'records.db'}", 1)
    with PostgresServer(settings={"shared_buffers": "512MB", "max_wal_size": "8GB", "autovacuum": "on"}) as server:
        on_postgres = _measured(server.create_database("bench"), 2)
    return [*_lines("SQLite, one client", on_sqlite), *_lines("PostgreSQL, two clients", on_postgres)]


def _measured(url: str, clients: int) -> dict[str, float]:
    return call(["-m", "bench.records_ours", url, str(RECORDS), str(clients)])


def _lines(where: str, got: dict[str, float]) -> list[Figure]:
    def line(what: str, ours: str, goal: str) -> Figure:
        return Figure(f"{what} ({where})", ours, "", "", goal)

    return [
        line(f"{RECORDS:,} × 20 inserted in pages of 10,000", f"{got['inserted']:,.0f} records/s", "≥ 100,000/s"),
        line("the same with a unique column", f"{got['inserted_unique']:,.0f} records/s", ""),
        line("100 records in the middle, of all", f"{got['page'] * 1e3:.1f} ms", ""),
        line("100 records in the middle, of those with errors", f"{got['page_of_errors'] * 1e3:.1f} ms", ""),
        line("an answer of 1,000 records, in the middle", f"{got['answer_1000'] * 1e3:.0f} ms", "≤ 100 ms"),
        line("an answer of 1,000 records, the last ones", f"{got['answer_1000_last'] * 1e3:.0f} ms", "≤ 100 ms"),
        line("an answer of 1,000 records with errors", f"{got['answer_1000_errors'] * 1e3:.0f} ms", "≤ 500 ms"),
        line("an answer of 10,000 records, in the middle", f"{got['answer_10000'] * 1e3:.0f} ms", ""),
        line("counts", f"{got['counts'] * 1e3:.1f} ms", "≤ 200 ms"),
        line("a column becomes unique", f"{got['unique']:.1f} s", "≤ 5 s"),
        line("every record checked again", f"{got['validate']:.1f} s", ""),
    ]
