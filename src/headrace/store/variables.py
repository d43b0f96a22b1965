"""The variables of runs. Names are compared without regard to letter case.

The value that was set stands in row 0, each element that was put behind it in a row of its own: an append reads and writes no list, so a hundred
thousand of them cost a hundred thousand inserts. Whoever changes a variable holds its row 0 until the end of the transaction, so two
changes at the same time follow one another.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.outcome import VariableChange
from headrace.store.columns import dump
from headrace.store.database import Transaction
from headrace.store.tables import variable_values as table
from headrace.store.upserts import upsert_on

MAX_BYTES = 4 << 20
"""Bytes of JSON that a variable may have: as many as the output of an activity."""

_ITS_NAME = table.c.name == sa.bindparam("its_name")
_VALUE = (
    sa.select(table.c.holds).where(table.c.run_id == sa.bindparam("its_run_id"), _ITS_NAME).order_by(table.c.number)
)
_BYTES = sa.select(table.c.bytes).where(table.c.run_id == sa.bindparam("its_run_id"), _ITS_NAME, table.c.number == 0)
_FORGET = sa.delete(table).where(table.c.run_id == sa.bindparam("its_run_id"), _ITS_NAME, table.c.number > 0)
_APPEND = sa.insert(table).from_select(
    ["run_id", "name", "number", "scope", "holds", "updated_at"],
    sa.select(
        sa.bindparam("its_run_id", type_=table.c.run_id.type),
        sa.bindparam("its_name", type_=table.c.name.type),
        sa.func.max(table.c.number) + 1,
        sa.bindparam("its_scope", type_=table.c.scope.type),
        sa.bindparam("its_holds", type_=table.c.holds.type),
        sa.bindparam("now", type_=sa.BigInteger),
    ).where(table.c.run_id == sa.bindparam("its_run_id"), _ITS_NAME),
)


def change(tx: Transaction, scope: str, run_id: str, change: VariableChange, now: Instant) -> None:
    """Set a variable of the run, or put an element behind its value (behind ``change.base``, where nothing has set it yet)."""
    name = _key(change.name)
    held = change.base if change.append else change.value
    row = {
        "run_id": run_id,
        "name": name,
        "number": 0,
        "scope": scope,
        "holds": {"value": held},
        "bytes": _bytes_of(change.value),
        "updated_at": now,
    }
    tx.execute(_hold(tx.dialect, keeping=change.append), row)
    if change.append:
        values = {"its_run_id": run_id, "its_name": name, "its_scope": scope, "now": now}
        tx.execute(_APPEND, {**values, "its_holds": {"value": change.value}})
    else:
        tx.execute(_FORGET, {"its_run_id": run_id, "its_name": name})


def too_large(tx: Transaction, run_id: str, changes: Iterable[VariableChange]) -> VariableChange | None:
    """Return the first of ``changes`` after which its variable would have more than ``MAX_BYTES``; None: all of them may be made."""
    for change in changes:
        wanted = _bytes_of(change.value)
        if change.append:
            wanted += int(tx.scalar(_BYTES, {"its_run_id": run_id, "its_name": _key(change.name)}) or 0)
        if wanted > MAX_BYTES:
            return change
    return None


def value(tx: Transaction, run_id: str, name: str) -> Json:
    """Return the present value of a variable of the run.

    Raises:
        LookupError: nothing has set it in this run.
    """
    rows = tx.rows(_VALUE, {"its_run_id": run_id, "its_name": _key(name)})
    if not rows:
        raise LookupError(name)
    return _whole(row["holds"]["value"] for row in rows)


@cache
def _hold(dialect: str, *, keeping: bool) -> Any:
    """Return the statement that writes row 0, or (``keeping``) leaves the value of one that is there; it is held in any case."""
    statement = upsert_on(dialect, table)
    changed = ("updated_at",) if keeping else ("holds", "bytes", "updated_at")
    values: dict[str, Any] = {name: statement.excluded[name] for name in changed}
    if keeping:
        values["bytes"] = table.c.bytes + statement.excluded.bytes
    return statement.on_conflict_do_update(index_elements=["run_id", "name", "number"], set_=values)


def _bytes_of(value: Json) -> int:
    return len(dump(value))


def _whole(values: Iterable[Json]) -> Json:
    base, *elements = values
    if not elements:
        return base
    return [*(base if isinstance(base, list) else []), *elements]


def _key(name: str) -> str:
    return name.lower()
