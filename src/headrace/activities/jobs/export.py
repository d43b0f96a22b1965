"""Operation ``export`` (contract 11.5): the selected records of a sheet, or of all sheets of a workbook, become files of the space.

Files are written in the folder of the try and then put where the space has its files, under ids that the job's position has by then: whoever goes on
after a crash writes them anew, to the same places. They are files of the space in the transaction that completes the job, and not before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.activities.jobs.selecting import texts
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import Done, Work
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.engine_operations import SHEET
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Job
from headrace.core.record import Selection
from headrace.core.short_ids import short_id
from headrace.core.workspace import ResourceKind, Sheet
from headrace.dataplane import space_files
from headrace.dataplane.worksheets.writing import MAX_ROWS, Column, Spreadsheet, too_many_rows, write_csv
from headrace.service.records.selecting import asked_of, selection_of
from headrace.service.workspace import files
from headrace.store import record_pages, resources, sheets
from headrace.store.database import Transaction
from headrace.store.record_rows import COLUMNS, values_of

CSV, XLSX = "csv", "xlsx"
_POSITION, _VALUES = ([column.name for column in COLUMNS].index(name) for name in ("position", "values"))
_WALKED = 5_000
"""Records that are read at once, in the order of insertion."""
_SORTED = 20_000
"""And in another order, where each page sorts all of them."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A sheet to be exported, the records that are selected of it, and how many these are."""

    sheet: Sheet
    selection: Selection
    total: int


@dataclass(frozen=True, slots=True)
class _Written:
    """A file that was written: its name as the space shows it, where it lies, and how many records it has."""

    name: str
    path: Path
    records: int


def operate(work: Work) -> Done:
    """Write the files, and put them where they stay."""
    file_format = _asked(work, "format", CSV if work.job.source.startswith(SHEET) else XLSX, (CSV, XLSX))
    header = _asked(work, "header", "label", ("label", "key"))
    work.folder.mkdir(mode=0o700, parents=True)
    with work.desks.jobs.database.reading() as tx:
        parts = _parts(work, tx)
        writing = _Writing(work, tx, sum(part.total for part in parts), by_key=header == "key")
        written = writing.spreadsheet(_book_name(work, tx), parts) if file_format == XLSX else writing.texts(parts)
        space_id = parts[0].sheet.space_id
    return _keep(work, space_id, written)


def _asked(work: Work, key: str, usual: str, allowed: tuple[str, ...]) -> str:
    value = work.input.get(key)
    if value is None:
        return usual
    if value not in allowed:
        message = f"input.{key} is {value!r}; give {' or '.join(allowed)}"
        raise Problem(Code.INVALID, message, (FieldError(f"input.{key}", message),))
    return str(value)


def _parts(work: Work, tx: Transaction) -> list[_Part]:
    options = work.config.get("options")
    options = options if isinstance(options, Mapping) else {}
    source = work.job.source
    found = [work.sheet(tx, source)] if source.startswith(SHEET) else _of_workbook(work, tx, source)
    parts = []
    for sheet in found:
        selection = selection_of(tx, sheet, asked_of(options), lists_unbounded=True)
        parts.append(_Part(sheet, selection, record_pages.counts(tx, sheet, selection).total))
    return parts


def _of_workbook(work: Work, tx: Transaction, workbook_id: str) -> list[Sheet]:
    found = [work.sheet(tx, sheet.id) for sheet in sheets.of_workbook(tx, workbook_id)]
    if not found:
        raise Problem(Code.NOT_FOUND, f"workbook {workbook_id!r} has no sheets to export")
    return found


def _file_name(name: str, ext: str) -> str:
    """Return the name of a file of a sheet or workbook: what is a slash there would be taken for folders, which names of files do not have."""
    return f"{name.replace('/', '_').replace(chr(92), '_')}.{ext}"


def _book_name(work: Work, tx: Transaction) -> str:
    source = work.job.source
    if source.startswith(SHEET):
        return sheets.get(tx, work.job.scope, source).name
    return resources.get(tx, work.job.scope, ResourceKind.WORKBOOK, source).name


@dataclass(slots=True)
class _Writing:
    """Files being written. ``done``: records that were, of ``total``."""

    work: Work
    tx: Transaction
    total: int
    by_key: bool
    done: int = 0

    def spreadsheet(self, name: str, parts: Sequence[_Part]) -> list[_Written]:
        """Write one file with a worksheet for each sheet."""
        for part in parts:
            if part.total >= MAX_ROWS:
                raise too_many_rows(part.sheet.name)
        path = self.work.folder / "0"
        with Spreadsheet(path) as book:
            count = sum(book.add(part.sheet.name, self._columns(part.sheet), self._rows(part)) for part in parts)
        return [_Written(_file_name(name, XLSX), path, count)]

    def texts(self, parts: Sequence[_Part]) -> list[_Written]:
        """Write a file for each sheet."""
        written = []
        for number, part in enumerate(parts):
            path = self.work.folder / str(number)
            count = write_csv(path, self._columns(part.sheet), self._rows(part))
            written.append(_Written(_file_name(part.sheet.name, CSV), path, count))
        return written

    def _columns(self, sheet: Sheet) -> list[Column]:
        return [Column(field.key if self.by_key else field.label, field.kind) for field in sheet.blueprint.fields]

    def _rows(self, part: _Part) -> Iterator[list[Json]]:
        keys = [field.key for field in part.sheet.blueprint.fields]
        for values in self._pages(part):
            for text in values:
                found = values_of(text)
                yield [found.get(key) for key in keys]
            self.done += len(values)
            self.work.tick(self.done, self.total, "records exported")

    def _pages(self, part: _Part) -> Iterator[list[str]]:
        """Return the values of the selected records, as they are kept, page by page."""
        after, number = None, 0
        while True:
            number += 1
            if part.selection.sort_field is None:
                rows = record_pages.walk_rows(self.tx, part.sheet, part.selection, after, _WALKED)
            else:
                rows = record_pages.rows(self.tx, part.sheet, part.selection, _SORTED, number)
            if not rows:
                return
            after = rows[-1][_POSITION]
            yield [row[_VALUES] for row in rows]


def _keep(work: Work, space_id: str, written: Sequence[_Written]) -> Done:
    """Put the files where they stay, and say what makes them files of the space."""
    desk, place = work.desks.workspace, work.desks.workspace.roots
    ids = _ids(work, len(written))
    sizes = [file.path.stat().st_size for file in written]
    work.when_given_up.append(lambda: space_files.discard(place, ids))
    for file_id, file in zip(ids, written, strict=True):
        space_files.put(place, file_id, file.path)
        crash_point("jobs-export-placed")

    def store(tx: Transaction, _job: Job) -> None:
        now = desk.clock.now()
        for file_id, file, size in zip(ids, written, sizes, strict=True):
            files.store_in(
                *(tx, desk, work.actor, space_id, file.name, files.EXPORT, size, now),
                file_id=file_id,
                status=files.COMPLETE,
            )

    records = sum(file.records for file in written)
    return Done(
        result={"fileIds": ids, "records": records},
        message=f"{counted(records, 'record')} exported to {counted(len(ids), 'file')}.",
        next={"type": "files", "files": [{"fileId": file_id} for file_id in ids]},
        last=store,
    )


def _ids(work: Work, count: int) -> list[str]:
    """Return the ids of the files, which are the same for whoever goes on after a crash."""
    with work.chunk() as chunk:
        known = texts(chunk.position.get("files"))
        if len(known) != count:
            # A sheet came or went meanwhile.
            space_files.discard(work.desks.workspace.roots, known)
            known = tuple(short_id("fl", work.desks.workspace.ids) for _ in range(count))
            chunk.position["files"] = known
    return list(known)
