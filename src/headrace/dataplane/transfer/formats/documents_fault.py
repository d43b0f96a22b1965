"""Where a JSON file is not what it should be: looked for only when it is known that something is wrong."""

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from headrace.core.task import Cancellation
from headrace.dataplane.limits import MIB

_BLANKS = " \t\r\n"


class _WrongError(ValueError):
    """What is wrong with a value, where the place is that of the value's beginning."""


class _Walk:
    """Goes through a file value by value, keeping one value in memory."""

    def __init__(self, path: Path, longest: int, cancellation: Cancellation) -> None:
        self._path, self._longest, self._cancellation = path, longest, cancellation
        self._decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_no_constant)
        self._text, self._place, self._line, self._column = "", 0, 1, 1
        self._final = False
        self._data: Iterator[str] = iter(())

    def fault(self) -> str:
        """Return what is wrong, and where; empty: nothing is."""
        try:
            self._data = self._pieces()
            self._go()
        except _WrongError as wrong:
            return f"{wrong} (line {self._line}, column {self._column})"
        except UnicodeDecodeError as error:
            return f"it has bytes that are no UTF-8 (byte {error.start:,} of those behind line {self._line})"
        return ""

    def _go(self) -> None:
        is_array = self._peek() == "["
        if is_array:
            self._take(1)
            if self._peek() == "]":
                self._take(1)
                return self._nothing_more()
        number = 0
        while self._peek():
            number += 1
            if not isinstance(self._value(), dict):
                self._back()
                raise _WrongError(f"element {number} is no object")
            if is_array:
                letter = self._peek()
                if letter == "]":
                    self._take(1)
                    return self._nothing_more()
                if letter != ",":
                    raise _WrongError(
                        "a comma or the end of the array is missing" if letter else "the array does not end"
                    )
                self._take(1)
        if is_array:
            raise _WrongError("the array does not end")
        return None

    def _nothing_more(self) -> None:
        if self._peek():
            raise _WrongError("something stands behind the end of the array")

    def _value(self) -> Any:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:
                if self._more():
                    continue
                self._move(min(error.pos, len(self._text)))
                raise _WrongError(error.msg[0].lower() + error.msg[1:]) from error
            except RecursionError as error:
                raise _WrongError("its values are nested too deeply") from error
            if end == len(self._text) and self._more():
                continue  # a number may go on
            self._before = (self._line, self._column)
            self._move(end)
            return value

    def _back(self) -> None:
        self._line, self._column = self._before

    def _peek(self) -> str:
        """Return the next letter that is no blank; empty: there is none."""
        while True:
            end = self._place
            while end < len(self._text) and self._text[end] in _BLANKS:
                end += 1
            self._move(end)
            if end < len(self._text):
                return self._text[end]
            if not self._more():
                return ""

    def _take(self, count: int) -> None:
        self._move(self._place + count)

    def _move(self, place: int) -> None:
        passed = self._text[self._place : place]
        lines = passed.count("\n")
        self._line += lines
        self._column = len(passed) - passed.rfind("\n") if lines else self._column + len(passed)
        self._place = place

    def _more(self) -> bool:
        if self._final or len(self._text) - self._place > self._longest:
            return False
        size = max(MIB, len(self._text) - self._place)
        pieces = []
        while size > 0 and not self._final:
            piece = next(self._data, None)
            self._final = piece is None
            pieces.append(piece or "")
            size -= len(piece or "")
        self._text = self._text[self._place :] + "".join(pieces)
        self._place = 0
        return any(pieces)

    def _pieces(self) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self._path.open("rb") as stream:
            while data := stream.read(MIB):
                self._cancellation.check()
                yield decoder.decode(data)
            yield decoder.decode(b"", True)


def fault_in(path: Path, longest: int, cancellation: Cancellation) -> str:
    """Return what is wrong with a JSON file in UTF-8, with line and column; empty: nothing is.

    ``longest``: characters of one value.

    Raises:
        Problem: what the cancellation says.
    """
    return _Walk(path, longest, cancellation).fault()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # it notes the key
        raise _WrongError(f"an object has the property {twice!r} twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _WrongError(f"{name} is no JSON value")
