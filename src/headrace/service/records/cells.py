"""What must hold of one cell alone: that its value is of the field's type, one of its options, and there when it is required.

A whole column is looked at in one go. A column in which everything is right costs a few operations that run in C, whatever its length.
"""

import datetime as dt
import re
from collections.abc import Callable
from contextlib import suppress
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import Any, Final, TypeAlias, TypeGuard

import msgspec

from headrace.core.blueprint import FieldKind, FieldSpec, Option
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import Level, MessageSource

Said: TypeAlias = list[str]
"""A message as it is kept: level, source, text, and its path where it has one."""
Column: TypeAlias = list[Any]
"""The values of one field, one for each record; None: it has none."""

_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_WHOLE_BITS = 63
_FLOAT_BITS = 1024
"""Of the greatest float, as a whole number."""
_LONGEST_WHOLE = 20
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN = 200
"""Characters of a value that a message repeats at most."""
_NONE: Final = frozenset({type(None)})
_TEXTS = _NONE | {str}
_NUMBERS = _NONE | {int, float}
_FLAGS = _NONE | {bool}
_SCALARS = _TEXTS | _NUMBERS | _FLAGS
_NESTED = (list, tuple, dict)
_DEEPEST = 100
"""Levels of lists and objects in a cell: SQLite reads a thousand, of everything around it too."""


class _Unreadable(Exception):
    """A value cannot be read as its type."""


def check_column(field: FieldSpec, column: Column) -> dict[int, list[Said]]:
    """Read the values of ``column`` in place as those of ``field``, and return what is wrong, by index.

    Empty text becomes None. A value that cannot be read as its type stays as it was sent, and is said to be so.

    Raises:
        Problem: ``INVALID``: a value is nested deeper than the databases take.
    """
    kinds = set(map(type, column))
    if str in kinds and "" in column:
        column[:] = [None if value == "" else value for value in column]
        kinds = set(map(type, column))
    if not kinds <= _SCALARS:
        _refuse_deep(field, column)
    found: dict[int, list[Said]] = {}
    if not kinds <= _NONE:
        _READERS[field.kind](field, column, kinds, found)
    if field.required is not None and (None in column or (list in kinds and [] in column)):
        said = [field.required.level.value, MessageSource.REQUIRED.value, _required(field)]
        for index, value in enumerate(column):
            if value is None or value == []:
                found.setdefault(index, []).append(said)
    return found


def shown(value: Json) -> str:
    """Return a value as messages repeat it."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def same(one: Json, other: Json) -> bool:
    """Say whether two values are the same JSON: 1 and true are equal in Python, and different here."""
    if one is other:
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            value == other[key] if type(value) is type(other[key]) is str else same(value, other[key])
            for key, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if one != other:
        return _is_huge(one) and _is_huge(other) and whole_text(one) == whole_text(other)
    return isinstance(one, bool) == isinstance(other, bool)


def whole_text(value: float) -> str:
    """Return a whole number as text, one text for each number that a float can be: PostgreSQL gives back 2.0**63 as 9223372036854776000."""
    whole = int(value)
    bits = whole.bit_length()
    if _WHOLE_BITS < bits <= _FLOAT_BITS:
        with suppress(OverflowError):
            whole = int(float(whole))
    # Thousands of digits are not made into text in decimals.
    return str(whole) if bits <= _FLOAT_BITS else hex(whole)


def _refuse_deep(field: FieldSpec, column: Column) -> None:
    level = [value for value in column if isinstance(value, _NESTED)]
    for _ in range(_DEEPEST):
        if not level:
            return
        inner = chain.from_iterable(one.values() if isinstance(one, dict) else one for one in level)
        level = [value for value in inner if isinstance(value, _NESTED)]
    if level:
        message = f"a value is nested more than {_DEEPEST} levels deep"
        raise Problem(Code.INVALID, message, (FieldError(field.key, message),))


def _required(field: FieldSpec) -> str:
    message = field.required.message if field.required else None
    return f"{field.label} is required" if message is None else message


def _each(field: FieldSpec, column: Column, found: dict[int, list[Said]], read: Callable[[Any], Any]) -> None:
    """Read value by value: the slow way, for columns in which something is not as it should be."""
    for index, value in enumerate(column):
        if value is None:
            continue
        try:
            column[index] = read(value)
        except _Unreadable:
            found[index] = [_artifact(field, value)]


def _read_texts(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _TEXTS:
        _each(field, column, found, _text)


def _read_numbers(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _NUMBERS:
        _each(field, column, found, _number)
    elif int in kinds and _has_huge(column):
        column[:] = [_small(value) if type(value) is int else value for value in column]
    places = field.decimal_places
    if places is not None:
        column[:] = [_rounded(value, places) if type(value) is float else value for value in column]


def _read_flags(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _FLAGS:
        _each(field, column, found, _flag)


def _read_days(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _TEXTS:
        _each(field, column, found, _day)
        return
    # There are few days in many records.
    wrong = {text for text in set(column) - {None} if not _is_day(text)}
    if wrong:
        for index, value in enumerate(column):
            if value in wrong:
                found[index] = [_artifact(field, value)]


def _read_options(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _TEXTS:
        _each(field, column, found, _scalar)
        known = _known(field.options)
        for index, value in enumerate(column):
            if value is not None and index not in found and (type(value), value) not in known:
                found[index] = [_no_option(value)]
        return
    wrong = set(column) - {None} - {option.value for option in field.options if isinstance(option.value, str)}
    if wrong:
        for index, value in enumerate(column):
            if value in wrong:
                found[index] = [_no_option(value)]


def _read_option_lists(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    del kinds
    _each(field, column, found, _scalars)
    known = _known(field.options)
    for index, value in enumerate(column):
        if value is not None and index not in found:
            wrong = [_no_option(item) for item in dict.fromkeys(value) if (type(item), item) not in known]
            if wrong:
                found[index] = wrong


def _read_text_lists(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    del kinds
    _each(field, column, found, _texts)


def _read_links(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    if not kinds <= _TEXTS:
        _each(field, column, found, _scalar_or_scalars if takes_several(field) else _scalar)


def _read_link_lists(field: FieldSpec, column: Column, kinds: set[type], found: dict[int, list[Said]]) -> None:
    del kinds
    _each(field, column, found, _scalars)


def takes_several(field: FieldSpec) -> bool:
    """Say whether a field of type reference takes a list: its relationship is has-many."""
    config = field.raw.get("config")
    return isinstance(config, dict) and config.get("relationship") == "has-many"


_READERS: dict[FieldKind, Callable[[FieldSpec, Column, set[type], dict[int, list[Said]]], None]] = {
    FieldKind.STRING: _read_texts,
    FieldKind.NUMBER: _read_numbers,
    FieldKind.BOOLEAN: _read_flags,
    FieldKind.DATE: _read_days,
    FieldKind.ENUM: _read_options,
    FieldKind.STRING_LIST: _read_text_lists,
    FieldKind.ENUM_LIST: _read_option_lists,
    FieldKind.REFERENCE: _read_links,
    FieldKind.REFERENCE_LIST: _read_link_lists,
}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float):
        # A number or a boolean in a field of text: as JSON has it, so that nothing is lost.
        return msgspec.json.encode(value).decode() if abs(value) < 1 << _WHOLE_BITS else str(value)
    raise _Unreadable


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        raise _Unreadable
    return [_text(item) for item in value]


def _scalar(value: Any) -> Any:
    if isinstance(value, str | int | float):
        return value
    raise _Unreadable


def _scalars(value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _Unreadable
    return [_scalar(item) for item in value]


def _scalar_or_scalars(value: Any) -> Any:
    return _scalars(value) if isinstance(value, list | tuple) else _scalar(value)


def _number(value: Any) -> int | float:
    if isinstance(value, str):
        if not _NUMBER.match(value) or not value.isascii():
            raise _Unreadable
        text = value.strip()
        if len(text) < _LONGEST_WHOLE and text.lstrip("+-").isdigit():
            return _small(int(text))
        number = float(text)
        if number in {float("inf"), float("-inf")}:
            raise _Unreadable
        return number
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _small(value) if isinstance(value, int) else value
    raise _Unreadable


def _has_huge(column: Column) -> bool:
    return any(type(value) is int and value.bit_length() > _WHOLE_BITS for value in column)


def _is_huge(value: Json) -> TypeGuard[float]:
    return isinstance(value, int | float) and abs(value) >= 1 << _WHOLE_BITS


def _small(value: int) -> int | float:
    """Return whole numbers of more than 64 bits as the databases and JavaScript keep them."""
    return value if value.bit_length() <= _WHOLE_BITS else float(value)


def _rounded(value: float, places: int) -> int | float:
    exact = Decimal(repr(value))
    exponent = exact.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return value
    rounded = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return int(rounded) if places == 0 else float(rounded)


def _flag(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        flag = _BOOLEANS.get(value.strip().lower())
    elif isinstance(value, int | float):
        flag = {1.0: True, 0.0: False}.get(float(value))
    else:
        flag = None
    if flag is None:
        raise _Unreadable
    return flag


def _is_day(text: str) -> bool:
    if not _DAY.match(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _day(value: Any) -> str:
    if isinstance(value, str) and _is_day(value):
        return value
    raise _Unreadable


def _known(options: tuple[Option, ...]) -> set[tuple[type, Any]]:
    return {(type(option.value), option.value) for option in options}


def _artifact(field: FieldSpec, value: Json) -> Said:
    return [Level.ERROR.value, MessageSource.TYPE.value, f'"{shown(value)}" is not a valid {field.kind.value}']


def _no_option(value: Json) -> Said:
    return [Level.ERROR.value, MessageSource.OPTION.value, f'"{shown(value)}" is not a valid option']
