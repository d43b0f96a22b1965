"""The first rows of a source, as values: for who wants to look at a few rather than move them all."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import Code, Problem
from headrace.core.task import Context, Task
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.means import Means
from headrace.dataplane.transfer.places import folders_of
from headrace.dataplane.transfer.request import Added, AddedColumn, FilesSource, Source
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, RefusedRow, Rows, Slice, Working
from headrace.dataplane.transfer.session import TransferEngine, TransferSession, identifier
from headrace.dataplane.transfer.values import Field, ValueType

_BATCH_ROWS = 2048
_READ_ON = 50_000
MOST_BYTES = 64 << 20
"""Of rows that are looked at, in memory; an output has room for far less."""
Row = tuple[tuple[Field, Any], ...]
"""The columns of a row with its values. Instants have no zone, and are UTC."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows in order, each a ``Row``, or an object where the source has documents. ``more``: there are further ones."""

    rows: tuple[Any, ...]
    more: bool


def first_rows(
    source: Source, most: int, added: tuple[AddedColumn, ...], task: Task, context: Context, means: Means
) -> Seen:
    """Return the first ``most`` rows of a source, with the columns that are added to them.

    Raises:
        TransferProblem: the source cannot be read, or one of these rows is faulty. Problem: ``DISK_FULL``, ``LIMIT_EXCEEDED``; being told to stop.
    """
    with working_for(task, context, means) as work:
        folders = folders_of(source.place, work.file_roots) if isinstance(source, FilesSource) else ()
        engine = TransferEngine(context.cancellation, means.limits, work.folder, (*folders, *(work.file_roots or ())))
        with closing(means.ends.read(source, work)) as reader, engine:
            found: list[Any] = []
            room = _Room()
            for item in reader.slices():
                with engine.session() as session, reader.open(item, session) as rows:
                    found += _of_slice(rows, item, session, most + 1 - len(found), added, room)
                if len(found) > most:
                    break
            return Seen(tuple(found[:most]), len(found) > most)


@contextmanager
def working_for(task: Task, context: Context, means: Means) -> Iterator[Working]:
    """Lend what readers may use, with a work folder that is removed in the end.

    Raises:
        Problem: ``DISK_FULL``.
    """
    folder = means.roots.work / task.folder
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise disk_full(error, means.roots.work) or error from error
    try:
        yield Working(
            task,
            context,
            means.limits,
            means.clock,
            means.egress,
            means.roots.file_roots,
            folder,
            task.commit_key,
            asked="",
            tolerant=False,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(slots=True)
class _Room:
    """Bytes that further rows may have."""

    left: int = MOST_BYTES

    def take(self, size: int, item: Slice) -> None:
        """Raise ``LIMIT_EXCEEDED`` where there is no room for so many more."""
        self.left -= size
        if self.left < 0:
            message = f"the rows that are looked at have more than {MOST_BYTES:,} bytes, with those of {item.name!r}; ask for less of them"
            raise Problem(Code.LIMIT_EXCEEDED, message)


def _of_slice(
    rows: Rows, item: Slice, session: TransferSession, most: int, added: tuple[AddedColumn, ...], room: _Room
) -> list[Any]:
    columns = [identifier(DOCUMENT_COLUMN)] if rows.documents else [_read(field) for field in rows.fields]
    if not columns:
        return []
    query = f"SELECT {', '.join(columns)} FROM {rows.relation}"
    found, ended = _fetched(rows, session, query, most, lambda size: room.take(size, item))
    if ended and len(found) < most:
        # What comes behind the rows that are wanted is of no concern, so nothing is asked of the reader where there are enough.
        for refused in rows.refused():
            raise _fault(refused, item)
    if rows.documents:
        return [_with_columns(_document(row[0], item), item, added) for row in found]
    return [_whole(rows.fields, row, item, added) for row in found]


def _document(text: str, item: Slice) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        message = f"{item.name!r} has an object with objects in one another that is too deep to be shown"
        raise TransferProblem(Reason.UNREADABLE, Side.SOURCE, message, Code.LIMIT_EXCEEDED) from None


def _fetched(
    rows: Rows, session: TransferSession, query: str, most: int, take: Callable[[int], None]
) -> tuple[list[tuple[Any, ...]], bool]:
    """Return at most so many rows, and whether the source was read to its end.

    What is no file is read on for a while: a procedure is committed when all that it gives was taken.
    """
    if rows.repeatable:
        query = f"{query} LIMIT {most}"
    found: list[tuple[Any, ...]] = []
    passed = 0
    for batch in session.batches(query, _BATCH_ROWS):
        wanted = batch.slice(0, max(0, most - len(found)))
        take(wanted.nbytes)
        found += zip(*(column.to_pylist() for column in wanted.columns), strict=True)
        passed += batch.num_rows
        if passed > most + _READ_ON:
            return found, False
    return found, True


def _whole(fields: tuple[Field, ...], row: tuple[Any, ...], item: Slice, added: tuple[AddedColumn, ...]) -> Row:
    own = tuple(zip(fields, row, strict=True))
    named = {field.name: value for field, value in own}
    return (*own, *((Field(column.name), _value(column, named, item)) for column in added))


def _read(field: Field) -> str:
    name = identifier(field.name)
    return f"CAST({name} AS TIMESTAMP)" if field.type is ValueType.DATETIME_OFFSET else name


def _with_columns(document: Any, item: Slice, added: tuple[AddedColumn, ...]) -> Any:
    if not isinstance(document, dict):
        return document
    return {**document, **{column.name: _value(column, document, item) for column in added}}


def _value(column: AddedColumn, row: dict[str, Any], item: Slice) -> Any:
    match column.kind:
        case Added.FILE_PATH:
            return item.path
        case Added.COLUMN:
            return row.get(column.value)
        case Added.LITERAL:
            return column.value


def _fault(refused: RefusedRow, item: Slice) -> TransferProblem:
    place = f"row {refused.number} of {item.name!r}" if refused.number else repr(item.name)
    return TransferProblem(refused.reason, Side.SOURCE, f"{place}: {refused.message}")
