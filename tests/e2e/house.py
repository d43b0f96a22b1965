"""A whole installation for tests: real processes, a real ledger, real files; and the oracle that says whether a row was lost."""

import contextlib
import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from headrace.core.query import Order
from headrace.core.run import Batch, Run
from headrace.store import batches, runs
from headrace.store.database import Database
from headrace.store.runs import RunQuery
from waiting import until

HEADRACE = [str(Path(sys.executable).with_name("headrace"))]

FLOW = """\
name: orders
source:
  files: data/*
mapping:
  id: to_integer(id)
  name: name
  amount: to_decimal(amount)
target:
  table: orders
  schema:
    id: {{type: integer, required: true}}
    name: {{type: string, required: true}}
    amount: {{type: "decimal(12,2)", maximum: {maximum}}}
  rejects: {{at_most: {at_most}}}
"""


@dataclass
class House:
    """An installation in ``folder``: its home, its flow file, its source."""

    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """Return the home of the installation."""
        return self.folder / "home"

    @property
    def flow(self) -> Path:
        """Return the flow file."""
        return self.folder / "flow.yaml"

    def write_flow(self, *, maximum: int = 900, at_most: str = "50%") -> None:
        """Write the flow; amounts above ``maximum`` are rejected."""
        self.flow.write_text(FLOW.format(maximum=maximum, at_most=at_most), encoding="utf-8")

    def environment(self, crash_at: str = "") -> dict[str, str]:
        """Return the environment of a process of this installation, which dies at ``crash_at``."""
        mine = {
            "HEADRACE_HOME": str(self.home),
            "HEADRACE_DATABASE_URL": self.database_url,
            "HEADRACE_HEARTBEAT_SECONDS": "0.2",
            "HEADRACE_DEAD_AFTER_SECONDS": "1.5",
            "HEADRACE_FILE_ROOTS": str(self.folder),
            **self.settings,
        }
        if crash_at:
            mine["HEADRACE_CRASH_AT"] = crash_at
        return {**{k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}, **mine}

    def headrace(self, *arguments: str, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return subprocess.run(
            [*HEADRACE, *arguments],
            env=self.environment(crash_at),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """Run a command with ``-o json`` and return what it printed."""
        done = self.headrace(*arguments, "-o", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, crash_at: str = "", log: str = "worker.log") -> subprocess.Popen[bytes]:
        """Start a process of this installation."""
        with (self.folder / log).open("ab") as sink:
            return subprocess.Popen(
                [*HEADRACE, *arguments], env=self.environment(crash_at), cwd=self.folder, stdout=sink, stderr=sink
            )

    @contextlib.contextmanager
    def worker(self, log: str = "worker.log") -> Iterator[subprocess.Popen[bytes]]:
        """Let one worker work until the end of the block."""
        process = self.start("worker", log=log)
        try:
            yield process
        finally:
            end(process)

    def runs(self) -> list[Run]:
        """Return the runs of the ledger, newest first."""
        with self.ledger() as database, database.reading() as tx:
            return list(runs.page(tx, RunQuery(), Order("created_at", descending=True), 100).items)

    def batches(self, run_id: str) -> list[Batch]:
        """Return the batches of a run."""
        with self.ledger() as database, database.reading() as tx:
            return list(batches.of_run(tx, run_id))

    @contextlib.contextmanager
    def ledger(self) -> Iterator[Database]:
        """Open the ledger for the block."""
        database = Database(self.database_url)
        try:
            yield database
        finally:
            database.dispose()

    def wait_until_all_ended(self, seconds: float = 60) -> list[Run]:
        """Return the runs once none goes on."""

        def ended() -> list[Run] | None:
            found = self.runs()
            return found if found and all(run.status.is_final for run in found) else None

        return until(ended, seconds=seconds, what="the end of every run", every=0.1)

    def target(self, table: str = "orders") -> Counter[tuple[Any, ...]]:
        """Return the rows of the Delta table, as any reader sees them."""
        folder = self.home / "lake" / table
        if not (folder / "_delta_log").exists():
            return Counter()
        files = DeltaTable(str(folder)).file_uris()
        if not files:
            return Counter()
        rows = duckdb.connect().execute("SELECT id, name, amount::VARCHAR FROM read_parquet(?)", [files]).fetchall()
        return Counter(rows)

    def quarantined(self, batch_id: str) -> Counter[str]:
        """Return the ids, as they came, of the rows that a batch rejected."""
        found: Counter[str] = Counter()
        for path in sorted((self.home / "quarantine" / batch_id / "row_errors").glob("*.json")):
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                found[row["id"] if "id" in row else row["_corrupt_record"].split(",")[0]] += 1
        return found

    def unreferenced(self, table: str = "orders") -> set[str]:
        """Return the Parquet files of the table's folder that no commit refers to."""
        folder = self.home / "lake" / table
        there = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts
        }
        if not (folder / "_delta_log").exists():
            return there
        live = {
            Path(uri.removeprefix("file://")).relative_to(folder.resolve()).as_posix()
            for uri in DeltaTable(str(folder)).file_uris()
        }
        return there - live


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a process by its own id, and wait for it; a stopped one is woken first."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@dataclass(frozen=True)
class Orders:
    """The source's rows: ``(id, name, amount)`` as text."""

    rows: tuple[tuple[str, str, str], ...]

    def accepted(self, maximum: int = 900) -> Counter[tuple[Any, ...]]:
        """Return what the target must hold."""
        return Counter((int(i), n, f"{float(a):.2f}") for i, n, a in self.rows if self._fits(i, n, a, maximum))

    def rejected(self, maximum: int = 900) -> Counter[str]:
        """Return the ids that the quarantine must hold."""
        return Counter(i for i, n, a in self.rows if not self._fits(i, n, a, maximum))

    @staticmethod
    def _fits(number: str, name: str, amount: str, maximum: int) -> bool:
        return number.isdigit() and name != "" and float(amount) <= maximum


def write_orders(folder: Path, count: int = 3000) -> Orders:
    """Write ``count`` orders into three files (plain, gzip, zip), a tenth of them bad in one of three ways, and return them."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = tuple(_order(number) for number in range(count))
    third = count // 3
    _write(folder / "a.csv", rows[:third])
    plain = folder / "b.csv"
    _write(plain, rows[third : 2 * third])
    with gzip.open(folder / "b.csv.gz", "wb") as packed:
        packed.write(plain.read_bytes())
    _write(plain, rows[2 * third :])
    with zipfile.ZipFile(folder / "c.csv.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "c.csv")
    plain.unlink()
    return Orders(rows)


def _order(number: int) -> tuple[str, str, str]:
    if number % 30 == 7:
        return f"x{number}", f"name {number}", "1.00"
    if number % 30 == 17:
        return str(number), "", "1.00"
    return str(number), f"name, {number}", f"{number % 1000}.50"


def _write(path: Path, rows: Sequence[tuple[str, str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name", "amount"])
        writer.writerows(rows)
