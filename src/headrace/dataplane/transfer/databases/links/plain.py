"""Values of transfers as Python's, for drivers that take nothing else, and back: rows of Python's values as columns."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.transfer.databases.links.link import Answer, Fault, Given, LinkError
from headrace.dataplane.transfer.values import Field, ValueType

_AT_ONCE = 50
_MOST_BYTES = 16 << 20
"""Of a result that is larger the rest is left where it is: four times what an output may have."""
_BRACKETED = re.compile(r"(?:(?<=^)|(?<=\.))\[((?:[^\]]|\]\])+)\](?=\.|$)")


def plain_columns(batch: Any, fields: Sequence[Field]) -> list[Iterable[Any]]:
    """Return the columns of a batch as values that SQLite stores: text for everything that is neither a number nor bytes."""
    return [_plain(column.to_pylist(), field) for column, field in zip(batch.columns, fields, strict=True)]


def _plain(values: list[Any], field: Field) -> Iterable[Any]:
    write = _TEXTS.get(field.type)
    return values if write is None else [None if value is None else write(value) for value in values]


def bound_columns(batch: Any, fields: Sequence[Field]) -> list[list[Any]]:
    """Return the columns of a batch as values that drivers bind: instants in UTC without a zone, times of the day and spans as text."""
    columns = []
    for column, one in zip(batch.columns, fields, strict=True):
        values = column.to_pylist()
        if one.type is ValueType.TIMESPAN:
            values = [None if value is None else clock(value) for value in values]
        elif one.type is ValueType.DATETIME_OFFSET:
            values = [None if value is None else value.replace(tzinfo=None) for value in values]
        elif one.type is ValueType.UINT64:
            values = [None if value is None else Decimal(value) for value in values]
        columns.append(values)
    return columns


def instant_text(value: datetime) -> str:
    """Return ``yyyy-MM-dd HH:mm:ss``, with a fraction where there is one; in UTC."""
    moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return moment.isoformat(" ")


def clock(micros: int) -> str:
    """Return microseconds as ``[-]HH:MM:SS[.ffffff]``."""
    sign, rest = ("-", -micros) if micros < 0 else ("", micros)
    seconds, fraction = divmod(rest, 1_000_000)
    text = f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{fraction:06d}" if fraction else text


_TEXTS: Mapping[ValueType, Callable[[Any], Any]] = {
    ValueType.DECIMAL: lambda value: format(value, "f"),
    ValueType.UINT64: lambda value: value if value < 2**63 else str(value),
    ValueType.DATETIME: instant_text,
    ValueType.DATETIME_OFFSET: lambda value: instant_text(value) + "+00:00",
    ValueType.TIMESPAN: clock,
}


def plain_value(given: Given) -> Any:
    """Return the value of a parameter as SQLite takes it."""
    value = given.value
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date | time | Decimal | UUID):
        return str(value)
    if isinstance(value, timedelta):
        return clock(value // timedelta(microseconds=1))
    return value


def answer_of(cursor: Any, most_rows: int) -> Answer:
    """Return the result that a cursor of Python's database interface has, and where it has none, how many rows were changed."""
    affected = max(0, int(cursor.rowcount))
    if cursor.description is None:
        return Answer(affected=affected)
    rows, ended = _fetched(cursor, most_rows + 1) if most_rows else ([], True)
    kept = tuple(rows[:most_rows])
    names = [str(column[0]) for column in cursor.description]
    columns = list(zip(*kept, strict=True)) or [()] * len(names)
    fields = tuple(Field(name, kind_of(values)) for name, values in zip(names, columns, strict=True))
    return Answer(fields, kept, more=len(rows) > most_rows or not ended, affected=affected)


def _fetched(cursor: Any, most: int) -> tuple[list[tuple[Any, ...]], bool]:
    """Return rows until there are ``most``, or more bytes than anybody is shown; False: more bytes."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    while len(rows) < most and (found := cursor.fetchmany(min(_AT_ONCE, most - len(rows)))):
        rows += map(tuple, found)
        size += sum(len(value) for row in found for value in row if isinstance(value, str | bytes | bytearray))
        if size > _MOST_BYTES:
            return rows, False
    return rows, True


def procedure_parts(dialect: Dialect, text: str) -> tuple[str | None, str]:
    """Return schema (None: not given) and name of a procedure; ``[dbo].[p]`` too, as pipelines for SQL Server have it.

    Raises:
        LinkError: ``PROCEDURE``: it is no name.
    """
    parts = dialect.table(_BRACKETED.sub(lambda found: _in_quotes(found[1].replace("]]", "]")), text.strip()))
    if parts is None:
        raise LinkError(Fault.PROCEDURE, f"{text!r} is no name of a procedure")
    return parts


def _in_quotes(name: str) -> str:
    """Return a name in the quotes that every dialect takes."""
    return '"' + name.replace('"', '""') + '"'


def outputs_in(answer: Answer, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of outputs that came as a row: by their names, else in their order."""
    if not answer.rows:
        return dict(outputs)
    row = answer.rows[0]
    by_name = {field.name.lower(): value for field, value in zip(answer.fields, row, strict=True)}
    in_order = dict(zip(outputs, row, strict=False))
    return {name: by_name.get(name.lstrip("@:").lower(), in_order.get(name)) for name in outputs}


def outputs_of(values: Sequence[Given]) -> dict[str, Any]:
    """Return the outputs of a text on a database whose texts cannot set any: each is null."""
    return {one.name: None for one in values if one.output}


_KINDS: Mapping[type, ValueType] = {
    bool: ValueType.BOOLEAN,
    int: ValueType.INT64,
    float: ValueType.DOUBLE,
    Decimal: ValueType.DECIMAL,
    datetime: ValueType.DATETIME,
    date: ValueType.DATETIME,
    time: ValueType.TIMESPAN,
    timedelta: ValueType.TIMESPAN,
    UUID: ValueType.GUID,
    bytes: ValueType.BYTES,
    bytearray: ValueType.BYTES,
    memoryview: ValueType.BYTES,
    dict: ValueType.DOCUMENT,
    list: ValueType.DOCUMENT,
}


def kind_of(values: Iterable[Any]) -> ValueType:
    """Return what Python's values of a column are; text where there are none, or of several kinds."""
    kinds = {_kind(value) for value in values if value is not None}
    if len(kinds) == 1:
        return kinds.pop()
    return ValueType.DOUBLE if kinds == {ValueType.INT64, ValueType.DOUBLE} else ValueType.STRING


def _kind(value: Any) -> ValueType:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return ValueType.DATETIME_OFFSET
    return _KINDS.get(type(value), ValueType.STRING)


def arrow_of(values: Sequence[Any], field: Field) -> Any:
    """Return Python's values of a column as an array that ``fitting`` makes its field's type of."""
    kind = field.type
    if kind is ValueType.TIMESPAN:
        return pa.array([_micros(value) for value in values])
    if kind in (ValueType.STRING, ValueType.GUID, ValueType.DECIMAL):
        return pa.array([None if value is None else _text(value) for value in values], pa.string())
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else _text(value) for value in values], pa.string())


def _micros(value: Any) -> Any:
    if isinstance(value, timedelta):
        return value // timedelta(microseconds=1)
    if isinstance(value, time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1_000_000 + value.microsecond
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode(errors="replace")
    return format(value, "f") if isinstance(value, Decimal) else str(value)
