"""Top-level properties of JSON objects: which there are, and the type that all values of each have.

true and false → BOOLEAN; whole numbers → INT64, or DECIMAL(38,0) where one is larger, or STRING beyond that; other numbers → DOUBLE, or STRING
where one is too large for that or is a whole one that a DOUBLE would round; text → STRING; scalars of several kinds → STRING; an object or an
array among them → DOCUMENT; nothing but nulls → STRING.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN
from headrace.dataplane.transfer.session import TransferSession, identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType

_FIRST = 1000
"""Objects that are looked at for the order of their properties; those found later are in order of their names."""
_NUMBERS = frozenset({"BIGINT", "UBIGINT", "DOUBLE"})
_NESTED = frozenset({"OBJECT", "ARRAY"})
_EXACT = 1 << 53
_LENIENT = r",\s*[}\]]|[:\[,]\s*-?[NnIi][AaNn]"
"""A comma before the end, and what is no number: DuckDB takes both. Texts may look so, too."""


@dataclass(frozen=True, slots=True)
class Found:
    """What is in the objects of a file.

    ``faults``: elements that are no objects, or have a property twice. ``doubtful``: some of the text may be what DuckDB takes although it
    is no JSON.
    """

    fields: tuple[Field, ...] = ()
    faults: bool = False
    doubtful: bool = False


_NARROW = 50
"""Properties up to which one query asks for the kinds of each in a column of its own. DuckDB takes minutes for a thousand such columns, and breaks
the process with three thousand."""


def look_into(session: TransferSession, scan: str, check: Callable[[int], None]) -> Found:
    """Return what is in all objects of ``scan``, a relation with the column ``json``.

    ``check`` is told how many properties there are before they are looked into: a query with too many holds up the whole process.

    Raises:
        Problem: what ``check`` says.
        duckdb.Error: the file is no valid JSON.
    """
    keys = "CASE WHEN json_type(json) = 'OBJECT' THEN json_keys(json) END"
    # Lists of keys are few, as a rule, and objects many.
    lists = f"SELECT DISTINCT {keys} AS k FROM {scan}"
    wrong = "bool_or(k IS NULL OR len(k) <> list_unique(k))"
    faults, found = session.rows(f"SELECT {wrong}, list_distinct(flatten(list(k))) FROM ({lists})")[0]
    if faults:
        return Found(faults=True)
    known = set(found or ())
    # DuckDB has no columns without a name; such a property is in the document only.
    known.discard("")
    check(len(known))
    ordered = dict.fromkeys(key for key in _first_keys(session, scan) if key in known)
    names = [*ordered, *sorted(known - set(ordered))]
    return _typed(session, scan, names)


def projected(scan: str, found: Found) -> str:
    """Return the relation of fields and documents of ``scan``."""
    kinds = {field.name: _read_as(field) for field in found.fields}
    alone = _clashing(list(kinds))
    together = {name: kind for name, kind in kinds.items() if name not in alone}
    columns = [
        f"{_as(kind, _value(name, kind) if name in alone else f'row.{identifier(name)}')} AS {identifier(name)}"
        for name, kind in kinds.items()
    ]
    columns.append(f"CAST(json AS VARCHAR) AS {identifier(DOCUMENT_COLUMN)}")
    inner = scan
    if together:
        structure = literal(json.dumps(together, ensure_ascii=False))
        inner = f"(SELECT json, json_transform(json, {structure}) AS row FROM {scan})"
    return f"(SELECT {', '.join(columns)} FROM {inner})"


def _as(kind: str, value: str) -> str:
    return f"CAST({value} AS VARCHAR)" if kind == "JSON" else value


def _first_keys(session: TransferSession, scan: str) -> list[str]:
    found = session.rows(f"SELECT json_keys(json) FROM {scan} LIMIT {_FIRST}")
    return [key for (keys,) in found for key in keys]


def _typed(session: TransferSession, scan: str, names: Sequence[str]) -> Found:
    doubtful = f"bool_or(regexp_matches(CAST(json AS VARCHAR), {literal(_LENIENT)}))"
    if not names:
        return Found(doubtful=bool(session.one(f"SELECT {doubtful} FROM {scan}")))
    paths = ", ".join(_path(name) for name in names)
    if len(names) <= _NARROW:
        each = ", ".join(f"list(DISTINCT t[{at}])" for at in range(1, len(names) + 1))
        asked = f"SELECT {doubtful}, {each} FROM (SELECT json, json_type(json, [{paths}]) AS t FROM {scan})"
        is_doubtful, *answers = session.rows(asked)[0]
    else:
        is_doubtful = session.one(f"SELECT {doubtful} FROM {scan}")
        pairs = f"SELECT unnest(range({len(names)})) AS place, unnest(json_type(json, [{paths}])) AS kind FROM {scan}"
        by_place = dict(session.rows(f"SELECT place, list(DISTINCT kind) FROM ({pairs}) GROUP BY place"))
        answers = [by_place.get(at) for at in range(len(names))]
    kinds = {name: frozenset(found or ()) - {None, "NULL"} for name, found in zip(names, answers, strict=True)}
    numbers = {name: found for name, found in kinds.items() if found and found <= _NUMBERS}
    sizes = _sizes(session, scan, numbers)
    fields = tuple(_field(name, kinds[name], sizes.get(name)) for name in names)
    return Found(fields, doubtful=bool(is_doubtful))


def _sizes(session: TransferSession, scan: str, kinds: Mapping[str, frozenset[str]]) -> Mapping[str, "_Sizes"]:
    sizes: dict[str, _Sizes] = {}
    items = list(kinds.items())
    for begin in range(0, len(items), _NARROW):
        sizes |= _sizes_of_few(session, scan, dict(items[begin : begin + _NARROW]))
    return sizes


def _sizes_of_few(session: TransferSession, scan: str, kinds: Mapping[str, frozenset[str]]) -> Mapping[str, "_Sizes"]:
    # Most columns are plain whole numbers or plain fractions, and that is quickly seen.
    unusual = [
        f"TRY_CAST(n[{at}] AS BIGINT) IS NULL"
        if _is_whole(found)
        else f"NOT contains(n[{at}], '.') OR contains(lower(n[{at}]), 'e')"
        for at, found in enumerate(kinds.values(), 1)
    ]
    answers = _any(
        session, scan, list(kinds), [f"n[{at}] IS NOT NULL AND ({one})" for at, one in enumerate(unusual, 1)]
    )
    sizes = {name: _Sizes(fraction=not _is_whole(found)) for name, found in kinds.items()}
    rare = [name for name, answer in zip(kinds, answers, strict=True) if answer]
    if rare:
        whole = "regexp_full_match({n}, '-?[0-9]+')"
        conditions = (
            f"NOT {whole}",
            f"{whole} AND TRY_CAST({{n}} AS BIGINT) IS NULL",
            f"{whole} AND TRY_CAST({{n}} AS DECIMAL(38,0)) IS NULL",
            f"{whole} AND coalesce(abs(TRY_CAST({{n}} AS HUGEINT)) > {_EXACT}, true)",
            "coalesce(NOT isfinite(TRY_CAST({n} AS DOUBLE)), true)",
        )
        asked = [
            f"n[{at}] IS NOT NULL AND {condition.replace('{n}', f'n[{at}]')}"
            for at in range(1, len(rare) + 1)
            for condition in conditions
        ]
        found = iter(_any(session, scan, rare, asked))
        sizes.update({name: _Sizes(*(next(found) for _ in conditions)) for name in rare})
    return sizes


def _any(session: TransferSession, scan: str, names: Sequence[str], conditions: Sequence[str]) -> list[bool]:
    """Return which conditions hold for any object; ``n[1]`` in them is the text of the first property."""
    paths = ", ".join(_path(name) for name in names)
    asked = ", ".join(f"bool_or({condition})" for condition in conditions)
    answers = session.rows(f"SELECT {asked} FROM (SELECT json_extract_string(json, [{paths}]) AS n FROM {scan})")[0]
    return [bool(answer) for answer in answers]


def _is_whole(kinds: frozenset[str]) -> bool:
    return "DOUBLE" not in kinds


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Of a property whose values are numbers: whether there is one of each kind."""

    fraction: bool
    beyond_long: bool = False
    beyond_decimal: bool = False
    """More than 38 digits."""
    rounded: bool = False
    """A whole one that a DOUBLE need not hold exactly."""
    beyond_double: bool = False


def _field(name: str, kinds: frozenset[str], sizes: _Sizes | None) -> Field:
    if kinds & _NESTED:
        return Field(name, ValueType.DOCUMENT)
    if sizes is None:
        return Field(name, ValueType.BOOLEAN if kinds == {"BOOLEAN"} else ValueType.STRING)
    if sizes.fraction:
        return Field(name, ValueType.STRING if sizes.rounded or sizes.beyond_double else ValueType.DOUBLE)
    if sizes.beyond_decimal:
        return Field(name)
    return Field(name, ValueType.DECIMAL, 38, 0) if sizes.beyond_long else Field(name, ValueType.INT64)


def _read_as(field: Field) -> str:
    return "JSON" if field.type is ValueType.DOCUMENT else field.sql


def _clashing(names: Sequence[str]) -> frozenset[str]:
    """Return names that differ from an earlier one by case only, which fields of one struct cannot."""
    seen: set[str] = set()
    clashing = set()
    for name in names:
        if name.lower() in seen:
            clashing.add(name)
        seen.add(name.lower())
    return frozenset(clashing)


def _value(name: str, kind: str) -> str:
    """Return SQL of a property that has no place in the common struct."""
    wanted = literal(json.dumps({name: kind}, ensure_ascii=False))
    return f"struct_extract(json_transform(json, {wanted}), {literal(name)})"


def _path(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{escaped}"')
