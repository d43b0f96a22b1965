"""What a value must satisfy to be accepted, as SQL."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import duckdb

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.mapping import MappingLanguage
from headrace.core.run import RejectCode
from headrace.core.schema import STRING, Column, ColumnType, Format, Kind
from headrace.dataplane.promotion.session import Session, literal

_NUMBERS = frozenset({Kind.INTEGER, Kind.LONG, Kind.FLOAT, Kind.DOUBLE, Kind.DECIMAL})
_ORDERED = _NUMBERS | {Kind.DATE, Kind.TIME, Kind.TIMESTAMP}

_OCTET = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_H16 = "[0-9A-Fa-f]{1,4}"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_IPV6 = "|".join(
    [
        rf"({_H16}:){{7}}{_H16}",
        rf"({_H16}:){{1,7}}:",
        *(rf"({_H16}:){{1,{7 - n}}}(:{_H16}){{1,{n}}}" for n in range(1, 7)),
        rf":(:{_H16}){{1,7}}",
        rf"({_H16}:){{6}}{_IPV4}",
        *(rf"({_H16}:){{{n}}}(:{_H16}){{0,{5 - n}}}:{_IPV4}" for n in range(1, 6)),
        rf":(:{_H16}){{0,5}}:{_IPV4}",
        "::",
    ]
)
_DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_CLOCK = r"([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?"
_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"

FORMATS: dict[Format, str] = {
    Format.DATE: _DAY,
    Format.DATE_TIME: rf"{_DAY}[Tt ]{_CLOCK}([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)",
    Format.EMAIL: rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(\.{_LABEL})*",
    Format.URI: r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]*",
    Format.UUID: "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    Format.IPV4: _IPV4,
    Format.IPV6: _IPV6,
}
"""Formats as regular expressions (RE2) that the whole text matches; dates must exist besides."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``condition`` is SQL that is true where ``column`` breaks the rule, over the columns of ``Mapped.reasoned``; false or null elsewhere.

    ``kept`` is SQL that is true where the rule is not broken, ``""`` where another rule of the column tells: the ``kept`` of all rules are true
    together exactly where no ``condition`` is. Positive forms are what DuckDB filters fastest by.
    """

    column: str
    code: RejectCode
    message: str
    condition: str
    kept: str


def rules_of(column: Column, value: str, language: MappingLanguage, session: Session) -> list[Rule]:
    """Return the rules of a column for ``value`` (SQL of its final value); a null value breaks none of them, their condition may be null.

    Raises:
        Problem: ``INVALID``: a rule is itself wrong (a bad pattern, a minimum of another type).
    """
    rules = [
        *_bounds(column, value, language, session),
        *_texts(column, value, session),
    ]
    if column.enum:
        allowed = ", ".join(_checked(column, "enum", item, language, session) for item in column.enum)
        shown = ", ".join(str(item) for item in column.enum[:10]) + (", …" if len(column.enum) > 10 else "")
        rules.append(_rule(column, RejectCode.ENUM, f"is none of {shown}", f"{value} IN ({allowed})", value))
    return rules


def named(column: Column, path: str) -> Column:
    """Return a column under the name that reports have for it."""
    return column if column.name == path else replace(column, name=path)


def _rule(column: Column, code: RejectCode, message: str, good: str, value: str) -> Rule:
    """Return the rule that ``good`` (SQL; null where ``value`` is) must not be false."""
    return Rule(column.name, code, message, f"NOT ({good})", f"({good}) OR {value} IS NULL")


def constant(column: Column, value: Json, language: MappingLanguage) -> str:
    """Return a constant of a schema as SQL of the column's type; null where it cannot be one."""
    if isinstance(value, bool):
        return language.cast(str(value).lower(), ColumnType(Kind.BOOLEAN), column.type).sql
    if isinstance(value, str):
        return language.cast(literal(value), STRING, column.type).sql
    if isinstance(value, int):
        return language.cast(literal(str(value)), STRING, column.type).sql
    if isinstance(value, float):
        return language.cast(
            literal(f"{value:f}" if value == round(value, 6) else repr(value)), STRING, column.type
        ).sql
    raise _wrong(column, "default", f"a {type(value).__name__} cannot stand for a {column.type}")


def _bounds(column: Column, value: str, language: MappingLanguage, session: Session) -> Iterator[Rule]:
    for name, bound, code, operator, words in (
        ("minimum", column.minimum, RejectCode.MINIMUM, ">=", "less than"),
        ("maximum", column.maximum, RejectCode.MAXIMUM, "<=", "more than"),
    ):
        if bound is None:
            continue
        if column.type.kind not in _ORDERED:
            raise _wrong(column, name, f"{column.type} values have no order that a {name} could bound")
        if column.type.kind in _NUMBERS and not isinstance(bound, str):
            # An integer column may have the bound 0.5.
            limit = repr(bound) if isinstance(bound, float) else str(bound)
        else:
            limit = _checked(column, name, bound, language, session)
        yield _rule(column, code, f"is {words} the {name} {bound}", f"{value} {operator} {limit}", value)


def _texts(column: Column, value: str, session: Session) -> Iterator[Rule]:
    text = value if column.type.kind is Kind.STRING else f"CAST({value} AS VARCHAR)"
    if column.format is not None and not _typed(column):
        pattern = literal(FORMATS[column.format])
        good = f"regexp_full_match({text}, {pattern})"
        if column.format in (Format.DATE, Format.DATE_TIME):
            good += f" AND TRY_CAST(left({text}, 10) AS DATE) IS NOT NULL"
        yield _rule(column, RejectCode.FORMAT, f"is no {column.format}", good, value)
    if column.pattern is not None:
        try:
            session.rows(f"SELECT regexp_matches('', {literal(column.pattern)})")
        except duckdb.Error as error:
            raise _wrong(column, "pattern", f"is no RE2 regular expression: {str(error).splitlines()[0]}") from error
        good = f"regexp_matches({text}, {literal(column.pattern)})"
        yield _rule(column, RejectCode.PATTERN, f"does not match {column.pattern}", good, value)
    length = f"octet_length({value})" if column.type.kind is Kind.BINARY else f"length({text})"
    if column.type.kind is Kind.LIST:
        length = f"len({value})"
    if column.min_length is not None:
        message = f"is shorter than {column.min_length} characters"
        yield _rule(column, RejectCode.MIN_LENGTH, message, f"{length} >= {column.min_length}", value)
    if column.max_length is not None:
        message = f"is longer than {column.max_length} characters"
        yield _rule(column, RejectCode.MAX_LENGTH, message, f"{length} <= {column.max_length}", value)


def _typed(column: Column) -> bool:
    """Say whether the type already is what the format asks for."""
    return (column.type.kind, column.format) in {
        (Kind.DATE, Format.DATE),
        (Kind.TIMESTAMP, Format.DATE_TIME),
        (Kind.UUID, Format.UUID),
    }


def _checked(column: Column, name: str, value: Json, language: MappingLanguage, session: Session) -> str:
    sql = constant(column, value, language)
    if session.one(f"SELECT {sql} IS NULL"):
        raise _wrong(column, name, f"{value!r} is no {column.type}")
    return sql


def _wrong(column: Column, name: str, message: str) -> Problem:
    path = f"schema.{column.name}.{name}"
    return Problem(Code.INVALID, f"{path}: {message}", (FieldError(path, message),))
