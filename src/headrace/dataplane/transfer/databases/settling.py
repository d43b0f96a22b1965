"""Batches with faulty rows in them: the rows that the table takes are written, the others are told of.

A part of the batch is written after a savepoint. Where it fails and the database says which row it was, the rows before it are written and the
search goes on behind it; else the part is halved. Parts grow again while all goes well, so a faulty row costs a few statements.
"""

from collections.abc import Callable
from typing import Any

from headrace.dataplane.transfer.databases.links.link import ROW_FAULTS, Link, LinkError
from headrace.dataplane.transfer.databases.troubles import reason_of
from headrace.dataplane.transfer.rows import RefusedRow
from headrace.dataplane.transfer.values import Field

Load = Callable[[tuple[Field, ...], Any, int], int]
"""Writes a batch, before which so many rows of its slice came; returns the bytes that were sent."""

_LONGEST_CELL = 1000


def settle(
    link: Link, batch: Any, fields: tuple[Field, ...], load: Load, before: int, refuse: Callable[[RefusedRow], None]
) -> tuple[int, int]:
    """Write what can be written of ``batch``, within a transaction; return how many rows were, and how many bytes were sent.

    ``before``: how many rows of the slice came before this batch, for the numbers of rows that are refused.

    Raises:
        LinkError: it is no row's fault.
        TransferProblem: ``refuse`` takes none.
    """
    at = written = sent = 0
    size, saved = batch.num_rows, False
    while at < batch.num_rows:
        part = batch.slice(at, size)
        if not saved:
            link.save()
            saved = True
        try:
            sent += load(fields, part, before + at)
        except LinkError as error:
            link.restore()
            if error.fault not in ROW_FAULTS:
                raise
            row = error.row if error.row is not None and 0 <= error.row < part.num_rows else None
            if row == 0 or part.num_rows == 1:
                refuse(refused(error, batch, fields, at, before))
                at += 1
                size = max(1, part.num_rows - 1) if row == 0 else 1
            else:
                size = row or part.num_rows // 2
        else:
            link.release()
            saved = False
            at += part.num_rows
            written += part.num_rows
            size = part.num_rows * 2
    return written, sent


def refused(error: LinkError, batch: Any, fields: tuple[Field, ...], row: int, before: int) -> RefusedRow:
    """Return the ``row``-th row of a batch as one that the sink does not take."""
    known = {field.name for field in fields}
    cells = tuple(_cell(column[row].as_py()) for column in batch.columns)
    column = error.column if error.column in known else ""
    return RefusedRow(reason_of(error.fault), error.message, cells, before + row + 1, column)


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    return (value.hex() if isinstance(value, bytes) else str(value))[:_LONGEST_CELL]
