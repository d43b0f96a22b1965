"""The records that a job's configuration selects, in pieces that a killed operation goes on between.

A list of ids in a configuration has no limit: ids that are included are looked up a thousand at a time, those that are left out are passed over here.
What is inserted behind the end of the sheet while an operation goes on is not selected.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from headrace.activities.jobs.figures import BEGUN, BEGUN_ACCEPTED
from headrace.activities.jobs.working import Chunk, Work
from headrace.core.codec import Json
from headrace.core.record import Record, Selection, Standing
from headrace.core.workspace import Sheet
from headrace.service.records.selecting import asked_of, selection_of
from headrace.store import record_pages
from headrace.store.database import Transaction

_IDS_AT_ONCE = 1_000
_ASKED = "asked"
"""Under this key a position has a digest of what was to be done."""
_LEFT_AT = "left_at"
"""Under this key it has the commit that the sheet's next writer gets: who finds another one is not the first to write since."""
_PLACE = frozenset({"after", "next", "end", "ended", "total", "seen", "changed", "updated", "snapshot", _LEFT_AT})
"""The keys of a position that a further attempt goes on with."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Selected records. ``selection`` names no ids; ``ids``: of it just these (None: all); ``left_out``: of it not these."""

    selection: Selection
    ids: tuple[str, ...] | None = None
    left_out: frozenset[str] = frozenset()


Choose: TypeAlias = Callable[[Transaction, Sheet, Mapping[str, Json]], Chosen]
"""Finds what a configuration selects: ``chosen_of``, ``to_delete``."""


def chosen_of(tx: Transaction, sheet: Sheet, config: Mapping[str, Json]) -> Chosen:
    """Return the records that a configuration selects.

    Raises:
        Problem: ``INVALID``: it asks for something that the sheet does not have.
    """
    selection = selection_of(tx, sheet, asked_of(config), lists_unbounded=True)
    ids = selection.ids
    plain = replace(selection, ids=None, excludes=False)
    if ids is None:
        return Chosen(plain)
    return Chosen(plain, left_out=frozenset(ids)) if selection.excludes else Chosen(plain, tuple(dict.fromkeys(ids)))


def to_delete(tx: Transaction, sheet: Sheet, config: Mapping[str, Json]) -> Chosen:
    """Return the records that ``delete-records`` is to remove (contract 11.4).

    Without a filter, a query and a search, and with the filter ``none``: exactly those in ``exceptions``; else all that are selected but those.

    Raises:
        Problem: as of ``chosen_of``.
    """
    exceptions = texts(config.get("exceptions"))
    selects = any(config.get(key) for key in ("filter", "q", "searchValue"))
    if not selects or config.get("filter") == Standing.NONE.value:
        return Chosen(Selection(), ids=tuple(dict.fromkeys(exceptions)))
    chosen = chosen_of(tx, sheet, {key: value for key, value in config.items() if key != "ids"})
    return replace(chosen, left_out=frozenset(exceptions))


def count(tx: Transaction, sheet: Sheet, chosen: Chosen) -> int:
    """Return about how many records that are: for words of progress."""
    if chosen.ids is not None:
        return len(chosen.ids)
    return max(0, record_pages.counts(tx, sheet, chosen.selection).total - len(chosen.left_out))


def next_records(
    tx: Transaction, sheet: Sheet, chosen: Chosen, position: dict[str, Json], limit: int
) -> tuple[list[Record], bool]:
    """Return the next records, at most ``limit``, and whether there may be more; ``position`` is moved behind them.

    A piece may be empty, and not the last, where all of it is left out.
    """
    position.setdefault("end", sheet.next_position)
    end = number(position, "end")
    if chosen.ids is not None:
        start = number(position, "next")
        part = chosen.ids[start : start + min(limit, _IDS_AT_ONCE)]
        position["next"] = start + len(part)
        found = record_pages.walk(tx, sheet, replace(chosen.selection, ids=part), None, len(part)) if part else []
        return found, start + len(part) < len(chosen.ids)
    after = number(position, "after") if "after" in position else None
    found = record_pages.walk(tx, sheet, chosen.selection, after, limit)
    if found:
        position["after"] = found[-1].position
    records = [record for record in found if record.position < end and record.id not in chosen.left_out]
    return records, len(found) == limit and found[-1].position < end


def change_selected(
    work: Work, sheet_id: str, choose: Choose, change: Callable[[Chunk, Sheet, list[Record]], int], what: str
) -> int:
    """Call ``change`` with the selected records of a sheet, commit by commit, and return the sum of what it returns.

    ``what``: the records of which words of progress tell (``records changed``).
    """
    total, most = total_of(work, sheet_id, choose), work.desks.records.limits.commit_records
    while not work.position.get("ended"):
        with work.chunk() as chunk:
            # A worker that was taken for dead may have come here too.
            if chunk.position.get("ended"):
                continue
            sheet = work.hold_sheet(chunk.tx, sheet_id)
            chosen = choose(chunk.tx, sheet, work.config)
            records, more = next_records(chunk.tx, sheet, chosen, chunk.position, most)
            changed = change(chunk, sheet, records) if records else 0
            chunk.position |= {"total": total, "ended": not more}
            seen = add(chunk.position, "seen", len(records))
            add(chunk.position, "changed", changed)
            leave(chunk, work, sheet_id)
            chunk.report(seen, total, what)
    return number(work.position, "changed")


def go_on(work: Work, sheet_id: str) -> None:
    """Begin an attempt: behind what the one before has changed, if it is asked for the same and the sheet is as it was left; else at the beginning.

    So a retry changes no record twice. Where somebody has written to the sheet since, as a restored snapshot does, what was done may have been
    undone: nothing is passed over then. The snapshot of the attempt before stays the job's if it is gone on with.
    """
    if _ASKED in work.position:
        return
    asked = _digest({key: value for key, value in work.config.items() if key != "snapshotId"})
    with work.chunk() as chunk:
        earlier = chunk.position.pop("earlier", None)
        same = isinstance(earlier, Mapping) and earlier.get(_ASKED) == asked
        if (
            isinstance(earlier, Mapping)
            and same
            and earlier.get(_LEFT_AT) == work.hold_sheet(chunk.tx, sheet_id).next_commit
        ):
            chunk.position |= {key: value for key, value in earlier.items() if key in _PLACE}
            chunk.position |= {BEGUN: number(earlier, "seen"), BEGUN_ACCEPTED: _changed(earlier)}
        chunk.position[_ASKED] = asked


def leave(chunk: Chunk, work: Work, sheet_id: str) -> None:
    """Keep how the sheet is left, at the end of a chunk that has written to it."""
    chunk.position[_LEFT_AT] = work.hold_sheet(chunk.tx, sheet_id).next_commit


def _changed(position: Mapping[str, Json]) -> int:
    return number(position, "changed") + number(position, "updated")


def _digest(config: Mapping[str, Json]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()[:32]


def total_of(work: Work, sheet_id: str, choose: Choose) -> int:
    """Return how many records an operation is about, as it was when it began."""
    if "total" in work.position:
        return number(work.position, "total")
    with work.desks.jobs.database.reading() as tx:
        sheet = work.sheet(tx, sheet_id)
        return count(tx, sheet, choose(tx, sheet, work.config))


def number(position: Mapping[str, Json], key: str) -> int:
    """Return a number of a position; 0: it has none."""
    value = position.get(key)
    return value if isinstance(value, int) else 0


def add(position: dict[str, Json], key: str, more: int) -> int:
    """Add to a number of a position, and return the sum."""
    position[key] = total = number(position, key) + more
    return total


def texts(value: Json) -> tuple[str, ...]:
    """Return the texts of a list; anything else has none."""
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else ()
