"""Reading a flow file: text, parameters, document, flow; all that is wrong is told at once, with its place in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.codec import Json, decode
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Flow
from headrace.core.ids import derived_uuid
from headrace.core.target import WriteMode
from headrace.flowfile.compiling import SCOPE, compile_document
from headrace.flowfile.connections import SECRETS, WRITE, has_password, is_outside
from headrace.flowfile.document import Document
from headrace.flowfile.findings import Findings
from headrace.flowfile.parameters import Interpolation, declared
from headrace.flowfile.shapes import read_type
from headrace.flowfile.yamltext import MAX_BYTES, Text, parse
from headrace.language.dataprep import check_calls, split_each
from headrace.language.dataprep import parse as parse_expression
from headrace.service.connections import ConnectionDraft

__all__ = ["SCOPE", "FlowFile", "load", "read"]


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A flow file that was read and found good.

    ``flow`` has the scope ``local`` and an id that always belongs to its name. ``connections`` are to be put before the flow is run; they hold
    secrets. ``parameters``: the value of every declared parameter. ``takes_window``: whether a run's window selects anything.
    ``watermark``: the key under which runs without a window go on from where the last one ended; None: each reads everything. It is another key
    when the source or the target is another, and an overwritten table has none, since it would keep the newest rows only.
    """

    flow: Flow
    connections: tuple[ConnectionDraft, ...] = field(default=(), repr=False)
    parameters: Mapping[str, Json] = field(default_factory=dict)
    takes_window: bool = False
    watermark: str | None = None


def load(
    path: Path,
    parameters: Mapping[str, Json] | None = None,
    environment: Mapping[str, str] | None = None,
    remembered: Mapping[str, Json] | None = None,
) -> FlowFile:
    """Return the flow file ``path``. ``parameters``: values given for this time (texts are read as the default's type).

    ``environment`` is what ``${env:NAME}`` of a connection is looked up in, and the customary variables of object stores.
    ``remembered`` are an earlier run's parameters: they stand in for defaults, and those that the file no longer declares do not count.

    Raises:
        Problem: ``NOT_FOUND``, ``MALFORMED``, ``LIMIT_EXCEEDED``: the file cannot be read. ``UNKNOWN_FIELD``, ``INVALID``,
            ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION``, ``EXPRESSION_TYPE``, ``UNSUPPORTED``:
            all that is wrong in it, each as ``file:line:column: what (what would be right)``;
            ``INVALID`` when the errors have different codes.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise Problem(Code.NOT_FOUND, f"there is no file {str(path)!r}") from None
    except OSError as error:
        raise Problem(Code.NOT_FOUND, f"{str(path)!r} cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(raw) > MAX_BYTES:
            text = raw.decode("utf-8", "replace")
        else:
            message = f"{path} is not UTF-8 text (byte {error.start + 1})"
            raise Problem(Code.MALFORMED, message) from None
    return read(text, parameters, environment, remembered, path=path)


def read(
    text: str,
    parameters: Mapping[str, Json] | None = None,
    environment: Mapping[str, str] | None = None,
    remembered: Mapping[str, Json] | None = None,
    *,
    path: Path,
) -> FlowFile:
    """Return the flow file with this ``text``; ``path`` is its name in messages, and its folder is where relative paths begin.

    Raises:
        Problem: as ``load``, but for ``NOT_FOUND``.
    """
    yaml = parse(text, str(path))
    findings = Findings()
    errors: list[FieldError] = []
    known = _object(yaml.value, "parameters")
    kept = {name: value for name, value in (remembered or {}).items() if name in known}
    values = declared(yaml.value, {**kept, **(parameters or {})}, errors)
    full = path.resolve()
    interpolation = Interpolation(values, environment or {}, full.parent, errors)
    _check_secrets(yaml.value, interpolation)
    raw = _expand(interpolation.apply(yaml.value))
    _check_texts(raw, findings)
    document = _decode(raw, findings)
    labels: Mapping[str, Json] = {"flow_file": str(full), "parameters": dict(values)}
    compiled = (
        None if document is None else compile_document(document, full.parent, labels, environment or {}, findings)
    )
    # What a reference that leads nowhere left behind is no further error.
    broken = {error.path for error in errors}
    findings.found = [(code, error) for code, error in findings.found if error.path not in broken]
    findings.found += [(Code.INVALID, error) for error in errors]
    if compiled is None or document is None or findings.found or yaml.errors:
        raise _problem(yaml, findings)
    source, connection = document.source, compiled.connection
    takes_window = source.by_modification_time or source.delta_column is not None
    goes_on = takes_window and document.target.mode is WriteMode.APPEND
    return FlowFile(
        compiled.flow,
        () if connection is None else (connection,),
        values,
        takes_window,
        _watermark(document, connection, full.parent) if goes_on else None,
    )


def _watermark(document: Document, connection: ConnectionDraft | None, directory: Path) -> str:
    """Return the key of what is read, and where to: another place, query, condition or table is another one."""
    source = document.source
    place: tuple[object, ...] | None = source.files
    if connection is not None and source.files is not None:
        place = (connection.id, source.files)
    elif connection is not None:
        place = (connection.id, source.table, source.query, source.delta_column)
        place += () if source.where is None else (source.where,)
    return derived_uuid("watermark", str(directory) if connection is None else "", repr(place), document.target.table)


def _expand(raw: Json) -> Json:
    """Return the document with short forms written out: a column that is a type, a delta column that is a name, files that are one text."""
    if not isinstance(raw, Mapping):
        return raw
    result = dict(raw)
    source, target = _object(raw, "source"), _object(raw, "target")
    if isinstance(source.get("delta_column"), str):
        source = {**source, "delta_column": {"name": source["delta_column"]}}
    if isinstance(source.get("files"), str | int | float):
        source = {**source, "files": [source["files"]]}
    if source:
        result["source"] = source
    if isinstance(target.get("schema"), Mapping):
        columns = {
            name: {"type": spec} if isinstance(spec, str) else spec for name, spec in _object(target, "schema").items()
        }
        result["target"] = {**target, "schema": columns}
    return result


def _check_secrets(raw: Json, interpolation: Interpolation) -> None:
    """Refuse secrets that stand in the file; the errors stand in the place of all others at their paths, which could repeat them."""
    source = _object(raw, "source")
    errors = interpolation.errors
    connection = source.get("connection")
    if connection is not None and not isinstance(connection, Mapping):
        errors.append(FieldError("source.connection", "expected an object", "such as {password: ${env:NAME}}"))
    message = "a secret never stands in the flow file itself, nor in a parameter, which the ledger shows"
    errors.extend(
        FieldError(f"source.connection.{name}", message, WRITE)
        for name, value in _object(source, "connection").items()
        if name in SECRETS and value is not None and not is_outside(value)
    )
    database, files = source.get("database"), source.get("files")
    if isinstance(database, str) and has_password(interpolation.filled_in(database)):
        errors.append(FieldError("source.database", message, f"{WRITE} in the password's place"))
    for text in [files] if isinstance(files, str) else files if isinstance(files, list) else ():
        if isinstance(text, str) and has_password(interpolation.filled_in(text)):
            errors.append(FieldError("source.files", message, "connection: {password: ${env:NAME}}"))


def _check_texts(raw: Json, findings: Findings) -> None:
    """Look at expressions and types, which are texts to the decoder, even when the document has other errors."""
    for column, expression in _object(raw, "mapping").items():
        if isinstance(expression, str):
            try:
                for part in split_each(expression, "element") or (expression,):
                    check_calls(parse_expression(part))
            except Problem as problem:
                findings.add(f"mapping.{column}", problem.message, code=problem.code)
    for column, spec in _object(_object(raw, "target"), "schema").items():
        text = spec.get("type") if isinstance(spec, Mapping) else None
        if isinstance(text, str):
            try:
                read_type(text)
            except Problem as problem:
                findings.add(f"target.schema.{column}.type", problem.message)


def _object(raw: Json, name: str) -> Mapping[str, Json]:
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _decode(raw: Json, findings: Findings) -> Document | None:
    try:
        return decode(Document, raw, what="the flow file")
    except Problem as problem:
        for error in problem.fields:
            code = Code.UNKNOWN_FIELD if error.message.startswith("unknown field") else Code.INVALID
            findings.found.append((code, _with_hint(error)))
        return None


def _with_hint(error: FieldError) -> FieldError:
    if error.path == "source.where":
        return FieldError(error.path, "expected an object of columns", "such as {status: open}")
    return error


def _problem(yaml: Text, findings: Findings) -> Problem:
    codes = {code for code, _ in findings.found} | ({Code.INVALID} if yaml.errors else set())
    code = codes.pop() if len(codes) == 1 else Code.INVALID
    fields = [*yaml.errors, *(yaml.locate(error) for _, error in findings.found)]
    return Problem.of_fields(code, yaml.origin, tuple(sorted(dict.fromkeys(fields), key=_in_order)))


def _in_order(error: FieldError) -> tuple[int, int]:
    parts = error.path.rsplit(":", 2)
    return (int(parts[1]), int(parts[2])) if len(parts) == 3 and parts[1].isdigit() and parts[2].isdigit() else (0, 0)
