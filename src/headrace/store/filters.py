"""Filters of ``core.query`` as conditions of SQL, over a fixed mapping of paths to columns and, below some names, into JSON.

In JSON, a value compares with values of its own type only, on both databases alike: a number never equals a text. A segment that ends in ``[]`` is
an array, of which any element may satisfy a comparison; there is at most one in a path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.query import And, Compare, Filter, In, Not, Op, Or, Value

Condition = sa.ColumnElement[bool]

_OPERATORS: Mapping[Op, Callable[[Any, Any], Condition]] = {
    Op.EQ: lambda left, right: left == right,
    Op.NE: lambda left, right: left.is_distinct_from(right),
    Op.LT: lambda left, right: left < right,
    Op.LE: lambda left, right: left <= right,
    Op.GT: lambda left, right: left > right,
    Op.GE: lambda left, right: left >= right,
}

MAX_PARTS = 500
"""Most comparisons of one filter."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What a filter may name: ``columns`` by path, and ``documents``, JSON columns by the first segment of the path (``details.x.y``)."""

    columns: Mapping[str, sa.ColumnElement[Any]]
    documents: Mapping[str, sa.ColumnElement[Any]] = field(default_factory=dict)


def compile_filter(condition: Filter, known: Fields, dialect: str) -> Condition:
    """Return ``condition`` as SQL.

    Raises:
        Problem: ``INVALID``: a path that cannot be filtered by (all of them at once), or more than ``MAX_PARTS`` comparisons.
    """
    leaves = list(_leaves(condition))
    if len(leaves) > MAX_PARTS:
        raise Problem(Code.LIMIT_EXCEEDED, f"the filter has {len(leaves)} comparisons; at most {MAX_PARTS} are allowed")
    names = ", ".join([*known.columns, *(f"{name}.…" for name in known.documents)])
    wrong = [
        FieldError(leaf.path, "cannot be filtered by", f"one of {names}")
        for leaf in leaves
        if not _has(leaf.path, known)
    ]
    if wrong:
        raise Problem.of_fields(Code.INVALID, "the filter", tuple(wrong))
    return _compile(condition, known, dialect)


def _leaves(condition: Filter) -> list[Compare | In]:
    match condition:
        case Compare() | In():
            return [condition]
        case And(parts) | Or(parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case Not(part):
            return _leaves(part)


def _has(path: str, known: Fields) -> bool:
    head, _, rest = path.partition(".")
    return path in known.columns or (head in known.documents and rest != "")


def _compile(condition: Filter, known: Fields, dialect: str) -> Condition:
    match condition:
        case Compare(path, op, value):
            return _compare(path, op, value, known, dialect)
        case In(path, values) if path in known.columns and None not in values:
            # One list and not a chain of comparisons, whose depth SQLite limits.
            column = known.columns[path]
            return column.in_([_checked(path, column, value) for value in values])
        case In(path, values) if path not in known.columns:
            head, _, rest = path.partition(".")
            return _InDocument(known.documents[head], tuple(rest.split(".")), dialect).is_one_of(path, values)
        case In(path, values):
            return sa.or_(sa.false(), *(_compare(path, Op.EQ, value, known, dialect) for value in values))
        case And(parts):
            return sa.and_(sa.true(), *(_compile(part, known, dialect) for part in parts))
        case Or(parts):
            return sa.or_(sa.false(), *(_compile(part, known, dialect) for part in parts))
        case Not(part):
            # An absent value makes a comparison unknown; what is not known to hold does not hold.
            return sa.not_(sa.func.coalesce(_compile(part, known, dialect), sa.false()))


def _checked(path: str, column: sa.ColumnElement[Any], value: Value) -> Value:
    _check_size(path, value)
    return _fitting(path, column, value)


def _check_size(path: str, value: Value) -> None:
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise Problem(Code.INVALID, f"{path}: the number has more than 64 bits", (FieldError(path, "is too large"),))


def _compare(path: str, op: Op, value: Value, known: Fields, dialect: str) -> Condition:
    _check_size(path, value)
    column = known.columns.get(path)
    if column is None:
        head, _, rest = path.partition(".")
        return _InDocument(known.documents[head], tuple(rest.split(".")), dialect).compares(op, value)
    if value is None:
        return column.is_(None) if op is Op.EQ else column.is_not(None)
    return _applied(column, op, _fitting(path, column, value))


def _fitting(path: str, column: sa.ColumnElement[Any], value: Value) -> Value:
    numeric = isinstance(column.type, sa.Integer | sa.Numeric)
    if numeric == (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    error = FieldError(path, f"{value!r} has the wrong type", "a number" if numeric else "a text")
    raise Problem(Code.INVALID, str(error), (error,))


def _applied(column: Any, op: Op, value: Value) -> Condition:
    if op is Op.CONTAINS:
        return sa.func.lower(sa.cast(column, sa.Text)).contains(str(value).lower(), autoescape=True)
    return _OPERATORS[op](column, sa.literal(value))


@dataclass(frozen=True, slots=True)
class _InDocument:
    """A place in a JSON column."""

    column: sa.ColumnElement[Any]
    path: tuple[str, ...]
    dialect: str

    def compares(self, op: Op, value: Value) -> Condition:
        """Return whether the value at the place, or any of those that it stands for, compares so."""
        if value is None:
            return self._any(_InDocument.is_null) if op is Op.EQ else sa.not_(self._any(_InDocument.is_null))
        return self._any(lambda place: _applied(place.as_type(value), op, value))

    def is_one_of(self, path: str, values: tuple[Value, ...]) -> Condition:
        """Return whether the value at the place, or any of those that it stands for, is one of ``values``."""
        for value in values:
            _check_size(path, value)
        texts = [value for value in values if isinstance(value, str)]
        numbers = [value for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
        others = [value for value in values if value is None or isinstance(value, bool)]

        def one_of(place: "_InDocument") -> Condition:
            # One list of each type and not a chain of comparisons, whose depth SQLite limits.
            alike = [place.as_type(some[0]).in_(some) for some in (texts, numbers) if some]
            return sa.or_(sa.false(), *alike, *(place.compares(Op.EQ, value) for value in others))

        return self._any(one_of)

    def _any(self, condition: "Callable[[_InDocument], Condition]") -> Condition:
        position = next((number for number, name in enumerate(self.path) if name.endswith("[]")), None)
        if position is None:
            return condition(self)
        array = replace(self, path=(*self.path[:position], self.path[position].removesuffix("[]")))
        element, source, is_element = array.elements()
        inner = _InDocument(element, self.path[position + 1 :], self.dialect)
        return sa.select(sa.literal(1)).select_from(source).where(is_element, condition(inner)).exists()

    def elements(self) -> tuple[sa.ColumnElement[Any], sa.FromClause, Condition]:
        """Return an element of the array at the place, what goes through all of them, and what tells them from the members of what is no array."""
        if self.dialect == "sqlite":
            each = sa.func.json_each(sa.type_coerce(self.column, sa.Text), self._sqlite_path())
            table = each.table_valued("key", "value", "type")
            # A scalar is no JSON text as it stands: it is wrapped, so that every element is read in the same way.
            as_text = sa.case(
                (table.c.type.in_(["object", "array"]), table.c.value),
                (table.c.type.in_(["true", "false", "null"]), table.c.type),
                else_=sa.func.json_quote(table.c.value),
            )
            return as_text, table, sa.func.typeof(table.c.key) == "integer"
        array = sa.case(
            (self._kind() == "array", self._jsonb()), else_=sa.literal_column("'[]'::jsonb", postgresql.JSONB)
        )
        valued = sa.func.jsonb_array_elements(array).table_valued("value")
        return sa.cast(valued.c.value, sa.Text), valued, sa.true()

    def is_null(self) -> Condition:
        """Return whether there is nothing at the place, or null."""
        kind = self._kind()
        return sa.or_(kind.is_(None), kind == "null")

    def as_type(self, value: Value) -> sa.ColumnElement[Any]:
        """Return the value at the place if it has the type of ``value``, else SQL's null."""
        if isinstance(value, bool):
            names = {"true": True, "false": False}
            text = self._kind() if self.dialect == "sqlite" else self._text()
            cases = [
                (sa.and_(self._is("true", "false", "boolean"), text == name), sa.literal(is_it))
                for name, is_it in names.items()
            ]
            return sa.case(*cases)
        if isinstance(value, int | float):
            number = self._text() if self.dialect == "sqlite" else sa.cast(self._text(), sa.Numeric)
            return sa.type_coerce(sa.case((self._is("integer", "real", "number"), number)), sa.Numeric)
        words = sa.case((self._is("text", "string"), self._text()))
        return sa.type_coerce(words if self.dialect == "sqlite" else sa.collate(words, "C"), sa.Text)

    def _is(self, *kinds: str) -> Condition:
        return self._kind().in_(kinds)

    def _kind(self) -> sa.ColumnElement[Any]:
        if self.dialect == "sqlite":
            return sa.func.json_type(sa.type_coerce(self.column, sa.Text), self._sqlite_path())
        return sa.func.jsonb_typeof(self._jsonb())

    def _text(self) -> sa.ColumnElement[Any]:
        if self.dialect == "sqlite":
            return sa.func.json_extract(sa.type_coerce(self.column, sa.Text), self._sqlite_path())
        # An empty path stands for the whole: an element of an array.
        if not self.path:
            return self._document().op("#>>", return_type=sa.Text())(sa.literal_column("'{}'::text[]"))
        return sa.func.jsonb_extract_path_text(self._document(), *self.path)

    def _jsonb(self) -> sa.ColumnElement[Any]:
        return sa.func.jsonb_extract_path(self._document(), *self.path) if self.path else self._document()

    def _document(self) -> sa.ColumnElement[Any]:
        return sa.cast(sa.type_coerce(self.column, sa.Text), postgresql.JSONB)

    def _sqlite_path(self) -> str:
        # A quote would end the name; SQLite has no escape for it, so such a name matches nothing.
        return "$" + "".join('."' + segment.replace('"', "\x01") + '"' for segment in self.path)
