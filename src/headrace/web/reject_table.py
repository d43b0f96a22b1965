"""Rejected rows as a table that a person can read: which cells a reason is about, and how a cell's value is written."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from headrace.core.codec import Json
from headrace.core.native.quarantine import RejectLine, RejectList, RowReason

FEW_COLUMNS = 8
"""A row of so many columns is read at once; of wider ones, the columns with reasons stand first."""
LONGEST = 200
"""Characters of a cell that are shown."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is shown.

    ``kind``: ``text``, ``number`` (numbers and truth values), ``nested`` (JSON), and the three that look alike where nobody tells them apart:
    ``empty`` (a text of no characters), ``null``, ``absent`` (the row has no such column). ``messages``: what is wrong with it; none: nothing.
    """

    column: str
    kind: str
    text: str
    messages: tuple[str, ...] = ()
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table: ``whole`` are the reasons that no cell of it is marked for."""

    line: RejectLine
    cells: tuple[Cell, ...]
    whole: tuple[RowReason, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under their columns. ``marked``: columns in which a cell is marked. ``sorted_by_reason``: those stand first."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    marked: frozenset[str]
    sorted_by_reason: bool

    @property
    def is_wide(self) -> bool:
        """Say whether there are more columns than a person reads at once."""
        return len(self.columns) > FEW_COLUMNS


def table_of(told: RejectList, *, as_in_file: bool = False) -> Table:
    """Return a page of rejected rows as a table; of wide rows, the columns with reasons come first unless they are to be ``as_in_file``."""
    columns = told.columns or _columns(told.items)
    marks = [_marks(line) for line in told.items]
    marked = frozenset(column for one in marks for column in one)
    sorts = len(columns) > FEW_COLUMNS and not as_in_file
    if sorts:
        columns = tuple(sorted(columns, key=lambda column: column not in marked))
    rows = tuple(_row(line, columns, mine) for line, mine in zip(told.items, marks, strict=True))
    return Table(columns, rows, marked, sorts)


def marked_cells(line: RejectLine, reason: RowReason) -> tuple[str, ...]:
    """Return the columns whose cells ``reason`` is about: those that it names; where it names none, the one of the target column's name."""
    named = tuple(source for source in reason.sources if source in line.cells)
    if named:
        return named
    return () if reason.column is None or reason.column not in line.cells else (reason.column,)


def _columns(lines: Iterable[RejectLine]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(column for line in lines for column in line.cells))


def _marks(line: RejectLine) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for reason in line.reasons:
        for column in marked_cells(line, reason):
            found[column] = (*found.get(column, ()), reason.message)
    return found


def _row(line: RejectLine, columns: Sequence[str], marks: Mapping[str, tuple[str, ...]]) -> Row:
    cells = tuple(_cell(column, line.cells, marks.get(column, ())) for column in columns) if line.cells else ()
    return Row(line, cells, tuple(reason for reason in line.reasons if not marked_cells(line, reason)))


def _cell(column: str, cells: Mapping[str, Json], messages: tuple[str, ...]) -> Cell:
    if column not in cells:
        return Cell(column, "absent", "", messages)
    kind, text = _written(cells[column])
    return Cell(column, kind, text[:LONGEST], messages, is_cut=len(text) > LONGEST)


def _written(value: Json) -> tuple[str, str]:
    if value is None:
        return "null", ""
    if isinstance(value, str):
        return ("text", value) if value else ("empty", "")
    return "nested" if isinstance(value, dict | list) else "number", json.dumps(value, ensure_ascii=False)
