"""What is asked and told, as JSON and as a query: the form that the native API, its remote client and ``-o json`` have in common.

Everything is read off the annotations of the dataclasses: instants are ISO 8601 texts in UTC with microseconds
(``2026-01-31T06:00:00.000000Z``), enums their values, tuples lists. No member is left out, so that a reader need not know defaults.
"""

import dataclasses
import difflib
import enum
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, TypeVar

from headrace.core.clock import Instant, from_datetime, to_datetime
from headrace.core.codec import Json, encode
from headrace.core.errors import Code, FieldError, Problem

T = TypeVar("T")

_WORDS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
_INSTANT = "an instant such as 2026-01-31T06:00:00Z"
_MISSING = dataclasses.MISSING
_LONGEST_NUMBER = 40
_LARGEST_NUMBER = 10**18 - 1


def to_wire(told: object) -> Json:
    """Return a dataclass of ``core.native`` as JSON, every member of it."""
    shape: Any = type(told)
    return _encoder(shape)(told)


def instant_text(instant: Instant) -> str:
    """Return an instant as it travels."""
    return to_datetime(instant).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_wire(cls: type[T], value: Json, *, what: str = "the answer", strict: bool = False) -> T:
    """Return ``value`` as an instance of ``cls``.

    Unknown members are passed over (an older client reads a newer server), or refused where ``strict``.

    Raises:
        Problem: ``INVALID`` (or ``UNKNOWN_FIELD``, where that is all that is wrong) with every error and its path; ``what`` names the document.
    """
    reading = _Reading(strict=strict)
    found = reading.read(cls, value, "")
    reading.refuse(what)
    return typing.cast("T", found)


def from_query(cls: type[T], pairs: Iterable[tuple[str, str]], *, what: str = "the query") -> T:
    """Return the texts of a query, or a form, as an instance of ``cls``.

    A member that is a tuple may come several times; every other one once. An empty text stands for nothing, unless the member is a text.
    Mappings and nested members are JSON texts. An instant without a zone is UTC.

    Raises:
        Problem: as ``from_wire``, where it is strict.
    """
    texts: dict[str, list[str]] = {}
    for name, text in pairs:
        texts.setdefault(name, []).append(text)
    reading = _Reading(strict=True)
    members = _members(cls)
    reading.refuse_unknown(texts, members, "")
    found: dict[str, Any] = {}
    for name, hint in members.items():
        given = [text for text in texts.get(name, ()) if text or _bare(hint) is str]
        if typing.get_origin(_bare(hint)) is tuple:
            item = typing.get_args(_bare(hint))[0]
            parts = tuple(reading.parse(item, text, name) for text in given)
            if given:
                found[name] = parts
        elif len(given) > 1:
            reading.errors.append(FieldError(name, f"comes {len(given)} times", "once is expected"))
        elif given:
            found[name] = reading.parse(_bare(hint), given[0], name)
    made = reading.make(cls, found, "", set(texts))
    reading.refuse(what)
    return typing.cast("T", made)


def to_query(asked: object) -> list[tuple[str, str]]:
    """Return a dataclass of flat members as a query that ``from_query`` reads; what is None is left out."""
    pairs: list[tuple[str, str]] = []
    for name, hint in _members(type(asked)).items():
        value = getattr(asked, name)
        if typing.get_origin(_bare(hint)) is tuple:
            item = _encoder(typing.get_args(_bare(hint))[0])
            pairs.extend((name, _text(item(one))) for one in value)
        elif value is not None:
            pairs.append((name, _text(_encoder(hint)(value))))
    return pairs


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


# Writing


@cache
def _encoder(hint: Any) -> Callable[[Any], Json]:
    """Return what writes a value of this annotation."""
    if hint is Instant:
        return instant_text
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if _is_json(hint):
        return _plain
    if origin in (typing.Union, types.UnionType):
        return _optional(_encoder(_bare(hint)))
    if origin is tuple:
        return _listing(_encoder(parts[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_encoder(parts[1]))
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _object(hint)
    return _plain


def _optional(inner: Callable[[Any], Json]) -> Callable[[Any], Json]:
    return lambda value: None if value is None else inner(value)


def _listing(inner: Callable[[Any], Json]) -> Callable[[Any], Json]:
    return lambda value: [inner(item) for item in value]


def _mapping(inner: Callable[[Any], Json]) -> Callable[[Any], Json]:
    return lambda value: {str(key): inner(item) for key, item in value.items()}


def _object(cls: type) -> Callable[[Any], Json]:
    # Looked up late: a dataclass may have members of its own kind.
    members = _members(cls)
    encoders: dict[str, Callable[[Any], Json]] = {}

    def write(value: Any) -> Json:
        if not encoders:
            encoders.update({name: _encoder(hint) for name, hint in members.items()})
        return {name: encoder(getattr(value, name)) for name, encoder in encoders.items()}

    return write


def _plain(value: Any) -> Json:
    """Return a value of rows, parameters and the like: numbers that JSON does not have are texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return encode(value)


# Reading


class _Reading:
    """Collects all that is wrong in one document."""

    def __init__(self, *, strict: bool) -> None:
        self.errors: list[FieldError] = []
        self._strict = strict

    def refuse(self, what: str) -> None:
        """Raise what has been found."""
        if self.errors:
            unknown = all(error.message.startswith("unknown member") for error in self.errors)
            raise Problem.of_fields(Code.UNKNOWN_FIELD if unknown else Code.INVALID, what, tuple(self.errors))

    def refuse_unknown(self, given: Iterable[str], members: Mapping[str, Any], path: str) -> None:
        """Note the names that ``members`` does not have."""
        for name in given:
            if name not in members:
                nearest = difflib.get_close_matches(name, list(members), n=1, cutoff=0.6)
                hint = f"did you mean {nearest[0]!r}?" if nearest else _known(members)
                self.errors.append(FieldError(_join(path, name), f"unknown member {name[:80]!r}", hint))

    def make(self, cls: Any, found: Mapping[str, Any], path: str, given: set[str]) -> Any:
        """Return the dataclass of the members found; what was ``given`` and is not among them is wrong already."""
        for field in dataclasses.fields(cls):
            needed = field.default is _MISSING and field.default_factory is _MISSING
            if needed and field.name not in found and field.name not in given:
                name = _expected(_members(cls)[field.name])
                self.errors.append(FieldError(_join(path, field.name), "is missing", f"{name} is expected"))
        if self.errors:
            return None
        try:
            return cls(**found)
        except Problem as problem:
            self.errors.extend(FieldError(_join(path, e.path), e.message, e.hint) for e in problem.fields)
            if not problem.fields:
                self.errors.append(FieldError(path, problem.message))
            return None

    def read(self, hint: Any, value: Json, path: str) -> Any:
        """Return JSON as a value of this annotation."""
        if _is_json(hint):
            return value
        bare = _bare(hint)
        if value is None and bare != hint:
            return None
        origin, parts = typing.get_origin(bare), typing.get_args(bare)
        if origin is tuple:
            if isinstance(value, str) or not isinstance(value, Sequence):
                return self._wrong(path, "a list", value)
            return tuple(self.read(parts[0], item, f"{path}[{number}]") for number, item in enumerate(value))
        if origin is not None and issubclass(origin, Mapping):
            if not isinstance(value, Mapping):
                return self._wrong(path, "an object", value)
            return {key: self.read(parts[1], item, _join(path, key)) for key, item in value.items()}
        if isinstance(bare, type) and dataclasses.is_dataclass(bare):
            return self._read_object(bare, value, path)
        return self._read_scalar(bare, value, path)

    def parse(self, hint: Any, text: str, path: str) -> Any:
        """Return a text of a query as a value of this annotation."""
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            return self._wrong(path, "a text without NUL and half characters", text)
        if hint is bool:
            found = _WORDS.get(text.lower())
            return self._wrong(path, _NAMES[bool], text) if found is None else found
        if hint in {int, float}:
            return self._number(hint, text, path)
        return self.read(hint, text, path)

    def _number(self, hint: Any, text: str, path: str) -> Any:
        try:
            # More digits than any number here has would only cost time.
            found = hint(text) if len(text) <= _LONGEST_NUMBER else None
        except ValueError:
            found = None
        return self._wrong(path, _NAMES[hint], text) if found is None else self._bounded(found, path)

    def _bounded(self, number: float, path: str) -> Any:
        """Return a number that databases have, too."""
        if abs(number) <= _LARGEST_NUMBER:
            return number
        return self._wrong(path, "a number of at most 18 digits", number)

    def _read_object(self, cls: Any, value: Json, path: str) -> Any:
        if not isinstance(value, Mapping):
            return self._wrong(path, "an object", value)
        members = _members(cls)
        before = len(self.errors)
        if self._strict:
            self.refuse_unknown(value, members, path)
        found = {
            name: self.read(hint, value[name], _join(path, name)) for name, hint in members.items() if name in value
        }
        made = self.make(cls, found, path, set(value))
        return made if len(self.errors) == before else None

    def _read_scalar(self, hint: Any, value: Json, path: str) -> Any:
        if hint is Instant:
            found = parse_instant(value) if isinstance(value, str) else None
            return self._wrong(path, _INSTANT, value) if found is None else found
        if isinstance(hint, type) and issubclass(hint, enum.Enum):
            return self._read_enum(hint, value, path)
        if hint in {int, float} and isinstance(value, int | hint) and not isinstance(value, bool):
            return self._bounded(value, path)
        if isinstance(value, hint) and isinstance(value, bool) == (hint is bool):
            return value
        return self._wrong(path, _NAMES[hint], value)

    def _read_enum(self, hint: type[enum.Enum], value: Json, path: str) -> Any:
        try:
            return hint(value)
        except ValueError:
            names = [str(member.value) for member in hint]
            nearest = difflib.get_close_matches(str(value), names, n=1, cutoff=0.6)
            advice = f"did you mean {nearest[0]!r}?" if nearest else f"one of {', '.join(names)}"
            self.errors.append(FieldError(path, f"{_found(value)} is not allowed", advice))
            return None

    def _wrong(self, path: str, expected: str, value: Json) -> None:
        self.errors.append(FieldError(path, f"{_found(value)} does not fit", f"{expected} is expected"))


def parse_instant(text: str) -> Instant | None:
    """Return the instant of an ISO 8601 text; a day is its midnight, and what names no zone is UTC. None: it is none."""
    try:
        moment = datetime.fromisoformat(text) if len(text) > len("2026-01-31") else _midnight(text)
        found = from_datetime(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))
        # With its offset, it may lie in a year that has no name in UTC.
        to_datetime(found)
    except (ValueError, OverflowError):
        return None
    return found


def _midnight(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


# Annotations


def _members(cls: Any) -> Mapping[str, Any]:
    return _annotations(cls)


@cache
def _annotations(cls: Any) -> Mapping[str, Any]:
    """Return the annotations of a dataclass's members, in their order."""
    # ``Json`` is written as text since it refers to itself: its names must be known wherever it is used.
    hints = typing.get_type_hints(cls, localns={"Json": object, "Mapping": Mapping, "Sequence": Sequence})
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def members_of(cls: type) -> Mapping[str, Any]:
    """Return the annotations of a dataclass's members, in their order; ``object`` stands for any JSON."""
    return {name: object if _is_json(hint) else hint for name, hint in _members(cls).items()}


@cache
def _is_json(hint: Any) -> bool:
    # The alias refers to itself and resolves to a union that has Sequence among its members; nothing else here does.
    return hint is object or hint is Any or any(typing.get_origin(part) is Sequence for part in typing.get_args(hint))


@cache
def _bare(hint: Any) -> Any:
    """Return an annotation without its None."""
    if _is_json(hint) or typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint
    return next(part for part in typing.get_args(hint) if part is not type(None))


def _expected(hint: Any) -> str:
    bare = _bare(hint)
    if bare is Instant:
        return _INSTANT
    if isinstance(bare, type) and issubclass(bare, enum.Enum):
        return "one of " + ", ".join(str(member.value) for member in bare)
    return _NAMES.get(bare, "a list" if typing.get_origin(bare) is tuple else "an object")


def _known(members: Mapping[str, Any]) -> str:
    return f"known are {', '.join(members)}" if members else "none is known here"


def _found(value: Json) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "…")
    if isinstance(value, int | float):
        return str(value)[:40]
    return "an object" if isinstance(value, Mapping) else "a list"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path + name
