"""The console and the native API with a million runs in the ledger, on SQLite and PostgreSQL: whole answers over HTTP, as a browser gets them."""

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from bench.measure import SCRATCH, Figure

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.flow import Activity, Flow, Plan
from headrace.core.outcome import Failure, Figures
from headrace.core.run import ActivityRun, ActivityStatus, Run, RunKind, RunStatus
from headrace.store import activity_runs, flows, migrations, runs
from headrace.store.database import Database
from servers import PostgresServer, free_port

RUNS = 1_000_000
ROWS_OF_LARGE = 50_000
LARGE = "ffffffff-large"
"""The run with very many activity rows."""
_PLAN = Plan((Activity("copy", "copy", {"from": "orders"}), Activity("promote", "promote", {"to": "orders"})))
_SCOPES = 12
_FLOWS = 60
_HEX = {
    "sqlite": "printf('%08x', (i * 2654435761) % 4294967296)",
    "postgresql": "lpad(to_hex((i * 2654435761::bigint) % 4294967296), 8, '0')",
}
_NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) SELECT i FROM n)",
    "postgresql": "(SELECT generate_series(1, {count})::bigint AS i)",
}
PAGES = {
    "Runs": "/runs",
    "Runs, failed": "/runs?status=failed",
    "Runs, with rejects": "/runs?rejects=yes",
    "Runs, of a flow by name": "/runs?flow=flow+7",
    "Runs, of a scope": "/runs?scope=flowservice/org3/prod",
    "Runs, retries": "/runs?kind=retry",
    "Runs, of an hour long ago": "/runs?since=2023-11-16+06:00&until=2023-11-16+07:00",
    "Runs, search for a reason": "/runs?text=refused",
    "Runs, search for nothing that there is": "/runs?text=zzzzzz",
    "a run": "/runs/{run}",
    "a run with 50,000 activity rows": f"/runs/{LARGE}",
    "Flows": "/flows",
    "a flow": "/flows/flow-7?scope=flowservice/org7/prod",
    "Rejects": "/rejects",
    "native API: runs": "/native/v1/runs",
    "native API: a run": "/native/v1/runs/{run}",
    "native API: throughput of a day": "/native/v1/throughput?since=2023-12-01T00:00:00Z&until=2023-12-02T00:00:00Z",
    "native API: what differs from the large run": f"/native/v1/runs/{{run}}/diff/{LARGE}",
    "native API: why the large run failed": f"/native/v1/runs/{LARGE}/errors",
    "metrics": "/metrics",
    "health": "/healthz",
}


def figures() -> list[Figure]:
    """Return the table's lines."""
    lines = _measured("SQLite", f"sqlite:///{_sqlite()}")
    with PostgresServer(settings={"shared_buffers": "512MB", "max_wal_size": "8GB", "autovacuum": "on"}) as server:
        url = server.create_database("console")
        _seed(url)
        lines += _measured("PostgreSQL", url)
    return lines


def _sqlite() -> Path:
    path = SCRATCH / f"console-{RUNS}.db"
    if not path.exists():
        part = Path(f"{path}.part")
        part.unlink(missing_ok=True)
        _seed(f"sqlite:///{part}")
        part.rename(path)
    return path


def _seed(url: str) -> None:
    """Fill a ledger: runs of many flows in several scopes, one every ten seconds; some failed, some with rejects, some retried; one is large."""
    database = Database(url)
    migrations.upgrade(database)
    with database.transaction() as tx:
        runs.insert(tx, _run("0" * 8, "local"))
        activity_runs.insert_all(tx, [_row("0" * 8, name) for name in ("copy", "promote")])
        for number in range(_FLOWS):
            scope = f"flowservice/org{number % _SCOPES}/prod"
            flows.put(tx, Flow(f"flow-{number}", scope, f"flow {number}", _PLAN), Instant(number), None)
        runs.insert(tx, _run(LARGE, "flowservice/org1/prod"))
        bodies = (_row(LARGE, f"Each/{number}", parent="Each", kind="body") for number in range(ROWS_OF_LARGE))
        activity_runs.insert_all(tx, [_row(LARGE, "Each", kind="ForEach"), *bodies])
    dialect = database.dialect
    database.dispose()
    _multiply(url, dialect)


def _run(run_id: str, scope: str) -> Run:
    at = Instant(1_700_000_000_000_000)
    return Run(
        run_id,
        scope,
        "flow-1",
        "flow 1",
        RunKind.ON_DEMAND,
        run_id,
        _PLAN,
        at,
        status=RunStatus.SUCCEEDED,
        started_at=at,
        ended_at=Instant(at + 5_000_000),
        parameters={"day": "2026-11-20"},
        figures=Figures(rows_read=100, rows_accepted=100, rows_rejected=0),
        reason=Failure(Code.SOURCE_UNAVAILABLE, "sftp://files.example.net: the connection was refused"),
    )


def _row(run_id: str, path: str, *, kind: str = "copy", parent: str = "") -> ActivityRun:
    at = Instant(1_700_000_000_000_000)
    return ActivityRun(
        run_id=run_id,
        path=path,
        attempt=1,
        kind=kind,
        status=ActivityStatus.SUCCEEDED,
        fingerprint="f",
        created_at=at,
        updated_at=at,
        started_at=at,
        ended_at=Instant(at + 2_000_000),
        parent=parent,
    )


def _multiply(url: str, dialect: str) -> None:
    run_id = f"{_HEX[dialect]} || '-' || i"
    # Every 25th run but one retries the one before it: same group, second attempt.
    first = _HEX[dialect].replace("(i *", "((i - 1) *") + " || '-' || (i - 1)"
    is_retry = "i % 25 = 4"
    at = "1700000000000000 + i * 10000000"
    changed = {
        "id": run_id,
        "scope": f"'flowservice/org' || ((i - CASE WHEN {is_retry} THEN 1 ELSE 0 END) % {_SCOPES}) || '/prod'",
        "flow_id": f"'flow-' || ((i - CASE WHEN {is_retry} THEN 1 ELSE 0 END) % {_FLOWS})",
        "flow_name": f"'flow ' || ((i - CASE WHEN {is_retry} THEN 1 ELSE 0 END) % {_FLOWS})",
        "kind": f"CASE WHEN {is_retry} THEN 'retry' ELSE 'scheduled' END",
        "group_id": f"CASE WHEN {is_retry} THEN {first} ELSE {run_id} END",
        "retry_of": f"CASE WHEN {is_retry} THEN {first} END",
        "attempt": f"CASE WHEN {is_retry} THEN 2 ELSE 1 END",
        "status": "CASE WHEN i % 25 = 3 OR i % 17 = 2 THEN 'failed' WHEN i % 101 = 0 THEN 'cancelled' ELSE 'succeeded' END",
        "reason": "CASE WHEN i % 25 = 3 OR i % 17 = 2 THEN r.reason END",
        "rows_rejected": "CASE WHEN i % 13 = 5 THEN i % 40 + 1 ELSE 0 END",
        "created_at": at,
        "updated_at": f"{at} + 6000000",
        "started_at": f"{at} + 100000",
        "ended_at": f"{at} + 6000000",
    }
    numbers = _NUMBERS[dialect].format(count=RUNS)
    of_activity = {"run_id": run_id, "scope": changed["scope"]}
    statements = [
        _insert("runs", changed, f"{numbers} n, (SELECT * FROM runs WHERE id = '00000000') r", _columns(url, "runs")),
        _insert(
            "activity_runs",
            of_activity,
            f"{numbers} n, (SELECT * FROM activity_runs WHERE run_id = '00000000') r WHERE i > {RUNS - 50_000}",
            _columns(url, "activity_runs"),
        ),
    ]
    if dialect == "sqlite":
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.execute("ANALYZE")
        connection.close()
        return
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql"), autocommit=True) as server:
        for statement in statements:
            server.execute(statement.encode())
        server.execute("VACUUM ANALYZE")


def _columns(url: str, table: str) -> list[str]:
    if url.startswith("sqlite"):
        connection = sqlite3.connect(url.removeprefix("sqlite:///"))
        names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        connection.close()
        return names
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as server:
        query = "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND table_schema = current_schema()"
        return [row[0] for row in server.execute(query, [table])]


def _insert(table: str, changed: dict[str, str], source: str, names: list[str]) -> str:
    values = ", ".join(changed.get(name, f'r."{name}"') for name in names)
    columns = ", ".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {source}"


def _measured(name: str, url: str) -> list[Figure]:
    with _served(url) as base, httpx.Client(base_url=base, timeout=60) as client:
        newest = client.get("/native/v1/runs", params={"limit": 1}).json()["items"][0]["id"]
        lines = []
        for what, path in PAGES.items():
            median, worst, size = _timed(client, path.replace("{run}", newest))
            lines.append(
                Figure(
                    f"{name}, 1,000,000 runs: {what}",
                    f"{median:.0f} ms (worst of 15: {worst:.0f})",
                    f"{size / 1000:.0f} KB",
                    "",
                    "≤ 200 ms",
                )
            )
    return lines


def _timed(client: httpx.Client, path: str) -> tuple[float, float, int]:
    took, size = [], 0
    for _ in range(16):
        start = time.perf_counter()
        answer = client.get(path)
        took.append((time.perf_counter() - start) * 1000)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:300])
        size = len(answer.content)
    return statistics.median(took[1:]), max(took[1:]), size


@contextmanager
def _served(url: str) -> Iterator[str]:
    home = SCRATCH / "console-home"
    shutil.rmtree(home, ignore_errors=True)
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("HEADRACE_")},
        "HEADRACE_HOME": str(home),
        "HEADRACE_DATABASE_URL": url,
    }
    command = [
        sys.executable,
        "-c",
        "from headrace.cli.main import main; main()",
        "serve",
        "--dev",
        "--port",
        str(port),
    ]
    process = subprocess.Popen([*command, "--workers", "0"], env=environment, stdout=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(base + "/healthz", timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield base
    finally:
        process.terminate()
        process.wait(30)
