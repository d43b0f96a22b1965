"""Settings of the activity kinds that move data; a plan holds them as JSON, ``codec.decode`` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.schema import Schema
from headrace.core.source import Compression, FileFormat, FileSource, TableSource
from headrace.core.target import DeltaTarget, RejectRule
from headrace.core.upload import UploadedFile


@dataclass(frozen=True, slots=True)
class CopySettings:
    """Kind ``copy``: source to landing, bytes as they came (files) or Parquet (tables).

    ``packed``: what files are packed with, if they are to be unpacked once to see that they are whole; they land as they came all the same.
    """

    source: FileSource | TableSource
    max_files: int = 25_000
    max_bytes: int = 1_099_511_627_776
    packed: Compression = Compression.NONE


@dataclass(frozen=True, slots=True)
class PromoteSettings:
    """Kind ``promote``: landing to accepted and rejected rows, and one commit.

    ``landing`` names the activity whose output is the landing. ``format`` is how landed files are read (tables land as Parquet, whatever
    it says). ``mapping``: destination (a target column, or a path into one: ``core.destination``) to *dataprep* expression, in order; empty
    means every source column at the place of its own name.
    ``schema`` None: the types that the mapping yields. Columns of the schema that no mapping fills are null (or their default).
    ``batch_id``: the id of the batch, where it was settled before (uploads); None: one that follows from run and activity.
    ``absent_is_null``: a field that expressions name and that no row of the source has is null, not a mistake in the mapping.
    """

    landing: str
    target: DeltaTarget
    format: FileFormat = FileFormat()
    mapping: Mapping[str, str] | None = None
    schema: Schema | None = None
    rejects: RejectRule = RejectRule()
    batch_id: str | None = None
    absent_is_null: bool = False


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Kind ``upload``: files that a client has sent become a landing. ``folder`` is the upload's, below the folder of uploads."""

    folder: str
    files: tuple[UploadedFile, ...]


@dataclass(frozen=True, slots=True)
class RevertSettings:
    """Kind ``revert``: batches are taken back out of the table that they were committed to. ``files``: theirs, relative to the table's root."""

    table: str
    batches: tuple[str, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """Kind ``wait``: a durable timer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """Kind ``external``: waits until somebody outside completes it, at most ``deadline_seconds``."""

    deadline_seconds: float
