"""The quarantine: rejected rows of batches, looked at and downloaded (``service.replays`` plays them again)."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from headrace.core.codec import Json
from headrace.core.query import Cursor, Page
from headrace.core.run import Batch
from headrace.dataplane.quarantine import layout
from headrace.dataplane.quarantine.layout import QuarantineFile
from headrace.dataplane.storage import Roots
from headrace.service.replays import ReplayDesk, ReplayRequest, replay
from headrace.store import batches
from headrace.store.batches import BatchQuery
from headrace.store.database import Database

__all__ = [
    "QuarantineFile",
    "ReplayDesk",
    "ReplayRequest",
    "get_batch",
    "list_files",
    "open_file",
    "outstanding",
    "page_batches",
    "rejected_rows",
    "replay",
]


def page_batches(
    database: Database, scope: str | None, *, limit: int = 50, cursor: str | None = None, outstanding: bool = True
) -> Page[Batch]:
    """Return a page of batches with rejected rows, newest first.

    ``outstanding``: only those with rejects that no replay has accepted since. A page may be shorter than ``limit`` and still have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    query = BatchQuery(scopes=None if scope is None else (scope,), has_rejects=True)
    with database.reading() as tx:
        page = batches.page(tx, query, limit=limit, cursor=None if cursor is None else Cursor.parse(cursor))
    return Page(tuple(b for b in page.items if not outstanding or _left(b) > 0), page.next)


def get_batch(database: Database, scope: str | None, batch_id: str) -> Batch:
    """Return the batch.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return batches.get(tx, scope, batch_id)


def outstanding(batch: Batch) -> int:
    """Return how many rows of the batch are rejected still."""
    return _left(batch)


def list_files(database: Database, roots: Roots, scope: str | None, batch_id: str) -> tuple[QuarantineFile, ...]:
    """Return the batch's diagnostics files, by name; none when nothing was rejected or kept.

    Raises:
        Problem: ``NOT_FOUND``: no such batch in the scope.
    """
    return layout.list_files(roots, get_batch(database, scope, batch_id).id)


def open_file(database: Database, roots: Roots, scope: str | None, batch_id: str, name: str) -> BinaryIO:
    """Return one diagnostics file, open for reading; the caller closes it.

    Raises:
        Problem: ``NOT_FOUND``: no such batch or file (a name that leads elsewhere is no file of the batch).
    """
    return layout.open_file(roots, get_batch(database, scope, batch_id).id, name)


def rejected_rows(
    database: Database, roots: Roots, scope: str | None, batch_id: str, limit: int | None = 100
) -> Iterator[Json]:
    """Yield the first ``limit`` rejected rows of the batch (None: all), each with ``_reject``, ``_filename``, ``_line`` and ``_errors``.

    Raises:
        Problem: ``NOT_FOUND``: no such batch in the scope.
    """
    batch = get_batch(database, scope, batch_id)
    for line in islice(layout.open_rows(roots, batch.id), limit):
        yield json.loads(line)


def _left(batch: Batch) -> int:
    return (batch.figures.rows_rejected or 0) - batch.resolved
