"""Which Arrow type each MySQL and MariaDB column lands as, and how it is selected so that nothing of it is lost.

    tinyint(1), bit(1)                                    boolean
    tinyint … bigint, year                                whole numbers; unsigned ones a size larger, bigint unsigned decimal(20, 0)
    float, double                                         natively; a float is asked for as a double, since the server prints six digits of it
    decimal(p, s) up to 38 digits                         decimal(p, s), else text
    date, datetime, timestamp (UTC), time                 natively
    char … longtext, enum, set, json, uuid, inet          text
    binary … longblob                                     bytes
    bit(n)                                                a whole number
    geometry                                              text, as WKT

A value that the native type cannot hold (``0000-00-00``, a ``tinyint(1)`` of 5, a time of more than a day) makes the whole column of that copy land
as text: the promotion then rejects or converts it row by row.
"""

from typing import Any

import pyarrow as pa

from headrace.core.schema import ColumnType, Kind
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.fitting import decimal_of, shape_of

_UNSIGNED, _ENUM, _SET = 32, 256, 2048
_BINARY = 63
"""The number of the character set that is none."""
_FINEST = 6
_BYTES_OF_CHARACTER = 4
_INTEGERS = {
    1: ("tinyint", pa.int8(), pa.int16()),
    2: ("smallint", pa.int16(), pa.int32()),
    9: ("mediumint", pa.int32(), pa.int32()),
    3: ("int", pa.int32(), pa.int64()),
    8: ("bigint", pa.int64(), pa.decimal128(20, 0)),
    13: ("year", pa.int16(), pa.int16()),
}
_MOMENTS: dict[int, tuple[str, Any, Family]] = {
    10: ("date", pa.date32(), Family.DATE),
    14: ("date", pa.date32(), Family.DATE),
    12: ("datetime", pa.timestamp("us"), Family.INSTANT),
    7: ("timestamp", pa.timestamp("us", tz="UTC"), Family.INSTANT),
    11: ("time", pa.time64("us"), Family.TIME),
}
_FLOATS = {4: ("float", pa.float32()), 5: ("double", pa.float64())}
_DECIMALS = frozenset({0, 246})
_BIT, _JSON, _GEOMETRY = 16, 245, 255
_BLOBS = {249: "tiny", 250: "medium", 251: "long", 252: ""}
_LONGEST = {255: "tiny", 65535: "", 16777215: "medium", 4294967295: "long"}


def column_of(field: Any, dialect: Dialect) -> Column:
    """Return a column as the wire describes it (a ``FieldDescriptorPacket``: ``type_code``, ``flags``, ``length``, ``scale``, ``charsetnr``)."""
    name = dialect.quoted(field.name)
    if field.type_code in _INTEGERS:
        return _integer(field, name)
    if field.type_code in _MOMENTS:
        kind, landed, family = _MOMENTS[field.type_code]
        digits = field.scale if family is not Family.DATE and field.scale <= _FINEST else 0
        original = f"{kind}({digits})" if digits else kind
        return _column(field.name, kind, family, landed, name, original, grain=10 ** (_FINEST - digits))
    if field.type_code in _FLOATS:
        kind, landed = _FLOATS[field.type_code]
        return _column(
            field.name, kind, Family.NUMBER, landed, f"{name} + 0e0" if kind == "float" else name, kind, compared=name
        )
    if field.type_code in _DECIMALS:
        precision = field.length - (field.scale > 0) - (not field.flags & _UNSIGNED)
        original = f"decimal({precision},{field.scale})" + (" unsigned" if field.flags & _UNSIGNED else "")
        return _column(field.name, "decimal", Family.NUMBER, decimal_of(precision, field.scale), name, original)
    if field.type_code == _BIT:
        landed = pa.bool_() if field.length == 1 else pa.decimal128(20, 0)
        family = Family.BOOLEAN if field.length == 1 else Family.NUMBER
        return _column(field.name, "bit", family, landed, f"{name} + 0", f"bit({field.length})", compared=name)
    if field.type_code == _GEOMETRY:
        return _column(field.name, "geometry", Family.OTHER, pa.string(), f"ST_AsText({name})", "geometry")
    if field.type_code == _JSON:
        return _column(field.name, "json", Family.OTHER, pa.string(), name, "json", shape=ColumnType(Kind.JSON))
    return _text(field, name)


def _integer(field: Any, name: str) -> Column:
    kind, signed, unsigned = _INTEGERS[field.type_code]
    if kind == "tinyint" and field.length == 1:
        return _column(field.name, kind, Family.BOOLEAN, pa.bool_(), name, "tinyint(1)")
    is_unsigned = bool(field.flags & _UNSIGNED) and kind != "year"
    landed = unsigned if is_unsigned else signed
    return _column(field.name, kind, Family.INTEGER, landed, name, f"{kind} unsigned" if is_unsigned else kind)


def _text(field: Any, name: str) -> Column:
    if field.flags & (_ENUM | _SET):
        kind = "enum" if field.flags & _ENUM else "set"
        return _column(field.name, kind, Family.LABEL, pa.string(), name, kind)
    is_bytes = field.charsetnr == _BINARY
    size = field.length if is_bytes else field.length // _BYTES_OF_CHARACTER
    if field.type_code in _BLOBS:
        kind = _LONGEST.get(field.length if is_bytes else size, _BLOBS[field.type_code]) + (
            "blob" if is_bytes else "text"
        )
        original = kind
    else:
        plain = {254: ("char", "binary")}.get(field.type_code, ("varchar", "varbinary"))
        kind = plain[is_bytes]
        original = f"{kind}({size})"
    if is_bytes:
        return _column(field.name, kind, Family.OTHER, pa.binary(), name, original)
    return _column(field.name, kind, Family.TEXT, pa.string(), name, original)


def _column(  # noqa: PLR0913 — what a column is made of
    name: str,
    kind: str,
    family: Family,
    landed: Any,
    select: str,
    original: str,
    *,
    compared: str | None = None,
    grain: int = 1,
    shape: ColumnType | None = None,
) -> Column:
    # Whatever is selected comes as text, so a column that lands as text is selected alike.
    return Column(
        name, kind, family, landed, select, select, compared or select, original, grain, shape or shape_of(landed)
    )
