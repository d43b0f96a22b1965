"""Answers of a service, page by page, as one local file of JSON objects, one a line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Never

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.dataplane.transfer.faults import TransferProblem
from headrace.dataplane.transfer.formats.typed import unreadable
from headrace.dataplane.transfer.rows import Working

_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_BLANKS = " \t\r\n"
_LINE_ENDS = str.maketrans("\r\n", "  ")


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


class PageText:
    """One answer: JSON text, held in memory, so its size is bounded by ``max_row_bytes``."""

    def __init__(self, path: Path, content_type: str, name: str, work: Working) -> None:
        self._name = name
        size, most = path.stat().st_size, work.limits.max_row_bytes
        if size > most:
            what = f"a page of {name} has {size:,} bytes, more than {most:,} (max_row_bytes); ask the service for smaller ones"
            raise Problem(Code.LIMIT_EXCEEDED, what)
        found = _CHARSET.search(content_type)
        charset = found[1] if found else "utf-8"
        try:
            text = path.read_bytes().decode("utf-8-sig" if charset.lower() in {"utf-8", "utf8"} else charset)
        except (UnicodeDecodeError, LookupError) as error:
            raise self._unreadable(error) from error
        self._text = text.strip(_BLANKS)
        self._value: Json = None
        self._is_parsed = not self._text

    def value(self) -> Json:
        """Return the whole value; None: there is none.

        Raises:
            TransferProblem: ``UNREADABLE``.
        """
        if self._is_parsed:
            return self._value
        try:
            value, end = _DECODER.raw_decode(self._text)
        except (ValueError, RecursionError) as error:
            raise self._unreadable(error) from error
        if end != len(self._text):
            raise self._unreadable(ValueError(f"there is more behind its end, from character {end:,} on"))
        self._value, self._is_parsed = value, True
        return self._value

    def append_to(self, file: BinaryIO) -> int:
        """Write a line for each element of an array, or for the one value; return how many. Numbers stay as they are written.

        Raises:
            TransferProblem: ``UNREADABLE``.
        """
        count = 0
        for line in self._elements() if self._text.startswith("[") else self._whole():
            file.write(line.translate(_LINE_ENDS).encode("utf-8", "surrogatepass") + b"\n")
            count += 1
        return count

    def _whole(self) -> Iterator[str]:
        if self.value() is not None:
            yield self._text

    def _elements(self) -> Iterator[str]:
        try:
            yield from _split(self._text)
        except (ValueError, IndexError, RecursionError) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> TransferProblem:
        said = "it is cut off" if isinstance(error, IndexError) else str(error) or type(error).__name__
        return unreadable(self._name, "JSON", said)


def _split(text: str) -> Iterator[str]:
    """Yield the text of each element of an array; ``IndexError``: it is cut off."""
    at = _skipped(text, 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        yield text[at:end]
        at = _skipped(text, end)
        if text[at] == ",":
            at = _skipped(text, at + 1)
        elif text[at] != "]":
            raise ValueError(f"a comma is missing at character {at:,}")
    if at + 1 != len(text):
        raise ValueError(f"there is more behind its end, from character {at + 1:,} on")


def _skipped(text: str, at: int) -> int:
    while text[at] in _BLANKS:
        at += 1
    return at


def accepting_json(headers: dict[str, Any]) -> dict[str, Any]:
    """Return headers that accept JSON, besides what they accept already."""
    given = next((name for name in headers if name.lower() == "accept"), None)
    if given is None:
        return {"Accept": "application/json", **headers}
    if "application/json" in str(headers[given]).lower():
        return headers
    return {**headers, given: f"{headers[given]}, application/json"}
