"""A page of runs with 1,000 and with 1,000,000 runs in the table, on SQLite."""

import json
import sqlite3
import statistics
import time
from pathlib import Path

from bench.measure import SCRATCH, Figure
from headrace.core.clock import Instant
from headrace.core.codec import encode
from headrace.core.flow import Activity, Plan
from headrace.core.query import Cursor, Order
from headrace.core.run import Run, RunKind, RunStatus
from headrace.store import migrations, runs
from headrace.store.database import Database
from headrace.store.runs import RunQuery

NEWEST = Order("created_at", descending=True)
PLAN = Plan((Activity("copy", "noop"), Activity("promote", "noop")))


def seeded(count: int) -> Database:
    """Return a ledger with ``count`` ended runs of 10 flows in one scope; made once, then reused."""
    SCRATCH.mkdir(exist_ok=True)
    path = SCRATCH / f"ledger-{count}.db"
    if not path.exists():
        part = Path(f"{path}.part")
        part.unlink(missing_ok=True)
        database = Database(f"sqlite:///{part}")
        migrations.upgrade(database)
        with database.transaction() as tx:
            runs.insert(tx, _run())
        database.dispose()
        _multiply(part, count)
        part.rename(path)
    return Database(f"sqlite:///{path}")


def _run() -> Run:
    return Run(
        "0" * 8, "local", "flow-0", "flow 0", RunKind.ON_DEMAND, "0" * 8, PLAN, Instant(0), plan={"as": "planned"}
    )


def _multiply(path: Path, count: int) -> None:
    connection = sqlite3.connect(path)
    names = [row[1] for row in connection.execute("PRAGMA table_info(runs)")]
    changed = {
        "id": "printf('%08x', i * 2654435761 % 4294967296) || printf('-%d', i)",
        "group_id": "printf('%08x', i * 2654435761 % 4294967296) || printf('-%d', i)",
        "flow_id": "'flow-' || (i % 10)",
        "flow_name": "'flow ' || (i % 10)",
        "status": "CASE WHEN i % 10 = 3 THEN 'failed' ELSE 'succeeded' END",
        "created_at": "1700000000000000 + i * 1000000",
        "started_at": "1700000000000000 + i * 1000000",
        "ended_at": "1700000000000000 + i * 1000000",
        "updated_at": "1700000000000000 + i * 1000000",
    }
    values = ", ".join(changed.get(name, f'r."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    with connection:
        connection.execute(
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
            f"INSERT INTO runs ({columns}) SELECT {values} FROM n, (SELECT * FROM runs LIMIT 1) r"
        )
        connection.execute("DELETE FROM runs WHERE created_at = 0")
    connection.execute("ANALYZE")
    connection.close()


def _milliseconds(database: Database, query: RunQuery, cursor: Cursor | None = None) -> float:
    took = []
    for _ in range(60):
        start = time.perf_counter()
        with database.reading() as tx:
            page = runs.page(tx, query, NEWEST, 50, cursor)
        took.append((time.perf_counter() - start) * 1000)
        assert page.items
    return statistics.median(took)


QUERIES = {
    "all of a scope": RunQuery(scopes=("local",)),
    "failed ones": RunQuery(scopes=("local",), statuses=frozenset({RunStatus.FAILED})),
    "of one flow": RunQuery(scopes=("local",), flow_id="flow-7"),
}


def figures() -> list[Figure]:
    """Return the table's lines."""
    small, large = seeded(1_000), seeded(1_000_000)
    lines = []
    for name, query in QUERIES.items():
        few, many = _milliseconds(small, query), _milliseconds(large, query)
        lines.append(
            Figure(
                f"page of 50 runs, {name}: 1,000,000 vs 1,000 runs",
                f"{many:.2f} ms",
                f"{few:.2f} ms",
                f"{many / few:.2f} ×",
                "≤ 1.5 ×",
            )
        )
    deep = Cursor((1_700_000_000_000_000 + 500_000 * 1_000_000, "z"))
    middle, first = (
        _milliseconds(large, QUERIES["all of a scope"], deep),
        _milliseconds(large, QUERIES["all of a scope"]),
    )
    lines.append(
        Figure(
            "page 10,000 vs page 1 of 1,000,000 runs",
            f"{middle:.2f} ms",
            f"{first:.2f} ms",
            f"{middle / first:.2f} ×",
            "≤ 1.5 ×",
        )
    )
    return lines


if __name__ == "__main__":
    print(json.dumps(encode([line.row for line in figures()]), indent=1, ensure_ascii=False))
