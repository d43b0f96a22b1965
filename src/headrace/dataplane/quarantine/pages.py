"""Rejected rows, a page at a time: from a place in the files on, and no further than a page may look, however rarely a row is wanted."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from headrace.core.errors import Code, FieldError, Problem
from headrace.dataplane.quarantine import layout
from headrace.dataplane.storage import Roots

MOST_OF_ROW = 256 * 1024
"""Bytes of a row that is shown cell by cell; of a longer one only the beginning is."""
_PLAIN = re.compile(r"[A-Za-z0-9_ .-]+")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far one page looks: bytes that it passes over, and bytes of rows that it takes apart."""

    looked: int = 32 * 1024 * 1024
    read: int = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: a file, by its number among ``layout.row_files``, and a byte in it."""

    file: int = 0
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows a page has: those with a reason of this code and this column (empty: the row as a whole); None: of any."""

    code: str | None = None
    column: str | None = None

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Say whether the row has such a reason."""
        if self.code is None and self.column is None:
            return True
        return any(self._is(error) for error in row.get("_errors") or ())

    def may_take(self, line: bytes) -> bool:
        """Say whether the row may have such a reason, without taking it apart."""
        texts = (text for text in (self.code, self.column) if text and _PLAIN.fullmatch(text))
        return all(f'"{text}"'.encode() in line for text in texts)

    def _is(self, error: Mapping[str, Any]) -> bool:
        is_code = self.code is None or error.get("code") == self.code
        return is_code and (self.column is None or (error.get("column") or "") == self.column)


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows as they are kept (a long one with its first cells, and ``whole`` false), and where the next page begins (None: that was all)."""

    rows: tuple["KeptRow", ...]
    next: Place | None


@dataclass(frozen=True, slots=True)
class KeptRow:
    """A rejected row, with ``_reject``, ``_filename``, ``_line`` and ``_errors``; ``text``: the beginning of one that is too long to be shown."""

    row: Mapping[str, Any]
    text: str = ""


@dataclass(slots=True)
class _Budget:
    """What a page may still look at, and take apart."""

    looked: int
    read: int
    rows: list[KeptRow] = field(default_factory=list)

    @property
    def is_spent(self) -> bool:
        return self.looked <= 0 or self.read <= 0


def read_page(
    roots: Roots, batch_id: str, wanted: Wanted, begin: Place, limit: int, bounds: Bounds = Bounds()
) -> RowPage:
    """Return at most ``limit`` wanted rows of a batch from ``begin`` on. It may have none and still have a next page.

    Raises:
        Problem: ``INVALID``: ``begin`` is no place in the batch's files.
    """
    names = layout.row_files(roots, batch_id)
    if begin.file < 0 or begin.offset < 0 or (begin.file > 0 and begin.file >= len(names)):
        raise _bad_place()
    budget = _Budget(bounds.looked, bounds.read)
    for number in range(begin.file, len(names)):
        offset = begin.offset if number == begin.file else 0
        for end in _look(roots, batch_id, names[number], offset, wanted, budget):
            if len(budget.rows) == limit or budget.is_spent:
                return RowPage(tuple(budget.rows), _following(roots, batch_id, names, Place(number, end)))
    return RowPage(tuple(budget.rows), None)


def _look(roots: Roots, batch_id: str, name: str, offset: int, wanted: Wanted, budget: _Budget) -> Iterator[int]:
    """Look at one row after another, and yield where each of them ends."""
    with layout.open_file(roots, batch_id, name) as stream:
        if offset:
            stream.seek(offset - 1)
            if stream.read(1) != b"\n":
                raise _bad_place()
        while line := stream.readline():
            offset += len(line)
            budget.looked -= len(line)
            if wanted.may_take(line):
                budget.read -= min(len(line), MOST_OF_ROW)
                kept = _kept(line)
                if wanted.takes(kept.row):
                    budget.rows.append(kept)
            yield offset


def _following(roots: Roots, batch_id: str, names: tuple[str, ...], place: Place) -> Place | None:
    """Return where the next page begins, None: there is nothing behind ``place``."""
    with layout.open_file(roots, batch_id, names[place.file]) as stream:
        stream.seek(place.offset)
        if stream.read(1):
            return place
    return Place(place.file + 1) if place.file + 1 < len(names) else None


def _kept(line: bytes) -> KeptRow:
    if len(line) <= MOST_OF_ROW:
        return KeptRow(json.loads(line))
    text = line[:MOST_OF_ROW].decode("utf-8", "ignore")
    return KeptRow(dict(_members(text)), text)


def _members(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the members of an object as far as its text goes that are the quarantine's own; they come first."""
    at = 1
    while True:
        try:
            key, at = _DECODER.raw_decode(text, at)
            value, at = _DECODER.raw_decode(text, at + 1)
        except ValueError:
            return
        if not isinstance(key, str) or not key.startswith("_") or key == "_corrupt_record":
            return
        yield key, value
        at += 1


def _bad_place() -> Problem:
    error = FieldError("cursor", "is no place in this batch's rows", "pass a token on exactly as a page gave it")
    return Problem(Code.INVALID, str(error), (error,))
