"""Which schema the ledger has, and which this release needs: a look that every process takes, without what upgrades load."""

import sqlalchemy as sa

from headrace.store import queue
from headrace.store.database import Database, Transaction, file_of

NEWEST = "0013"
"""The revision that this release needs: the newest one of ``store.migrations``. A test holds it against that tree."""
VERSION_TABLE = "headrace_version"
"""Alembic's own table in the ledger."""
_CURRENT = sa.select(sa.table(VERSION_TABLE, sa.column("version_num")).c.version_num)


def is_behind(tx: Transaction) -> bool:
    """Say whether the ledger has another revision than this release's; cheap enough to be asked often."""
    return current(tx) != NEWEST


def current(tx: Transaction) -> str | None:
    """Return the ledger's revision; None: it has none, since nothing was ever made in it."""
    if not sa.inspect(tx.connection).has_table(VERSION_TABLE):
        return None
    found: str | None = tx.scalar(_CURRENT)
    return found


def differences(database: Database) -> list[str]:
    """Return what keeps this release from working with the ledger as it is, a sentence each; empty: nothing.

    ``migrations.check`` looks at every table besides.

    Raises:
        Problem: ``UNAVAILABLE``: the database cannot be reached.
    """
    file = file_of(database)
    if file is not None and not file.exists():
        return [f"there is no ledger at {file}: run `headrace db upgrade`"]
    with database.reading() as tx:
        found = current(tx)
    if found != NEWEST:
        return [f"the schema has revision {found or 'none'}, this release needs {NEWEST}: run `headrace db upgrade`"]
    return queue.missing(database)
