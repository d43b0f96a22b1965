"""Operation ``find-replace``: what was found in one field of the selected records is replaced, as ``PUT /sheets/:id/find-replace`` does it."""

import dataclasses
from collections.abc import Mapping

from headrace.activities.jobs.selecting import Chosen, change_selected, chosen_of, go_on
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import Chunk, Done, Work
from headrace.core.codec import Json
from headrace.core.engine_operations import SHEET
from headrace.core.record import Record
from headrace.core.workspace import Sheet
from headrace.service.records.bulk import check_field, find_replace_chunk, narrowed
from headrace.service.records.writing import update_in
from headrace.store.database import Transaction


def operate(work: Work) -> Done:
    """Replace what is found."""
    source = work.job.source
    sheet_id = source if source.startswith(SHEET) and "sheetId" not in work.config else work.sheet_id("sheetId")
    field_key = str(work.config.get("fieldKey"))
    find, replace = _text(work.config.get("find")), _text(work.config.get("replace"))
    go_on(work, sheet_id)
    work.take_snapshot_first(sheet_id)

    def change(chunk: Chunk, sheet: Sheet, records: list[Record]) -> int:
        changes = find_replace_chunk(sheet, records, field_key, find, replace)
        return update_in(chunk.tx, work.desks.records, sheet, changes, work.wish, chunk.now).updated if changes else 0

    def choose(tx: Transaction, sheet: Sheet, config: Mapping[str, Json]) -> Chosen:
        check_field(sheet, field_key)
        chosen = chosen_of(tx, sheet, config)
        return dataclasses.replace(chosen, selection=narrowed(chosen.selection, field_key, find))

    updated = change_selected(work, sheet_id, choose, change, "records looked at")
    return Done(result={"updated": updated}, message=f"{counted(updated, 'record')} changed.")


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None
