"""An installation: what every process of it has.

with open_application(config.load()) as application:
    run = create_run(application.database, RunRequest(...), application.clock, application.ids)
    with working(application):
        details = application.wait_for(run.id)
"""

import os
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.config import Settings
from headrace.core import crashpoints, run_log
from headrace.core.clock import Clock, Instant
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.ids import Ids, ulid_of
from headrace.core.landing import Landing
from headrace.core.run import ActivityRun
from headrace.dataplane import landing, landing_zone
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.service import connections
from headrace.service.quarantine import ReplayDesk
from headrace.service.runs import RunDetails, get_run
from headrace.service.sealing import Sealer, parse_keys, read_or_make_keys
from headrace.service.tokens import TokenDesk
from headrace.store import schema_version
from headrace.store.database import Database

_LOOK_SECONDS = 0.05
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

    def token_desk(self, minutes: int) -> TokenDesk:
        """Return what issuing and checking tokens need; ``minutes`` is how long a door's tokens are good unless the settings say otherwise."""
        return TokenDesk(self.database, self.sealer, self.clock, self.ids, self.settings.token_minutes or minutes)

    def replay_desk(self) -> ReplayDesk:
        """Return what playing rejects again needs."""
        return ReplayDesk(self.database, self.roots, self.clock, self.ids)

    def connect(self, scope: str, connection_id: str) -> ConnectionInfo:
        """Return the connection with its secrets, for the data plane only; a tenant's goes through the guard.

        Raises:
            Problem: ``NOT_FOUND``; ``UNAVAILABLE``: its key is not here; ``SOURCE_DENIED``: the guard refuses the host.
        """
        info = connections.resolve(self.database, scope, connection_id, self.sealer)
        run_log.hide(info.secrets)
        # A folder of this machine has no host to look at; the roots bound it.
        return info if scope == LOCAL or info.kind == "local" else self.egress.pin(info)

    @property
    def egress(self) -> Egress:
        """Return the guard of what tenants' connections may reach."""
        return Egress(self.settings.egress_allow)

    def roots_of(self, scope: str) -> Roots:
        """Return the folders that a flow of ``scope`` may read.

        A flow file that a person runs has that person's rights, but only in a process that the person started for it: the flows of
        every other scope keep to the allowed roots there too, and to their own landing zone.
        """
        if scope == LOCAL:
            return self.roots
        zone = landing_zone.folder_of(self.settings.landing_zone, scope)
        return replace(self.roots, file_roots=(*allowed_roots(self.settings), zone))

    def outcome_lost(self, row: ActivityRun) -> str:
        """Say why the outcome of an activity that succeeded can no longer be reused, or ``""`` if it can."""
        if "landing" not in row.output:
            return ""
        landed = decode(Landing, row.output["landing"], what=f"the landing of {row.path!r}")
        return "" if landing.exists(self.roots, landed) else "what it landed has been removed"

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


def allowed_roots(settings: Settings) -> tuple[Path, ...]:
    """Return the folders that a server's flows may read: those that are set, and ``files`` in the home."""
    return (*settings.file_roots, settings.home / "files")


def _make_home(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "files").mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Problem(Code.INVALID, f"the home {home} cannot be made: {error.strerror}") from error


def _prepare(database: Database, settings: Settings) -> None:
    missing = schema_version.differences(database)
    if missing and settings.is_embedded:
        # What upgrades takes memory that an upgraded installation can do without.
        import_module("headrace.store.migrations").upgrade(database)
    elif missing:
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
