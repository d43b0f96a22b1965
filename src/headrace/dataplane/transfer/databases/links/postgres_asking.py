"""Statements and procedures on PostgreSQL, with parameters, and rows of what can stand in no other query."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from headrace.dataplane.connectors.databases.dialect import doubled
from headrace.dataplane.connectors.databases.postgres import DIALECT
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError
from headrace.dataplane.transfer.databases.links.named import PERCENT, marked
from headrace.dataplane.transfer.databases.links.plain import answer_of
from headrace.dataplane.transfer.databases.links.postgres_tables import field_of
from headrace.dataplane.transfer.values import Field

_FETCHED = 5_000
_OPAQUE = rf"\b[eE]'(?:[^'\\]|\\.|'')*'|{DIALECT.opaque}|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$"
_AS_TEXT = ("date", "timestamp", "timestamptz", "json", "jsonb")
"""Types whose values are left as text: there are dates that Python has not, and documents are not looked into."""


def ask(connection: psycopg.Connection[Any], text: str, values: Sequence[Given], most_rows: int) -> list[Answer]:
    """Execute one or more statements; return the result of each."""
    # Values are written into the text by the driver: the server takes several statements at once only without parameters of its own.
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(*_bound(text, values))
        answers = [answer_of(cursor, most_rows)]
        while cursor.nextset():
            answers.append(answer_of(cursor, most_rows))
        return answers


def called(connection: psycopg.Connection[Any], procedure: str, values: Sequence[Given]) -> tuple[str, bool]:
    """Return the statement that calls a procedure, or a function, with its parameters in the order in which they are given; and whether it is one."""
    with psycopg.ClientCursor(connection) as cursor:
        name, is_function = _found(cursor, procedure)
        places = ", ".join(["%s"] * len(values))
        statement = f"SELECT * FROM {name}({places})" if is_function else f"CALL {name}({places})"
        return cursor.mogrify(statement.encode(), [one.value for one in values]), is_function


def call(
    connection: psycopg.Connection[Any], procedure: str, values: Sequence[Given], most_rows: int
) -> tuple[list[Answer], dict[str, Any]]:
    """Call a procedure, or a function, whose rows are its result."""
    statement, is_function = called(connection, procedure, values)
    with connection.cursor() as cursor:
        cursor.execute(statement.encode())
        answer = answer_of(cursor, max(1, most_rows))
    outputs = {one.name: None for one in values if one.output}
    if is_function or not outputs or not answer.rows:
        return [answer], dict(outputs)
    by_name: Mapping[str, Any] = {
        field.name.lower(): value for field, value in zip(answer.fields, answer.rows[0], strict=True)
    }
    in_order = dict(zip(outputs, answer.rows[0], strict=False))
    return [], {name: by_name.get(name.lstrip("@:").lower(), in_order.get(name)) for name in outputs}


def _found(cursor: psycopg.Cursor[Any], procedure: str) -> tuple[str, bool]:
    """Return the quoted name of a procedure, and whether it is a function."""
    parts = DIALECT.table(procedure)
    if parts is None:
        raise LinkError(Fault.PROCEDURE, f"{procedure!r} is no name of a procedure")
    schema, name = parts
    for one in dict.fromkeys((name, name.lower())):
        cursor.execute(
            "SELECT p.prokind::text, n.nspname::text FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
            f"WHERE p.proname = {doubled(one)} AND ".encode()
            + (f"n.nspname = {doubled(schema)}" if schema else "pg_function_is_visible(p.oid)").encode()
        )
        found = cursor.fetchone()
        if found is not None:
            quoted = ".".join(DIALECT.quoted(part) for part in (schema or str(found[1]), one))
            return quoted, str(found[0]) != "p"
    raise LinkError(Fault.PROCEDURE, f"there is no procedure or function {procedure!r}")


def stream(connection: psycopg.Connection[Any], text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
    """Yield the rows of a statement as they come."""
    with connection.cursor() as cursor:
        for name in _AS_TEXT:
            cursor.adapters.register_loader(name, TextLoader)
        rows: list[tuple[Any, ...]] = []
        told = False
        for row in cursor.stream(text.encode()):
            rows.append(row)
            if len(rows) == _FETCHED:
                yield _fields(cursor), rows
                rows, told = [], True
        if rows or (not told and cursor.description):
            yield _fields(cursor), rows


def _fields(cursor: psycopg.Cursor[Any]) -> tuple[Field, ...]:
    fields = []
    for column in cursor.description or ():
        known = cursor.adapters.types.get(column.type_code)
        digits = f"numeric({column.precision},{column.scale})" if column.precision and column.scale is not None else ""
        is_array = known is not None and known.array_oid == column.type_code
        fields.append(
            field_of(
                column.name, known.name if known and not is_array else "text", digits or (known.name if known else "")
            )
        )
    return tuple(fields)


def _bound(text: str, values: Sequence[Given]) -> tuple[bytes, dict[str, Any] | None]:
    known = {one.name.lstrip("@:"): one.value for one in values}
    if not known:
        return text.encode(), None
    found = marked(text, frozenset(known), _OPAQUE, PERCENT, lambda piece: piece.replace("%", "%%"))
    if not found.names:
        return text.encode(), None
    return found.text.encode(), {name: known[name] for name in found.names}
