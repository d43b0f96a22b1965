"""Whether rows fit a table that is there: what it has to gain first, and what cannot be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from deltalake.schema import ArrayType, Field, PrimitiveType, StructType

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.schema import Schema
from headrace.dataplane.lake.types import delta_schema


@dataclass(slots=True)
class _Differences:
    errors: list[FieldError] = field(default_factory=list)
    gains: bool = False

    def add(self, path: str, message: str, hint: str) -> None:
        """Note what cannot be."""
        self.errors.append(FieldError(f"target.{path}", message, hint))


def added_columns(folder: Path, table: DeltaTable, schema: Schema) -> tuple[Field, ...]:
    """Return the columns that the table has to gain before it takes rows of ``schema``: new ones, and those with new fields at any depth.

    Raises:
        Problem: ``TARGET_MISMATCH``: lists every column and field that differs.
    """
    have = {one.name: one for one in table.schema().fields}
    given = delta_schema(schema).fields
    found = _Differences()
    added = []
    for column in given:
        found.gains = False
        _compare_field(column, have, "", found)
        if found.gains:
            added.append(column)
    names = {column.name for column in given}
    for name, column in have.items():
        if not column.nullable and name not in names:
            found.add(name, "is required by the table and missing here", "map it")
    for flat in _flat(have, given):
        hint = "write to a new table; this one was made before there were nested columns"
        found.add(flat, "is a flat column of the table and a field of an object here", hint)
    if found.errors:
        message = f"the table {folder.name!r} cannot take the rows; change what differs, write to another table, or overwrite: "
        raise Problem(Code.TARGET_MISMATCH, message + "; ".join(map(str, found.errors)), tuple(found.errors))
    return tuple(added)


def _flat(have: dict[str, Field], given: list[Field]) -> Iterator[str]:
    """Yield the table's columns whose dotted name is the path of a field here."""
    paths = {path for column in given for path in _paths(column, "")}
    names = {column.name for column in given}
    yield from (name for name in have if "." in name and name in paths and name not in names)


def _paths(column: Field, above: str) -> Iterator[str]:
    path = above + column.name
    yield path
    if isinstance(column.type, StructType):
        for inner in column.type.fields:
            yield from _paths(inner, f"{path}.")


def _compare_field(wanted: Field, have: dict[str, Field], above: str, found: _Differences) -> None:
    path = above + wanted.name
    own = {name.lower(): name for name in have}.get(wanted.name.lower())
    if own is None:
        found.gains = True
    elif own != wanted.name:
        found.add(path, f"is called {own!r} in the table", f"map it to {own!r}")
    else:
        _compare(wanted.type, have[own].type, path, found)


def _compare(wanted: Any, there: Any, path: str, found: _Differences) -> None:
    if isinstance(wanted, StructType) and isinstance(there, StructType):
        have = {one.name: one for one in there.fields}
        for inner in wanted.fields:
            _compare_field(inner, have, f"{path}.", found)
    elif isinstance(wanted, ArrayType) and isinstance(there, ArrayType):
        _compare(wanted.element_type, there.element_type, f"{path}[]", found)
    elif _text(wanted) != _text(there):
        found.add(path, f"is {_text(wanted)} here and {_text(there)} in the table", f"declare it as {_text(there)}")


def _text(type_: Any) -> str:
    """Return a Delta type in the words of column types."""
    if isinstance(type_, StructType):
        return "struct<" + ", ".join(f"{one.name}: {_text(one.type)}" for one in type_.fields) + ">"
    if isinstance(type_, ArrayType):
        return f"list<{_text(type_.element_type)}>"
    return str(json.loads(type_.to_json())) if isinstance(type_, PrimitiveType) else "map"
