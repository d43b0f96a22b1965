"""Members of JSON bodies: null counts as absent, unknown ones are ignored, and all that is wrong is said at once (contract 1.5)."""

from collections.abc import Iterable, Mapping
from typing import Any

from headrace.api.jobs.bodies import kind_of
from headrace.api.jobs.wire import Item, instant_of
from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem


class Members:
    """Reads the members of an object, and keeps what is wrong for ``done``. ``path``: where the object stands, in front of each key."""

    def __init__(self, body: Mapping[str, Any], path: str = "", errors: list[FieldError] | None = None) -> None:
        self._body = body
        self._path = path
        self.errors: list[FieldError] = [] if errors is None else errors

    def has(self, name: str) -> bool:
        """Say whether a member is there, and is not null."""
        return self._body.get(name) is not None

    def text(self, name: str, *, longest: int | None = None) -> str | None:
        """Return a text, or None."""
        value: str | None = self._typed(name, str, "a text")
        if value is not None and longest is not None and len(value) > longest:
            self.wrong(name, f"has more than {longest} characters")
            return None
        return value

    def required_text(self, name: str, *, longest: int | None = None) -> str:
        """Return a text that has to be there, and not to be empty."""
        value = self.text(name, longest=longest)
        if not value and not any(error.path == self._at(name) for error in self.errors):
            self.wrong(name, "is required")
        return value or ""

    def flag(self, name: str) -> bool | None:
        """Return true, false or None."""
        value: bool | None = self._typed(name, bool, "true or false")
        return value

    def whole(self, name: str, *, least: int = 0) -> int | None:
        """Return a whole number of at least ``least``, or None."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < least:
            self.wrong(name, f"must be a whole number of at least {least}")
            return None
        return int(value)

    def number(self, name: str) -> float | None:
        """Return a number, or None."""
        value = self._body.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(name, f"must be a number, not {kind_of(value)}")
            return None
        return value

    def object(self, name: str) -> Item | None:
        """Return an object, or None."""
        value: Item | None = self._typed(name, dict, "an object")
        return value

    def items(self, name: str) -> list[Any] | None:
        """Return an array, or None."""
        value: list[Any] | None = self._typed(name, list, "an array")
        return value

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return an array of texts, or None."""
        value = self.items(name)
        if value is not None and not all(isinstance(item, str) for item in value):
            self.wrong(name, "must be an array of texts")
            return None
        return None if value is None else tuple(value)

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """Return a text that has to be one of ``choices``, or None."""
        value, known = self.text(name), tuple(choices)
        if value is not None and value not in known:
            self.wrong(name, f"must be one of {', '.join(known)}")
            return None
        return value

    def required_one_of(self, name: str, choices: Iterable[str]) -> str:
        """Return a text that has to be there, and one of ``choices``; ``""``: it is not."""
        if not self.has(name):
            self.wrong(name, "is required")
            return ""
        return self.one_of(name, choices) or ""

    def value(self, name: str) -> Any:
        """Return a member of whatever kind, or None."""
        return self._body.get(name)

    def inside(self, name: str, body: Mapping[str, Any]) -> "Members":
        """Return a reader of an object that stands at ``name``; what is wrong in it is kept with the rest."""
        return Members(body, self._at(name), self.errors)

    def instant(self, name: str) -> Instant | None:
        """Return a date and time, or None."""
        value = self.text(name)
        found = None if value is None else instant_of(value)
        if value is not None and found is None:
            self.wrong(name, "must be a date and time such as 2025-01-15T09:30:00.000Z")
        return found

    def wrong(self, name: str, message: str) -> None:
        """Note what is wrong with a member; the message gets its name in front."""
        self.errors.append(FieldError(self._at(name), f"{name} {message}"))

    def done(self, what: str = "the body") -> None:
        """Refuse the body if something was wrong.

        Raises:
            Problem: ``INVALID``, with an entry for each fault.
        """
        if self.errors:
            raise Problem.of_fields(Code.INVALID, what, tuple(self.errors))

    def _typed(self, name: str, kind: type, words: str) -> Any:
        value = self._body.get(name)
        if value is not None and not isinstance(value, kind):
            self.wrong(name, f"must be {words}, not {kind_of(value)}")
            return None
        return value

    def _at(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
