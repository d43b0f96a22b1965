"""Refused rows of one unit while it is done: a file of NDJSON beside the journal, made when the first row is refused.

A line ``{"slice": …}`` tells whose rows follow; each further one is a row. A unit that is done names its spool in the journal; the spools of broken
tries are looked at only for what a sink has refused in batches that it has committed (``resume``).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from headrace.core.clock import Clock, Instant
from headrace.core.outcome import ReasonCount
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.rows import RefusedRow, Slice


@dataclass(frozen=True, slots=True)
class Whose:
    """The slice that refused rows are of, with the names of its columns and of the sink's."""

    id: str
    name: str
    path: str = ""
    columns: tuple[str, ...] = ()
    sink_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """A refused row as it was kept. ``by_sink``: the sink refused it, so its cells are the sink's columns. ``whose``: its slice."""

    whose: Whose
    row: RefusedRow
    at: Instant
    by_sink: bool = False


@dataclass
class Spool:
    """The refused rows of one unit, in one try. Used by one thread. ``reliable``: each is handed to the machine at once."""

    path: Path
    clock: Clock
    earlier: tuple[Path, ...] = ()
    reliable: bool = False
    counts: dict[tuple[str, str], list[int | str]] = field(default_factory=dict)
    refused: int = 0
    by_sink: int = 0
    _stream: IO[str] | None = None
    _whose: Whose | None = None
    _begun: int = 0
    _told: bool = False
    _before: tuple[dict[tuple[str, str], list[int | str]], int, int] = ({}, 0, 0)

    def begin(self, item: Slice, columns: Iterable[str], sink_columns: Iterable[str]) -> None:
        """Say whose rows are refused from now on."""
        self._whose = Whose(item.id, item.name, item.path, tuple(columns), tuple(sink_columns))
        self._told = False
        if self._stream is not None:
            self._stream.flush()
            self._begun = self._stream.tell()
        self._before = ({key: list(value) for key, value in self.counts.items()}, self.refused, self.by_sink)

    def again(self) -> None:
        """Forget the rows of the present slice: it is read from its beginning once more."""
        counts, self.refused, self.by_sink = self._before
        self.counts = {key: list(value) for key, value in counts.items()}
        if self._stream is not None:
            self._stream.flush()
            self._stream.seek(self._begun)
            self._stream.truncate()
            self._told = False

    def resume(self, rows: int) -> None:
        """Take over what earlier tries tell of the present slice: rows that the sink refused among the first ``rows`` delivered ones."""
        seen: set[int] = set()
        for path in self.earlier if rows else ():
            for kept in read(path):
                number = kept.row.number
                if (
                    kept.by_sink
                    and self._whose
                    and kept.whose.id == self._whose.id
                    and 0 < number <= rows
                    and number not in seen
                ):
                    seen.add(number)
                    self.add(kept.row, by_sink=True, at=kept.at)

    def add(self, row: RefusedRow, *, by_sink: bool = False, at: Instant | None = None) -> None:
        """Keep a refused row.

        Raises:
            Problem: ``DISK_FULL``.
        """
        entry = {
            "at": self.clock.now() if at is None else at,
            "reason": row.reason.value,
            "message": row.message,
            "cells": row.cells,
            "number": row.number,
            "column": row.column,
            "sink": by_sink,
        }
        try:
            self._write(entry)
            if (by_sink or self.reliable) and self._stream is not None:
                # The sink commits after this: a row that is counted there must not be lost here.
                self._stream.flush()
        except OSError as error:
            raise disk_full(error, self.path.parent) or error from error
        count = self.counts.setdefault((row.reason.value, row.column), [0, row.message])
        count[0] = int(count[0]) + 1
        self.refused += 1
        self.by_sink += by_sink

    def close(self) -> str:
        """Finish the file; return its name, empty when no row was refused."""
        if self._stream is None:
            return ""
        self._stream.close()
        return self.path.name if self.refused else ""

    def reasons(self) -> tuple[ReasonCount, ...]:
        """Return how many rows each reason concerns."""
        return tuple(
            ReasonCount(reason, column or None, int(count), str(message))
            for (reason, column), (count, message) in self.counts.items()
        )

    def _write(self, entry: object) -> None:
        if self._stream is None:
            self._stream = self.path.open("w", encoding="utf-8", errors="surrogatepass")
        if not self._told and self._whose is not None:
            whose = self._whose
            head = {"slice": [whose.id, whose.name, whose.path, whose.columns, whose.sink_columns]}
            self._stream.write(json.dumps(head, ensure_ascii=False) + "\n")
            self._told = True
        self._stream.write(json.dumps(entry, ensure_ascii=False) + "\n")


def read(path: Path) -> Iterator[Kept]:
    """Yield the rows of a spool; none when it is not there. The line that a killed process left unfinished is no row."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        return
    with stream:
        whose = Whose("", "")
        for line in stream:
            if not line.endswith(b"\n"):
                return
            entry = json.loads(line.decode("utf-8", "surrogatepass"))
            if "slice" in entry:
                key, name, place, columns, sink_columns = entry["slice"]
                whose = Whose(key, name, place, tuple(columns), tuple(sink_columns))
                continue
            cells = tuple(entry["cells"])
            row = RefusedRow(Reason(entry["reason"]), entry["message"], cells, entry["number"], entry["column"])
            yield Kept(whose, row, Instant(entry["at"]), bool(entry["sink"]))


def sums(counted: Iterable[ReasonCount]) -> tuple[ReasonCount, ...]:
    """Return the counts of several units as one, the most frequent reason first."""
    found: dict[tuple[str, str | None], ReasonCount] = {}
    for one in counted:
        before = found.get((one.code, one.column))
        count = one.count + (before.count if before else 0)
        found[one.code, one.column] = ReasonCount(
            one.code, one.column, count, before.message if before else one.message
        )
    return tuple(sorted(found.values(), key=lambda one: (-one.count, one.code, one.column or "")))
