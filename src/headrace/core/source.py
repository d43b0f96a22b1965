"""Where data come from: files in a store, or a table or query of a database, and how files are read."""

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from headrace.core.condition import Condition
from headrace.core.errors import Code, FieldError, Problem


class FileType(StrEnum):
    """What files contain."""

    DELIMITED = "delimited"
    JSON = "json"
    PARQUET = "parquet"


class JsonLayout(StrEnum):
    """How records stand in a JSON file."""

    AUTO = "auto"
    LINES = "lines"
    ARRAY = "array"


class Compression(StrEnum):
    """How files are packed; ``AUTO`` goes by the name and the first bytes. Archives contribute every contained file."""

    AUTO = "auto"
    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    DEFLATE = "deflate"
    ZIP = "zip"
    TAR = "tar"
    TAR_GZIP = "tar_gzip"


class Encoding(StrEnum):
    """Encodings of delimited files; a byte order mark is skipped, and decides when the encoding is ``UTF_8``."""

    UTF_8 = "utf-8"
    UTF_16 = "utf-16"
    """By its byte order mark; without one, little-endian."""
    UTF_16_LE = "utf-16-le"
    UTF_16_BE = "utf-16-be"
    ISO_8859_1 = "iso-8859-1"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How the bytes of a file become rows.

    Every value of a delimited file is a string. ``nulls`` are the texts that mean null; an empty unquoted field always does.
    ``columns`` names the columns of files without a header. ``skip_lines`` lines are skipped before the header.
    """

    type: FileType = FileType.DELIMITED
    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    encoding: Encoding = Encoding.UTF_8
    header: bool = True
    columns: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    comment: str = ""
    skip_lines: int = 0
    layout: JsonLayout = JsonLayout.AUTO
    compression: Compression = Compression.AUTO

    def __post_init__(self) -> None:
        errors = [
            FieldError(name, f"must be {what}, found {value!r}")
            for name, value, what, good in (
                ("delimiter", self.delimiter, "one character", len(self.delimiter) == 1),
                ("quote", self.quote, "one character, or empty for none", len(self.quote) <= 1),
                ("escape", self.escape, "one character, or empty for none", len(self.escape) <= 1),
                ("comment", self.comment, "one character, or empty for none", len(self.comment) <= 1),
                ("skip_lines", self.skip_lines, "0 or more", self.skip_lines >= 0),
            )
            if not good
        ]
        if self.type is FileType.DELIMITED and self.delimiter in {self.quote, self.comment, "\n", "\r", "\0"}:
            errors.append(FieldError("delimiter", "must differ from quote, comment and line ends"))
        if errors:
            raise Problem.of_fields(Code.INVALID, "the format", tuple(errors))


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files of a store.

    Without a ``connection``, ``root`` is an absolute ``file:///…`` URL of a directory, already checked against the allowed roots by whoever made
    the source, and checked again by whoever opens it. With one (the id of a connection document of a file store: its address and secrets never
    stand in a plan), ``root`` is empty, and what the connection leaves open (a bucket, a container) is the first segment of ``path``.
    ``path`` is relative to the root: a file, a folder (trailing
    ``/`` or ``""``), or a folder with ``*``, ``?`` or ``[…]`` in the file's name (``**`` in a folder's place stands for any depth).
    ``also`` are further such paths; a file that several of them select is taken once. ``recursive`` takes folders below too.
    Where ``by_modification_time`` is set, files are selected whose modification time
    lies in the run's window. ``missing_ok``: whether a single named file may be missing (an empty selection then).
    """

    KIND: ClassVar[str] = "files"

    root: str
    path: str = ""
    recursive: bool = False
    by_modification_time: bool = False
    missing_ok: bool = False
    connection: str | None = None
    also: tuple[str, ...] = ()


class NullPolicy(StrEnum):
    """What happens to rows whose delta column is null, in a window."""

    SKIP = "skip"
    """They are not read, and counted as skipped."""
    INCLUDE = "include"
    """They are read with a window that has no start, and counted as skipped with every other."""
    FAIL = "fail"
    """The copy fails."""


@dataclass(frozen=True, slots=True)
class DeltaColumn:
    """The column that tells new rows from old ones.

    Native timestamp, date and number columns are compared natively; text columns as text in ``format`` (Java letters).
    Numbers are epoch seconds, or milliseconds when ``milliseconds``.
    ``lag_seconds`` keeps the upper bound that far behind the present, for writers that commit late.
    """

    name: str
    format: str | None = None
    nulls: NullPolicy = NullPolicy.INCLUDE
    milliseconds: bool | None = None
    lag_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table or a query of a database.

    ``connection`` is the id of a connection document (its URL and secrets never stand in a plan). Exactly one of ``table``
    (``schema.table``) and ``query`` is given. ``columns`` empty means all. ``where`` takes only the rows that fulfil it, on the database's side,
    before the window. ``partition_column`` and ``partitions`` ask for parallel reads,
    all in one snapshot.
    """

    KIND: ClassVar[str] = "table"

    connection: str
    table: str | None = None
    query: str | None = None
    columns: tuple[str, ...] = ()
    delta: DeltaColumn | None = None
    partition_column: str | None = None
    partitions: int = 1
    where: Condition | None = None

    def __post_init__(self) -> None:
        if (self.table is None) == (self.query is None):
            error = FieldError("table", "give either a table or a query", "exactly one of table and query")
            raise Problem(Code.INVALID, error.message, (error,))
        if self.partitions < 1 or (self.partitions > 1 and self.partition_column is None):
            error = FieldError("partitions", "must be 1 or more, with a partition_column when more than 1")
            raise Problem(Code.INVALID, error.message, (error,))


Source = FileSource | TableSource
