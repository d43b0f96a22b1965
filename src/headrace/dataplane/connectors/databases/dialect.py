"""What differs between databases when a statement is written: a table of texts and small functions, one for each of them; pure.

A dialect builds SQL, it runs nothing. Templates are filled with ``str.format``: ``{}`` is the SQL of a column or of an expression.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import pyarrow as pa

from headrace.core.errors import Code, Problem
from headrace.core.schema import STRING, ColumnType

FAR = 1_000_000
"""The distance of tables that are only found by their schema's name."""


class Family(StrEnum):
    """What a column's values are, whatever its database calls them."""

    TEXT = "text"
    LABEL = "label"
    """Text that does not sort as text does: identifiers, enumerations, addresses."""
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """A date with a time; UTC where it has no zone."""
    DATE = "date"
    TIME = "time"
    OTHER = "other"
    """Documents, bytes, shapes, arrays: nothing is compared with them."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as its database describes it, and as it lands.

    ``kind`` is the database's own word for its type, ``original`` that word as people write it (``varchar(20)``). ``select`` and ``as_text``
    are the SQL of its values, the latter for when ``landed`` (an Arrow type) cannot hold one of them. ``compared`` is its SQL in conditions.
    ``grain`` is the smallest step between two instants, in microseconds. ``shape`` is its type in our words.
    """

    name: str
    kind: str
    family: Family
    landed: Any
    select: str
    as_text: str
    compared: str
    original: str = ""
    grain: int = 1
    shape: ColumnType = STRING

    def texted(self) -> "Column":
        """Return the column as one that lands as text."""
        return replace(self, landed=pa.string(), select=self.as_text)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one database writes SQL.

    ``text`` is the SQL of a text. ``instants`` are templates of literals by a column's kind (``time`` for times of the day), which take
    ``YYYY-MM-DD HH:MM:SS.ffffff``, its first ten characters, or a time. ``ordered`` makes a text compare by its characters' numbers.
    ``printed`` gives a value as text, ``floored`` a number times another, without its fraction, as text. ``finite`` is a suffix of an
    aggregate that leaves out infinite instants. ``like`` takes a column and the literal of a pattern, in which ``pattern`` has left nothing
    special but ``%`` and ``_``. ``first`` takes what is selected, the rest of a query, and a number of rows. ``tables`` is a query of
    ``place``, ``name`` and ``distance`` of every table and view outside of system schemas; where no schema is given, the nearest is found, and
    only what is nearer than ``FAR``. ``opaque`` matches what a statement quotes. ``fold`` is how names without quotes are read; no
    name has a character of ``unquotable``.
    """

    name: str
    quotes: str
    text: Callable[[str], str]
    instants: Mapping[str, str]
    ordered: str
    printed: str
    floored: str
    tables: str
    opaque: str
    like: str = "{} LIKE {} ESCAPE '!'"
    pattern: Callable[[str], str] = field(default=lambda text: text.replace("!", "!!"))
    true: str = "TRUE"
    false: str = "FALSE"
    finite: str = ""
    first: str = "SELECT {} {} LIMIT {}"
    default_place: str = ""
    unquotable: str = "\0"
    fold: Callable[[str], str] | None = None

    def quoted(self, name: str) -> str:
        """Return an identifier in quotes, whatever it has in it.

        Raises:
            Problem: ``INVALID``: no identifier can have that in it.
        """
        opening, closing = self.quotes[0], self.quotes[-1]
        if set(name) & set(self.unquotable):
            raise Problem(Code.INVALID, f"{name!r} is no name")
        return opening + name.replace(closing, closing * 2) + closing

    def literal(self, text: str) -> str:
        """Return the SQL of a text.

        Raises:
            Problem: ``INVALID``: it has a character that no database stores.
        """
        if "\0" in text:
            raise Problem(Code.INVALID, "a text must not have the character NUL in it")
        return self.text(text)

    def table(self, text: str) -> tuple[str | None, str] | None:
        """Return schema (None: not given) and name of ``schema.table``; either may stand in quotes. None: it has another form."""
        opening, closing = (re.escape(quote) for quote in (self.quotes[0], self.quotes[-1]))
        quoted = {rf"{opening}(?:[^{closing}]|{closing}{closing})+{closing}", '"(?:[^"]|"")+"'}
        part = rf"({'|'.join(sorted(quoted))}|[^{opening}{closing}\".]+)"
        match = re.fullmatch(rf"(?:{part}\.)?{part}", text)
        if match is None:
            return None
        schema, name = (None if part is None else self._unquoted(part) for part in match.groups())
        return None if name is None else (schema, name)

    def tables_query(self, place: str | None, name: str | None, most: int) -> str:
        """Return a query of schema and name of at most ``most`` tables and views outside of system schemas, nearest first.

        A schema or a name restricts it; a name alone is looked for where the database itself would.
        """
        conditions = [
            f"{column} = {self.literal(text)}"
            for column, text in (("place", place), ("name", name))
            if text is not None
        ]
        if place is None and name is not None:
            conditions.append(f"distance < {FAR}")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return self.first.format(
            "place, name", f"FROM ({self.tables}) AS known{where} ORDER BY distance, place, name", most
        )

    def _unquoted(self, part: str) -> str:
        for opening, closing in ((self.quotes[0], self.quotes[-1]), ('"', '"')):
            if part.startswith(opening):
                return part[1:-1].replace(closing * 2, closing)
        return part

    def check_single(self, query: str) -> None:
        """Check that a query can stand in parentheses: one statement, whose own parentheses are in pairs.

        For databases that cannot be asked to look at a statement without executing it.

        Raises:
            Problem: ``INVALID``.
        """
        depth = 0
        for token in re.finditer(rf"{self.opaque}|[;()'\"`]|/\*", query, re.DOTALL):
            text = token[0]
            depth += {"(": 1, ")": -1}.get(text, 0)
            if (
                depth < 0
                or text in (";", "'", '"', "`")
                or (text.startswith("/*") and (len(text) < 4 or "/*" in text[2:]))
            ):
                raise Problem(
                    Code.INVALID, "the query is not one statement: see its semicolons, quotes, comments and parentheses"
                )
        if depth:
            raise Problem(Code.INVALID, "the query has a parenthesis that is not closed")


def doubled(text: str) -> str:
    """Return a text literal in which only the quote is special."""
    return "'" + text.replace("'", "''") + "'"
