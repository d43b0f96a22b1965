"""New records as columns: out of what clients send or other parts of Headrace make, with what is wrong in each cell alone."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from typing import Any, Final

import msgspec

from headrace.core.blueprint import Blueprint
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import Level, Message, MessageSource, NewRecord
from headrace.service.records.cells import Column, Said, check_column
from headrace.service.records.odd_keys import OddReader, has_odd, odd_row

MAX_PAGE = 50_000
"""Records of one write, unless it is a stream."""
_LISTED_FIELDS = 20
"""Unknown fields that a refusal names at most."""
_LEVELS = frozenset(Level)
_AT_ONCE = 250
"""Records that are written as text together: the processor still has the first ones at hand when the last ones are made."""
_PIECE = 100_000
"""Bytes of a page that are read together, for the same reason."""
_BEGINNING = re.compile(rb"[ \t\r\n]*\[")
_BETWEEN = re.compile(rb"\}[ \t\r\n]*,[ \t\r\n]*\{")


class UnknownFieldsError(Exception):
    """Records bring fields that the blueprint does not have."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__(keys)
        self.keys = keys


@dataclass(slots=True)
class Batch:
    """Records to be inserted: ``columns`` in the order of the blueprint's fields, each with a value (None: none) for each record.

    By index: ``said`` has messages by field, ``ids`` the ids that were asked for, ``metadata`` and ``config`` those that are not empty.
    """

    blueprint: Blueprint
    size: int
    columns: list[Column]
    said: dict[int, dict[str, list[Said]]] = field(default_factory=dict)
    ids: dict[int, str] = field(default_factory=dict)
    metadata: dict[int, Mapping[str, Json]] = field(default_factory=dict)
    config: dict[int, Mapping[str, Json]] = field(default_factory=dict)

    def say(self, index: int, key: str, said: Iterable[Said]) -> None:
        """Add what is to be said of field ``key`` of record ``index``, if anything."""
        if said := list(said):
            self.said.setdefault(index, {}).setdefault(key, []).extend(said)

    def texts(self) -> list[str]:
        """Return the values of each record as JSON text without nulls."""
        if not self.columns:
            return ["{}"] * self.size
        rows = map(_shape(_keys(self.blueprint)).row, *self.columns)
        made: list[str] = []
        while part := list(islice(rows, _AT_ONCE)):
            made += json_texts(part)
        return made

    def parts(self, most: int) -> Iterable["Batch"]:
        """Return the same in batches of up to ``most`` records."""
        if self.size <= most:
            yield self
            return
        for start in range(0, self.size, most):
            stop = min(start + most, self.size)
            yield Batch(
                self.blueprint,
                stop - start,
                [column[start:stop] for column in self.columns],
                *(_part(items, start, stop) for items in (self.said, self.ids, self.metadata, self.config)),
            )


def batch_of(blueprint: Blueprint, records: Sequence[NewRecord]) -> Batch:
    """Return ``records`` with their cells read and checked.

    Raises:
        UnknownFieldsError: they bring fields that the blueprint does not have.
    """
    known = set(blueprint.by_key)
    brought = set().union(*(record.values.keys() for record in records), *(record.messages for record in records))
    if not brought <= known:
        raise UnknownFieldsError(sorted(brought - known))
    columns: list[Column] = [[record.values.get(spec.key) for record in records] for spec in blueprint.fields]
    batch = Batch(blueprint, len(records), columns)
    _check(batch)
    for index, record in enumerate(records):
        if record.id is not None:
            batch.ids[index] = record.id
        if record.metadata:
            batch.metadata[index] = record.metadata
        if record.config:
            batch.config[index] = record.config
        for key, messages in record.messages.items():
            batch.say(index, key, said_of(messages))
    return batch


def batch_of_columns(blueprint: Blueprint, columns: Mapping[str, Sequence[Json]], size: int) -> Batch:
    """Return ``size`` records that come column by column, with their cells read and checked; all fields must be the blueprint's."""
    batch = Batch(
        blueprint,
        size,
        [list(columns[spec.key]) if spec.key in columns else [None] * size for spec in blueprint.fields],
    )
    _check(batch)
    return batch


def page_of(blueprint: Blueprint, raw: bytes) -> Batch:
    """Return the records of a page from the wire, ``[{key: {value, messages?} or a bare value}]``, with their cells read and checked.

    Raises:
        UnknownFieldsError: as in ``batch_of``.
        Problem: ``MALFORMED``: it is no JSON; ``INVALID``: it is no such list, with the place; ``LIMIT_EXCEEDED``: it has too many records.
    """
    decode = _shape(_keys(blueprint)).decoder.decode
    if b'"messages"' not in raw:
        try:
            return _small_enough(_joined(blueprint, map(decode, _pieces(raw))))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            # The whole tells where it is wrong, and whether it is: objects within cells may have been cut apart.
            pass
    try:
        rows = decode(raw)
    except msgspec.ValidationError as error:
        _find_unknown(blueprint, raw)
        raise _refused(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(Code.MALFORMED, f"the body is no JSON: {error}") from error
    batch = _small_enough(_joined(blueprint, [rows]))
    for index, key, said in _custom(blueprint, rows):
        batch.say(index, key, said)
    return batch


def checked_again(blueprint: Blueprint, batch: Batch) -> Batch:
    """Return ``batch`` for another blueprint. What the sheet has no field for any more is left out."""
    sent = dict(zip(_keys(batch.blueprint), batch.columns, strict=True))
    columns = [sent.get(key) or [None] * batch.size for key in _keys(blueprint)]
    again = Batch(blueprint, batch.size, columns, {}, batch.ids, batch.metadata, batch.config)
    _check(again)
    for index, said in batch.said.items():
        for key, items in said.items():
            if key in blueprint.by_key:
                again.say(index, key, [one for one in items if one[1] == MessageSource.CUSTOM])
    return again


def said_of(messages: Iterable[Message]) -> list[Said]:
    """Return messages of clients as they are kept; those that only Headrace makes are left out."""
    return [
        [one.level.value, one.source.value, one.text, *(() if one.path is None else (one.path,))]
        for one in messages
        if one.source is MessageSource.CUSTOM
    ]


def is_wrong(said: Mapping[str, Sequence[Said]]) -> bool:
    """Say whether one of a record's messages is an error."""
    return any(one[0] == Level.ERROR for items in said.values() for one in items)


def json_texts(values: Sequence[object]) -> list[str]:
    """Return each of ``values`` as JSON text.

    Raises:
        Problem: ``INVALID``: a text has characters that the databases cannot keep.
    """
    try:
        text = msgspec.json.Encoder().encode_lines(values).decode()
    except UnicodeEncodeError as error:
        raise _unkept() from error
    lines = text.split("\n")[: len(values)]
    # The text of a backslash and u0000 looks alike, when it is only looked at from outside.
    if "\\u0000" in text and any("\\u0000" in line and _has_nul(msgspec.json.decode(line)) for line in lines):
        raise _unkept()
    return lines


def refuse_unknown(keys: Sequence[str], blueprint: Blueprint) -> Problem:
    """Return the refusal of records that bring fields which the blueprint does not have."""
    errors = tuple(FieldError(key, f"the sheet has no field {key!r}") for key in keys[:_LISTED_FIELDS])
    known = ", ".join(spec.key for spec in blueprint.fields[:_LISTED_FIELDS])
    return Problem(
        Code.INVALID, f"the sheet has no field {', '.join(map(repr, keys[:_LISTED_FIELDS]))} (it has {known})", errors
    )


class _Told(msgspec.Struct, gc=False):
    """A message as clients send it."""

    message: str | None = None
    type: str | None = None
    source: str | None = None
    path: str | None = None


class _Cell(msgspec.Struct, frozen=True, gc=False):
    """A cell as clients send it; what else it has is ignored."""

    value: Any = None
    messages: list[_Told] | None = None


_NO_CELL = _Cell()


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is made once for a blueprint: how to read its pages, and how to write its records."""

    decoder: msgspec.json.Decoder[list[Any]] | OddReader
    row: Callable[..., Any]


@lru_cache(maxsize=64)
def _shape(keys: tuple[str, ...]) -> _Shape:
    names = [f"f{number}" for number in range(len(keys))]
    rename = dict(zip(names, keys, strict=True))
    cell: Any = _Cell | str | int | float | bool | list[Any] | None
    if has_odd(keys):
        return _Shape(OddReader(keys, cell, _NO_CELL, closed=True), odd_row(keys))
    page = msgspec.defstruct(
        "Sent", [(name, cell, _NO_CELL) for name in names], rename=rename, forbid_unknown_fields=True, gc=False
    )
    row = msgspec.defstruct("Row", [(name, Any, None) for name in names], rename=rename, omit_defaults=True, gc=False)
    return _Shape(msgspec.json.Decoder(list[page]), row)  # type: ignore[valid-type]  # a class that is made here


def _keys(blueprint: Blueprint) -> tuple[str, ...]:
    return tuple(spec.key for spec in blueprint.fields)


def _pieces(raw: bytes) -> Iterator[bytes]:
    """Yield a JSON array of objects as several, without looking into it.

    If each piece is an array of objects, so is the whole, with the same ones: a cut within a text or within an object leaves a piece that is none.
    """
    beginning = _BEGINNING.match(raw)
    if beginning is None:
        yield raw
        return
    start = beginning.end()
    while cut := _BETWEEN.search(raw, start + _PIECE):
        yield b"[%b]" % raw[start : cut.start() + 1]
        start = cut.end() - 1
    yield b"[" + raw[start:]


def _joined(blueprint: Blueprint, pieces: Iterable[list[Any]]) -> Batch:
    """Return records as they were decoded, with their cells read and checked."""
    width = len(blueprint.fields)
    batch = Batch(blueprint, 0, [[] for _ in range(width)])
    for rows in pieces:
        values = _values(rows)
        part = Batch(blueprint, len(rows), [values[number::width] for number in range(width)])
        _check(part)
        for column, more in zip(batch.columns, part.columns, strict=True):
            column.extend(more)
        batch.said.update((batch.size + index, said) for index, said in part.said.items())
        batch.size += part.size
    return batch


def _values(rows: list[Any]) -> list[Any]:
    # Record by record, as they lie in memory: column by column it takes eight times as long.
    cells = chain.from_iterable(map(msgspec.structs.astuple, rows))
    try:
        return [cell.value for cell in cells]
    except AttributeError:
        # Some of them are bare values.
        cells = chain.from_iterable(map(msgspec.structs.astuple, rows))
        return [cell.value if type(cell) is _Cell else cell for cell in cells]


def _small_enough(batch: Batch) -> Batch:
    if batch.size > MAX_PAGE:
        message = f"{batch.size} records are more than the {MAX_PAGE} that one write may have"
        raise Problem(Code.LIMIT_EXCEEDED, message)
    return batch


def _check(batch: Batch) -> None:
    for spec, column in zip(batch.blueprint.fields, batch.columns, strict=True):
        for index, said in check_column(spec, column).items():
            batch.say(index, spec.key, said)


def _custom(blueprint: Blueprint, rows: Iterable[Any]) -> Iterable[tuple[int, str, list[Said]]]:
    keys = _keys(blueprint)
    for index, row in enumerate(rows):
        for key, cell in zip(keys, msgspec.structs.astuple(row), strict=True):
            if type(cell) is _Cell and cell.messages:
                said = [_said(one, f"[{index}].{key}.messages") for one in cell.messages if _is_custom(one.source)]
                if said:
                    yield index, key, said


_SYSTEM: Final = frozenset(source.value for source in MessageSource if source is not MessageSource.CUSTOM)


def _is_custom(source: str | None) -> bool:
    return source not in _SYSTEM


def _said(told: _Told, path: str) -> Said:
    level = Level.ERROR.value if told.type is None else told.type
    if level not in _LEVELS:
        raise Problem(
            Code.INVALID,
            f"{level!r} is no type of a message; it is one of {', '.join(Level)}",
            (FieldError(path, f"{level!r} is no type of a message; it is one of {', '.join(Level)}"),),
        )
    return [level, MessageSource.CUSTOM.value, told.message or "", *(() if told.path is None else (told.path,))]


def _find_unknown(blueprint: Blueprint, raw: bytes) -> None:
    try:
        rows = msgspec.json.decode(raw, type=list[dict[str, Any]])
    except msgspec.ValidationError as error:
        raise _refused(error) from error
    unknown = set().union(*rows) - set(blueprint.by_key)
    if unknown:
        raise UnknownFieldsError(sorted(unknown))


def _refused(error: msgspec.ValidationError) -> Problem:
    text, _, place = str(error).partition(" - at ")
    path = place.strip("`").removeprefix("$")
    return Problem(Code.INVALID, f"the records cannot be read: {text}", (FieldError(path or "records", text),))


def _has_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(map(_has_nul, value.keys())) or any(map(_has_nul, value.values()))
    return isinstance(value, list) and any(map(_has_nul, value))


def _unkept() -> Problem:
    return Problem(
        Code.INVALID, "a record has text with characters that cannot be kept (NUL, or half of a surrogate pair)"
    )


def _part(items: Mapping[int, Any], start: int, stop: int) -> dict[int, Any]:
    return {index - start: item for index, item in items.items() if start <= index < stop}
