"""Values as text, as SQL: what delimited files, logs and JSON have."""

from headrace.dataplane.transfer.mapping import formats, timespans
from headrace.dataplane.transfer.mapping.cultures import Culture, culture_of
from headrace.dataplane.transfer.request import Conversion
from headrace.dataplane.transfer.session import literal
from headrace.dataplane.transfer.values import Field, ValueType

DEFAULT = Conversion()
_UNSPECIFIED = (38, 18)
"""Precision and scale of decimals of which neither is known: zeros at their end mean nothing."""


def text_sql(
    field: Field, expression: str, conversion: Conversion = DEFAULT, format_: str = "", culture: str | None = None
) -> str:
    """Return SQL of a value's text; null stays null.

    ``expression``: SQL of a value of the field's type (a name, best, as it is used several times). ``format_``: a .NET format that goes before those
    of ``conversion``. ``culture`` None: that of ``conversion``.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: a format or the culture is none.
    """
    known = culture_of(conversion.culture if culture is None else culture)
    match field.type:
        case ValueType.STRING | ValueType.GUID | ValueType.DOCUMENT:
            return expression
        case ValueType.BOOLEAN:
            yes, no = ("1", "0") if conversion.boolean_as_number else ("True", "False")
            return f"CASE WHEN {expression} THEN '{yes}' WHEN NOT {expression} THEN '{no}' END"
        case ValueType.BYTES:
            return f"base64({expression})"
        case ValueType.SINGLE | ValueType.DOUBLE:
            return _pointed(_floating(expression), known)
        case ValueType.DECIMAL:
            return _pointed(_decimal(field, expression), known)
        case ValueType.DATETIME | ValueType.DATETIME_OFFSET:
            return _moment(field, expression, format_ or format_of(field, conversion), known)
        case ValueType.TIMESPAN:
            return timespans.text_of(expression, format_ or format_of(field, conversion))
        case _:
            return f"CAST({expression} AS VARCHAR)"


def json_sql(field: Field, expression: str) -> str:
    """Return SQL of a value as JSON text: numbers as they are, dates in ISO 8601, bytes in base64; null stays null (it is no JSON text)."""
    match field.type:
        case ValueType.DOCUMENT:
            return expression
        case ValueType.STRING | ValueType.GUID:
            return f"CAST(to_json({expression}) AS VARCHAR)"
        case ValueType.BOOLEAN:
            return f"CAST({expression} AS VARCHAR)"
        case ValueType.SINGLE | ValueType.DOUBLE:
            # JSON has no word for what is no number.
            plain = f"CASE WHEN isfinite({expression}) THEN CAST({expression} AS VARCHAR) ELSE concat('\"', {_floating(expression)}, '\"') END"
            return f"CASE WHEN {expression} IS NOT NULL THEN {plain} END"
        case ValueType.DECIMAL:
            return _decimal(field, expression)
        case ValueType.DATETIME | ValueType.DATETIME_OFFSET:
            zone = "Z" if field.type is ValueType.DATETIME_OFFSET else ""
            whole, exact = (f"strftime({expression}, '%Y-%m-%dT%H:%M:%S{rest}')" for rest in ("", ".%f"))
            text = f"CASE WHEN epoch_us({expression}) % 1000000 = 0 THEN {whole} ELSE rtrim({exact}, '0') END"
            return f"'\"' || {text} || '{zone}\"'"
        case ValueType.BYTES | ValueType.TIMESPAN:
            return f"'\"' || {text_sql(field, expression)} || '\"'"
        case _:
            return f"CAST({expression} AS VARCHAR)"


def format_of(field: Field, conversion: Conversion) -> str:
    """Return the format that values of a field have by ``conversion``; empty: the default one. Dates and times of databases have their own."""
    native = field.native.lower()
    match field.type:
        case ValueType.DATETIME:
            return (conversion.date_format if native == "date" else "") or conversion.datetime_format
        case ValueType.DATETIME_OFFSET:
            return conversion.datetime_offset_format
        case ValueType.TIMESPAN:
            return (conversion.time_format if native.startswith("time") else "") or conversion.timespan_format
        case _:
            return ""


def _moment(field: Field, expression: str, pattern: str, culture: Culture) -> str:
    if pattern:
        return formats.moment_text(expression, pattern, culture, offset=field.type is ValueType.DATETIME_OFFSET)
    zone = " +00:00" if field.type is ValueType.DATETIME_OFFSET else ""
    return f"strftime({expression}, '%Y-%m-%d %H:%M:%S.%f0{zone}')"


def _floating(expression: str) -> str:
    """Return SQL of a floating number's text: the shortest digits that read back the same, no ``.0``, scientific from 1E+17 and below 1E-04."""
    text = f"CAST({expression} AS VARCHAR)"
    size = f"abs({expression})"
    # DuckDB turns to exponents one power of ten earlier, and writes 1.0.
    plain = f"{size} < 1e16 AND ({size} >= 0.0001 OR {expression} = 0)"
    return (
        f"CASE WHEN {plain} THEN CASE WHEN trunc({expression}) = {expression} THEN replace({text}, '.0', '') ELSE {text} END "
        f"WHEN isnan({expression}) THEN 'NaN' "
        f"WHEN isinf({expression}) THEN CASE WHEN {expression} > 0 THEN 'Infinity' ELSE '-Infinity' END "
        f"WHEN {size} >= 1e16 AND {size} < 1e17 THEN CAST(CAST({text} AS HUGEINT) AS VARCHAR) ELSE upper({text}) END"
    )


def _decimal(field: Field, expression: str) -> str:
    text = f"CAST({expression} AS VARCHAR)"
    return f"regexp_replace({text}, '[.]?0+$', '')" if (field.precision, field.scale) == _UNSPECIFIED else text


def _pointed(text: str, culture: Culture) -> str:
    return text if culture.decimal == "." else f"replace({text}, '.', {literal(culture.decimal)})"
