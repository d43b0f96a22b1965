"""A flow file's document to a flow of the core: copy, then promote."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from headrace.core.codec import Json, JsonObject, encode
from headrace.core.destination import destination_type
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Activity, Dependency, Flow, Plan, Policy
from headrace.core.ids import derived_uuid
from headrace.core.schema import Column, ColumnType, Kind, Schema
from headrace.core.settings import CopySettings, PromoteSettings
from headrace.core.source import FileFormat, FileSource, TableSource
from headrace.core.target import DeltaTarget, RejectRule
from headrace.dataplane.expressions import fault_of
from headrace.flowfile.document import ColumnSpec, Document, SourceSpec
from headrace.flowfile.shapes import columns_of, read_type
from headrace.service.connections import ConnectionDraft

SCOPE = "local"
"""The scope of everything that flow files bring."""
COPY = "copy"
PROMOTE = "promote"

_LATER_STORES: Mapping[str, str] = {
    "s3": "Amazon S3", "gs": "Google Cloud Storage", "gcs": "Google Cloud Storage", "az": "Azure Blob Storage",
    "abfs": "Azure Data Lake", "abfss": "Azure Data Lake", "azure": "Azure Blob Storage", "sftp": "SFTP", "ftp": "FTP",
    "http": "HTTP", "https": "HTTP",
}  # fmt: skip
_DATABASES = {"postgresql": "postgres", "postgres": "postgres", "mysql": "mysql", "mssql": "sqlserver"}
"""The kind of connection that a URL's scheme stands for, of databases whose URL says all that is needed."""
_LATER_DATABASES = ("mariadb", "sqlserver", "sqlite", "snowflake", "bigquery", "oracle")
_WILDCARD = re.compile(r"[*?\[]")
_TABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_NUMBERS = {Kind.INTEGER, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}
_TIMES = {Kind.DATE, Kind.TIME, Kind.TIMESTAMP}


@dataclass(slots=True)
class Findings:
    """What is wrong in a document, each with its code."""

    found: list[tuple[Code, FieldError]] = field(default_factory=list)

    def add(self, path: str, message: str, hint: str = "", code: Code = Code.INVALID) -> None:
        """Add one error at ``path``."""
        self.found.append((code, FieldError(path, message, hint)))

    def add_problem(self, path: str, problem: Problem) -> None:
        """Add a problem's message at ``path``, or its fields below ``path``."""
        fields = problem.fields or (FieldError("", problem.message),)
        for error in fields:
            below = f"{path}.{error.path}" if path and error.path else path or error.path
            self.found.append((problem.code, FieldError(below, error.message, error.hint)))


@dataclass(frozen=True, slots=True)
class Compiled:
    """The flow, and the connection that its plan names, if any."""

    flow: Flow
    connection: ConnectionDraft | None


def compile_document(document: Document, directory: Path, labels: JsonObject, findings: Findings) -> Compiled | None:
    """Return the flow of ``document``; None: something is wrong, and stands in ``findings``. Relative paths begin at ``directory``."""
    before = len(findings.found)
    connection = _connection(document, findings)
    source = _source(document.source, connection, directory, findings)
    schema = _schema(document, findings)
    rejects = _rejects(document, findings)
    _check_rest(document, schema, findings)
    if source is None or rejects is None or len(findings.found) > before:
        return None
    promote = PromoteSettings(
        landing=COPY,
        target=DeltaTarget(document.target.table, document.target.mode),
        format=document.source.format,
        mapping=document.mapping,
        schema=schema,
        rejects=rejects,
    )
    policies = document.activities
    plan = Plan(
        (
            Activity(COPY, COPY, _settings(CopySettings(source)), policy=policies.copy),
            Activity(PROMOTE, PROMOTE, _settings(promote), (Dependency(COPY),), policies.promote),
        )
    )
    flow = Flow(
        id=derived_uuid("flow", SCOPE, document.name),
        scope=SCOPE,
        name=document.name,
        plan=plan,
        concurrency=document.concurrency,
        labels=labels,
    )
    return Compiled(flow, connection)


def _settings(settings: CopySettings | PromoteSettings) -> Mapping[str, Json]:
    encoded = encode(settings)
    return encoded if isinstance(encoded, Mapping) else {}


def _source(
    spec: SourceSpec, connection: ConnectionDraft | None, directory: Path, findings: Findings
) -> FileSource | TableSource | None:
    if (spec.files is None) == (spec.database is None):
        findings.add("source", "give either files or a database", "exactly one of files and database")
        return None
    if spec.files is not None:
        for name in ("table", "query", "columns", "delta_column", "partition_column"):
            if getattr(spec, name):
                findings.add(f"source.{name}", f"{name} belongs to a database", "files have none")
        return _files(spec, spec.files, directory, findings)
    for name in ("recursive", "by_modification_time", "missing_ok"):
        if getattr(spec, name):
            findings.add(f"source.{name}", f"{name} belongs to files", "a database has none")
    if spec.format != FileFormat():
        findings.add("source.format", "format belongs to files", "a database has none")
    if connection is None or connection.id is None:
        return None
    try:
        return TableSource(
            connection.id,
            spec.table,
            spec.query,
            spec.columns,
            spec.delta_column,
            spec.partition_column,
            spec.partitions,
        )
    except Problem as problem:
        findings.add_problem("source", problem)
        return None


def _files(spec: SourceSpec, files: tuple[str, ...], directory: Path, findings: Findings) -> FileSource | None:
    paths = [_path(text, findings) for text in files]
    if not files:
        findings.add("source.files", "the list is empty", "at least one path")
    known = [_split_path(path, directory) for path in paths if path is not None]
    if not known or None in paths:
        return None
    root = Path(os.path.commonpath([folder for folder, _ in known]))
    first, *also = [_below(root, folder, rest) for folder, rest in known]
    return FileSource(
        root="file://" + quote(str(root)),
        path=first,
        recursive=spec.recursive,
        by_modification_time=spec.by_modification_time,
        missing_ok=spec.missing_ok,
        also=tuple(also),
    )


def _below(root: Path, folder: Path, rest: str) -> str:
    between = folder.relative_to(root).as_posix()
    return rest if between == "." else f"{between}/{rest}"


def _path(files: str, findings: Findings) -> str | None:
    """Return the path of this machine that ``files`` is; None: it is something else, which stands in the findings."""
    scheme = files.split("://", 1)[0].lower() if "://" in files else ""
    if scheme in _LATER_STORES:
        message = f"{scheme}:// is not supported yet: {_LATER_STORES[scheme]} comes with a later release"
        findings.add("source.files", message, "give a path of this machine", Code.UNSUPPORTED)
        return None
    if scheme in (*_DATABASES, *_LATER_DATABASES):
        findings.add(
            "source.files", f"{scheme}:// is a database", f"write database: {scheme}://… with table: or query:"
        )
        return None
    if scheme not in ("", "file"):
        findings.add("source.files", f"{scheme}:// is not known", "a path, or file:///…")
        return None
    path = unquote(urlsplit(files).path) if scheme else files
    if not path or "\0" in path or (scheme and not path.startswith("/")):
        findings.add("source.files", f"{files!r} names no file", "a path, or file:///…")
        return None
    return path


def _split_path(path: str, directory: Path) -> tuple[Path, str]:
    """Return the folder that a path begins in, absolute, and what is selected there (empty: every file of the folder)."""
    *folders, name = path.split("/")
    literal = 0
    while literal < len(folders) and not _WILDCARD.search(folders[literal]):
        literal += 1
    root = Path("/".join(folders[:literal]) or ("/" if path.startswith("/") else "."))
    return (directory / root.expanduser()).resolve(), "/".join([*folders[literal:], name])


def _connection(document: Document, findings: Findings) -> ConnectionDraft | None:
    url = document.source.database
    if url is None:
        return None
    path = "source.database"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        findings.add(path, "this is no URL", "postgresql://user:password@host:5432/database")
        return None
    if parts.scheme in _LATER_DATABASES:
        message = f"{parts.scheme}:// is not supported yet; it comes with a later release"
        findings.add(path, message, "postgresql://…", Code.UNSUPPORTED)
        return None
    if parts.scheme not in _DATABASES or not parts.path.strip("/"):
        # The URL is not repeated: it may hold a password.
        findings.add(path, "this is no URL of a database", "postgresql://user:password@host:5432/database")
        return None
    # Neither name nor password are part of the id: a new password is no reason to copy again.
    place = f"{host}:{port}{parts.path}?{parts.query}"
    return ConnectionDraft(
        scope=SCOPE,
        name=f"{document.name}: {host or 'localhost'}{parts.path}",
        kind=_DATABASES[parts.scheme],
        url=url,
        id=derived_uuid("flowfile-connection", SCOPE, document.name, place),
    )


def _schema(document: Document, findings: Findings) -> Schema | None:
    if document.target.schema is None:
        return None
    columns = columns_of(
        document.target.schema,
        lambda key, name, spec: _column(key, name, spec, findings),
        lambda key, problem: findings.add_problem(f"target.schema.{key}", problem),
    )
    try:
        return Schema(columns)
    except Problem as problem:
        findings.add("target.schema", problem.message, problem.fields[0].hint if problem.fields else "")
        return None


def _column(key: str, name: str, spec: ColumnSpec, findings: Findings) -> Column:
    path = f"target.schema.{key}"
    try:
        column_type = read_type(spec.type)
    except Problem as problem:
        findings.add(f"{path}.type", problem.message)
        column_type = ColumnType(Kind.JSON)
    kind = column_type.kind
    for rule in ("minimum", "maximum"):
        bound = getattr(spec, rule)
        if isinstance(bound, bool) or (isinstance(bound, str) and kind in _NUMBERS):
            findings.add(f"{path}.{rule}", f"{bound!r} is no number", f"the column is {column_type}")
        elif isinstance(bound, int | float) and kind in _TIMES:
            findings.add(f"{path}.{rule}", f"{bound} is no {kind}", 'ISO 8601 text in quotes, such as "2013-01-01"')
        elif bound is not None and kind not in _NUMBERS | _TIMES and kind is not Kind.JSON:
            findings.add(f"{path}.{rule}", f"a {column_type} has no {rule}", "numbers, dates and times have one")
    for rule in ("format", "pattern", "min_length", "max_length"):
        if getattr(spec, rule) is not None and kind not in {Kind.STRING, Kind.JSON}:
            findings.add(f"{path}.{rule}", f"a {column_type} has no {rule}", "only string columns have one")
    fault = "" if spec.pattern is None else fault_of(spec.pattern)
    if fault:
        findings.add(f"{path}.pattern", f"{spec.pattern!r} is no RE2 regular expression: {fault}")
    return Column(
        name=name,
        type=column_type,
        required=spec.required,
        enum=spec.enum,
        format=spec.format,
        pattern=spec.pattern,
        minimum=spec.minimum,
        maximum=spec.maximum,
        min_length=spec.min_length,
        max_length=spec.max_length,
        default=spec.default,
    )


def _rejects(document: Document, findings: Findings) -> RejectRule | None:
    spec, path = document.target.rejects, "target.rejects.at_most"
    try:
        percent = (
            float(spec.at_most.strip().removesuffix("%")) if isinstance(spec.at_most, str) else float(spec.at_most)
        )
        return RejectRule(percent, spec.diagnostics)
    except ValueError:
        findings.add(path, f"{spec.at_most!r} is no percentage", "such as 5% or 0.1")
    except Problem as problem:
        findings.add(path, problem.message, "0% to 100%")
    return None


def _check_rest(document: Document, schema: Schema | None, findings: Findings) -> None:
    if not document.name.strip() or len(document.name) > 200 or not document.name.isprintable():
        findings.add("name", f"{document.name!r} is no name", "1 to 200 printable characters")
    if not _TABLE.fullmatch(document.target.table):
        hint = "letters, digits, _, - and . in segments separated by /"
        findings.add("target.table", f"{document.target.table!r} is no path in the lake", hint)
    if document.concurrency is not None and document.concurrency < 1:
        findings.add("concurrency", f"{document.concurrency} runs could never start", "1 or more")
    if schema is not None:
        for name in document.mapping or {}:
            _check_destination(name, schema, findings)
    for name, policy in ((COPY, document.activities.copy), (PROMOTE, document.activities.promote)):
        _check_policy(f"activities.{name}", policy, findings)


def _check_destination(name: str, schema: Schema, findings: Findings) -> None:
    try:
        if destination_type(schema.by_name, name) is None:
            findings.add(f"mapping.{name}", f"the schema has no column {name!r}", "add it under target.schema")
    except Problem as problem:
        hint = problem.fields[0].hint if problem.fields else ""
        findings.add(f"mapping.{name}", problem.message, hint or "add it under target.schema")


def _check_policy(path: str, policy: Policy, findings: Findings) -> None:
    rules = (
        ("retries", 0 <= policy.retries <= 100, "0 to 100"),
        ("interval_seconds", 0 <= policy.interval_seconds <= 86_400, "0 to 86400"),
        ("backoff", 1 <= policy.backoff <= 10, "1 to 10"),
        ("max_interval_seconds", 0 <= policy.max_interval_seconds <= 86_400, "0 to 86400"),
        ("timeout_seconds", policy.timeout_seconds is None or 0 < policy.timeout_seconds <= 31_536_000, "more than 0"),
    )
    for name, good, hint in rules:
        if not good:
            findings.add(f"{path}.{name}", f"{getattr(policy, name)} is out of range", hint)
