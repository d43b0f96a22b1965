"""Uploads: batches whose files a client sends itself, and how every batch stands in the catalog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.run import BatchStatus, RunStatus

OF_UPLOADS = "uploads"
"""In the place of a flow's id in runs that promote uploads or take batches back: no flow has made them, and no list of runs shows them."""


class UploadState(StrEnum):
    """Statuses of an upload; what becomes of a loaded one is its run's affair."""

    LOADING = "loading"
    """Files may arrive."""
    LOADED = "loaded"
    """All files are there, and a run has been asked for."""
    FAILED = "failed"
    """Given up before a run was asked for."""
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A batch whose files a client sends. ``id`` is that of the batch that it becomes; ``table`` is the target's place in the lake.

    ``body`` are the door's own facts (how files are to be read, tags, who asked).
    """

    id: str
    scope: str
    dataset: str
    table: str
    created_at: Instant
    updated_at: Instant
    state: UploadState = UploadState.LOADING
    run_id: str | None = None
    body: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file of an upload: ``file`` is its name in the upload's folder, ``name`` what the client calls it."""

    file: str
    name: str
    bytes: int
    modified_at: Instant


class Standing(StrEnum):
    """How a batch stands: an upload before it is one, a batch while its rows count, and afterwards."""

    LOADING = "loading"
    LOADED = "loaded"
    STAGING = "staging"
    COMMITTED = "committed"
    FAILED = "failed"
    ABORTED = "aborted"
    REVERTED = "reverted"
    """Its rows were taken back out of the table."""


STANDING_OF_BATCH: Mapping[BatchStatus, Standing] = {
    BatchStatus.STAGING: Standing.STAGING,
    BatchStatus.COMMITTED: Standing.COMMITTED,
    BatchStatus.FAILED: Standing.FAILED,
    BatchStatus.ABORTED: Standing.ABORTED,
}
"""How a batch stands that was not taken back."""
STANDING_OF_RUN: Mapping[RunStatus, Standing] = {
    RunStatus.QUEUED: Standing.LOADED,
    RunStatus.RUNNING: Standing.STAGING,
    RunStatus.WAITING: Standing.STAGING,
    RunStatus.CANCELLING: Standing.STAGING,
    RunStatus.SUCCEEDED: Standing.COMMITTED,
    RunStatus.FAILED: Standing.FAILED,
    RunStatus.CANCELLED: Standing.ABORTED,
}
"""How an upload stands whose run has made no batch yet."""
