"""Rows on their way into a sink, counted: each one that was read is delivered or refused, and the sink has what was delivered."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.dataplane.transfer.ahead import Ahead
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.stream import MappedStream
from headrace.dataplane.transfer.refusing.spool import Spool
from headrace.dataplane.transfer.rows import RefusedRow, Slice
from headrace.dataplane.transfer.session import TransferSession
from headrace.dataplane.transfer.tally import Tally
from headrace.dataplane.transfer.values import Field


class Refusals:
    """Where refused rows of the slice ``name`` go: into the spool, or, when none may be left out, into a failure."""

    def __init__(self, spool: Spool, name: str, *, tolerant: bool) -> None:
        self.spool, self.name, self.tolerant = spool, name, tolerant
        self.by_sink = False

    def __call__(self, row: RefusedRow) -> None:
        """Take a refused row.

        Raises:
            TransferProblem: none may be left out. Problem: ``DISK_FULL``.
        """
        if not self.tolerant:
            side = Side.SINK if self.by_sink or row.reason is Reason.VALUE_INVALID else Side.SOURCE
            raise TransferProblem(row.reason, side, self._located(row))
        self.spool.add(row, by_sink=self.by_sink)

    def _located(self, row: RefusedRow) -> str:
        """Return a row's message with its place, unless whoever refused it has said so."""
        if repr(self.name) in row.message or self.by_sink:
            return row.message
        where = f"row {row.number} of {self.name!r}" if row.number else repr(self.name)
        return f"{where}: {row.message}"


@dataclass
class Counted:
    """A stream whose rows are counted as they are delivered: itself a ``Stream``."""

    inner: MappedStream
    refusals: Refusals
    tally: Tally
    delivered: int = 0
    waited: float = 0.0
    _ahead: Ahead[Any] | None = None

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the columns."""
        return self.inner.fields

    @property
    def documents(self) -> bool:
        """Say whether each row is one JSON object."""
        return self.inner.documents

    @property
    def session(self) -> TransferSession:
        """Return the session that the rows are in."""
        return self.inner.session

    @property
    def repeatable(self) -> bool:
        """Say whether it may be read more than once."""
        return self.inner.repeatable

    @property
    def read(self) -> int:
        """Return how many rows were read."""
        return self.inner.read

    def select(self) -> str | None:
        """Return a query of all rows, as ``Stream.select``."""
        return self.inner.select()

    def took(self, count: int) -> None:
        """Tell that ``count`` rows were taken by way of ``select``."""
        self.delivered = count
        self.inner.took(count)
        self.tally.came()

    def batches(self, rows: int, skip: int = 0) -> Iterator[Any]:
        """Yield record batches, as ``Stream.batches``; refused rows are told of from the beginning again."""
        self.delivered = skip
        self.refusals.spool.again()
        self.refusals.spool.resume(skip)
        self.leave()
        found: Iterator[Any] = self.inner.batches(rows, skip)
        if not self.refusals.tolerant:
            # Else a sink that refuses rows would tell of them at the same time as the source.
            found = self._ahead = Ahead(found)
        while True:
            begun = time.monotonic()
            batch = next(found, None)
            self.waited += time.monotonic() - begun
            if batch is None:
                return
            self.tally.came()
            self.delivered += int(batch.num_rows)
            yield batch

    def leave(self) -> None:
        """End a reading that is still under way; to be called before the session is closed."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None

    def refuse(self, row: RefusedRow) -> None:
        """Tell of a delivered row that the sink has refused, as ``Stream.refuse``."""
        self.refusals.by_sink = True
        try:
            self.inner.refuse(row)
        finally:
            self.refusals.by_sink = False

    def check(self, item: Slice, before: tuple[int, int], written: int | None) -> None:
        """Look whether the counts of this slice add up; ``before``: what the spool had counted, of all and by the sink, when it began.

        Raises:
            Problem: ``COUNTS_DIFFER``.
        """
        spool = self.refusals.spool
        by_sink = spool.by_sink - before[1]
        refused = spool.refused - before[0] - by_sink
        kept = self.delivered - by_sink
        if self.read != self.delivered + refused or (written is not None and written != kept):
            has = "" if written is None else f", and the sink has {written:,}"
            message = (
                f"the counts of {item.name!r} differ: {self.read:,} rows were read, {refused:,} of them refused and "
                f"{self.delivered:,} delivered, of which the sink refused {by_sink:,}{has}"
            )
            raise Problem(Code.COUNTS_DIFFER, message)
