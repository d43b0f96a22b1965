"""Records written to files: delimited text, and spreadsheets.

Values are written as they are kept. In text that begins like a formula nothing is changed: whoever opens a CSV file in a spreadsheet program has to
know where it comes from. In spreadsheets text is text, and is never taken for a formula or a link.
"""

import csv
import datetime as dt
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import xlsxwriter  # type: ignore[import-untyped]  # it ships no type information

from headrace.core.blueprint import FieldKind
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.dataplane.storage import disk_full, make_durable

MAX_ROWS = 1_048_576
"""Of a worksheet, its header included."""
MAX_COLUMNS = 16_384
MAX_CHARACTERS = 32_767
"""Of a cell of a worksheet."""
_MAX_NAME = 31
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_EXACT = 1 << 53
_FIRST_DAY = dt.date(1900, 3, 1)
"""Spreadsheets have a day before it that never was; earlier ones are written as text."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: its title, and what kind of values it has."""

    title: str
    kind: FieldKind


def write_csv(path: Path, columns: Sequence[Column], rows: Iterable[Sequence[Json]]) -> int:
    """Write a CSV file (RFC 4180, UTF-8) with a header, and return the number of rows behind it; its bytes survive a loss of power.

    Raises:
        Problem: ``DISK_FULL``. What ``rows`` raises.
    """
    count = 0
    try:
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.writer(file, lineterminator="\r\n")
            writer.writerow([column.title for column in columns])
            for row in rows:
                writer.writerow([value if type(value) is str else shown(value) for value in row])
                count += 1
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_full(error, path.parent) or error from error
    return count


class Spreadsheet:
    """An XLSX file that is written sheet after sheet, row after row, in little memory.

    Use it in a ``with``: the file is there at its end, and its bytes survive a loss of power. When the block raises, there is none; what lies in its
    folder is the caller's to remove.

    Raises:
        Problem: ``DISK_FULL``, from any of its methods.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        options = {
            "constant_memory": True,
            "tmpdir": str(path.parent),
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
        }
        self._book = xlsxwriter.Workbook(str(path), options)
        self._book.use_zip64()
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._names: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self._close()
            return
        self._book.fileclosed = True
        for sheet in self._book.worksheets():
            sheet.row_data_fh.close()

    def add(self, name: str, columns: Sequence[Column], rows: Iterable[Sequence[Json]]) -> int:
        """Write a worksheet with a header, and return the number of rows behind it.

        Its name is ``name``, as far as spreadsheets allow that, and as no other one's.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: there are more rows, columns or characters in a cell than a worksheet takes. What ``rows`` raises.
        """
        if len(columns) > MAX_COLUMNS:
            raise _too_much(name, f"{len(columns):,} fields", f"{MAX_COLUMNS:,} columns")
        sheet = self._book.add_worksheet(self._free_name(name))
        number = 0
        try:
            for place, column in enumerate(columns):
                sheet.write_string(0, place, column.title[:MAX_CHARACTERS])
            for number, row in enumerate(rows, 1):
                if number >= MAX_ROWS:
                    raise too_many_rows(name)
                for place, value in enumerate(row):
                    if value is not None and not self._write(sheet, number, place, columns[place].kind, value):
                        what = f"a value with {len(shown(value)):,} characters in {columns[place].title!r}"
                        raise _too_much(name, what, f"{MAX_CHARACTERS:,} in a cell")
        except OSError as error:
            raise disk_full(error, self._path.parent) or error from error
        return number

    def _close(self) -> None:
        try:
            self._book.close()
            make_durable(self._path)
        except (OSError, xlsxwriter.exceptions.FileCreateError) as error:
            cause = error if isinstance(error, OSError) else error.args[0]
            raise disk_full(cause, self._path.parent) or error from error

    def _write(self, sheet: Any, row: int, place: int, kind: FieldKind, value: Any) -> bool:
        """Write a value, and return whether it fits into a cell."""
        if isinstance(value, bool):
            return bool(sheet.write_boolean(row, place, value) >= 0)
        if isinstance(value, int | float) and abs(value) < _EXACT:
            return bool(sheet.write_number(row, place, value) >= 0)
        if kind is FieldKind.DATE and (day := _day(value)) is not None:
            return bool(sheet.write_datetime(row, place, day, self._day) >= 0)
        return bool(sheet.write_string(row, place, shown(value)) >= 0)

    def _free_name(self, name: str) -> str:
        plain = _cut(_FORBIDDEN.sub(" ", name).strip(" '"), _MAX_NAME) or "Sheet"
        # One name is the program's own.
        plain = f"{plain} " if plain.casefold() == "history" else plain
        free, number = plain, 1
        while free.casefold() in self._names:
            number += 1
            suffix = f" ({number})"
            free = _cut(plain, _MAX_NAME - len(suffix)) + suffix
        self._names.add(free.casefold())
        return free


def _cut(name: str, most: int) -> str:
    # Spreadsheets count halves of UTF-16.
    return name.encode("utf-16-le", "replace")[: 2 * most].decode("utf-16-le", "ignore").rstrip(" '")


def too_many_rows(name: str) -> Problem:
    """Return the problem of a worksheet that would have too many rows."""
    return _too_much(name, f"more than {MAX_ROWS - 1:,} records", f"{MAX_ROWS:,} rows with its header")


def shown(value: Json) -> str:
    """Return a value as text: lists joined with commas, numbers and booleans as JSON has them, nothing as nothing."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    return json.dumps(value, ensure_ascii=False)


def _day(value: Any) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None
    return day if day is not None and day >= _FIRST_DAY else None


def _too_much(name: str, what: str, most: str) -> Problem:
    return Problem(Code.LIMIT_EXCEEDED, f"sheet {name!r} has {what}, a worksheet takes {most}; export it as csv")
