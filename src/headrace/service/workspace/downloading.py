"""The records of a sheet as CSV, piece by piece."""

import csv
import io
from collections.abc import Iterator

from headrace.core.blueprint import Blueprint
from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.record import Record, Selection
from headrace.core.workspace import Sheet
from headrace.service.records.selecting import SelectionAsked, selection_of
from headrace.service.workspace.desk import WorkspaceDesk, sheet_of
from headrace.store import record_pages

PIECE = 2_000
"""Records that are read, and held in memory, at once."""


def as_csv(desk: WorkspaceDesk, actor: Actor, sheet_id: str, asked: SelectionAsked) -> tuple[Sheet, Iterator[bytes]]:
    """Return the sheet, and its selected records as CSV: labels first, fields in the order of the blueprint, values as they are kept.

    Records that are changed while they are sent may be sent either way.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the selection.
    """
    with desk.database.reading() as tx:
        sheet = sheet_of(tx, actor, sheet_id)
        selection = selection_of(tx, sheet, asked)
    return sheet, _lines(desk, sheet, selection)


def text_of(value: Json) -> str:
    """Return a value as one cell of text: lists joined with ``, ``."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(text_of(item) for item in value)
    return str(value)


def _lines(desk: WorkspaceDesk, sheet: Sheet, selection: Selection) -> Iterator[bytes]:
    yield _csv([[field.label for field in sheet.blueprint.fields]])
    for records in _pieces(desk, sheet, selection):
        yield _csv([_row(sheet.blueprint, record) for record in records])


def _pieces(desk: WorkspaceDesk, sheet: Sheet, selection: Selection) -> Iterator[list[Record]]:
    after, number = None, 1
    while True:
        with desk.database.reading() as tx:
            if selection.sort_field is None:
                records = record_pages.walk(tx, sheet, selection, after, PIECE)
            else:
                records = record_pages.page(tx, sheet, selection, PIECE, number)
        if records:
            yield records
        if len(records) < PIECE:
            return
        after, number = records[-1].position, number + 1


def _row(blueprint: Blueprint, record: Record) -> list[str]:
    return [text_of(record.values.get(field.key)) for field in blueprint.fields]


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
