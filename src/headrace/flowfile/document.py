"""What may stand in a flow file: one table, from which files are read and the JSON Schema is made.

Each class is an object of the file; each field's ``doc`` is what an editor shows for it.
"""
# ruff: noqa: RUF009 — every default is a dataclass field made by _say, with its doc line

import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.core.codec import Json
from headrace.core.flow import Policy
from headrace.core.schema import Format
from headrace.core.source import DeltaColumn, FileFormat
from headrace.core.target import WriteMode


def _say(
    doc: str, default: Any = ..., example: Any = None, *, one: bool = False, secret: bool = False, shape: str = ""
) -> Any:
    """Return a field; ``one``: a single text may stand for the list; ``secret``: it never stands in the file itself; ``shape``: its definition
    in the JSON Schema.
    """  # noqa: D205 — the summary names all arguments
    metadata = {"doc": doc, "example": example, "one": one, "secret": secret, "shape": shape}
    return field(metadata=metadata) if default is ... else field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSpec:
    """How to log in to a store or a database. Secrets are written as ${env:NAME} or ${file:PATH}, never in the file itself."""

    endpoint: str | None = _say(
        "s3, az, gs: the server's address; the service's own when left out.", None, "https://minio.example.org:9000"
    )
    region: str | None = _say("s3: the region.", None, "eu-central-1")
    access_key: str | None = _say("s3, gs: the access key's id (gs: of an HMAC key).", None, "${env:S3_ACCESS_KEY}")
    secret_key: str | None = _say("s3, gs: the secret access key.", None, "${env:S3_SECRET_KEY}", secret=True)
    session_token: str | None = _say("s3: the token of temporary keys.", None, secret=True)
    account: str | None = _say("az: the storage account.", None)
    account_key: str | None = _say("az: the account's key.", None, secret=True)
    sas: str | None = _say("az: a shared access signature, in place of the key.", None, secret=True)
    connection_string: str | None = _say("az: account, key and address in one text.", None, secret=True)
    user: str | None = _say("sftp, ftp, databases: the user, where the URL has none.", None)
    password: str | None = _say("sftp, ftp, databases: the password.", None, "${env:DB_PASSWORD}", secret=True)
    private_key: str | None = _say(
        "sftp, snowflake: a private key (its text, not its path).", None, "${file:~/.ssh/id_ed25519}", secret=True
    )
    passphrase: str | None = _say("sftp: what the private key is locked with.", None, secret=True)
    private_key_passphrase: str | None = _say("snowflake: what the private key is locked with.", None, secret=True)
    host_key: str | None = _say(
        "sftp: the fingerprint of the server's key; any is taken when left out.", None, "SHA256:…"
    )
    max_connections: int | str | None = _say("sftp, ftp: most connections at a time.", None)
    tls: bool | str | None = _say("ftp: true for explicit TLS.", None)
    ssl: str | None = _say("mysql: disable, prefer or require.", None)
    encrypt: bool | str | None = _say("mssql: whether the connection is encrypted (true when left out).", None)
    trust_server_certificate: bool | str | None = _say("mssql: take any certificate (false when left out).", None)
    warehouse: str | None = _say("snowflake: the warehouse.", None)
    role: str | None = _say("snowflake: the role.", None)
    schema: str | None = _say("snowflake: where tables without a schema are looked for.", None)
    dataset: str | None = _say("bigquery: where tables without a dataset are looked for.", None)
    key_file_content: str | None = _say(
        "bigquery: the JSON key of a service account.", None, "${file:service-account.json}", secret=True
    )
    client_id: str | None = _say("bigquery: of an OAuth client, with client_secret and refresh_token.", None)
    client_secret: str | None = _say("bigquery: of an OAuth client.", None, secret=True)
    refresh_token: str | None = _say("bigquery: of a user.", None, secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """Where the data come from: files, or a table or query of a database."""

    files: tuple[str, ...] | None = _say(
        "A file, a folder (ends in /) or a pattern (*, ?, [..], ** for any depth), relative to the flow file; "
        "or such a path in a store: s3://bucket/..., az://container/..., gs://bucket/..., sftp://user@host:22/..., ftp://user@host/...; "
        "or a list of them, all in one store.",
        None,
        "data/*.csv.gz",
        one=True,
    )
    recursive: bool = _say("Take the files of folders below, too.", default=False)
    by_modification_time: bool = _say("A run's window selects files by their modification time.", default=False)
    missing_ok: bool = _say("A single named file may be missing; nothing is read then.", default=False)
    format: FileFormat = _say("How the files are read.", FileFormat())
    database: str | None = _say(
        "postgresql://user@host/database, or mysql://, mariadb://, mssql://, snowflake://, bigquery://; write passwords as ${env:NAME}.",
        None,
        "postgresql://${env:DB_LOGIN}@localhost/shop",
    )
    connection: ConnectionSpec | None = _say(
        "How to log in to the store or database: what its URL does not say, and must not.", None
    )
    table: str | None = _say("The table to read: schema.table.", None, "public.orders")
    query: str | None = _say("A query to read, in place of a table; ${parameter} stands for a literal.", None)
    columns: tuple[str, ...] = _say("The columns of the table to read; all when left out.", ())
    where: Mapping[str, Json] | None = _say(
        "Which rows of the table are read: column: value, and more (see Conditions).",
        None,
        {"status": "open"},
        shape="where",
    )
    delta_column: DeltaColumn | None = _say(
        "The column that tells new rows from old ones; a run's window selects by it.", None, "updated_at"
    )
    partition_column: str | None = _say("A number column by which the table is read in parallel.", None)
    partitions: int = _say("How many parts are read in parallel, in one snapshot.", 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSpec:
    """A target column: its type, and what a value must satisfy to be accepted."""

    type: str = _say(
        "string, boolean, integer, long, float, double, decimal(p,s), date, time, timestamp, uuid, binary, json, list<..>, struct<a: ..>; "
        "struct or list alone where further keys describe what is in it.",
        example="timestamp",
    )
    required: bool = _say("Rows without a value are rejected.", default=False)
    enum: tuple[Json, ...] = _say("The values that are allowed.", ())
    format: Format | None = _say("The form of a text.", None)
    pattern: str | None = _say("A regular expression (RE2) that must be found in a text.", None)
    minimum: int | float | str | None = _say("Least value; ISO 8601 text for dates and timestamps.", None)
    maximum: int | float | str | None = _say("Greatest value; ISO 8601 text for dates and timestamps.", None)
    min_length: int | None = _say("Fewest characters.", None)
    max_length: int | None = _say("Most characters.", None)
    default: Json = _say("Stands in for null, before required is looked at.", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectSpec:
    """What happens with rows that are not accepted."""

    at_most: int | float | str = _say(
        "Most rejected rows, in percent; above it the run fails and nothing is committed.", 0, "5%"
    )
    diagnostics: bool = _say("Keep rejected rows with their reasons (else they are only counted).", default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """Where the data go."""

    table: str = _say("A Delta table in the lake: its path there.", example="flights")
    mode: WriteMode = _say("append adds rows; overwrite replaces all rows in the same commit.", WriteMode.APPEND)
    schema: Mapping[str, ColumnSpec] | None = _say(
        "The columns in order: a type, or an object. Keys can be paths: person.name, orders[*].sku.", None
    )
    rejects: RejectSpec = _say("What happens with rows that are not accepted.", RejectSpec())


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivitiesSpec:
    """How often and how long each activity is tried."""

    copy: Policy = _say("Source to landing.", Policy())
    promote: Policy = _say("Landing to target.", Policy())


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A Headrace flow file."""

    name: str = _say("The flow's name; runs of files with the same name belong to the same flow.", example="flights")
    source: SourceSpec = _say("Where the data come from.")
    target: TargetSpec = _say("Where the data go.")
    mapping: Mapping[str, str] | None = _say(
        "Target column, or a path into one (person.name, items[0].sku, a[*].b): expression of the source's columns. "
        "Left out: every column as it is.",
        None,
    )
    parameters: Mapping[str, Json] | None = _say(
        "Names with defaults, used as ${name}; null: has to be given with --param.", None
    )
    concurrency: int | None = _say("Most runs of the flow that go on at once.", None)
    activities: ActivitiesSpec = _say("How often and how long each activity is tried.", ActivitiesSpec())


SHORT_FORMS: Mapping[type, str] = {ColumnSpec: "type", DeltaColumn: "name"}
"""Objects that may be written as a text: the text stands for this field alone."""

FURTHER_DOCS: Mapping[type, Mapping[str, str]] = {
    FileFormat: {
        "type": "What the files contain.",
        "delimiter": "The character between fields.",
        "quote": "The character around fields; empty for none.",
        "escape": "The character before a quote in a field; empty for none.",
        "encoding": "The encoding; a byte order mark is skipped.",
        "header": "The first line names the columns.",
        "columns": "The names of the columns of files without a header.",
        "nulls": "Texts that mean null; an empty field always does.",
        "comment": "Lines that begin with this character are skipped.",
        "skip_lines": "Lines to skip before the header.",
        "layout": "How records stand in a JSON file.",
        "compression": "How the files are packed; auto goes by name and first bytes.",
    },
    DeltaColumn: {
        "name": "The column's name.",
        "format": "How text columns are written, in Java's letters (yyyy-MM-dd HH:mm:ss).",
        "nulls": "What happens to rows in which the column is null.",
        "milliseconds": "Number columns are milliseconds since 1970, not seconds.",
        "lag_seconds": "How far the window's end stays behind the present, for writers that commit late.",
    },
    Policy: {
        "retries": "Further tries after the first.",
        "interval_seconds": "Seconds before the first further try.",
        "backoff": "The pause grows by this factor for each further try.",
        "max_interval_seconds": "Longest pause, in seconds.",
        "timeout_seconds": "Longest that one try may take, in seconds.",
    },
}
"""Doc lines for the classes of the core that stand in the file as they are."""


def hints_of(cls: type) -> Mapping[str, Any]:
    """Return the types of a class' fields; any JSON is ``object``."""
    # ``Json`` is written as text since it refers to itself: its names must be known wherever it is used.
    hints = typing.get_type_hints(cls, localns={"Json": object, "Mapping": Mapping, "Sequence": Sequence})
    return {name: object if is_json(hint) else hint for name, hint in hints.items()}


def is_json(hint: Any) -> bool:
    """Say whether a type stands for any JSON."""
    return any(typing.get_origin(part) is Sequence for part in typing.get_args(hint))
