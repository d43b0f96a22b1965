"""Files that triggers watch, as they were at the last look: what happens while nobody looks is seen by comparing with them."""

from collections.abc import Sequence

import sqlalchemy as sa

from headrace.core.file_events import KnownFile
from headrace.core.trigger import Trigger
from headrace.store.database import Transaction
from headrace.store.trigger_tables import watched_files as table
from headrace.store.upserts import upsert

_AT_ONCE = 500
_FIELDS = ("path", "size", "stamp", "settled", "noticed")


def between(tx: Transaction, trigger: Trigger, after: str | None, until: str | None) -> dict[str, KnownFile]:
    """Return the files that a trigger knows whose path is behind ``after`` and not behind ``until`` (None: no bound), by their paths."""
    where = list(_of(trigger))
    if after is not None:
        where.append(table.c.path > after)
    if until is not None:
        where.append(table.c.path <= until)
    rows = tx.rows(sa.select(*(table.c[name] for name in _FIELDS)).where(*where))
    return {row["path"]: KnownFile(**row) for row in rows}


def keep(tx: Transaction, trigger: Trigger, files: Sequence[KnownFile], gone: Sequence[str]) -> None:
    """Write how files are known from now on, and forget those that are ``gone``."""
    values = [
        {"scope": trigger.scope, "trigger_id": trigger.id} | {name: getattr(file, name) for name in _FIELDS}
        for file in files
    ]
    if values:
        statement = upsert(tx, table)
        changed = {name: statement.excluded[name] for name in _FIELDS[1:]}
        tx.execute(
            statement.on_conflict_do_update(index_elements=["trigger_id", "path"], set_=changed),
            values,
        )
    for begin in range(0, len(gone), _AT_ONCE):
        paths = gone[begin : begin + _AT_ONCE]
        tx.execute(sa.delete(table).where(*_of(trigger), table.c.path.in_(paths)))


def forget(tx: Transaction, trigger: Trigger) -> None:
    """Forget all files of a trigger."""
    tx.execute(sa.delete(table).where(*_of(trigger)))


def _of(trigger: Trigger) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.trigger_id == trigger.id, table.c.scope == trigger.scope
