"""What is asked for: a source, a sink, how columns are mapped, and what may be left out. Evaluated, secrets opened: never stored, never logged."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.values import ValueType


class StoreType(StrEnum):
    """What kind of store files lie in, as far as it is told differently of."""

    FOLDER = "folder"
    OBJECTS = "objects"
    SFTP = "sftp"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class Place:
    """A root that files lie below.

    ``connection`` None: the directory of this machine that ``root`` (``file:///…``) names, already checked to be allowed. ``label``: what the door
    calls the type of the store (``AzureBlobStorage``), for reports.
    """

    type: StoreType
    connection: ConnectionInfo | None = None
    root: str = ""
    label: str = ""


class Packing(StrEnum):
    """How the bytes of a file are packed from outside."""

    NONE = "none"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    DEFLATE = "deflate"
    ZIP = "zip"
    TAR = "tar"
    TAR_GZIP = "tar_gzip"


@dataclass(frozen=True, slots=True)
class Pack:
    """Packing of files. ``fastest``: the least effort when packing. ``own_folder``: members of an archive lie in a folder named after it."""

    type: Packing = Packing.NONE
    fastest: bool = False
    own_folder: bool = True


# Formats. Each has a module in ``formats/`` of the same name.


@dataclass(frozen=True, slots=True)
class Delimited:
    """Lines of cells. ``row_delimiter`` empty: any of CRLF, LF, CR when read; CRLF when written. ``quote`` empty: no quoting.

    ``extension`` (with the dot), ``quote_all`` are for writing, ``skip_lines`` for reading.
    """

    delimiter: str = ","
    row_delimiter: str = ""
    encoding: str = "utf-8"
    quote: str = '"'
    escape: str = "\\"
    header: bool = False
    null: str = ""
    skip_lines: int = 0
    quote_all: bool = False
    extension: str = ".txt"


@dataclass(frozen=True, slots=True)
class Documents:
    """JSON. ``array``: written as one array, else one object a line."""

    encoding: str = "utf-8"
    array: bool = False


@dataclass(frozen=True, slots=True)
class Parquet:
    """``codec``: none, gzip, snappy, lz4 or zstd; for writing."""

    codec: str = "snappy"


@dataclass(frozen=True, slots=True)
class Orc:
    """``codec``: none, zlib, snappy, lz4; for writing."""

    codec: str = "none"


@dataclass(frozen=True, slots=True)
class Avro:
    """``codec``: none, deflate, snappy, bzip2, zstd; names of the record; all for writing."""

    codec: str = "none"
    level: int | None = None
    record_name: str = ""
    record_namespace: str = ""


@dataclass(frozen=True, slots=True)
class Workbook:
    """Excel, read only. ``sheet``: a name, or a number from 0. ``cells``: ``A3:H5`` or ``A3``; empty: from the first cell that is not empty."""

    sheet: str | int = 0
    cells: str = ""
    header: bool = False
    null: str = ""


@dataclass(frozen=True, slots=True)
class Markup:
    """XML, read only. ``validation``: none, xsd or dtd. ``prefixes``: namespace URI → prefix."""

    encoding: str = "utf-8"
    null: str = ""
    validation: str = "none"
    detect_types: bool = True
    namespaces: bool = True
    prefixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bytes:
    """No format: bytes as they are."""


Format = Delimited | Documents | Parquet | Orc | Avro | Workbook | Markup | Bytes


# Sources


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files of a place are meant (contract 9.3), in order of precedence.

    ``folder`` and ``file`` are those of the dataset, relative to the place. ``list_path``: a text file with one path a line, relative to ``folder``.
    ``prefix`` None: not given. Wildcards: ``*``, ``?`` (zero or one), ``^`` escapes. ``modified_from`` ≤ modification time < ``modified_until``.
    """

    folder: str = ""
    file: str = ""
    list_path: str = ""
    prefix: str | None = None
    wildcard_folder: str | None = None
    wildcard_file: str | None = None
    recursive: bool = True
    modified_from: Instant | None = None
    modified_until: Instant | None = None


class Added(StrEnum):
    """What an additional column has."""

    LITERAL = "literal"
    FILE_PATH = "file_path"
    """The path of the row's file, relative to the dataset's folder."""
    COLUMN = "column"
    """What another column of the source has; ``value`` is its name."""


@dataclass(frozen=True, slots=True)
class AddedColumn:
    """A column that the source has besides its own."""

    name: str
    kind: Added
    value: str = ""


@dataclass(frozen=True, slots=True)
class Login:
    """How requests to a service prove who sends them.

    ``kind``: anonymous, basic, digest, certificate (``certificate`` is PKCS#12, with ``password``), oauth2 (client credentials at ``token_url``).
    ``headers`` are sent always.
    """

    kind: str = "anonymous"
    user: str = ""
    password: str = field(default="", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    token_url: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    scope: str = ""
    resource: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool = True


@dataclass(frozen=True, slots=True)
class HttpRequestOptions:
    """How files are fetched from an HTTP server: one request, whose answer is the file."""

    method: str = "GET"
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    timeout_seconds: float = 100.0
    login: Login = Login()


@dataclass(frozen=True, slots=True)
class FilesSource:
    """Files of a store. ``http``: for ``StoreType.HTTP`` only.

    ``partition_root`` None: no columns from folders; empty: from those below the default root (contract 9.3).
    """

    place: Place
    choice: Choice
    format: Format
    pack: Pack = Pack()
    partition_root: str | None = None
    delete_after: bool = False
    http: HttpRequestOptions | None = None
    connections: int | None = None


class Partitioning(StrEnum):
    """How a read of a table is split."""

    NONE = "none"
    PHYSICAL = "physical"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class RangeSplit:
    """``column`` empty: the primary key. Bounds None: read with MIN and MAX; they set the stride, and do not filter."""

    kind: Partitioning = Partitioning.NONE
    column: str = ""
    lower: str | None = None
    upper: str | None = None
    parts: int = 4


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a statement or a procedure. ``type`` is the door's word, in lower case; ``direction``: input, output, inputoutput."""

    name: str
    value: Json = None
    type: str = "string"
    direction: str = "input"
    size: int | None = None


@dataclass(frozen=True, slots=True)
class QuerySource:
    """A table (``schema`` may be empty), a query, or a procedure that gives rows: exactly one of them. ``label``: as in ``Place``."""

    connection: ConnectionInfo = field(repr=False)
    schema: str = ""
    table: str = ""
    query: str = ""
    procedure: str = ""
    parameters: tuple[Parameter, ...] = ()
    isolation: str = ""
    """``read_committed``, ``read_uncommitted``, ``repeatable_read``, ``serializable``, ``snapshot``; empty: the database's default."""
    timeout_seconds: float | None = None
    split: RangeSplit = RangeSplit()
    label: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSource:
    """An HTTP service that answers in JSON, page by page (contract 9.7). ``pagination``: the rules as the door has them."""

    url: str
    login: Login = Login()
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)
    pagination: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = 100.0
    pause_seconds: float = 0.0
    label: str = "RestService"


Source = FilesSource | QuerySource | ServiceSource


# Sinks


class Arrangement(StrEnum):
    """How several source files become files of the sink."""

    PRESERVE = "preserve"
    FLATTEN = "flatten"
    MERGE = "merge"


@dataclass(frozen=True, slots=True)
class FilesSink:
    """Files of a store. ``file`` empty: named after what they come from (contract 9.4). ``max_rows`` a file, with names from ``prefix``."""

    place: Place
    format: Format
    folder: str = ""
    file: str = ""
    arrangement: Arrangement = Arrangement.PRESERVE
    pack: Pack = Pack()
    max_rows: int | None = None
    prefix: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    block_bytes: int | None = None
    temporary_name: bool = True
    connections: int | None = None


class TableMode(StrEnum):
    """How rows get into a table."""

    INSERT = "insert"
    UPSERT = "upsert"
    PROCEDURE = "procedure"


@dataclass(frozen=True, slots=True)
class TableSink:
    """A table of a database. ``keys`` empty: the primary key, for upserts.

    ``transactional``: all rows in one transaction, else each batch in one of its own.
    ``interim_schema`` and ``interim_temporary``: where the rows of an upsert are gathered.
    """

    connection: ConnectionInfo = field(repr=False)
    schema: str = ""
    table: str = ""
    mode: TableMode = TableMode.INSERT
    keys: tuple[str, ...] = ()
    before: str = ""
    """A script that is run once, before the first row."""
    create: bool = False
    batch_rows: int | None = None
    batch_timeout_seconds: float | None = None
    transactional: bool = False
    lock_table: bool = False
    interim_schema: str = ""
    interim_temporary: bool = True
    procedure: str = ""
    procedure_type: str = ""
    procedure_parameter: str = ""
    procedure_parameters: tuple[Parameter, ...] = ()
    label: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSink:
    """An HTTP service that takes JSON arrays of ``batch_rows`` objects."""

    url: str
    login: Login = Login()
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    batch_rows: int = 10_000
    timeout_seconds: float = 100.0
    pause_seconds: float = 0.0
    gzip: bool = False
    label: str = "RestService"


Sink = FilesSink | TableSink | ServiceSink


# Mapping


@dataclass(frozen=True, slots=True)
class End:
    """One end of a mapped column: exactly one of ``name``, ``ordinal`` (from 1) and ``path`` (a JSONPath)."""

    name: str = ""
    ordinal: int = 0
    path: str = ""
    type: ValueType | None = None
    culture: str = ""
    format: str = ""
    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """One column of the sink, and what it comes from."""

    source: End
    sink: End


@dataclass(frozen=True, slots=True)
class Conversion:
    """How values become values of another type (contract 9.8). Formats are .NET's; empty: the default ones."""

    allow_truncation: bool = True
    boolean_as_number: bool = False
    datetime_format: str = ""
    datetime_offset_format: str = ""
    timespan_format: str = ""
    date_format: str = ""
    time_format: str = ""
    culture: str = "en-us"


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """How columns are mapped. ``columns`` None: by name. ``collection``: the JSONPath of the array whose elements are the rows; empty: none."""

    columns: tuple[ColumnMapping, ...] | None = None
    collection: str = ""
    complex_to_text: bool = False
    conversion: Conversion = Conversion()


# Tolerance


@dataclass(frozen=True, slots=True)
class SkippedFiles:
    """Which faulty files are left out instead of failing the transfer (bytes of several files only)."""

    missing: bool = True
    forbidden: bool = False
    inconsistent: bool = False
    invalid_name: bool = False


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where a log is written: ``path`` is a folder of ``place``."""

    place: Place
    path: str = ""


@dataclass(frozen=True, slots=True)
class SessionLog:
    """The log of a transfer. ``everything``: every file, else only what is left out. ``reliable``: each line is written out at once."""

    to: LogPlace
    everything: bool = False
    reliable: bool = False


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What may be left out, and where it is told. ``redirect``: refused rows as CSV, the older form of the log."""

    skip_rows: bool = False
    files: SkippedFiles | None = None
    verify: bool = False
    log: SessionLog | None = None
    redirect: LogPlace | None = None


@dataclass(frozen=True, slots=True)
class Transfer:
    """All that is asked for.

    ``parallel`` None: as many slices side by side as are usual. ``retries`` and ``retry_seconds``: of reading a slice and of writing one, each.
    ``asked`` is a digest of the evaluated request: what an earlier try with another digest has finished does not count.
    """

    source: Source
    sink: Sink
    asked: str
    mapping: ColumnMap = ColumnMap()
    added: tuple[AddedColumn, ...] = ()
    tolerance: Tolerance = Tolerance()
    parallel: int | None = None
    source_retries: int = 0
    source_retry_seconds: float = 30.0
    sink_retries: int = 0
    sink_retry_seconds: float = 30.0
    activity: str = ""
    """The activity's name, for names in the log."""
    activity_run: str = ""
    """The id of the activity run, for names of files and logs."""
