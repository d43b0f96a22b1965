"""Conditions of ``core.condition`` as SQL of a dialect; pure.

Values are literals that the dialect quotes, since not every driver streams a query with bound values; each is checked against its column's type
before, so a text never stands where a number is compared. Nothing that a caller gave reaches a statement unquoted.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from headrace.core.clock import DAY, from_datetime
from headrace.core.codec import Json
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, Condition, IsNull, Membership, Negation
from headrace.core.errors import Code, FieldError, Problem
from headrace.dataplane.connectors.databases.delta import instant_literal
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.similar import similar_column

MAX_DEPTH = 50
"""Most conditions in one another."""
MAX_VALUES = 10_000
"""Most values of one condition, all its parts together."""

_SQL = {Comparator.NE: "<>"}
_MOST_DIGITS = 38
_ALWAYS, _NEVER = "1 = 1", "1 = 0"
_EXPECTED: Mapping[Family, str] = {
    Family.TEXT: "a text",
    Family.LABEL: "a text",
    Family.INTEGER: "a number",
    Family.NUMBER: "a number",
    Family.BOOLEAN: "true or false",
    Family.INSTANT: "a text like 2024-01-31T12:00:00Z",
    Family.DATE: "a text like 2024-01-31",
    Family.TIME: "a text like 12:00:00",
}
_TEXTS = frozenset({Family.TEXT, Family.LABEL})
_EQUALITY = frozenset({Comparator.EQ, Comparator.NE})


def condition_sql(condition: Condition, columns: Mapping[str, Column], dialect: Dialect, relation: str) -> str:
    """Return the condition as SQL, in parentheses; ``relation`` names the table in messages.

    Raises:
        Problem: ``UNKNOWN_COLUMN`` with similar names, else ``INVALID``, with every error; ``LIMIT_EXCEEDED``.
    """
    compiler = _Compiler(columns, dialect, relation)
    sql = compiler.compiled(condition, "where", 1)
    if compiler.errors:
        code = Code.UNKNOWN_COLUMN if compiler.unknown else Code.INVALID
        raise Problem.of_fields(code, f"the condition on {relation!r}", tuple(compiler.errors))
    return f"({sql})"


@dataclass(slots=True)
class _Compiler:
    columns: Mapping[str, Column]
    dialect: Dialect
    relation: str
    errors: list[FieldError] = field(default_factory=list)
    unknown: bool = False
    values: int = 0

    def compiled(self, condition: Condition, path: str, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Problem(Code.LIMIT_EXCEEDED, f"the condition is more than {MAX_DEPTH} levels deep")
        match condition:
            case Comparison(name, op, value):
                return self._comparison(name, op, value, path)
            case Membership(name, values):
                return self._membership(name, values, path)
            case IsNull(name):
                column = self._column(name, path)
                return f"{column.compared} IS NULL" if column else _NEVER
            case AllOf(parts):
                return self._joined(parts, " AND ", path, depth) or _ALWAYS
            case AnyOf(parts):
                return self._joined(parts, " OR ", path, depth) or _NEVER
            case Negation(part):
                return f"NOT ({self.compiled(part, f'{path}.part', depth + 1)})"

    def _joined(self, parts: tuple[Condition, ...], word: str, path: str, depth: int) -> str:
        return word.join(f"({self.compiled(part, f'{path}.parts[{n}]', depth + 1)})" for n, part in enumerate(parts))

    def _column(self, name: str, path: str) -> Column | None:
        column = self.columns.get(name)
        if column is None:
            self.unknown = True
            message = f"{self.relation!r} has no column {name!r}"
            self.errors.append(FieldError(f"{path}.column", message, similar_column(name, list(self.columns))))
        return column

    def _comparison(self, name: str, op: Comparator, value: Json, path: str) -> str:
        column = self._column(name, path)
        if column is None:
            return _NEVER
        family = column.family
        if (op is Comparator.LIKE and family not in _TEXTS) or (family is Family.BOOLEAN and op not in _EQUALITY):
            what = "text" if op is Comparator.LIKE else "an order"
            hint = "compare it with = or !=" if op is not Comparator.LIKE else ""
            message = f"the column {name!r} is {column.original or column.kind}, which has no {what.removeprefix('an ')} to compare by {op.value}"
            self.errors.append(FieldError(f"{path}.op", message, hint))
            return _NEVER
        if op is Comparator.LIKE and isinstance(value, str):
            value = self.dialect.pattern(value)
            return self.dialect.like.format(column.compared, self._literal(column, value, f"{path}.value"))
        return f"{column.compared} {_SQL.get(op, op.value)} {self._literal(column, value, f'{path}.value')}"

    def _membership(self, name: str, values: tuple[Json, ...], path: str) -> str:
        column = self._column(name, path)
        if column is None:
            return _NEVER
        if not values:
            self.errors.append(FieldError(f"{path}.values", "has no values", "at least one"))
        literals = [self._literal(column, value, f"{path}.values[{n}]") for n, value in enumerate(values)]
        return f"{column.compared} IN ({', '.join(literals)})"

    def _literal(self, column: Column, value: Json, path: str) -> str:
        """Return the SQL of a value, after its type was looked at."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise Problem(Code.LIMIT_EXCEEDED, f"the condition has more than {MAX_VALUES:,} values")
        try:
            literal = next(self._literals(column, value), None)
        except (ValueError, OverflowError, Problem) as error:
            self.errors.append(FieldError(path, str(error), _EXPECTED.get(column.family, "")))
            return "NULL"
        if literal is None:
            kind, told = column.original or column.kind, type(value).__name__ if value is not None else "null"
            expected = _EXPECTED.get(column.family)
            hint = f"{expected} is expected" if expected else "it can only be asked whether it is null"
            message = f"the column {column.name!r} is {kind} and cannot be compared with {_WORDS.get(told, told)}"
            self.errors.append(FieldError(path, message, hint))
            return "NULL"
        return literal

    def _literals(self, column: Column, value: Json) -> Iterator[str]:
        """Yield the literal, where the value is of the column's class.

        Raises:
            ValueError: a text that is no instant, or a number that no database holds.
        """
        match column.family, value:
            case (Family.BOOLEAN, bool()):
                yield self.dialect.true if value else self.dialect.false
            case ((Family.INTEGER | Family.NUMBER), bool()):
                return
            case ((Family.INTEGER | Family.NUMBER), int() | float()):
                yield _number(value)
            case ((Family.TEXT | Family.LABEL), str()):
                yield self.dialect.literal(value)
            case ((Family.INSTANT | Family.DATE), str()):
                yield instant_literal(_instant(value, column.family), column, self.dialect)
            case (Family.TIME, str()):
                yield self.dialect.instants["time"].format(_time(value))


_WORDS = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "dict": "an object",
    "list": "a list",
}


def _number(value: float) -> str:
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) >= 10**_MOST_DIGITS):
        message = "the number is too large, or none"
        raise ValueError(message)
    return repr(value)


def _instant(text: str, family: Family) -> int:
    try:
        moment = datetime.fromisoformat(text)
        if not re.match(r"\d{4}-?\d\d-?\d\d", text, re.ASCII):
            raise ValueError  # noqa: TRY301 — a week's number, which nobody means
    except ValueError:
        message = f"{text[:40]!r} is no date"
        raise ValueError(message) from None
    instant = from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    if family is Family.DATE and instant % DAY:
        message = f"{text[:40]!r} is not a whole day"
        raise ValueError(message)
    return instant


def _time(text: str) -> str:
    try:
        moment = time.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is not None:
        message = f"{text[:40]!r} is no time of the day"
        raise ValueError(message)
    return moment.isoformat()
