"""Looking into databases: whether one lets us in, which tables and views it has, and the first rows of one."""

import base64
import json
import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.explore import (
    MAX_PLACES,
    MAX_ROWS,
    ListPlaces,
    Peek,
    PeekedColumn,
    PeekTable,
    Place,
    Places,
    PlaceType,
    Where,
)
from headrace.core.schema import Kind
from headrace.core.source import TableSource
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.dialect import Column, Dialect
from headrace.dataplane.connectors.databases.fitting import UnfitError
from headrace.dataplane.connectors.databases.opening import open_database
from headrace.dataplane.connectors.databases.relations import Relation, relation_of
from headrace.dataplane.connectors.databases.session import Session
from headrace.dataplane.exploring.opening import Opening
from headrace.dataplane.limits import Limits

_STATEMENT_SECONDS = 50.0
"""Longest that a statement may run for somebody who waits for its answer: the server stops it, before the process is stopped."""
_PLAIN_NAME = re.compile(r"[^\"`\[\].\s]+")


def check(where: Where, opened: Opening) -> Places:  # noqa: ARG001 — every kind of source is asked alike
    """Connect as a copy would, and leave; return no places.

    Raises:
        Problem: why not, under the code that a copy would have.
    """
    with open_database(_info(opened), _limits(opened), Cancellation()):
        return Places()


def list_places(question: ListPlaces, opened: Opening) -> Places:
    """Return the tables and views outside of system schemas, by schema and name; with a ``folder``, those of that schema.

    Raises:
        Problem: why they cannot be listed.
    """
    schema = question.folder.rstrip("/") or None
    with open_database(_info(opened), _limits(opened), Cancellation()) as session:
        names = sorted(session.tables(schema, None, MAX_PLACES + 1))
        places = (
            Place(PlaceType.TABLE, name, f"{_part(place, session.dialect)}.{_part(name, session.dialect)}")
            for place, name in names[:MAX_PLACES]
        )
        return Places(tuple(places), complete=len(names) <= MAX_PLACES)


def peek_table(question: PeekTable, opened: Opening) -> Peek:
    """Return the columns of a table, and its first rows that fulfil the question's condition, at most ``MAX_ROWS``.

    Raises:
        Problem: ``SOURCE_NOT_FOUND`` with similar names, ``UNKNOWN_COLUMN``, ``INVALID`` (a condition's values), and what the database says.
    """
    limits = _limits(opened)
    texts: frozenset[str] = frozenset()
    while True:
        with open_database(_info(opened), limits, Cancellation()) as session:
            relation = relation_of(
                session, TableSource("", question.table, where=question.condition), limits.max_columns
            )
            try:
                rows = _first_rows(session, relation, texts, max(0, min(question.rows, MAX_ROWS)))
            except UnfitError as unfit:
                texts |= unfit.columns
            else:
                peeked = (PeekedColumn(c.name, c.shape, c.original or c.kind) for c in relation.columns)
                return Peek(tuple(peeked), rows)


def _first_rows(session: Session, relation: Relation, texts: frozenset[str], count: int) -> tuple[dict[str, Json], ...]:
    """Return rows as JSON objects; the columns ``texts``, which have a value that their type cannot hold, as text."""
    if not count:
        return ()
    columns = tuple(column.texted() if column.name in texts else column for column in relation.columns)
    select = ", ".join(f"{column.select} AS {session.dialect.quoted(column.name)}" for column in columns)
    query = session.dialect.first.format(select, relation.rest(), count)
    found = (row for batch in session.batches(query, columns, relation.name) for row in batch.to_pylist())
    return tuple({column.name: _json(row[column.name], column) for column in columns} for row in found)


def _json(value: Any, column: Column) -> Json:
    """Return a value of a row as JSON: instants as ISO 8601 text in UTC, bytes as base64, decimals as numbers where no digit is lost."""
    match value:
        case datetime():
            moment = value if value.tzinfo else value.replace(tzinfo=UTC)
            return moment.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case Decimal():
            return _number(value)
        case float() if not math.isfinite(value):
            return str(value)
        case str() if column.shape.kind is Kind.JSON:
            return _document(value)
        case _:
            return value  # type: ignore[no-any-return]  # what is left are texts, whole numbers, booleans and null


def _number(value: Decimal) -> Json:
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _document(text: str) -> Json:
    try:
        document: Json = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    return document


def _no_constant(name: str) -> Json:
    raise ValueError(name)  # NaN is no JSON


def _part(name: str, dialect: Dialect) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else dialect.quoted(name)


def _info(opened: Opening) -> ConnectionInfo:
    if opened.info is None:
        raise Problem(Code.INVALID, "a folder has no tables")
    return opened.info


def _limits(opened: Opening) -> Limits:
    seconds = min(opened.limits.statement_timeout_seconds, _STATEMENT_SECONDS)
    return replace(opened.limits, statement_timeout_seconds=seconds)
