"""A flow file's document to a flow of the core: copy, then promote."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.core.codec import Json, JsonObject, encode
from headrace.core.destination import destination_type
from headrace.core.errors import Problem
from headrace.core.flow import Activity, Dependency, Flow, Plan, Policy
from headrace.core.ids import derived_uuid
from headrace.core.schema import Column, ColumnType, Kind, Schema
from headrace.core.settings import CopySettings, PromoteSettings
from headrace.core.source import FileFormat, FileSource, TableSource
from headrace.core.target import DeltaTarget, RejectRule
from headrace.dataplane.expressions import fault_of
from headrace.flowfile.conditions import condition_of
from headrace.flowfile.databases import database_of
from headrace.flowfile.document import ColumnSpec, Document, SourceSpec
from headrace.flowfile.filepaths import Selected, selected
from headrace.flowfile.findings import Findings
from headrace.flowfile.shapes import columns_of, read_type
from headrace.flowfile.stores import Login, store_of
from headrace.service.connections import ConnectionDraft

SCOPE = "local"
"""The scope of everything that flow files bring."""
COPY = "copy"
PROMOTE = "promote"

_TABLE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_NUMBERS = {Kind.INTEGER, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}
_TIMES = {Kind.DATE, Kind.TIME, Kind.TIMESTAMP}


@dataclass(frozen=True, slots=True)
class Compiled:
    """The flow, and the connection that its plan names, if any."""

    flow: Flow
    connection: ConnectionDraft | None


def compile_document(
    document: Document, directory: Path, labels: JsonObject, environment: Mapping[str, str], findings: Findings
) -> Compiled | None:
    """Return the flow of ``document``; None: something is wrong, and stands in ``findings``.

    Relative paths begin at ``directory``; ``environment`` is where the customary variables of object stores are looked up.
    """
    before = len(findings.found)
    source, connection = _source(document, directory, environment, findings)
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
    document: Document, directory: Path, environment: Mapping[str, str], findings: Findings
) -> tuple[FileSource | TableSource | None, ConnectionDraft | None]:
    """Return the source, and the connection that it needs, if any; what is wrong stands in ``findings``."""
    spec = document.source
    if (spec.files is None) == (spec.database is None):
        findings.add("source", "give either files or a database", "exactly one of files and database")
        return None, None
    if spec.database is not None:
        connection = database_of(SCOPE, document.name, spec.database, spec.connection, findings)
        return _table(spec, connection, findings), connection
    chosen, connection = selected(spec.files or (), directory, findings), None
    if chosen is not None and chosen.kind != "local":
        connection = store_of(SCOPE, document.name, chosen, Login(spec.connection, environment), findings)
    elif chosen is not None and spec.connection is not None:
        findings.add("source.connection", "files of this machine need no connection", "s3://bucket/… and others do")
    return _files(spec, chosen, connection, findings), connection


def _table(spec: SourceSpec, connection: ConnectionDraft | None, findings: Findings) -> TableSource | None:
    for name in ("recursive", "by_modification_time", "missing_ok"):
        if getattr(spec, name):
            findings.add(f"source.{name}", f"{name} belongs to files", "a database has none")
    if spec.format != FileFormat():
        findings.add("source.format", "format belongs to files", "a database has none")
    where = None if spec.where is None else condition_of(spec.where, findings)
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
            where,
        )
    except Problem as problem:
        findings.add_problem("source", problem)
        return None


def _files(
    spec: SourceSpec, chosen: Selected | None, connection: ConnectionDraft | None, findings: Findings
) -> FileSource | None:
    for name in ("table", "query", "columns", "where", "delta_column", "partition_column"):
        if getattr(spec, name):
            findings.add(f"source.{name}", f"{name} belongs to a database", "files have none")
    if chosen is None:
        return None
    return FileSource(
        root=chosen.root,
        path=chosen.paths[0],
        recursive=spec.recursive,
        by_modification_time=spec.by_modification_time,
        missing_ok=spec.missing_ok,
        connection=None if connection is None else connection.id,
        also=chosen.paths[1:],
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
