"""Settings of the activity kinds that move data; a plan holds them as JSON, ``codec.decode`` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.schema import Schema
from headrace.core.source import FileFormat, FileSource, TableSource
from headrace.core.target import DeltaTarget, RejectRule


@dataclass(frozen=True, slots=True)
class CopySettings:
    """Kind ``copy``: source to landing, bytes as they came (files) or Parquet (tables)."""

    source: FileSource | TableSource
    max_files: int = 25_000
    max_bytes: int = 1_099_511_627_776


@dataclass(frozen=True, slots=True)
class PromoteSettings:
    """Kind ``promote``: landing to accepted and rejected rows, and one commit.

    ``landing`` names the activity whose output is the landing. ``format`` is how landed files are read (tables land as Parquet, whatever
    it says). ``mapping``: target column to *dataprep* expression, in order; empty means every source column under its own name.
    ``schema`` None: the types that the mapping yields. Columns of the schema that no mapping fills are null (or their default).
    """

    landing: str
    target: DeltaTarget
    format: FileFormat = FileFormat()
    mapping: Mapping[str, str] | None = None
    schema: Schema | None = None
    rejects: RejectRule = RejectRule()


@dataclass(frozen=True, slots=True)
class WaitSettings:
    """Kind ``wait``: a durable timer."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ExternalSettings:
    """Kind ``external``: waits until somebody outside completes it, at most ``deadline_seconds``."""

    deadline_seconds: float
