"""Statements and procedures on PostgreSQL, with parameters, and rows of what can stand in no other query."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from headrace.dataplane.connectors.databases.dialect import doubled
from headrace.dataplane.connectors.databases.postgres import DIALECT
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError
from headrace.dataplane.transfer.databases.links.named import PERCENT, marked
from headrace.dataplane.transfer.databases.links.plain import answer_of, outputs_in, outputs_of, procedure_parts
from headrace.dataplane.transfer.databases.links.postgres_tables import field_of
from headrace.dataplane.transfer.values import Field

_FETCHED = 5_000
_OPAQUE = rf"\b[eE]'(?:[^'\\]|\\.|'')*'|{DIALECT.opaque}|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$"
_AS_TEXT = ("date", "timestamp", "timestamptz", "json", "jsonb")
"""Types whose values are left as text: there are dates that Python has not, and documents are not looked into."""


def ask(
    connection: psycopg.Connection[Any], text: str, values: Sequence[Given], most_rows: int
) -> tuple[list[Answer], dict[str, Any]]:
    """Execute one or more statements; return the result of each, and the outputs of the last procedure that gives some."""
    outputs = outputs_of(values)
    # Values are written into the text by the driver: the server takes several statements at once only without parameters of its own.
    with psycopg.ClientCursor(connection) as cursor:
        cursor.execute(*_bound(text, values))
        answers: list[Answer] = []
        while True:
            answers.append(answer_of(cursor, most_rows))
            if cursor.statusmessage == "CALL" and outputs:
                outputs = outputs_in(answers[-1], outputs)
            if not cursor.nextset():
                return answers, outputs


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
    outputs = outputs_of(values)
    if is_function or not outputs or not answer.rows:
        return [answer], outputs
    return [], outputs_in(answer, outputs)


def _found(cursor: psycopg.Cursor[Any], procedure: str) -> tuple[str, bool]:
    """Return the quoted name of a procedure, and whether it is a function."""
    schema, name = procedure_parts(DIALECT, procedure)
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
        for row in _streamed(cursor, text):
            rows.append(row)
            if len(rows) == _FETCHED:
                yield _fields(cursor), rows
                rows, told = [], True
        if rows or (not told and cursor.description):
            yield _fields(cursor), rows


def _streamed(cursor: psycopg.Cursor[Any], text: str) -> Iterator[tuple[Any, ...]]:
    try:
        yield from cursor.stream(text.encode())
    except psycopg.ProgrammingError as error:
        # The driver says so of a statement that has no rows: the server itself found nothing wrong.
        if error.sqlstate is not None or "result" not in str(error):
            raise


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
