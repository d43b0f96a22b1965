"""Keys of records: whose value is there, without a scan. Uniqueness and references are questions to them.

A rule is ``unique:<name>`` (the value that must not be there twice), ``field:…`` (a value that others may refer to) or ``ref:<field>`` (a value that
refers to one). Keys are made by ``service.records.keys``.
"""

from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.store import bulk
from headrace.store.database import Transaction
from headrace.store.sheet_tables import sheet_keys as table

# SQLite writes a sorted table at once in half the time of row by row.
_STAGE = "CREATE TEMP TABLE IF NOT EXISTS staged_keys (key TEXT, position INTEGER)"
_STAGE_INSERT = "INSERT INTO temp.staged_keys VALUES (?, ?)"
_STAGE_EMPTY = "DELETE FROM temp.staged_keys"
_FROM_STAGE = """
INSERT INTO sheet_keys (sheet, rule, key, position)
SELECT :sheet, :rule, key, position FROM temp.staged_keys ORDER BY key, position
"""
_POSTGRES_COPY = "COPY sheet_keys (sheet, rule, key, position) FROM STDIN"
_LISTED = {
    "sqlite": "(SELECT value AS key FROM json_each(:keys))",
    "postgresql": "(SELECT unnest(CAST(:keys AS text[])) AS key)",
}
# Most keys that are asked for are new: only of one that is there the last position is looked for.
_ENDS = """
SELECT found.key AS key, found.first AS first,
  (SELECT max(k.position) FROM sheet_keys k WHERE k.sheet = :sheet AND k.rule = :rule AND k.key = found.key) AS last
FROM (
  SELECT asked.key AS key,
    (SELECT min(k.position) FROM sheet_keys k WHERE k.sheet = :sheet AND k.rule = :rule AND k.key = asked.key) AS first
  FROM {listed} asked
) found
WHERE found.first IS NOT NULL
"""
_THERE = """
SELECT asked.key AS key FROM {listed} asked
WHERE EXISTS (SELECT 1 FROM sheet_keys k WHERE k.sheet = :sheet AND k.rule = :rule AND k.key = asked.key)
"""
_HOLDERS = """
SELECT DISTINCT k.position AS position FROM {listed} asked
JOIN sheet_keys k ON k.sheet = :sheet AND k.rule = :rule AND k.key = asked.key ORDER BY k.position
"""
_AT_ONCE = 20_000
"""Keys of one question."""
_COPIED = 100_000
"""Keys of one copy."""


def insert(tx: Transaction, sheet: int, rule: str, keys: Iterable[tuple[str, int]]) -> None:
    """Write keys with their positions, however many: in their order, so that the tree grows at few places.

    On SQLite ``keys`` may read from ``tx`` while it is walked over; on PostgreSQL it is walked over in parts, between statements.
    """
    if tx.dialect == "sqlite":
        tx.execute(sa.text(_STAGE))
        bulk.many(tx, _STAGE_INSERT, keys)
        tx.execute(sa.text(_FROM_STAGE), {"sheet": sheet, "rule": rule})
        tx.execute(sa.text(_STAGE_EMPTY))
        return
    head = f"{sheet}\t{bulk.field(rule)}\t"
    walk = iter(keys)
    while part := sorted(islice(walk, _COPIED)):
        bulk.copy(tx, _POSTGRES_COPY, ["".join([f"{head}{bulk.field(key)}\t{position}\n" for key, position in part])])


def delete(tx: Transaction, sheet: int, rule: str, keys: Iterable[tuple[str, int]]) -> None:
    """Remove keys of positions."""
    rows = [{"the_key": key, "the_position": position} for key, position in sorted(keys)]
    if rows:
        which = (table.c.key == sa.bindparam("the_key"), table.c.position == sa.bindparam("the_position"))
        tx.execute(sa.delete(table).where(table.c.sheet == sheet, table.c.rule == rule, *which), rows)


def delete_rule(tx: Transaction, sheet: int, rule: str) -> None:
    """Remove all keys of a rule."""
    tx.execute(sa.delete(table).where(table.c.sheet == sheet, table.c.rule == rule))


def rules(tx: Transaction, sheet: int) -> set[str]:
    """Return the rules of which ``sheet`` has keys: one look into the index for each."""
    found: set[str] = set()
    last = ""
    while True:
        after = sa.select(sa.func.min(table.c.rule)).where(table.c.sheet == sheet, table.c.rule > last)
        rule = tx.scalar(after)
        if rule is None:
            return found
        found.add(str(rule))
        last = str(rule)


def ends(tx: Transaction, sheet: int, rule: str, keys: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return the first and the last position of each key that is there: the same one when it is there once."""
    return {key: (first, last) for key, first, last in _ask(tx, _ENDS, sheet, rule, keys)}


def there(tx: Transaction, sheet: int, rule: str, keys: Collection[str]) -> set[str]:
    """Return those of the keys that some record has."""
    return {key for (key,) in _ask(tx, _THERE, sheet, rule, keys)}


def holders(tx: Transaction, sheet: int, rule: str, keys: Collection[str]) -> list[int]:
    """Return the positions of the records that have one of the keys, in order."""
    return sorted({position for (position,) in _ask(tx, _HOLDERS, sheet, rule, keys)})


def _ask(tx: Transaction, question: str, sheet: int, rule: str, keys: Collection[str]) -> Iterable[Any]:
    statement = sa.text(question.format(listed=_LISTED[tx.dialect]))
    listed: Sequence[str] = list(keys)
    for start in range(0, len(listed), _AT_ONCE):
        part: Any = listed[start : start + _AT_ONCE]
        if tx.dialect == "sqlite":
            part = msgspec.json.encode(part).decode()
        yield from tx.execute(statement, {"keys": part, "sheet": sheet, "rule": rule}).all()
