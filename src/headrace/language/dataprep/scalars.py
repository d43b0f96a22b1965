"""How one scalar becomes another (section 8.6 of the contract), as SQL that never raises.

Text to number takes plain decimal notation only: an optional sign, digits, and a point. Surrounding white space is ignored, and
a fraction of zeros does not count (``7.0`` is the whole number 7). DuckDB's own TRY_CAST takes more (``1e5``, ``0x1F``, ``1_000``,
``inf``) and rounds fractions away, so every cast of text is guarded.
"""

from collections.abc import Callable
from typing import Final, TypeAlias

from headrace.core.schema import ColumnType, Kind
from headrace.language.dataprep.instants import date_of_text, instant_of_text
from headrace.language.dataprep.values import NUMBER, let, quote_identifier, quote_text

WHOLE_KINDS: Final = frozenset({Kind.INTEGER, Kind.LONG})
NUMBER_KINDS: Final = WHOLE_KINDS | {Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL}

_SQL_TYPES: Final = {
    Kind.STRING: "VARCHAR",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "INTEGER",
    Kind.LONG: "BIGINT",
    Kind.FLOAT: "FLOAT",
    Kind.DOUBLE: "DOUBLE",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    Kind.UUID: "UUID",
    Kind.BINARY: "BLOB",
    Kind.JSON: "JSON",
}
_UUID: Final = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_FIRST_MS: Final = -62_135_596_800_000
_LAST_MS: Final = 253_402_300_799_999


def sql_type(type_: ColumnType) -> str:
    """Return DuckDB's name of a type."""
    if type_.kind is Kind.DECIMAL:
        return f"DECIMAL({type_.precision},{type_.scale})"
    if type_.kind is Kind.LIST and type_.element is not None:
        return sql_type(type_.element) + "[]"
    if type_.kind is Kind.STRUCT:
        return "STRUCT(" + ", ".join(f"{quote_identifier(f.name)} {sql_type(f.type)}" for f in type_.fields) + ")"
    return _SQL_TYPES[type_.kind]


Rule: TypeAlias = tuple[Callable[[str], str], bool]
"""SQL of a conversion from SQL of a value, and whether it can fail."""


def rule_of(source: ColumnType, target: ColumnType) -> Rule | None:
    """Return how ``source`` converts to ``target``, and whether that can fail."""
    if target.kind is Kind.STRING:
        return _to_text(source)
    if source.kind is Kind.STRING:
        return _from_text(target)
    if target.kind in NUMBER_KINDS and source.kind in NUMBER_KINDS:
        return _number_to_number(source, target)
    if source.kind in WHOLE_KINDS and target.kind is Kind.TIMESTAMP:
        return _of_milliseconds, True
    if source.kind in WHOLE_KINDS and target.kind is Kind.DATE:
        return (lambda sql: f"CAST(make_timestamp(epoch_us({_of_milliseconds(sql)})) AS DATE)"), True
    if source.kind is Kind.DATE and target.kind is Kind.TIMESTAMP:
        return (lambda sql: f"make_timestamptz(epoch_us(CAST({sql} AS TIMESTAMP)))"), False
    if source.kind is Kind.TIMESTAMP and target.kind is Kind.DATE:
        return (lambda sql: f"CAST(make_timestamp(epoch_us({sql})) AS DATE)"), False
    return None


def _to_text(source: ColumnType) -> Rule | None:
    if source == NUMBER:
        return (lambda sql: f"rtrim(rtrim(CAST({sql} AS VARCHAR), '0'), '.')"), False
    if source.kind is Kind.TIMESTAMP:
        return (
            lambda sql: (
                f"regexp_replace(strftime(make_timestamp(epoch_us({sql})), '%Y-%m-%dT%H:%M:%S.%fZ'), '\\.?0*Z$', 'Z')"
            )
        ), False
    if source.kind in NUMBER_KINDS | {Kind.DATE, Kind.TIME, Kind.UUID}:
        return (lambda sql: f"CAST({sql} AS VARCHAR)"), False
    return None


def _from_text(target: ColumnType) -> Rule | None:
    rules: dict[Kind, Callable[[str], str]] = {
        Kind.BOOLEAN: _truth_of_text,
        Kind.INTEGER: lambda sql: _whole_of_text(sql, "INTEGER"),
        Kind.LONG: lambda sql: _whole_of_text(sql, "BIGINT"),
        Kind.FLOAT: _float_of_text,
        Kind.DOUBLE: _double_of_text,
        Kind.DECIMAL: lambda sql: _decimal_of_text(sql, target),
        Kind.DATE: date_of_text,
        Kind.TIMESTAMP: instant_of_text,
        Kind.TIME: lambda sql: _guarded(sql, _TIME, "TIME"),
        Kind.UUID: lambda sql: _guarded(sql, _UUID, "UUID"),
    }
    if target.kind is Kind.BINARY:
        return (lambda sql: f"encode({sql})"), False
    return (rules[target.kind], True) if target.kind in rules else None


def _guarded(sql: str, regex: str, name: str) -> str:
    """Return a cast of the texts that match ``regex`` as a whole."""
    return let(
        [sql],
        lambda text: f"CASE WHEN regexp_full_match({text}, {quote_text(regex)}) THEN TRY_CAST({text} AS {name}) END",
    )


def _truth_of_text(sql: str) -> str:
    return (
        f"CASE lower({sql}) WHEN 'true' THEN true WHEN 'false' THEN false WHEN 'y' THEN true WHEN 'n' THEN false "
        "WHEN 'yes' THEN true WHEN 'no' THEN false WHEN 'on' THEN true WHEN 'off' THEN false END"
    )


def _whole_of_text(sql: str, name: str) -> str:
    """Read a whole number; one written as DuckDB writes it needs no regular expression (38 against 27 M rows/s)."""
    return let(
        [sql],
        lambda text: (
            f"CASE WHEN CAST(TRY_CAST({text} AS {name}) AS VARCHAR) = {text} THEN TRY_CAST({text} AS {name}) "
            f"WHEN regexp_full_match({text}, '\\s*[+-]?\\d+(\\.0*)?\\s*') THEN TRY_CAST({text} AS {name}) END"
        ),
    )


def _double_of_text(sql: str) -> str:
    # 300 digits before the point stay below the range of a double: no infinity comes out.
    return _guarded(sql, r"\s*[+-]?(\d{1,300}(\.\d*)?|\.\d+)\s*", "DOUBLE")


def _float_of_text(sql: str) -> str:
    # 38 digits before the point: at most 10^38, which a float holds.
    return _guarded(sql, r"\s*[+-]?(\d{1,38}(\.\d*)?|\.\d+)\s*", "FLOAT")


def _decimal_of_text(sql: str, target: ColumnType) -> str:
    """Exact: digits behind the target's scale must be zeros; for the wide NUMBER they are rounded."""
    scale = target.scale or 0
    fraction = r"\d*" if target == NUMBER else rf"\d{{0,{scale}}}0*"
    regex = rf"\s*[+-]?(\d+(\.{fraction})?|\.{fraction})\s*"
    name = sql_type(target)
    if target == NUMBER:
        return _guarded(sql, regex, name)  # hardly anybody writes 18 digits behind the point
    # What is written as DuckDB itself would write it needs no regular expression.
    return let(
        [sql],
        lambda text: (
            f"CASE WHEN CAST(TRY_CAST({text} AS {name}) AS VARCHAR) = {text} THEN TRY_CAST({text} AS {name}) "
            f"WHEN regexp_full_match({text}, {quote_text(regex)}) THEN TRY_CAST({text} AS {name}) END"
        ),
    )


def _number_to_number(source: ColumnType, target: ColumnType) -> Rule:
    name = sql_type(target)
    if target.kind in {Kind.FLOAT, Kind.DOUBLE}:
        if target.kind is Kind.DOUBLE:
            return (lambda sql: f"CAST({sql} AS DOUBLE)"), False
        return (lambda sql: f"TRY_CAST({sql} AS FLOAT)"), True
    if target.kind in WHOLE_KINDS and source.kind in WHOLE_KINDS:
        return (lambda sql: f"TRY_CAST({sql} AS {name})"), target.kind is Kind.INTEGER
    if target.kind in WHOLE_KINDS:
        return (lambda sql: let([sql], lambda n: f"CASE WHEN {n} = trunc({n}) THEN TRY_CAST({n} AS {name}) END")), True
    if source.kind is Kind.DECIMAL and (source.scale or 0) > (target.scale or 0):
        return (lambda sql: _shorter_decimal(sql, source, target)), True
    return (lambda sql: f"TRY_CAST({sql} AS {name})"), True


def _shorter_decimal(sql: str, source: ColumnType, target: ColumnType) -> str:
    """Drop digits that are zeros; others fail; a comparison with the rounded value could overflow."""
    have, keep = source.scale or 0, target.scale or 0
    unit = f"CAST({'0.' + '0' * (keep - 1) + '1' if keep else '1'} AS DECIMAL(38,{have}))"
    rest = "{0}" if have == 38 and not keep else "{0} % " + unit
    return let([sql], lambda n: f"CASE WHEN {rest.format(n)} = 0 THEN TRY_CAST({n} AS {sql_type(target)}) END")


def _of_milliseconds(sql: str) -> str:
    """Milliseconds since 1970, in the years 1 to 9999."""
    return let(
        [sql],
        lambda ms: (
            f"CASE WHEN {ms} BETWEEN {_FIRST_MS} AND {_LAST_MS} THEN make_timestamptz(CAST({ms} AS BIGINT) * 1000) END"
        ),
    )


def finite(number: str) -> str:
    """Return a floating-point number, null where it is NaN or infinite."""
    return f"CASE WHEN isfinite({number}) THEN {number} END"


def number_of_json(digits: str, target: ColumnType) -> str:
    """Return a number from the text of a number in JSON, which may have an exponent; null where it does not fit."""
    double = f"TRY_CAST({digits} AS DOUBLE)"
    if target.kind is Kind.DOUBLE:
        return let([double], finite)
    if target.kind is Kind.FLOAT:
        return let([f"TRY_CAST({digits} AS FLOAT)"], finite)
    plain = (
        _decimal_of_text(digits, target) if target.kind is Kind.DECIMAL else _whole_of_text(digits, sql_type(target))
    )
    rounded, _ = _number_to_number(ColumnType(Kind.DOUBLE), target)
    return f"COALESCE({plain}, CASE WHEN contains(lower({digits}), 'e') THEN {rounded(double)} END)"
