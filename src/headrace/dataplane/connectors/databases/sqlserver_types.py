"""Which Arrow type each SQL Server column lands as, and how it is selected.

    bit, tinyint … bigint, real, float, decimal and money     natively
    char … nvarchar(max), text, ntext, xml, json              text
    uniqueidentifier, hierarchyid, sql_variant, shapes        text, as the server prints it
    binary … varbinary(max), image, rowversion                bytes
    date, time, smalldatetime, datetime, datetime2            natively, microseconds
    datetimeoffset                                            an instant in UTC, microseconds

A value that the native type cannot hold (a ``datetime2(7)`` with a seventh digit) makes the whole column of that copy land as text.
"""

import re
from typing import Any

import pyarrow as pa

from headrace.core.clock import MINUTE
from headrace.core.schema import ColumnType, Kind
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.fitting import decimal_of, shape_of

_NATIVE: dict[str, tuple[Any, Family]] = {
    "bit": (pa.bool_(), Family.BOOLEAN),
    "tinyint": (pa.int16(), Family.INTEGER),
    "smallint": (pa.int16(), Family.INTEGER),
    "int": (pa.int32(), Family.INTEGER),
    "bigint": (pa.int64(), Family.INTEGER),
    "real": (pa.float32(), Family.NUMBER),
    "float": (pa.float64(), Family.NUMBER),
    "money": (pa.decimal128(19, 4), Family.NUMBER),
    "smallmoney": (pa.decimal128(10, 4), Family.NUMBER),
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar"), (pa.string(), Family.TEXT)),
    **dict.fromkeys(("binary", "varbinary", "timestamp", "rowversion"), (pa.binary(), Family.OTHER)),
    "date": (pa.date32(), Family.DATE),
    "time": (pa.time64("us"), Family.TIME),
    "smalldatetime": (pa.timestamp("us"), Family.INSTANT),
    "datetime": (pa.timestamp("us"), Family.INSTANT),
    "datetime2": (pa.timestamp("us"), Family.INSTANT),
    "datetimeoffset": (pa.timestamp("us", tz="UTC"), Family.INSTANT),
}
_SELECTED = {
    "text": ("CAST({} AS nvarchar(max))", Family.TEXT),
    "ntext": ("CAST({} AS nvarchar(max))", Family.TEXT),
    "xml": ("CAST({} AS nvarchar(max))", Family.OTHER),
    "json": ("CAST({} AS nvarchar(max))", Family.OTHER),
    "uniqueidentifier": ("LOWER(CAST({} AS char(36)))", Family.LABEL),
    "sql_variant": ("CAST({} AS nvarchar(4000))", Family.OTHER),
    **dict.fromkeys(("geometry", "geography", "hierarchyid"), ("{}.ToString()", Family.OTHER)),
}
_SHAPES = {"uniqueidentifier": ColumnType(Kind.UUID), "json": ColumnType(Kind.JSON)}
_TYPE = re.compile(r"(\w+)(?:\((\w+)(?:,\s*(\w+))?\))?")
_FINEST = 6


def column_of(name: str, original: str, dialect: Dialect) -> Column:
    """Return a column as ``sys.dm_exec_describe_first_result_set`` describes it (``decimal(10,2)``, ``datetime2(7)``)."""
    match = _TYPE.match(original.lower())
    kind, first, second = match.groups() if match else (original, None, None)
    quoted = dialect.quoted(name)
    if kind in _SELECTED:
        template, family = _SELECTED[kind]
        select = template.format(quoted)
        compared = select if family in (Family.LABEL, Family.TEXT) else quoted
        return Column(
            name,
            kind,
            family,
            pa.string(),
            select,
            select,
            compared,
            original,
            1,
            _SHAPES.get(kind, shape_of(pa.string())),
        )
    if kind == "image":
        return Column(
            name,
            kind,
            Family.OTHER,
            pa.binary(),
            f"CAST({quoted} AS varbinary(max))",
            quoted,
            quoted,
            original,
            1,
            ColumnType(Kind.BINARY),
        )
    printed = f"CONVERT(nvarchar(max), {quoted}, 126)"
    if kind in ("decimal", "numeric"):
        landed = decimal_of(int(first or 18), int(second or 0))
        return Column(name, kind, Family.NUMBER, landed, quoted, printed, quoted, original, 1, shape_of(landed))
    if kind not in _NATIVE:
        text = f"CAST({quoted} AS nvarchar(max))"
        return Column(name, kind, Family.OTHER, pa.string(), text, text, quoted, original)
    landed, family = _NATIVE[kind]
    select, compared, grain = quoted, quoted, 1
    if kind in ("datetime2", "datetimeoffset"):
        grain = 10 ** max(0, _FINEST - int(first or 7))
    if kind == "datetimeoffset":
        select = f"CAST(SWITCHOFFSET({quoted}, '+00:00') AS datetime2(7))"
    if kind == "smalldatetime":
        grain = MINUTE
    if kind == "datetime":
        # Its steps are thirds of a hundredth of a second, which are no microseconds: as the server prints it, it has milliseconds.
        select = compared = f"CAST({quoted} AS datetime2(3))"
        grain = 1000
    return Column(name, kind, family, landed, select, printed, compared, original, grain, shape_of(landed))
