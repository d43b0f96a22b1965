"""The quarantine: rejected rows of batches, looked at, downloaded, and played again after somebody corrected them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO

from headrace.core.clock import DAY, Clock
from headrace.core.codec import Json
from headrace.core.ids import Ids
from headrace.core.query import Page
from headrace.core.run import Batch, Run
from headrace.dataplane.storage import Roots
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class QuarantineFile:
    """One file of a batch's diagnostics. ``name`` is relative to the batch (``row_errors/parsing_errors_0.json``)."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """How corrected rejects are played again. ``request_key`` as for runs."""

    created_by: str
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    file_name: str = "corrected.json"


def page_batches(
    database: Database, scope: str | None, *, limit: int = 50, cursor: str | None = None, outstanding: bool = True
) -> Page[Batch]:
    """Return a page of batches, newest first; ``outstanding``: only those with rejects that no replay has resolved."""
    ...


def get_batch(database: Database, scope: str | None, batch_id: str) -> Batch:
    """Return the batch.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    ...


def outstanding(batch: Batch) -> int:
    """Return how many rows of the batch are rejected still."""
    ...


def list_files(database: Database, roots: Roots, scope: str | None, batch_id: str) -> tuple[QuarantineFile, ...]:
    """Return the batch's diagnostics files, by name.

    Raises:
        Problem: ``NOT_FOUND``: no such batch, or its diagnostics have been removed.
    """
    ...


def open_file(
    database: Database, roots: Roots, scope: str | None, batch_id: str, name: str
) -> AbstractContextManager[BinaryIO]:
    """Open one diagnostics file for streaming.

    Raises:
        Problem: ``NOT_FOUND``: no such batch or file (a name that leads elsewhere is no file of the batch).
    """
    ...


def rejected_rows(
    database: Database, roots: Roots, scope: str | None, batch_id: str, limit: int = 100
) -> Iterator[Json]:
    """Yield the first ``limit`` rejected rows of the batch, each with ``_reject``, ``_filename``, ``_line`` and ``_errors``."""
    ...


@dataclass(frozen=True, slots=True)
class ReplayDesk:
    """What a replay needs."""

    database: Database
    roots: Roots
    clock: Clock
    ids: Ids


def replay(desk: ReplayDesk, scope: str | None, batch_id: str, corrected: BinaryIO, request: ReplayRequest) -> Run:
    """Return the new run that plays ``corrected`` again: rejected rows of the batch, as they were downloaded and then corrected.

    The run has kind ``replay``, is in the group of the batch's run, and ends in a batch of its own; what it accepts is no longer
    counted as rejected in the first one.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: nothing is rejected any more, the batch was not committed, or another replay of it
            has not ended (the message names it); ``MALFORMED``: no JSON lines; ``INVALID``: a row without a ``_reject`` of this batch, or one twice.
    """
    ...
