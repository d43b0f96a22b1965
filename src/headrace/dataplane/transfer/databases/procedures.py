"""Rows that go to a stored procedure, a batch at a time, in the transaction of the batch.

SQL Server's procedures take a table: a variable of the named table type is filled and handed over. Those of other databases take the batch as one
text, a JSON array of objects (``json_to_recordset``, ``JSON_TABLE``): the parameter that is named, which is the first one.
"""

import base64
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from headrace.dataplane.transfer.databases.links import transact
from headrace.dataplane.transfer.databases.links.link import Given, Link
from headrace.dataplane.transfer.databases.links.plain import bound_columns, clock
from headrace.dataplane.transfer.databases.parameters import given
from headrace.dataplane.transfer.request import TableSink
from headrace.dataplane.transfer.values import Field, ValueType

_MOST_VALUES = 1000
"""Rows that SQL Server takes in one list of values."""


def send(link: Link, sink: TableSink, fields: tuple[Field, ...], batch: Any) -> int:
    """Call the procedure with a batch; return how many bytes were sent."""
    others = [given(parameter) for parameter in sink.procedure_parameters]
    if link.dialect.name == "SQL Server":
        text = _transact(link, sink, fields, batch, others)
        link.run(text)
        return len(text)
    text = batch_json(batch, fields)
    link.call(sink.procedure, [Given(sink.procedure_parameter, text, "json"), *others], 0)
    return len(text)


def batch_json(batch: Any, fields: tuple[Field, ...]) -> str:
    """Return a batch as a JSON array of objects: dates as ISO text, decimals and times as text, bytes in base64."""
    columns = [
        [None if value is None else _json(value, field) for value in column.to_pylist()]
        for column, field in zip(batch.columns, fields, strict=True)
    ]
    names = [field.name for field in fields]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _json(value: Any, field: Field) -> Any:
    if field.type is ValueType.TIMESPAN:
        return clock(value)
    if field.type is ValueType.DOCUMENT:
        return json.loads(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and value - value != 0:
        return str(value)  # JSON has no number for it
    return value


def _transact(link: Link, sink: TableSink, fields: tuple[Field, ...], batch: Any, others: list[Given]) -> str:
    columns = ", ".join(link.dialect.quoted(field.name) for field in fields)
    rows = list(zip(*bound_columns(batch, fields), strict=True))
    lines = [f"DECLARE @headrace_rows AS {transact.dotted(sink.procedure_type)};"]
    for at in range(0, len(rows), _MOST_VALUES):
        part = rows[at : at + _MOST_VALUES]
        values = ", ".join("(" + ", ".join(map(transact.literal, row)) + ")" for row in part)
        lines.append(f"INSERT INTO @headrace_rows ({columns}) VALUES {values};")
    passed = [f"@{sink.procedure_parameter.lstrip('@')} = @headrace_rows"]
    passed += [f"@{one.name.lstrip('@')} = {transact.literal(one.value)}" for one in others]
    lines.append(f"EXEC {transact.dotted(sink.procedure)} {', '.join(passed)};")
    return "\n".join(lines)
