"""Filters of records (``core.record.RecordFilter``) and searches as SQL.

What holds of a cell is said by the type of its value: a text compares with the text that is asked for, by code point; a number with the number that
this text is, or not at all; true and false with the words for them. In fields of numbers and booleans a text is no value: nothing is less or greater
than it. A list compares by its elements: one that does is enough. ``ne`` is what ``eq`` is not, so empty cells are unequal to everything.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

import sqlalchemy as sa

from headrace.core.blueprint import Blueprint, FieldKind
from headrace.core.record import And, Compare, Is, Level, Operator, Or, RecordFilter
from headrace.store import record_cells
from headrace.store.record_cells import Condition, Scalar, Test
from headrace.store.sheet_tables import sheet_records

_WORDS: Mapping[str, bool] = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_ORDERS: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.LT: operator.lt,
    Operator.GT: operator.gt,
    Operator.LTE: operator.le,
    Operator.GTE: operator.ge,
}
_UNORDERED = frozenset({FieldKind.NUMBER, FieldKind.BOOLEAN})
"""Kinds of fields in which a text is no value."""
_MAX_INTEGER = 2**63
_CHAIN = 100
"""Conditions that stand in a chain at most."""

HAS_ERROR: Condition = sa.literal_column("NOT sheet_records.valid", sa.Boolean)
"""As it stands in the partial index of records that are wrong, since SQLite compares the terms."""


def compile_filter(where: RecordFilter, blueprint: Blueprint, dialect: str) -> Condition:
    """Return ``where``, whose fields are keys of ``blueprint``, as SQL."""
    match where:
        case And(terms):
            return sa.and_(sa.true(), *(compile_filter(term, blueprint, dialect) for term in terms))
        case Or(terms):
            return sa.or_(sa.false(), *(compile_filter(term, blueprint, dialect) for term in terms))
        case Is(field, state):
            return has_state(field, state, dialect)
        case Compare(field, Operator.NE, value):
            keys = [item.key for item in blueprint.fields] if field is None else [field]
            return _any(_not(_compare((key,), Operator.EQ, value, blueprint, dialect)) for key in keys)
        case Compare(field, chosen, value):
            named = tuple(item.key for item in blueprint.fields) if field is None else (field,)
            return _compare(named, chosen, value, blueprint, dialect)


def has_state(field: str | None, state: str, dialect: str) -> Condition:
    """Return whether ``field`` (None: any, and for ``valid`` the whole record) has an error, has a warning, or has no error."""
    if state == "warning":
        return record_cells.has_message(field, Level.WARN, dialect)
    is_wrong = HAS_ERROR if field is None else sa.and_(HAS_ERROR, record_cells.has_message(field, Level.ERROR, dialect))
    if state == "error":
        return is_wrong
    return sheet_records.c.valid if field is None else _not(is_wrong)


def search(text: str, field: str | None, blueprint: Blueprint, dialect: str, *, whole: bool) -> Condition:
    """Return whether ``text`` occurs in ``field`` (None: in any), or is its whole value, in whatever case."""
    wanted = record_cells.fold(sa.literal(text, sa.Text), dialect)

    def test(value: Scalar) -> Condition:
        shown = record_cells.fold(value.shown, dialect)
        return shown == wanted if whole else record_cells.holds_text(shown, wanted, dialect)

    keys = tuple(item.key for item in blueprint.fields) if field is None else (field,)
    found = _some(keys, test, blueprint, dialect)
    first = record_cells.holds_anywhere(text, dialect) if len(keys) > 1 else None
    return found if first is None else sa.and_(first, found)


def number_of(text: str) -> Decimal | int | None:
    """Return the number that ``text`` is, None if it is none. What is no integer gets the precision that numbers of records have."""
    try:
        number = Decimal(text.strip().replace("_", "x"))
    except InvalidOperation:
        return None
    if not number.is_finite() or abs(number.adjusted()) > 300:
        return None
    if number == number.to_integral_value():
        return int(number)
    return Decimal(repr(float(number)))


def _compare(
    keys: tuple[str, ...], chosen: Operator, value: str | None, blueprint: Blueprint, dialect: str
) -> Condition:
    if value is None:
        if chosen in _ORDERS:
            return sa.false()
        return _any(record_cells.cell(key, dialect).is_null for key in keys)
    if chosen in _ORDERS:
        # A text in a field of numbers is neither less nor greater.
        loose = tuple(key for key in keys if blueprint.by_key[key].kind not in _UNORDERED)
        strict = tuple(key for key in keys if key not in loose)
        test = partial(_ordered, compares=_ORDERS[chosen], value=value, dialect=dialect)
        return sa.or_(
            _some(loose, partial(test, texts=True), blueprint, dialect),
            _some(strict, partial(test, texts=False), blueprint, dialect),
        )
    if chosen is Operator.CONTAINS:
        keys = tuple(key for key in keys if blueprint.by_key[key].kind.is_list)
    tests: Mapping[Operator, Test] = {
        Operator.EQ: partial(_equal, value=value, dialect=dialect),
        Operator.CONTAINS: partial(_equal, value=value, dialect=dialect),
        Operator.LIKE: partial(_like, value=value, dialect=dialect, folded=False),
        Operator.ILIKE: partial(_like, value=value, dialect=dialect, folded=True),
    }
    return _some(keys, tests[chosen], blueprint, dialect)


def _some(keys: tuple[str, ...], test: Test, blueprint: Blueprint, dialect: str) -> Condition:
    """Return whether ``test`` holds of a value of one of the fields, or of an element of one of them that is a list."""
    lists = [key for key in keys if blueprint.by_key[key].kind.is_list]
    others = [key for key in keys if key not in lists]
    parts: list[Condition] = [record_cells.any_element(key, dialect, test) for key in lists]
    if len(others) == 1:
        parts.append(test(record_cells.cell(others[0], dialect)))
    elif others:
        parts.append(record_cells.any_cell(others, dialect, test))
    return _any(parts)


def _equal(cell: Scalar, value: str, dialect: str) -> Condition:
    parts = [sa.and_(cell.is_text, cell.text == sa.literal(value, sa.Text))]
    number = number_of(value)
    if number is not None:
        parts.append(sa.and_(cell.is_number, cell.number == _bound(number, dialect)))
    word = _WORDS.get(value.strip().lower())
    if word is not None:
        parts.append(cell.is_true if word else cell.is_false)
    return sa.or_(*parts)


def _ordered(cell: Scalar, *, compares: Callable[[Any, Any], Any], value: str, dialect: str, texts: bool) -> Condition:
    parts: list[Condition] = []
    if texts:
        parts.append(sa.and_(cell.is_text, compares(cell.text, sa.literal(value, sa.Text))))
    number = number_of(value)
    if number is not None:
        parts.append(sa.and_(cell.is_number, compares(cell.number, _bound(number, dialect))))
    word = _WORDS.get(value.strip().lower())
    if word is not None:
        parts += [cell.is_true] if compares(True, word) else []
        parts += [cell.is_false] if compares(False, word) else []
    return _any(parts)


def _like(cell: Scalar, value: str, dialect: str, *, folded: bool) -> Condition:
    shown = record_cells.fold(cell.shown, dialect) if folded else cell.shown
    if "%" in value or "_" in value:
        return record_cells.like(shown, value, dialect, folded=folded)
    part: sa.ColumnElement[Any] = sa.literal(value, sa.Text)
    return record_cells.holds_text(shown, record_cells.fold(part, dialect) if folded else part, dialect)


def _bound(number: Decimal | int, dialect: str) -> sa.ColumnElement[Any]:
    if dialect == record_cells.SQLITE:
        if isinstance(number, int) and -_MAX_INTEGER <= number < _MAX_INTEGER:
            return sa.literal(number, sa.BigInteger)
        return sa.literal(float(number), sa.Float)
    return sa.literal(Decimal(number), sa.Numeric)


def _any(conditions: Iterable[Condition]) -> Condition:
    """Return whether one of many holds: as a list, since a chain of a thousand fields is deeper than SQLite takes."""
    every = list(conditions)
    return sa.true().in_(every) if len(every) > _CHAIN else sa.or_(sa.false(), *every)


def _not(condition: Condition) -> Condition:
    # An absent value makes a comparison unknown; what is not known to hold does not hold.
    return sa.not_(sa.func.coalesce(condition, sa.false()))
