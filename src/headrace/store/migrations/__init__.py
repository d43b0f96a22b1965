"""The schema's history: one Alembic tree for SQLite and PostgreSQL, shipped with the package; and the queue's own tables.

``upgrade`` may be called by several processes at once: they wait for each other, and the later ones find nothing to do.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from headrace.core.errors import Code, Problem
from headrace.store import job_tables, queue, schema_version, sheet_tables  # noqa: F401 — with them, the metadata has every table
from headrace.store.database import BUSY_SECONDS, Database, file_of
from headrace.store.schema_version import VERSION_TABLE
from headrace.store.trigger_tables import triggers

_LOCK = 0x4845414452414345
"""The advisory lock of upgrades on PostgreSQL: "HEADRACE" in hexadecimal."""


def upgrade(database: Database, to: str = "head") -> None:
    """Bring the ledger to this release's schema (or to that of the revision ``to``), or make it; its directory too.

    Nothing is done when it is there already.

    Raises:
        Problem: ``UNAVAILABLE``: the database cannot be reached, or another process has been upgrading for too long.
    """
    file = file_of(database)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
    with _one_at_a_time(database):
        queue.prepare(database)
        with database.transaction() as tx:
            command.upgrade(_config(tx.connection), to)


def check(database: Database) -> list[str]:
    """Return what is missing or wrong, a sentence each; empty: all is well. Nothing is changed.

    Raises:
        Problem: ``UNAVAILABLE``: the database cannot be reached.
    """
    findings = schema_version.differences(database)
    if findings:
        return findings
    with database.reading() as tx:
        context = _context(tx.connection)
        findings += [
            f"the schema differs: {_words(difference)}" for difference in compare_metadata(context, triggers.metadata)
        ]
        if database.dialect == "sqlite":
            findings += _damages(tx.connection)
    return findings


def newest() -> str | None:
    """Return the newest revision of the tree."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head()


@contextmanager
def _one_at_a_time(database: Database) -> Iterator[None]:
    """Hold the upgrade's lock. On SQLite the transactions of the upgrade themselves exclude each other."""
    if database.dialect == "sqlite":
        yield
        return
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        deadline = time.monotonic() + 4 * BUSY_SECONDS
        # Asked again and again: a session that waits for a lock would hold up DBOS's CREATE INDEX CONCURRENTLY, and that one us.
        while not connection.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK))).scalar_one():
            if time.monotonic() > deadline:
                raise Problem(Code.UNAVAILABLE, "another process has been upgrading the ledger for two minutes")
            time.sleep(0.1)
        try:
            yield
        finally:
            connection.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _context(connection: sa.Connection) -> MigrationContext:
    options = {
        "version_table": VERSION_TABLE,
        "target_metadata": triggers.metadata,
        "compare_type": _differs,
        "include_name": _is_ours,
        "render_as_batch": True,
    }
    return MigrationContext.configure(connection, opts=options)


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    # DBOS's tables stand in the same file on SQLite.
    return kind != "table" or name in triggers.metadata.tables


def _differs(
    context: MigrationContext,
    _there: object,
    _here: object,
    type_there: sa.types.TypeEngine[Any],
    type_here: sa.types.TypeEngine[Any],
) -> bool:
    return type_there.compile(context.dialect) != type_here.compile(context.dialect)


def _words(difference: object) -> str:
    if isinstance(difference, tuple):
        return " ".join(str(getattr(part, "name", part)) for part in difference if part is not None)
    return str(difference)


def _damages(connection: sa.Connection) -> list[str]:
    found = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA quick_check(10)")]
    damages = [f"the file is damaged: {text}" for text in found if text != "ok"]
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(10)
    return damages + [f"a row of {row[0]} refers to a row of {row[2]} that is not there" for row in orphans]
