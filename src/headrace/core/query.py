"""What lists are asked for: filters, an order, a position, and the page that answers.

A filter is a tree that each door's filter language compiles to and that the store compiles to SQL; which paths exist is
the store's business. A cursor names a position between two rows, so rows that come or go between two pages cause
neither gaps nor repetitions.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Generic, TypeAlias, TypeVar

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem

T = TypeVar("T")
U = TypeVar("U")

Value: TypeAlias = "bool | int | float | str | None"
"""What a filter compares with, and what a cursor's position is made of."""

MAX_TOKEN = 8192
"""Longest cursor token that is read, in characters."""
MAX_LIMIT = 1000
"""Most items of a page."""


class Op(StrEnum):
    """How a value at a path is compared. With ``None``, only ``EQ`` (absent or null) and ``NE`` make sense."""

    EQ = "=="
    NE = "!="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    CONTAINS = "~"
    """The text at the path contains the value, regardless of case."""


@dataclass(frozen=True, slots=True)
class Compare:
    """The value at ``path`` (dotted) compares with ``value`` as ``op`` says. An absent value matches ``NE`` and ``== None`` only.

    Raises:
        Problem: ``INVALID`` when made with null and an operator that orders.
    """

    path: str
    op: Op
    value: Value

    def __post_init__(self) -> None:
        if self.value is None and self.op not in {Op.EQ, Op.NE}:
            error = FieldError(self.path, f"{self.op} cannot compare with null", "only == and != can")
            raise Problem(Code.INVALID, f"{self.path}: {error.message}", (error,))


@dataclass(frozen=True, slots=True)
class In:
    """The value at ``path`` is one of ``values``; no values match nothing."""

    path: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class And:
    """Every part holds; no parts hold."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds; no parts do not."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter: TypeAlias = Compare | In | And | Or | Not


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list. Ties are broken by id, in the same direction."""

    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position after the last item of a page.

    ``position``: the values of the order's paths and the id there. ``query``: the door's own facts that the token carries along (filter,
    order, page size), for doors whose tokens must stand alone.
    """

    position: tuple[Value, ...]
    query: Mapping[str, Json] = field(default_factory=dict)

    def token(self) -> str:
        """Return the cursor as text of ``[A-Za-z0-9_-]``, which a URL carries as it is."""
        document: list[object] = [list(self.position)]
        if self.query:
            document.append(self.query)
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode("ascii")

    @classmethod
    def parse(cls, token: str) -> "Cursor":
        """Return the cursor that ``token`` is.

        A token is the client's text: who uses the position or the query checks their types as with any other input.

        Raises:
            Problem: ``INVALID``: the token is too long, or not one that a page gave out.
        """
        if len(token) > MAX_TOKEN:
            raise _bad_token(f"has more than {MAX_TOKEN} characters")
        try:
            text = base64.b64decode(token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True)
            document = json.loads(text.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, binascii.Error, RecursionError):
            raise _bad_token("is malformed") from None
        if not isinstance(document, list) or not 1 <= len(document) <= 2:
            raise _bad_token("is malformed")
        position, query = document[0], document[1] if len(document) == 2 else {}
        if not isinstance(position, list) or not isinstance(query, dict) or not all(map(_is_value, position)):
            raise _bad_token("is malformed")
        return cls(tuple(position), query)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list, and where the next ones begin (None: these were the last)."""

    items: tuple[T, ...]
    next: Cursor | None = None

    def map(self, function: Callable[[T], U]) -> "Page[U]":
        """Return the page of ``function``'s results."""
        return Page(tuple(map(function, self.items)), self.next)


def check_limit(limit: int) -> int:
    """Return ``limit`` if it is a page size.

    Raises:
        Problem: ``INVALID``: less than 1 or more than ``MAX_LIMIT``.
    """
    if not 1 <= limit <= MAX_LIMIT:
        error = FieldError("limit", f"{limit} is no page size", f"1 to {MAX_LIMIT}")
        raise Problem(Code.INVALID, str(error), (error,))
    return limit


def _is_value(item: object) -> bool:
    # What a database cannot bind (a NUL, more than 64 bits) is no value: it could only end as an internal error.
    if isinstance(item, str):
        return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in item)
    if isinstance(item, int):
        return -(2**63) <= item < 2**63
    return item is None or isinstance(item, float)


def _refuse_constant(name: str) -> object:
    message = f"{name} is no JSON"
    raise ValueError(message)


def _bad_token(how: str) -> Problem:
    error = FieldError(
        "cursor", f"the token {how}", "pass a token on exactly as a page gave it, or none for the first page"
    )
    return Problem(Code.INVALID, str(error), (error,))
