"""Operation ``delete-records`` (contract 11.4): the selected records are removed."""

from headrace.activities.jobs.selecting import change_selected, to_delete
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import Chunk, Done, Work
from headrace.core.record import Record
from headrace.core.workspace import Sheet
from headrace.service.records.writing import remove_in


def operate(work: Work) -> Done:
    """Remove the records."""
    sheet_id = work.sheet_id("sheet")
    work.take_snapshot_first(sheet_id)

    def remove(chunk: Chunk, sheet: Sheet, records: list[Record]) -> int:
        return remove_in(chunk.tx, work.desks.records, sheet, records, work.wish, chunk.now).deleted

    deleted = change_selected(work, sheet_id, to_delete, remove, "records deleted")
    return Done(result={"deleted": deleted}, message=f"{counted(deleted, 'record')} deleted.")
