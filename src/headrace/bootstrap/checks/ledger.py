"""The database of the ledger."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headrace.bootstrap.checks.finding import Check, Finding, Unknown, fail, ok, skipped, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.store import inspection, queue, schema_version
from headrace.store.database import POOL_SIZE, Transaction

_QUICK_SECONDS = 5.0
"""What the check of a SQLite file may take: it reads all of it."""
_URL = "correct HEADRACE_DATABASE_URL"
_REMEDIES = (
    ("refused", f"start PostgreSQL, or {_URL}"),
    ("timeout", f"see whether the machine of PostgreSQL can be reached, or {_URL}"),
    ("translate host name", f"{_URL}: no machine has that name"),
    ("password authentication", f"{_URL}: user or password"),
    ("does not exist", f"make it with `createdb`, or {_URL}"),
    ("too many", "stop processes that are not needed, or raise max_connections of PostgreSQL"),
    ("remaining connection slots", "stop processes that are not needed, or raise max_connections of PostgreSQL"),
    ("not a database", "that file is no ledger: restore it from a backup, or move it away"),
    ("malformed", "stop all processes of Headrace, and restore the ledger from a backup"),
    ("unable to open", "run this as the user that owns the file and its folder"),
    ("readonly", "run this as the user that owns the file and its folder"),
)
"""What is right when the database says such a thing."""


def _database(ground: Ground) -> Finding:
    try:
        database = ground.database()
    except Problem as problem:
        return _given_up(ground, fail(problem.message, _URL))
    where = inspection.masked(database)
    file = ground.ledger_file
    if file is not None and _is_missing(file):
        seen = "there is no ledger"
        remedy = "correct HEADRACE_HOME or HEADRACE_DATABASE_URL if it is elsewhere; a new one is made by"
        return _given_up(ground, fail(seen, remedy, where=where, command=ground.command("db upgrade")))
    try:
        with ground.looking() as tx:
            schema_version.current(tx)
    except Problem as problem:
        if problem.code is Code.TIMED_OUT:
            remedy = "see what keeps it busy; another process may hold it"
        else:
            remedy = next((text for words, text in _REMEDIES if words in problem.message), _URL)
        command = f"ls -l {shlex.quote(str(file))}*" if file is not None and "owns the file" in remedy else ""
        return _given_up(ground, fail(problem.message, remedy, where=where, command=command))
    return ok("it can be read", where)


def _is_missing(file: Path) -> bool:
    try:
        file.stat()
    except FileNotFoundError:
        return True
    except OSError:
        # It may not be looked at: what opens it says that better.
        return False
    return False


def _given_up(ground: Ground, finding: Finding) -> Finding:
    ground.out_of_reach = "the ledger cannot be read"
    return finding


def _schema(ground: Ground) -> Finding:
    needed = schema_version.NEWEST
    with ground.looking() as tx:
        found = schema_version.current(tx)
    if found is None or found < needed:
        seen = f"the ledger has revision {found}, this release needs {needed}" if found else "it has no tables yet"
        return fail(
            seen,
            "stop all processes of Headrace, make a backup, and bring it to this release",
            command=ground.command("db upgrade"),
        )
    if found > needed:
        return fail(
            f"the ledger has revision {found}, this release knows {needed} at most: a newer release has used it",
            "install the newer release of Headrace again; a ledger goes no step back",
            command="pip install --upgrade headrace",
        )
    database = ground.database()
    try:
        # SQLite has the queue's tables in the same file, and DBOS's look at it would be one that may write.
        lacking = queue.missing(database) if database.dialect == "postgresql" else []
    finally:
        database.dispose()
    if lacking:
        return fail("; ".join(lacking), "make them", command=ground.command("db upgrade"))
    return ok(f"revision {found}, as this release needs it")


def _journal(ground: Ground) -> Finding:
    file = _file(ground)
    with ground.looking() as tx:
        mode = inspection.journal_mode(tx)
    if mode != "wal":
        return warn(
            f"the journal mode is {mode}: readers and writers wait for each other",
            "the next process switches it to wal; if it does not stay, the ledger lies on a network disk: move it to a local one",
            where=str(file),
        )
    return ok("the journal mode is wal", str(file))


def _integrity(ground: Ground) -> Finding:
    file = _file(ground)
    try:
        with ground.looking(_QUICK_SECONDS) as tx:
            damages = inspection.damages(tx)
    except Problem as problem:
        if problem.code is Code.TIMED_OUT:
            return skipped(
                f"SQLite did not get through it within {_QUICK_SECONDS:g} s; `headrace db check` takes its time"
            )
        damages = [problem.message]
    if damages:
        return fail(
            f"the file is damaged: {damages[0]}" + (f", and {len(damages) - 1} more" if len(damages) > 1 else ""),
            "stop all processes of Headrace, keep a copy of the file, and restore the ledger from a backup",
            where=str(file),
        )
    return ok("SQLite finds no damage", str(file))


def _connections(ground: Ground) -> Finding:
    with _postgresql(ground) as tx:
        return room_finding(*inspection.connections(tx))


def room_finding(used: int, most: int) -> Finding:
    """Return what there is to tell of ``used`` connections out of ``most``."""
    seen = f"{used:,} of {most:,} connections are taken"
    if most - used < POOL_SIZE:
        return warn(
            f"{seen}: one more process of Headrace may take {POOL_SIZE}",
            "raise max_connections of PostgreSQL, or run fewer processes",
        )
    return ok(seen)


def _clock(ground: Ground) -> Finding:
    with _postgresql(ground) as tx:
        apart = (inspection.clock(tx) - ground.now) / SECOND
    return apart_finding(apart, "PostgreSQL", ground.settings.dead_after_seconds)


def apart_finding(apart: float, whose: str, most: float) -> Finding:
    """Return what there is to tell of two clocks that are ``apart`` seconds; ``most``: from there on, living workers are taken for dead."""
    if abs(apart) < 1:
        return ok(f"the clock of {whose} and ours agree")
    tell = fail if abs(apart) >= most else warn
    return tell(
        f"the clock of {whose} is {abs(apart):.0f} s {'before' if apart > 0 else 'behind'} ours",
        "let both machines set their clocks by NTP",
        command="timedatectl set-ntp true",
    )


@contextmanager
def _postgresql(ground: Ground) -> Iterator[Transaction]:
    with ground.looking() as tx:
        if tx.dialect != "postgresql":
            why = "the ledger is a SQLite file"
            raise Unknown(why)
        yield tx


def _file(ground: Ground) -> Path:
    file = ground.ledger_file
    if file is None:
        why = ground.out_of_reach or "the ledger is on PostgreSQL"
        raise Unknown(why)
    return file


CHECKS = (
    Check("database", "whether the ledger's database can be read", _database, 20.0),
    Check("schema", "the revision of the ledger's schema against this release's", _schema),
    Check("journal", "SQLite: write-ahead logging", _journal),
    Check("integrity", "SQLite: `PRAGMA quick_check`, for at most 5 s", _integrity, 15.0),
    Check("connections", "PostgreSQL: connections that are left", _connections),
    Check("clock", "PostgreSQL: its clock against this machine's", _clock),
)
