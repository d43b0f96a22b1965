"""JSON files as a relation: one object on each line, an array of objects, or one object.

A broken line is one unreadable row; a broken document is a fault of its file. Every key that occurs in any object is a column. Its type follows
from all of its values: true and false, whole numbers, numbers, text; what is nested or of several kinds stays JSON. Numbers keep what they
say: whole ones over 64 bits and those with more than 15 digits are decimals.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileFormat, JsonLayout
from headrace.dataplane.json_arrays import is_closed
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.columnar import duckdb_type
from headrace.dataplane.promotion.inspection import RESERVED, Inspector, unique_names
from headrace.dataplane.promotion.reading import Opened, Scan, Source, line_of, read_csv
from headrace.dataplane.promotion.session import Session, identifier, literal

_LINES = FileFormat(delimiter="\x01", quote="", escape="", header=False, columns=("json",))
"""Lines as delimited text: a control character can stand in no valid JSON."""
_ROW = "\u0001row"
_VALID = "CASE WHEN json_valid(json) THEN json_type(json) = 'OBJECT' ELSE false END"
_HEAD = 64 * 1024
_EXACT_DIGITS = 15
_LARGEST = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class _Lines:
    """Readers of one shape of files."""

    files: tuple[Opened, ...]
    function: str
    stores_rejects: bool
    numbered: bool


def open_json(
    session: Session, settings: PromoteSettings, files: Iterator[tuple[str, Path, int | None]], *, exactly: bool
) -> Source:  # fmt: skip
    """Return the source that JSON files are.

    Raises:
        Problem: ``SOURCE_EMPTY``, ``SOURCE_UNREADABLE`` (a broken document), ``LIMIT_EXCEEDED`` (columns, row length).
    """
    format_ = replace(_LINES, encoding=settings.format.encoding)
    inspector = Inspector(format_, session.limits, session.work, session.context.cancellation, exactly)
    readers: dict[tuple[object, ...], list[Opened]] = {}
    for number, (name, path, modified_at) in enumerate(files):
        size = path.stat().st_size
        if size == 0:
            raise Problem(Code.SOURCE_EMPTY, f"{name!r} has 0 bytes")
        layout = _layout(settings.format.layout, path)
        if layout == "lines":
            looked = inspector.inspect(name, path, number)
            shape: tuple[object, ...] = (layout, looked.skip, looked.crlf, looked.has_long_rows, looked.repaired)
            opened = Opened(name, looked.path, size, modified_at, looked.records, looked, line_of(looked))
        else:
            text = inspector.as_utf8(path, number)
            rows = _count(session, name, text, layout)
            shape, opened = (layout,), Opened(name, text, size, modified_at, rows, first_line=1)
        readers.setdefault(shape, []).append(opened)
    found = [
        _lines(session, replace(settings, format=format_), str(shape[0]), group) for shape, group in readers.items()
    ]
    return _typed(session, found)


def _layout(wanted: JsonLayout, path: Path) -> str:
    """Return ``lines``, ``array``, or ``unstructured`` for one object over several lines."""
    with path.open("rb") as stream:
        head = stream.read(_HEAD).lstrip(b"\xef\xbb\xbf \t\r\n")
    if wanted is JsonLayout.LINES:
        return "lines"
    if head[:1] == b"[":
        return "array"
    if wanted is JsonLayout.ARRAY:
        return "unstructured"
    first, _, rest = head.partition(b"\n")
    try:
        json.loads(first)
    except ValueError:
        # A broken first line of many, or the first line of one object?
        return "lines" if not rest or rest.lstrip()[:1] == b"{" else "unstructured"
    return "lines"


def _objects(session: Session, files: list[Path], layout: str) -> str:
    paths = ", ".join(literal(str(path)) for path in files)
    return f"read_json_objects([{paths}], format = '{layout}', maximum_object_size = {_object_size(session.limits)}"


def _object_size(limits: Limits) -> int:
    # DuckDB holds several buffers of twice this size.
    return min(limits.max_row_bytes, 16 * 1024 * 1024)


def _count(session: Session, name: str, path: Path, layout: str) -> int:
    if layout == "array" and not is_closed(path):
        raise Problem(Code.SOURCE_UNREADABLE, f"{name!r} is no valid JSON document: its array does not end with a ]")
    try:
        return int(session.one(f"SELECT count(*) FROM {_objects(session, [path], layout)})"))
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].replace(str(path), name)
        raise Problem(Code.SOURCE_UNREADABLE, f"{name!r} is no valid JSON document: {reason}") from error


def _lines(session: Session, settings: PromoteSettings, layout: str, group: list[Opened]) -> _Lines:
    looked = group[0].delimited
    if looked is None:
        return _Lines(tuple(group), _objects(session, [file.path for file in group], layout), False, False)
    return _Lines(tuple(group), read_csv(session, settings, group, looked), True, looked.repaired)


def _typed(session: Session, found: list[_Lines]) -> Source:
    objects = " UNION ALL ".join(
        f"SELECT CASE WHEN {_VALID} THEN CAST(json AS JSON) END AS json FROM {lines.function}"
        f"{', ignore_errors = true' if lines.stores_rejects else ''})"
        for lines in found
    )
    structure = session.one(f"SELECT json_group_structure(json) FROM ({objects})")
    keys = json.loads(structure) if structure else {}
    keys = keys if isinstance(keys, dict) else {}
    if len(keys) > session.limits.max_columns:
        message = (
            f"the objects have {len(keys):,} different keys, more than {session.limits.max_columns:,} (max_columns)"
        )
        raise Problem(Code.LIMIT_EXCEEDED, message)
    types = _types(session, objects, keys)
    names = unique_names([key or "empty" for key in keys], RESERVED)
    columns = {name: types[key] for name, key in zip(names, keys, strict=True)}
    read = {name: duckdb_type(type_) for name, type_ in columns.items()}
    by_key = {key: read[name] for name, key in zip(names, keys, strict=True)}
    alone = _clashing(by_key)
    together = json.dumps({key: kind for key, kind in by_key.items() if key not in alone}, ensure_ascii=False)
    projection = {
        name: _value(key, by_key[key]) if key in alone else f"struct_extract({identifier(_ROW)}, {literal(key)})"
        for name, key in zip(names, keys, strict=True)
    }
    prepared = f"CASE WHEN {_VALID} THEN json_transform(json, {literal(together)}) END AS {identifier(_ROW)}"
    corrupt = f"CASE WHEN NOT {_VALID} THEN CAST(json AS VARCHAR) END"
    scans = tuple(
        Scan(
            lines.files,
            names,
            lines.function,
            stores_rejects=lines.stores_rejects,
            numbered=lines.numbered,
            projection=projection,
            prepared=prepared if together != "{}" else "",
            corrupt=corrupt,
        )
        for lines in found
    )
    return Source(scans, columns, read, _LINES.delimiter)


def _clashing(keys: Mapping[str, str]) -> frozenset[str]:
    """Return keys that differ from an earlier one by case only, which fields of one struct cannot."""
    seen: set[str] = set()
    clashing = set()
    for key in keys:
        if key.lower() in seen or not key:
            clashing.add(key)
        seen.add(key.lower())
    return frozenset(clashing)


def _value(key: str, kind: str) -> str:
    """Return SQL of one key's value, for keys that have no place in the common struct."""
    if not key:
        return f"CASE WHEN {_VALID} THEN json_extract_string(json, {_path(key)}) END"
    wanted = literal(json.dumps({key: kind}, ensure_ascii=False))
    return f"struct_extract(CASE WHEN {_VALID} THEN json_transform(json, {wanted}) END, {literal(key)})"


def _types(session: Session, objects: str, keys: Mapping[str, object]) -> dict[str, ColumnType]:
    """Return the types of the keys; numbers and mixed ones are looked at once more."""
    simple = {"BOOLEAN": Kind.BOOLEAN, "BIGINT": Kind.LONG, "VARCHAR": Kind.STRING, "NULL": Kind.STRING}
    types = {key: ColumnType(simple.get(str(kind), Kind.JSON)) for key, kind in keys.items()}
    numbers = [key for key, kind in keys.items() if kind in ("UBIGINT", "DOUBLE")]
    mixed = [key for key, kind in keys.items() if kind == "JSON"]
    asked = [_widest(key) for key in numbers] + [
        f"bool_or(json_type(json, {_path(key)}) IN ('OBJECT', 'ARRAY'))" for key in mixed
    ]
    answers = iter(session.rows(f"SELECT {', '.join(asked)} FROM ({objects})")[0] if asked else ())
    for key in numbers:
        types[key] = _number(str(keys[key]), next(answers))
    for key in mixed:
        types[key] = ColumnType(Kind.JSON if next(answers) else Kind.STRING)
    return types


def _widest(key: str) -> str:
    """Return SQL of [largest size, most significant digits, whether every number is a DECIMAL(38,18)]."""
    exact = _value(key, "DECIMAL(38,18)")
    digits = f"length(ltrim(regexp_replace(rtrim(CAST({exact} AS VARCHAR), '0'), '[^0-9]', '', 'g'), '0'))"
    given = f"json_type(json, {_path(key)}) NOT IN ('NULL')"
    return (
        f"[CAST(max(abs({exact})) > {_LARGEST} AS INTEGER), max({digits}), "
        f"CAST(bool_and(NOT {given} OR {exact} IS NOT NULL) AS INTEGER)]"
    )


def _number(kind: str, answer: list[int | None]) -> ColumnType:
    large, digits, exact = answer
    if kind == "UBIGINT":
        return ColumnType(Kind.DECIMAL, 20, 0) if large else ColumnType(Kind.LONG)
    if (digits or 0) > _EXACT_DIGITS and exact:
        return ColumnType(Kind.DECIMAL, 38, 18)
    return ColumnType(Kind.DOUBLE)


def _path(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{escaped}"')
