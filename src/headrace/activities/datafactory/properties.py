"""Evaluated properties of documents, read one by one; what makes no sense is told with its place."""

from collections.abc import Collection, Mapping, Sequence

from headrace.activities.datafactory.attempt import Object, Refused, flag, refused, whole_number, wrong_type
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.timespan import parse_timespan
from headrace.language.datafactory.moments import MICROSECOND, from_instant, read_moment
from headrace.language.datafactory.values import text_of

_EPOCH = from_instant(Instant(0)).ticks


class Properties:
    """An object of a document. ``where`` is its place in words (``source.storeSettings``); empty: what is read stands for itself.

    Every method raises ``Refused`` with the name of the property where its value is not what the method says. Null is as good as nothing.
    """

    def __init__(self, given: Json, where: str = "") -> None:
        if given is not None and not isinstance(given, Mapping):
            raise wrong_type(where, "an object", given)
        self.given: Object = given or {}
        self.where = where

    def __contains__(self, name: str) -> bool:
        return self.given.get(name) is not None

    def name_of(self, name: str) -> str:
        """Return the name of a property with its place."""
        return f"{self.where}.{name}" if self.where else name

    def raw(self, name: str) -> Json:
        """Return a property as it is; None: it is not there."""
        return self.given.get(name)

    def text(self, name: str, default: str = "") -> str:
        """Return a text; numbers and booleans count as theirs."""
        value = self.given.get(name)
        if value is None:
            return default
        if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
            raise wrong_type(self.name_of(name), "a string", value)
        return text_of(value)

    def needed(self, name: str) -> str:
        """Return a text with something in it."""
        value = self.text(name)
        if not value:
            raise self.wrong(name, "must be a non-empty string; there is none")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean."""
        return flag(self.given.get(name), self.name_of(name), default=default)

    def number(self, name: str, *, least: int = 0, most: int | None = None) -> int | None:
        """Return a whole number; None: it is not there."""
        value = self.given.get(name)
        return None if value is None else whole_number(value, self.name_of(name), least=least, most=most)

    def span(self, name: str, default: float) -> float:
        """Return the seconds of a span of time (``hh:mm:ss``)."""
        value = self.given.get(name)
        if value is None:
            return default
        seconds = parse_timespan(value) if isinstance(value, str) else None
        if seconds is None or seconds < 0:
            raise self.wrong(name, f"must be a span of time such as 00:10:00; it is {_shown(value)}")
        return seconds

    def moment(self, name: str) -> Instant | None:
        """Return an instant, UTC unless its text says otherwise; None: it is not there."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        found = _instant(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(name, f"must be a date and time such as 2026-03-18T20:00:00Z; it is {_shown(value)}")
        return found

    def word(self, name: str, words: Collection[str], default: str = "") -> str:
        """Return one of ``words`` in lower case, however it is written."""
        value = self.text(name, default)
        if value.lower() not in {word.lower() for word in words} and value != default:
            raise self.wrong(name, f"must be one of {', '.join(words)}; it is '{value[:100]}'")
        return value.lower()

    def part(self, name: str) -> "Properties":
        """Return an object; one that is not there has nothing in it."""
        return Properties(self.given.get(name), self.name_of(name))

    def items(self, name: str) -> list[Json]:
        """Return a list; one that is not there is empty."""
        value = self.given.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong_type(self.name_of(name), "an array", value)
        return value

    def wrong(self, name: str, what: str) -> Refused:
        """Return the failure of a property."""
        return refused(BAD_REQUEST, f"The property '{self.name_of(name)}' {what}.")


def _instant(text: str) -> Instant | None:
    try:
        return Instant((read_moment(text).ticks - _EPOCH) // MICROSECOND)
    except ValueError:
        return None


def _shown(value: Json) -> str:
    return f"'{value[:100]}'" if isinstance(value, str) else text_of(value)[:100]
