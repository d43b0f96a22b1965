"""Types of columns, and groups of columns that several tables have."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures

FIGURES = tuple(field.name for field in fields(Figures))
"""Names of the figures, which are also the names of their columns."""
_SURROGATE = re.compile("[\ud800-\udfff]")


class Word(sa.types.TypeDecorator[str]):
    """Text that both databases keep and order alike (by code point). PostgreSQL cannot keep a NUL, so it is refused on both."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Return text in the collation of code points."""
        return postgresql.TEXT(collation="C") if dialect.name == "postgresql" else sa.Text()

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """Return ``value``, unless it cannot be kept."""
        del dialect
        if value is not None and not is_storable(value):
            raise Problem(Code.INVALID, "a text has characters that cannot be kept (NUL, or half of a surrogate pair)")
        return value


class Document(sa.types.TypeDecorator[Json]):
    r"""JSON as ASCII text, on both databases the same bytes in and out: order, large integers and ``\u0000`` survive."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Json, dialect: sa.Dialect) -> str | None:
        """Return ``value`` as text; None is SQL's null."""
        del dialect
        try:
            return None if value is None else dump(value)
        except ValueError as error:
            raise Problem(Code.INVALID, f"a value cannot be kept: {error}") from error

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Json:
        """Return the text's value."""
        del dialect
        return None if value is None else load(value)


def is_storable(text: str) -> bool:
    """Say whether both databases can keep ``text`` as text."""
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))


def dump(value: Json) -> str:
    """Return ``value`` as compact ASCII JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=dict)


def load(text: str) -> Json:
    """Return the value of JSON text that ``dump`` wrote."""
    value: Json = json.loads(text)
    return value


def searchable(value: Mapping[str, Json], what: str) -> Mapping[str, Json]:
    """Return ``value``, a document in which filters may look; what PostgreSQL's JSON functions cannot read is refused.

    Raises:
        Problem: ``INVALID``.
    """
    text = dump(value)
    if "\\u0000" in text or "\\ud" in text:
        _check_strings(value, what)
    return value


def _check_strings(value: Json, what: str) -> None:
    if isinstance(value, str):
        if not is_storable(value):
            raise Problem(
                Code.INVALID, f"{what} has text with characters that cannot be kept (NUL, or half of a surrogate pair)"
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _check_strings(key, what)
            _check_strings(item, what)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_strings(item, what)


def instant(name: str, *, nullable: bool = False) -> sa.Column[int]:
    """Return a column of instants: microseconds since the epoch, UTC."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


def word(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[str]:
    """Return a column of text."""
    return sa.Column(name, Word, nullable=nullable, **options)


def document(name: str, *, nullable: bool = False) -> sa.Column[Any]:
    """Return a column of JSON."""
    return sa.Column(name, Document, nullable=nullable)


def figures_columns() -> list[sa.Column[int]]:
    """Return one column for each figure; null: not known."""
    return [sa.Column(name, sa.BigInteger, nullable=True) for name in FIGURES]


def one_of(column: str, members: Iterable[StrEnum], name: str | None = None) -> sa.CheckConstraint:
    """Return the rule that ``column`` has one of the values of an enum."""
    values = ", ".join(f"'{member.value}'" for member in members)
    return sa.CheckConstraint(f"{column} IN ({values})", name=name or f"{column}_known")


def figures_values(figures: Figures) -> dict[str, int | None]:
    """Return the columns' values for ``figures``."""
    return {name: getattr(figures, name) for name in FIGURES}


def figures_of(row: Mapping[str, Any]) -> Figures:
    """Return the figures that ``row`` holds."""
    return Figures(**{name: row[name] for name in FIGURES})
