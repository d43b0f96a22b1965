"""``file:extract`` (contract 11.2): a file becomes a workbook with a sheet for each of its worksheets.

All of the file is looked at first, so that one that cannot be read leaves nothing behind. The workbook and the place from which it goes on are
written together, and so is each chunk of records: whoever goes on finds the sheets, and the row that comes next.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.activities.jobs.figures import BEGUN
from headrace.activities.jobs.words import counted
from headrace.activities.jobs.working import TELL_EVERY, Done, Work, percent
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.job import Job
from headrace.core.workspace import Resource, ResourceKind
from headrace.dataplane.worksheets.reading import OBJECTS, options_in, reading
from headrace.dataplane.worksheets.worksheet import Opening, Row, Worksheet
from headrace.service.records import writing
from headrace.service.workspace import files, workbooks
from headrace.store import resources
from headrace.store.database import Transaction

FAILED = "failed"
_WHAT = "records extracted"
_LOOKING = 10
"""Percents of the whole that looking at the file counts for."""


def operate(work: Work) -> Done:
    """Extract the file that the job's source is."""
    work.when_failing.append(lambda tx, job, _: _mark_failed(tx, work, job))
    file, space_options = _file(work)
    ext = str(file.body.get("ext", ""))
    opening = Opening(
        path=files.path(work.desks.workspace, file.id),
        name=file.name,
        options=options_in(work.config, space_options),
        limits=work.desks.limits,
        work=work.folder,
        cancellation=work.context.cancellation,
        looked=lambda done, total: _say_looked(work, done, total),
    )
    work.folder.mkdir(parents=True, exist_ok=True)
    try:
        with reading(opening, ext) as worksheets:
            crash_point("jobs-extract-looked")
            place = _begin(work, file, worksheets, with_header=ext not in OBJECTS)
            for number in range(place.sheet, len(worksheets)):
                start = place.row if number == place.sheet else 0
                _fill(work, worksheets, number, start)
    except FileNotFoundError as error:
        raise Problem(Code.SOURCE_NOT_FOUND, f"{file.name!r} was removed while it was being read") from error
    place = _Place.of(work.position)
    result: dict[str, Json] = {"workbookId": place.workbook, "sheets": len(place.sheets), "records": place.records}
    return Done(
        result=result,
        message=f"{counted(place.records, 'record')} in {counted(len(place.sheets), 'sheet')}",
        last=lambda tx, job: _mark_complete(tx, work, job, place.workbook),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an extraction goes on: ``row`` of worksheet ``sheet``, after ``records`` in all. ``asked``: the options that the workbook has."""

    workbook: str
    sheets: tuple[str, ...]
    sheet: int
    row: int
    records: int
    asked: Json

    @classmethod
    def of(cls, position: Mapping[str, Json]) -> "_Place":
        kept: Any = position
        return cls(kept["workbook"], tuple(kept["sheets"]), kept["sheet"], kept["row"], kept["records"], kept["asked"])

    def is_before(self, sheet: int, row: int) -> bool:
        """Say whether ``row`` of worksheet ``sheet`` comes next."""
        return (self.sheet, self.row) == (sheet, row) or (row == 0 and self.sheet < sheet)

    @property
    def position(self) -> dict[str, Json]:
        return {
            "workbook": self.workbook,
            "sheets": list(self.sheets),
            "sheet": self.sheet,
            "row": self.row,
            "records": self.records,
            "asked": self.asked,
        }


def _file(work: Work) -> tuple[Resource, Mapping[str, Json]]:
    """Return the file, and how its space finds headers."""
    with work.desks.jobs.database.reading() as tx:
        file = resources.get(tx, work.job.scope, ResourceKind.FILE, work.job.source)
        space = resources.get(tx, work.job.scope, ResourceKind.SPACE, str(file.space_id))
    settings = space.body.get("settings")
    options = settings.get("extractionOptions") if isinstance(settings, Mapping) else None
    return file, options if isinstance(options, Mapping) else {}


def _say_looked(work: Work, done: int, total: int) -> None:
    """Say how much of the file has been looked at, if it is time to."""
    if work.desks.jobs.clock.now() - work.told_at >= TELL_EVERY:
        with work.chunk() as chunk:
            chunk.progress = percent(done * _LOOKING, total * 100)
            chunk.info = f"{percent(done, total)} % of the file looked at"


def _begin(work: Work, file: Resource, worksheets: Sequence[Worksheet], *, with_header: bool) -> _Place:
    """Return where to go on: at the beginning of a new workbook, unless there is one of an attempt before, with the same options."""
    if "workbook" in work.position:
        return _Place.of(work.position)
    asked = work.config.get("options")
    with work.chunk() as chunk:
        earlier = chunk.position.pop("earlier", None)
        place = _Place.of(earlier) if isinstance(earlier, Mapping) and "workbook" in earlier else None
        if place is None or place.asked != asked or not _is_there(chunk.tx, work, place):
            raw: dict[str, Json] = {
                "name": f"[file] {file.name}",
                "labels": ["file"],
                "treatments": ["EXTRACTED_FROM_SOURCE"],
                "sheets": [_config(number, sheet) for number, sheet in enumerate(worksheets, 1)],
            }
            book, sheets = workbooks.create_in(
                chunk.tx, work.desks.workspace, work.actor, str(file.space_id), raw, chunk.now
            )
            place = _Place(book.id, tuple(sheet.id for sheet in sheets), 0, 0, 0, asked)
        chunk.position.update({**place.position, BEGUN: place.records})
        if with_header and worksheets:
            chunk.config = {**work.config, "detectedHeaderRow": worksheets[0].header_row}
    return place


def _is_there(tx: Transaction, work: Work, place: _Place) -> bool:
    return resources.find(tx, work.job.scope, ResourceKind.WORKBOOK, place.workbook) is not None


def _config(number: int, sheet: Worksheet) -> dict[str, Json]:
    fields: list[Json] = [{"key": key, "label": key, "type": "string"} for key in sheet.keys]
    return {"name": sheet.name.strip() or f"Sheet{number}", "fields": fields}


def _fill(work: Work, worksheets: Sequence[Worksheet], number: int, start: int) -> None:
    """Write the rows of one worksheet from ``start`` on."""
    worksheet = worksheets[number]
    total = sum(sheet.count for sheet in worksheets)
    begin = start
    for rows in worksheet.chunks(start, work.desks.records.limits.commit_records):
        columns = _columns(worksheet.keys, rows)
        with work.chunk() as chunk:
            place = _Place.of(chunk.position)
            if not place.is_before(number, begin):
                raise Problem(Code.FENCED, "another worker has gone on with this file")
            sheet = work.hold_sheet(chunk.tx, place.sheets[number])
            writing.insert_columns_in(chunk.tx, work.desks.records, sheet, columns, len(rows), work.wish, chunk.now)
            done = place.records + len(rows)
            chunk.position.update({"sheet": number, "row": begin + len(rows), "records": done})
            chunk.report(done, total, _WHAT)
            chunk.progress = _LOOKING + (100 - _LOOKING) * percent(done, total) // 100
        begin += len(rows)


def _columns(keys: Sequence[str], rows: Sequence[Row]) -> dict[str, Sequence[Json]]:
    width = len(keys)
    if any(len(row) != width for row in rows):
        rows = [[*row[:width], *[None] * (width - len(row))] for row in rows]
    return dict(zip(keys, zip(*rows, strict=True), strict=True))


def _mark_complete(tx: Transaction, work: Work, job: Job, workbook_id: str) -> None:
    files.finish(tx, work.desks.workspace, work.actor, job.source, work.desks.jobs.clock.now(), workbook_id=workbook_id)


def _mark_failed(tx: Transaction, work: Work, job: Job) -> None:
    if resources.find(tx, job.scope, ResourceKind.FILE, job.source) is not None:
        files.finish(tx, work.desks.workspace, work.actor, job.source, work.desks.jobs.clock.now(), status=FAILED)
