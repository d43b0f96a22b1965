"""The one module that knows everybody: it makes a working installation out of settings. Importing it builds nothing.

settings = config.load()
with open_application(settings) as application:
    run = create_run(application.database, RunRequest(...), application.clock, application.ids)
    with application.working():
        details = application.wait_for(run.id)
"""

import hashlib
import ipaddress
import os
import secrets
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp

from headrace.activities.copy import copy_activity
from headrace.activities.promote import Promoting, promote_activity
from headrace.activities.replay import replay_activity
from headrace.api.flowservice import app as flowservice
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.config import Settings
from headrace.core import crashpoints
from headrace.core.clock import Clock, Instant
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids, ulid_of
from headrace.core.landing import Landing
from headrace.core.mapping import MappingLanguage
from headrace.core.run import ActivityRun
from headrace.core.task import ActivityFunction, Task
from headrace.dataplane import landing
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.engine.configuration import EngineConfig
from headrace.engine.engine import Engine
from headrace.engine.supervise import Supervisor
from headrace.engine.worker import run_worker
from headrace.language import dataprep
from headrace.service import connections
from headrace.service.clients import ensure_admin
from headrace.service.quarantine import ReplayDesk
from headrace.service.runs import RunDetails, get_run
from headrace.service.sealing import Sealer, parse_keys, read_or_make_keys
from headrace.service.tokens import TokenDesk
from headrace.store import migrations
from headrace.store import runs as store_runs
from headrace.store.database import Database

_LOOK_SECONDS = 0.05
_COMMAND = "from headrace.cli.main import main; main()"
LOCAL = "local"
"""The scope of flow files that a person runs on their own machine, with their own rights."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """Return the present instant."""
        return Instant(time.time_ns() // 1000)


class SystemIds:
    """Ids from the machine's randomness."""

    def uuid(self) -> str:
        """Return a random UUID (version 4)."""
        return str(uuid.uuid4())

    def ulid(self) -> str:
        """Return a ULID of the present millisecond."""
        return ulid_of(time.time_ns() // 1_000_000, secrets.randbits(80))


@dataclass(frozen=True, slots=True)
class Application:
    """A working installation. Its parts are handed to use cases; nothing is global. Close it when done (or use it in a ``with``)."""

    settings: Settings
    database: Database
    sealer: Sealer
    roots: Roots
    limits: Limits
    clock: Clock
    ids: Ids

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the ledger."""
        self.database.dispose()

    def activities(self) -> Mapping[str, ActivityFunction]:
        """Return what each kind of activity does, for an engine."""
        language = MappingLanguage(dataprep.compile_expression, dataprep.cast_sql)
        promoting = Promoting(self.roots, self.limits, language, self.batch_id)
        return {
            "copy": copy_activity(self.roots_of, self.limits, self.clock, self.connect),
            "promote": promote_activity(promoting),
            "replay": replay_activity(promoting),
        }

    def engine_config(self) -> EngineConfig:
        """Return what the settings say about an engine of this process."""
        return EngineConfig(
            heartbeat_seconds=self.settings.heartbeat_seconds,
            dead_after_seconds=self.settings.dead_after_seconds,
            worker_concurrency=self.settings.worker_concurrency,
            poll_seconds=self.settings.poll_seconds,
            drain_seconds=self.settings.drain_seconds,
        )

    def engine(self, on_fenced: Callable[[], None] = lambda: None) -> Engine:
        """Return a new engine of this process, not started. A process has one at a time."""
        return Engine(self.database, self.activities(), self.engine_config(), self.clock, self.ids, on_fenced)

    def work(self, parent_pid: int | None = None) -> int:
        """Be a worker until SIGTERM, SIGINT or the end of the process ``parent_pid``; return the exit status. For the main thread."""
        return run_worker(self.engine, parent_pid)

    def supervisor(self, count: int | None = None) -> Supervisor:
        """Return the supervisor of worker processes (as many as the settings say), not started."""
        command = [
            sys.executable,
            "-c",
            _COMMAND,
            "worker",
            "--home",
            str(self.settings.home),
            "--parent",
            str(os.getpid()),
        ]
        workers = self.settings.workers if count is None else count
        return Supervisor(command, workers, grace_seconds=self.settings.drain_seconds + 10)

    def token_desk(self) -> TokenDesk:
        """Return what issuing and checking tokens need."""
        return TokenDesk(self.database, self.sealer, self.clock, self.ids, self.settings.token_minutes)

    def replay_desk(self) -> ReplayDesk:
        """Return what playing rejects again needs."""
        return ReplayDesk(self.database, self.roots, self.clock, self.ids)

    def connect(self, scope: str, connection_id: str) -> ConnectionInfo:
        """Return the connection with its secrets, for the data plane only."""
        return connections.resolve(self.database, scope, connection_id, self.sealer)

    def roots_of(self, scope: str) -> Roots:
        """Return the folders that a flow of ``scope`` may read.

        A flow file that a person runs has that person's rights, but only in a process that the person started for it: the flows of
        every other scope keep to the allowed roots there too.
        """
        return self.roots if scope == LOCAL else replace(self.roots, file_roots=allowed_roots(self.settings))

    def outcome_lost(self, row: ActivityRun) -> str:
        """Say why the outcome of an activity that succeeded can no longer be reused, or ``""`` if it can."""
        if "landing" not in row.output:
            return ""
        landed = decode(Landing, row.output["landing"], what=f"the landing of {row.path!r}")
        return "" if landing.exists(self.roots, landed) else "what it landed has been removed"

    def batch_id(self, task: Task) -> str:
        """Return the batch's id of an activity: the same for every attempt in one run, another for each run, sorted by the run's creation."""
        with self.database.reading() as tx:
            created_at = store_runs.get(tx, None, task.run_id).created_at
        digest = hashlib.sha256(f"{task.run_id}\x1f{task.path}".encode()).digest()
        return ulid_of(created_at // 1000, int.from_bytes(digest[:10]))

    @contextmanager
    def working(self) -> Iterator[Engine]:
        """Let this process do queued runs until the end of the block; what is in hand then is stopped and goes on with the next worker."""
        engine = self.engine()
        engine.start()
        try:
            yield engine
        finally:
            engine.drain(self.settings.drain_seconds)
            engine.stop()

    def wait_for(
        self, run_id: str, watch: Callable[[RunDetails], None] | None = None, timeout: float | None = None
    ) -> RunDetails:
        """Return the run when it has ended; ``watch`` is called with every change that is seen, from this thread.

        Raises:
            Problem: ``TIMED_OUT``: it has not ended after ``timeout`` seconds (it goes on).
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        pause, seen = threading.Event(), None
        while True:
            details = get_run(self.database, None, run_id)
            if watch is not None and details != seen:
                watch(details)
            seen = details
            if details.run.status.is_final:
                return details
            if deadline is not None and time.monotonic() > deadline:
                raise Problem(Code.TIMED_OUT, f"run {run_id} is {details.run.status} after {timeout:g} s; it goes on")
            pause.wait(_LOOK_SECONDS)


def open_application(settings: Settings, *, unrestricted: bool = False) -> Application:
    """Return the installation that ``settings`` describe, its folders made and its ledger ready.

    The ledger of an embedded home (SQLite) is made and upgraded; another is only looked at, since upgrading it is an operator's decision.
    ``unrestricted``: flow files (scope ``local``) may read every folder that this person may, which is right for the CLI and wrong for a server.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger is not at this version, or cannot be reached; ``INVALID``: the key, or an unknown crash point.
    """
    crashpoints.arm_from(settings.crash_at)
    _make_home(settings.home)
    keys = parse_keys(settings.secret_key) or read_or_make_keys(settings.key_file)
    roots = Roots(
        landing=settings.landing,
        lake=settings.lake,
        quarantine=settings.home / "quarantine",
        work=settings.home / "work",
        file_roots=None if unrestricted else allowed_roots(settings),
    )
    roots.make()
    database = Database(settings.database_url)
    _prepare(database, settings)
    return Application(settings, database, Sealer(keys), roots, _limits(settings), SystemClock(), SystemIds())


def make_api(application: Application, *, dev: bool = False) -> ASGIApp:
    """Return everything that the installation answers over HTTP: each door at its published paths.

    ``dev``: the doors take any token, which is for loopback addresses only; ``serve`` sees to that.
    """
    return flowservice.make_app(
        FlowServiceDoor(
            database=application.database,
            clock=application.clock,
            ids=application.ids,
            sealer=application.sealer,
            tokens=application.token_desk(),
            roots=replace(application.roots, file_roots=allowed_roots(application.settings)),
            outcome_lost=application.outcome_lost,
            public_url=application.settings.public_url or None,
            dev=dev,
            max_body_bytes=application.settings.max_body_bytes,
        )
    )


def serve(settings: Settings, host: str, port: int, workers: int | None = None, *, dev: bool = False) -> int:
    """Serve until SIGTERM or SIGINT, with supervised workers; return the exit status. For the main thread.

    The first start makes an admin client and writes its secret to standard error, once.

    Raises:
        Problem: ``FORBIDDEN``: ``dev`` on an address that others can reach; ``CONFLICT``: the port is taken; and as ``open_application``.
    """
    if dev and not _is_loopback(host):
        raise Problem(Code.FORBIDDEN, f"--dev takes any token, so it works on 127.0.0.1 or ::1 only, not on {host}")
    with open_application(settings) as application, _listening(host, port) as listener:
        _welcome(application, host, listener.getsockname()[1], dev=dev)
        supervisor = application.supervisor(workers)
        supervisor.start()
        try:
            options = uvicorn.Config(
                make_api(application, dev=dev), log_config=None, access_log=False, server_header=False, lifespan="off"
            )
            uvicorn.Server(options).run(sockets=[listener])
        finally:
            supervisor.stop()
    return 0


def work(settings: Settings, parent_pid: int | None = None) -> int:
    """Be a worker until SIGTERM, SIGINT or the end of the process ``parent_pid``; return the exit status. For the main thread.

    In an embedded home (one machine, one person) flow files have that person's rights, whoever's process does their runs.

    Raises:
        Problem: as ``open_application``.
    """
    with open_application(settings, unrestricted=settings.is_embedded) as application:
        return application.work(parent_pid)


def allowed_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that a server's flows may read: those that are set, and ``files`` in the home."""
    return (*settings.file_roots, settings.home / "files")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listening(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise Problem(Code.CONFLICT, f"cannot listen on {host} port {port}: {error.strerror}") from error


def _welcome(application: Application, host: str, port: int, *, dev: bool) -> None:
    made = ensure_admin(application.database, application.clock, application.ids)
    lines = [f"Headrace serves on http://{f'[{host}]' if ':' in host else host}:{port}"]
    if made is not None:
        lines += [
            "The first start made an admin client. Its secret is shown this once:",
            f"  client id      {made.client.id}",
            f"  client secret  {made.secret}",
        ]
    if dev:
        lines.append("--dev: any token is taken.")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "files").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(Code.INVALID, f"the home {home} cannot be made: {error.strerror}") from error


def _prepare(database: Database, settings: Settings) -> None:
    if settings.is_embedded:
        migrations.upgrade(database)
        return
    missing = migrations.check(database)
    if missing:
        raise Problem(
            Code.UNAVAILABLE, f"the ledger is not at this version ({'; '.join(missing)}): run `headrace db upgrade`"
        )


def _limits(settings: Settings) -> Limits:
    return Limits(
        memory_limit=settings.memory_limit,
        threads=settings.threads or os.cpu_count() or 1,
        max_row_bytes=settings.max_row_bytes,
        max_columns=settings.max_columns,
        max_archive_members=settings.max_archive_members,
        max_archive_ratio=settings.max_archive_ratio,
        max_archive_bytes=settings.max_archive_bytes,
    )
