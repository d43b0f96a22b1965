"""Excel workbooks (.xlsx, .xlsm and .xls): one sheet of them, or a range of cells in it.

A column whose cells are all of one kind has its type: truth values BOOLEAN, whole numbers INT64, other numbers DOUBLE, dates DATETIME, times and
durations TIMESPAN. Any other is STRING: numbers without needless decimals, ``True`` and ``False``, dates as ``2024-02-29 01:02:03``. Formulas are
what they were when the file was saved. A cell of an error, an empty one, an empty text and a text equal to ``null`` are null; of merged cells only
the first has a value. Rows behind the last cell that is not empty are left out.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

import pyarrow as pa
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from headrace.core.task import Cancellation
from headrace.dataplane.promotion.inspection import unique_names
from headrace.dataplane.transfer.combining import nothing
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.landed import landed, rows_in, schema_of
from headrace.dataplane.transfer.formats.typed import check_width, unreadable
from headrace.dataplane.transfer.formats.workbook_cells import Area, check_archive, parse_cells
from headrace.dataplane.transfer.request import Workbook
from headrace.dataplane.transfer.rows import LocalFile, Rows, Working
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.values import Field, ValueType

_BATCH_ROWS = 10_000
_EXACT = 2**53
_OLD_MAGIC = b"\xd0\xcf\x11\xe0"
_ARCHIVE_MAGIC = b"PK"
_MICROSECOND = timedelta(microseconds=1)
_SHOWN_SHEETS = 20


@contextmanager
def read(file: LocalFile, form: Workbook, _session: TransferSession, work: Working) -> Iterator[Rows]:
    """Open a sheet; see ``rows.Reader``.

    Raises:
        TransferProblem: ``UNREADABLE``; ``REQUEST_INVALID``: no such sheet, or no such range.
        Problem: ``LIMIT_EXCEEDED``: too many columns, too many cells, too large unpacked; whatever the cancellation says.
    """
    area = parse_cells(form.cells)
    with ExitStack() as stack:
        _check_kind(file, work.context.cancellation)
        raw = stack.enter_context(file.path.open("rb"))
        with _meaning(file):
            book = CalamineWorkbook.from_filelike(raw)
            sheet = _sheet_of(book, form, file)
        table = _Table.of(sheet, area, form)
        if table is None:
            yield nothing()
            return
        check_width(file.name, table.width, work.limits)
        with _meaning(file):
            fields, count = table.examined(work.context.cancellation)
            path = stack.enter_context(landed(schema_of(fields), table.batches(fields, count), work))
        del sheet, book, table
        yield rows_in(path, fields)


def _check_kind(file: LocalFile, cancellation: Cancellation) -> None:
    with file.path.open("rb") as raw:
        magic = raw.read(4)
    if magic == _OLD_MAGIC:
        return
    if not magic.startswith(_ARCHIVE_MAGIC):
        raise unreadable(file.name, "an Excel workbook", "it begins as neither .xlsx nor .xls files do")
    check_archive(file.path, file.name, cancellation)


@contextmanager
def _meaning(file: LocalFile) -> Iterator[None]:
    try:
        yield
    except CalamineError as error:
        raise unreadable(file.name, "an Excel workbook", str(error) or type(error).__name__) from error
    except BaseException as error:
        # What the library did not foresee comes as an exception of a class that cannot be imported, outside of the tree of Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise unreadable(file.name, "an Excel workbook", "its content makes no sense") from None


def _sheet_of(book: CalamineWorkbook, form: Workbook, file: LocalFile) -> CalamineSheet:
    names = book.sheet_names
    if isinstance(form.sheet, str) and form.sheet in names:
        return book.get_sheet_by_name(form.sheet)
    if isinstance(form.sheet, int) and 0 <= form.sheet < len(names):
        return book.get_sheet_by_index(form.sheet)
    wanted = repr(form.sheet) if isinstance(form.sheet, str) else f"number {form.sheet} (they count from 0)"
    others = ", …" if len(names) > _SHOWN_SHEETS else ""
    there = ", ".join(map(repr, names[:_SHOWN_SHEETS])) + others
    message = f"{file.name!r} has no sheet {wanted}; its sheets are {there}"
    raise TransferProblem(Reason.REQUEST_INVALID, Side.SOURCE, message)


@dataclass(frozen=True, slots=True)
class _Table:
    """The cells that are meant; rows and columns count from 0."""

    sheet: CalamineSheet
    area: Area
    form: Workbook

    @classmethod
    def of(cls, sheet: CalamineSheet, asked: Area | None, form: Workbook) -> "_Table | None":
        """Return the table; None: no cell of it has a value."""
        if sheet.start is None or sheet.end is None:
            return None
        (top, left), (bottom, right) = sheet.start, sheet.end
        if asked is None:
            return cls(sheet, Area(top, left, bottom, right), form)
        last = bottom if asked.bottom is None else min(asked.bottom, bottom)
        edge = right if asked.right is None else asked.right
        if asked.top > last or (asked.right is None and asked.left > right):
            return None
        return cls(sheet, Area(asked.top, asked.left, last, edge), form)

    @property
    def width(self) -> int:
        """Return the number of columns."""
        return (self.area.right or 0) - self.area.left + 1

    def rows(self) -> Iterator[list[Any]]:
        """Yield the cells of each row; the library gives those of the used columns, from the sheet's first row on."""
        area, used = self.area, (self.sheet.start or (0, 0))[1]
        first, skipped = max(area.left - used, 0), max(used - area.left, 0)
        for row in islice(self.sheet.iter_rows(), area.top, (area.bottom or 0) + 1):
            cells = [None] * skipped + [
                None if cell == "" else cell for cell in row[first : first + self.width - skipped]
            ]
            yield (cells + [None] * (self.width - len(cells)))[: self.width]

    def examined(self, cancellation: Cancellation) -> tuple[tuple[Field, ...], int]:
        """Return the columns, and the number of rows up to the last that has a value, without the header."""
        kinds: list[set[ValueType]] = [set() for _ in range(self.width)]
        rows = self.rows()
        header = next(rows, []) if self.form.header else []
        last = 0
        for number, row in enumerate(rows, 1):
            if number % _BATCH_ROWS == 0:
                cancellation.check()
            for found, cell in zip(kinds, row, strict=True):
                if cell is not None:
                    last = number
                    found.update(() if cell == self.form.null else (_kind_of(cell),))
        return _fields(header, kinds), last

    def batches(self, fields: Sequence[Field], count: int) -> Iterator[Any]:
        """Yield the first ``count`` rows behind the header."""
        start, null = int(self.form.header), self.form.null
        rows = islice(self.rows(), start, start + count)
        while gathered := list(islice(rows, _BATCH_ROWS)):
            arrays = [
                pa.array([None if cell == null else _converted(cell, field.type) for cell in cells], field.arrow)
                for cells, field in zip(zip(*gathered, strict=True), fields, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema_of(fields))


def _fields(header: Sequence[Any], kinds: Sequence[set[ValueType]]) -> tuple[Field, ...]:
    given = [None if cell is None else _text(cell).strip() for cell in header] or [None] * len(kinds)
    names = unique_names([name or f"Prop_{number}" for number, name in enumerate(given)])
    return tuple(Field(name, _type_of(found)) for name, found in zip(names, kinds, strict=True))


def _kind_of(cell: Any) -> ValueType:
    match cell:
        case bool():
            return ValueType.BOOLEAN
        case int() | float():
            return ValueType.INT64 if abs(cell) <= _EXACT and cell == int(cell) else ValueType.DOUBLE
        case date():
            return ValueType.DATETIME
        case time() | timedelta():
            return ValueType.TIMESPAN
        case _:
            return ValueType.STRING


def _type_of(kinds: set[ValueType]) -> ValueType:
    if kinds == {ValueType.INT64, ValueType.DOUBLE}:
        return ValueType.DOUBLE
    return next(iter(kinds)) if len(kinds) == 1 else ValueType.STRING


def _converted(cell: Any, kind: ValueType) -> Any:
    if cell is None:
        return None
    match kind:
        case ValueType.INT64:
            return int(cell)
        case ValueType.DOUBLE:
            return float(cell)
        case ValueType.TIMESPAN:
            return _span(cell) // _MICROSECOND
        case ValueType.STRING:
            return _text(cell)
        case ValueType.DATETIME if not isinstance(cell, datetime):
            return datetime(cell.year, cell.month, cell.day)  # noqa: DTZ001 — a sheet knows no zones
        case _:
            return cell


def _span(cell: time | timedelta) -> timedelta:
    if isinstance(cell, timedelta):
        return cell
    return timedelta(hours=cell.hour, minutes=cell.minute, seconds=cell.second, microseconds=cell.microsecond)


def _text(cell: Any) -> str:
    match cell:
        case bool():
            return str(cell)
        case float() if _kind_of(cell) is ValueType.INT64:
            return str(int(cell))
        case datetime():
            return cell.isoformat(" ")
        case date():
            return f"{cell.isoformat()} 00:00:00"
        case _:
            return str(cell)
