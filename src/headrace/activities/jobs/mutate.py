"""Operation ``mutate-records`` (contract 8): a script is called with each of the selected records, a thousand at a time.

Scripts run outside of transactions. Were their records changed meanwhile, the piece is done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.activities.jobs.selecting import Chosen, add, chosen_of, go_on, leave, next_records, number, total_of
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import Done, Work, same_place
from headrace.core.codec import Json
from headrace.core.record import Record, RecordChange
from headrace.core.scripts import check_changes
from headrace.core.workspace import Sheet
from headrace.service.records.writing import update_in
from headrace.store.database import Transaction

AT_ONCE = 1_000
"""Records of one chunk."""
_TOLD_AFTER = 40
"""Records that take a script two seconds at most: then it may be time to say how far it is."""
_WHAT = "records run through the script"


@dataclass(frozen=True, slots=True)
class _Piece:
    """Records that a script has seen, and what it makes of them; ``start`` is before them, ``position`` behind them."""

    sheet: Sheet
    chosen: Chosen
    limit: int
    records: list[Record]
    start: Mapping[str, Json]
    position: dict[str, Json]
    more: bool
    changes: list[RecordChange]

    def still_holds(self, tx: Transaction, sheet: Sheet, position: Mapping[str, Json]) -> bool:
        """Say whether the records are those at ``position``, and nobody has changed them since the script saw them."""
        if not same_place(position, self.start) or sheet.blueprint != self.sheet.blueprint:
            return False
        if sheet.next_commit == self.sheet.next_commit:
            return True
        now, _more = next_records(tx, sheet, self.chosen, dict(position), self.limit)
        return [(one.position, one.updated_commit) for one in now] == [
            (one.position, one.updated_commit) for one in self.records
        ]


def operate(work: Work) -> Done:
    """Run the script, and write what it changes."""
    sheet_id = work.sheet_id("sheetId")
    go_on(work, sheet_id)
    work.take_snapshot_first(sheet_id)
    total = total_of(work, sheet_id, chosen_of)
    while not work.position.get("ended"):
        _do_next(work, sheet_id, total)
    updated, seen = number(work.position, "updated"), number(work.position, "seen")
    result: dict[str, Json] = {"updated": updated, "unchanged": seen - updated}
    return Done(result=result, message=f"{updated:,} of {counted(seen, 'record')} changed.")


def _do_next(work: Work, sheet_id: str, total: int) -> None:
    piece = _next_piece(work, sheet_id, total)
    with work.chunk() as chunk:
        sheet = work.hold_sheet(chunk.tx, sheet_id)
        if not piece.still_holds(chunk.tx, sheet, chunk.position):
            return
        updated = 0
        if piece.changes:
            updated = update_in(chunk.tx, work.desks.records, sheet, piece.changes, work.wish, chunk.now).updated
        chunk.position |= piece.position | {"total": total, "ended": not piece.more}
        seen = add(chunk.position, "seen", len(piece.records))
        add(chunk.position, "updated", updated)
        leave(chunk, work, sheet_id)
        chunk.report(seen, total, _WHAT)


def _next_piece(work: Work, sheet_id: str, total: int) -> _Piece:
    """Read the next records, and call the script with them.

    Raises:
        Problem: ``INVALID``: the script fails, at a record that the message names.
    """
    start = work.position
    position = dict(start)
    with work.desks.jobs.database.reading() as tx:
        sheet = work.sheet(tx, sheet_id)
        chosen = chosen_of(tx, sheet, work.config)
        limit = min(AT_ONCE, work.desks.records.limits.commit_records)
        records, more = next_records(tx, sheet, chosen, position, limit)
    script, keys = str(work.config.get("mutateRecord")), [field.key for field in sheet.blueprint.fields]
    changes: list[RecordChange] = []
    for first in range(0, len(records), _TOLD_AFTER):
        work.tick(number(start, "seen") + first, total, _WHAT)
        found = work.desks.scripts(script, keys, records[first : first + _TOLD_AFTER], work.context.cancellation)
        changes += [change for change in found if change is not None]
    check_changes(sheet.blueprint, changes)
    return _Piece(sheet, chosen, limit, records, start, position, more, changes)
