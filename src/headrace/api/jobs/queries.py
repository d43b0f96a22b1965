"""Parameters of requests (contract 1.5): all that is wrong in them is said at once, each with its name as key."""

from collections.abc import Iterable

from starlette.requests import Request

from headrace.api.jobs.wire import instant_of
from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem

MAX_PAGE = 1_000
"""The longest page of lists that are not of records; a larger wish is cut to it."""

_LONGEST_NUMBER = 18
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_DIRECTIONS = {"asc": False, "desc": True}


class Query:
    """Reads the parameters of a request, and keeps what is wrong for ``done``. An empty one counts as not given."""

    def __init__(self, request: Request) -> None:
        self._given = request.query_params
        self.errors: list[FieldError] = []

    def text(self, name: str) -> str | None:
        """Return a parameter, or None."""
        return self._given.get(name) or None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that may be repeated, or joined with commas."""
        return tuple(part.strip() for value in self._given.getlist(name) for part in value.split(",") if part.strip())

    def repeated(self, name: str) -> tuple[str, ...]:
        """Return the values of a parameter that may be repeated, and that may have commas in them."""
        return tuple(value for value in self._given.getlist(name) if value)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return whether a parameter is ``true``."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _BOOLEANS:
            self.wrong(name, "must be true or false")
            return default
        return _BOOLEANS[value.lower()]

    def maybe_flag(self, name: str) -> bool | None:
        """Return a boolean that may be absent."""
        return None if self.text(name) is None else self.flag(name)

    def number(self, name: str, *, least: int = 0) -> int | None:
        """Return a whole number of at least ``least``, or None."""
        value = self.text(name)
        if value is None:
            return None
        if not value.isascii() or not value.isdigit() or len(value) > _LONGEST_NUMBER or int(value) < least:
            self.wrong(name, f"must be a whole number of at least {least}")
            return None
        return int(value)

    def page(self, default: int, maximum: int = MAX_PAGE) -> tuple[int, int]:
        """Return ``pageSize`` (cut to ``maximum``) and ``pageNumber`` (from 1)."""
        size, number = self.number("pageSize", least=1), self.number("pageNumber", least=1)
        return min(default if size is None else size, maximum), 1 if number is None else number

    def descending(self, name: str = "sortDirection", *, default: bool = True) -> bool:
        """Return whether the order is ``desc`` rather than ``asc``."""
        value = self.text(name)
        if value is None:
            return default
        if value.lower() not in _DIRECTIONS:
            self.wrong(name, "must be asc or desc")
            return default
        return _DIRECTIONS[value.lower()]

    def one_of(self, name: str, choices: Iterable[str]) -> str | None:
        """Return a parameter that has to be one of ``choices``, or None."""
        value, known = self.text(name), tuple(choices)
        if value is not None and value not in known:
            self.wrong(name, f"must be one of {', '.join(known)}")
            return None
        return value

    def instant(self, name: str) -> Instant | None:
        """Return a date and time, or None."""
        value = self.text(name)
        found = None if value is None else instant_of(value)
        if value is not None and found is None:
            self.wrong(name, "must be a date and time such as 2025-01-15T09:30:00.000Z")
        return found

    def required(self, name: str) -> str:
        """Return a parameter that has to be there."""
        value = self.text(name)
        if value is None:
            self.wrong(name, "is required")
        return value or ""

    def wrong(self, name: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self.errors.append(FieldError(name, f"{name} {message}"))

    def done(self) -> None:
        """Refuse the request if something was wrong.

        Raises:
            Problem: ``INVALID``, with an entry for each fault.
        """
        if self.errors:
            raise Problem.of_fields(Code.INVALID, "the query", tuple(self.errors))
