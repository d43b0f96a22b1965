"""A whole installation for tests: real processes, a real ledger, real files; and the oracle that says whether a row was lost."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
from dbos import DBOSClient
from deltalake import DeltaTable

import warm
from headrace import config
from headrace.bootstrap.application import LOCAL, Application, open_application
from headrace.bootstrap.upkeep import sweep
from headrace.bootstrap.working import working
from headrace.core.clock import Clock, Instant
from headrace.core.codec import decode
from headrace.core.flow import Flow, Plan
from headrace.core.landing import Landing
from headrace.core.query import Order
from headrace.core.run import ActivityRun, Batch, Run
from headrace.dataplane import landing
from headrace.engine.retention import Removed
from headrace.flowfile import load
from headrace.service.connections import put_connection
from headrace.service.flows import put_flow
from headrace.service.quarantine import ReplayRequest, rejected_rows, replay
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import RunRequest, create_run
from headrace.store import activity_runs, batches, queue, runs
from headrace.store.runs import RunQuery
from waiting import until

COMMAND = [sys.executable, "-c", "from headrace.cli.main import main; main()"]
TESTER = "tester"


@dataclass
class House:
    """An installation in ``folder``: its home, its flow file, its source. Close it at the end."""

    folder: Path
    database_url: str
    settings: dict[str, str] = field(default_factory=dict)
    _application: Application | None = None

    @property
    def home(self) -> Path:
        """Return the home of the installation."""
        return self.folder / "home"

    def close(self) -> None:
        """Close the ledger."""
        if self._application is not None:
            self._application.close()

    @property
    def application(self) -> Application:
        """Return the installation, opened by this process."""
        if self._application is None:
            settings = config.load(self.environment(), directory=self.folder)
            self._application = open_application(settings, unrestricted=True)
        return self._application

    def environment(self, crash_at: str = "") -> dict[str, str]:
        """Return the environment of a process of this installation, which dies at ``crash_at``."""
        mine = {
            "HEADRACE_HOME": str(self.home),
            "HEADRACE_DATABASE_URL": self.database_url,
            "HEADRACE_HEARTBEAT_SECONDS": "0.2",
            "HEADRACE_DEAD_AFTER_SECONDS": "1.5",
            "HEADRACE_FILE_ROOTS": str(self.folder),
            **({"HEADRACE_CRASH_AT": crash_at} if crash_at else {}),
            **self.settings,
        }
        return {**{k: v for k, v in os.environ.items() if not k.startswith("HEADRACE_")}, **mine}

    # Processes.

    def headrace(self, *arguments: str, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        """Run the command line to its end."""
        return self._to_its_end([*COMMAND, *arguments], crash_at)

    def json(self, *arguments: str) -> Any:
        """Run a command with ``-o json`` and return what it printed."""
        done = self.headrace(*arguments, "-o", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    def program(self, script: str, *arguments: str, crash_at: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program of these tests to its end."""
        return self._to_its_end([sys.executable, str(Path(__file__).with_name(script)), *arguments], crash_at)

    def start(self, *command: str, crash_at: str = "", log: str = "worker.log") -> warm.Process:
        """Start a process of this installation: the command line with these arguments, or a program of these tests."""
        words = [sys.executable, str(Path(__file__).with_name(command[0])), *command[1:]]
        whole = words if command[0].endswith(".py") else [*COMMAND, *command]
        with (self.folder / log).open("ab") as sink:
            return warm.start(whole, env=self.environment(crash_at), cwd=self.folder, stdout=sink, stderr=sink)

    def _to_its_end(self, command: list[str], crash_at: str) -> subprocess.CompletedProcess[str]:
        return warm.run(command, env=self.environment(crash_at), cwd=self.folder)

    # What a person does, in this process: fast, and the same functions that the command line calls.

    def put(self, name: str = "flow.yaml", plan: Plan | None = None) -> Flow:
        """Keep a flow file's flow in the ledger, with another plan if one is given."""
        app = self.application
        file = load(self.folder / name, None, self.environment())
        for connection in file.connections:
            put_connection(app.database, connection, TESTER, app.sealer, app.clock)
        return put_flow(app.database, file.flow if plan is None else replace(file.flow, plan=plan), TESTER, app.clock)

    def ask(self, flow_id: str) -> str:
        """Ask for a run of the flow, and return its id."""
        app = self.application
        request = RunRequest(scope=LOCAL, flow_id=flow_id, created_by=TESTER)
        return create_run(app.database, request, app.clock, app.ids).id

    def ask_for_retry(self, run_id: str) -> str:
        """Ask for a retry with the flow as the ledger has it, and return the new run's id."""
        app = self.application
        request = RetryRequest(created_by=TESTER)
        return retry_run(app.database, LOCAL, run_id, request, app.outcome_lost, clock=app.clock, ids=app.ids).id

    def ask_for_replay(self, batch_id: str, rows: list[dict[str, Any]]) -> str:
        """Ask for corrected rows to be played again, and return the new run's id."""
        lines = io.BytesIO("".join(json.dumps(row) + "\n" for row in rows).encode())
        return replay(self.application.replay_desk(), LOCAL, batch_id, lines, ReplayRequest(created_by=TESTER)).id

    def work(self, seconds: float = 60) -> list[Run]:
        """Be a worker until no run goes on, and return all runs, newest first."""
        with working(self.application):
            self.wait_until_done(seconds)
        return self.runs()

    def wait_until_done(self, seconds: float = 60) -> None:
        """Wait until no run goes on, neither in the ledger nor in the queue."""
        self.wait_until_all_ended(seconds)
        until(lambda: not self.in_hand(), seconds=seconds, what="the end of every workflow", every=0.05)

    def sweep(self, later: timedelta = timedelta()) -> Removed:
        """Remove what no run needs, however young; ``later``: as it will be done so much later."""
        return sweep(at(self.application, later), grace=0)

    # What the ledger and the folders say.

    def runs(self) -> list[Run]:
        """Return the runs of the ledger, newest first."""
        with self.application.database.reading() as tx:
            return list(runs.page(tx, RunQuery(), Order("created_at", descending=True), 1000).items)

    def activities(self) -> list[ActivityRun]:
        """Return every activity run of the ledger."""
        found = self.runs()
        with self.application.database.reading() as tx:
            return [row for run in found for row in activity_runs.of_run(tx, run.id)]

    def batches(self, run_id: str) -> list[Batch]:
        """Return the batches of a run."""
        with self.application.database.reading() as tx:
            return list(batches.of_run(tx, run_id))

    def wait_until_all_ended(self, seconds: float = 60) -> list[Run]:
        """Return the runs once none goes on."""

        def ended() -> list[Run] | None:
            found = self.runs()
            return found if found and all(run.status.is_final for run in found) else None

        return until(ended, seconds=seconds, what="the end of every run", every=0.05)

    def in_hand(self) -> list[str]:
        """Return the runs that the queue has not done with: the workflow of a run ends a moment after the run."""
        client = DBOSClient(
            system_database_engine=self.application.database.engine,
            serializer=queue.serializer(),
            application_name=queue.APPLICATION,
            lazy=True,
        )
        return [found.workflow_id for found in client.list_workflows(status=["PENDING", "ENQUEUED"])]

    def delta(self, table: str = "orders") -> DeltaTable | None:
        """Return the Delta table, None while it has no commit."""
        folder = self.home / "lake" / table
        return DeltaTable(str(folder)) if (folder / "_delta_log").exists() else None

    def commits(self, table: str = "orders") -> int:
        """Return how many commits the table has."""
        return len(list((self.home / "lake" / table / "_delta_log").glob("*.json")))

    def target(self, table: str = "orders") -> Counter[tuple[Any, ...]]:
        """Return the rows of the Delta table, as any reader sees them."""
        delta = self.delta(table)
        files = [] if delta is None else delta.file_uris()
        if not files:
            return Counter()
        with duckdb.connect() as reader:
            return Counter(reader.execute("SELECT id, name, amount::VARCHAR FROM read_parquet(?)", [files]).fetchall())

    def rejected(self, batch_id: str) -> list[dict[str, Any]]:
        """Return the rows that a batch rejected."""
        app = self.application
        return [row for row in rejected_rows(app.database, app.roots, LOCAL, batch_id, None) if isinstance(row, dict)]

    def quarantined(self, batch_id: str) -> Counter[str]:
        """Return the ids, as they came, of the rows that a batch rejected."""
        return Counter(str(row["id"]) for row in self.rejected(batch_id))

    def unreferenced(self, table: str = "orders") -> set[str]:
        """Return the Parquet files of the table's folder that no version of the table refers to."""
        folder = self.home / "lake" / table
        versions = [DeltaTable(str(folder), version=number) for number in range(self.commits(table))]
        live = {Path(uri).name for version in versions for uri in version.file_uris()}
        return {file.name for file in folder.rglob("*.parquet") if "_delta_log" not in file.parts} - live

    def tries(self) -> set[str]:
        """Return the folders of tries in the landing."""
        return {"/".join(folder.parts[-3:]) for folder in (self.home / "landing").glob("*/*/*")}

    def tries_that_count(self) -> set[str]:
        """Return the folders of tries that an outcome, or a replay that was asked for, refers to."""
        outputs = [row.output["landing"] for row in self.activities() if "landing" in row.output]
        asked = [a.settings["landing"] for run in self.runs() for a in run.definition.activities if a.kind == "replay"]
        landed = [decode(Landing, value, what="a landing") for value in (*outputs, *asked)]
        partial = {str(row.output[landing.PARTIAL]) for row in self.activities() if landing.PARTIAL in row.output}
        return partial | {landing.folder_of(file) for one in landed for file in one.files}


def at(application: Application, later: timedelta) -> Application:
    """Return the same installation as it is ``later``."""

    class Late:
        def __init__(self, clock: Clock) -> None:
            self._clock = clock

        def now(self) -> Instant:
            return Instant(self._clock.now() + round(later.total_seconds() * 1_000_000))

    return replace(application, clock=Late(application.clock))


def end(process: warm.Process, how: signal.Signals = signal.SIGTERM) -> None:
    """End a process by its own id, and wait for it; a stopped one is woken first."""
    if process.poll() is None:
        process.send_signal(how)
        process.send_signal(signal.SIGCONT)
    try:
        process.wait(timeout=40)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextlib.contextmanager
def ended_at_last(process: warm.Process) -> Iterator[warm.Process]:
    """Kill the process at the end of the block if it has not ended by itself."""
    try:
        yield process
    finally:
        end(process, signal.SIGKILL)
