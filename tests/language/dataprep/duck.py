"""A DuckDB connection on which tests run compiled expressions, and the reader of the case files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from headrace.core.schema import STRING, ColumnType, Kind, parse_type
from headrace.dataplane.promotion.natives import register
from headrace.language.dataprep import Compiled, cast_sql, compile_expression
from headrace.language.dataprep.natives import NATIVES

CASES = Path(__file__).parent / "cases"
FAILED = "!"
JSON = ColumnType(Kind.JSON)
_NESTED = {Kind.STRUCT, Kind.LIST, Kind.JSON}
_TEXTUAL = {Kind.TIMESTAMP, Kind.DATE, Kind.TIME, Kind.UUID, Kind.DECIMAL}
_SQL_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "timestamp": "TIMESTAMPTZ",
}


@cache
def connect() -> duckdb.DuckDBPyConnection:
    """Return the connection of all tests, as the data plane sets it up: UTC, ICU loaded, the language's own functions known."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "threads": "1"})
    connection.execute("LOAD icu")
    connection.execute("SET TimeZone = 'UTC'")
    for native in NATIVES.values():
        register(connection, native)
    return connection


@dataclass(frozen=True)
class Case:
    """One expression of a case file with its rows; ``refused`` is what the refusal's message must contain."""

    name: str
    expression: str
    types: Mapping[str, ColumnType]
    rows: tuple[tuple[Mapping[str, Any], Any], ...]
    refused: tuple[str, str] | None


def read_cases() -> Iterator[Case]:
    """Yield the cases of all files.

    ``== expression`` begins a case; ``types: {"a": "long"}`` says the columns' types (else all are strings); ``{"a": "1"} -> 1`` is a
    row (of a JSON column the JSON itself) and its value as JSON, ``-> !`` a transform error; ``refused: code: words`` is a refusal.
    """
    for path in sorted(CASES.glob("*.txt")):
        blocks = ("\n" + path.read_text()).split("\n== ")[1:]
        for number, block in enumerate(blocks, 1):
            expression, *lines = block.split("\n")
            yield _case(
                f"{path.stem}:{number}:{expression}",
                expression,
                [line for line in lines if line.strip() and line[0] != "#"],
            )


def _case(name: str, expression: str, lines: Sequence[str]) -> Case:
    types: dict[str, ColumnType] = {}
    rows: list[tuple[Mapping[str, Any], Any]] = []
    refused = None
    for line in lines:
        if line.startswith("types:"):
            types = {column: parse_type(text) for column, text in json.loads(line.removeprefix("types:")).items()}
        elif line.startswith("refused:"):
            code, _, words = line.removeprefix("refused:").partition(":")
            refused = (code.strip(), words.strip())
        else:
            row, _, expected = line.rpartition(" -> ")
            rows.append((json.loads(row or "{}"), FAILED if expected.strip() == FAILED else json.loads(expected)))
    for column in {column for row, _ in rows for column in row} - set(types):
        types[column] = STRING
    return Case(name, expression, types, tuple(rows), refused)


def evaluate(
    connection: duckdb.DuckDBPyConnection,
    expression: str,
    types: Mapping[str, ColumnType],
    rows: Sequence[Mapping[str, Any]],
) -> list[Any]:
    """Return the value of an expression for every row, with ``FAILED`` for a transform error.

    Instants and decimals are text; objects and lists are as Python has them.
    """
    compiled = compile_expression(expression, types)
    return run(connection, compiled, types, rows)


def run(
    connection: duckdb.DuckDBPyConnection,
    compiled: Compiled,
    types: Mapping[str, ColumnType],
    rows: Sequence[Mapping[str, Any]],
) -> list[Any]:
    """Return the values of a compiled expression for every row, as ``evaluate``."""
    names = list(types)
    quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in ["#", *names])
    casts = ", ".join(["CAST(? AS BIGINT)", *(f"CAST(? AS {sql_name(types[name])})" for name in names)])
    values = ", ".join(f"({casts})" for _ in rows)
    parameters = [
        value
        for number, row in enumerate(rows)
        for value in [number, *(_bound(row.get(name), types[name]) for name in names)]
    ]
    shown, nested = compiled.sql, compiled.type is not None and compiled.type.kind in _NESTED
    if compiled.type is not None and compiled.type.kind in _TEXTUAL | _NESTED:
        shown = cast_sql(compiled.sql, compiled.type, JSON if nested else STRING).sql
    query = f'SELECT {shown}, {compiled.error or "false"} FROM (VALUES {values}) AS source({quoted}) ORDER BY "#"'
    found = []
    for value, failed in connection.execute(query, parameters).fetchall():
        assert failed is not None
        assert not (failed and value is not None)
        found.append(FAILED if failed else json.loads(value) if nested and value is not None else value)
    return found


def _bound(value: Any, type_: ColumnType) -> Any:
    return json.dumps(value, ensure_ascii=False) if type_.kind is Kind.JSON and value is not None else value


def sql_name(type_: ColumnType) -> str:
    """Return DuckDB's name of a type of the case files."""
    if type_.kind is Kind.STRUCT:
        return "STRUCT(" + ", ".join(f'"{field.name}" {sql_name(field.type)}' for field in type_.fields) + ")"
    if type_.kind is Kind.LIST and type_.element is not None:
        return sql_name(type_.element) + "[]"
    return _SQL_TYPES.get(str(type_), str(type_))
