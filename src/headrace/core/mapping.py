"""Compiled mappings: what the data plane needs of a language, so that the two floors need not know each other.

Text in, SQL text out. The language never runs SQL; the data plane never parses an expression. Whoever calls ``promote`` hands a
``MappingLanguage`` in.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from headrace.core.schema import ColumnType


class CompiledExpression(Protocol):
    """One expression as DuckDB's SQL over the source's columns."""

    @property
    def sql(self) -> str:
        """Return SQL that yields the value; null where it cannot be evaluated. It never raises."""
        ...

    @property
    def error(self) -> str | None:
        """Return SQL that is true where the expression cannot be evaluated, else false, never null; None: it always can."""
        ...

    @property
    def type(self) -> ColumnType | None:
        """Return the type of the value; None: the value can only be null."""
        ...

    @property
    def columns(self) -> frozenset[str]:
        """Return the source columns that the expression reads, under their exact names."""
        ...


class CompiledCast(Protocol):
    """One conversion to a column's type as SQL."""

    @property
    def sql(self) -> str:
        """Return SQL that yields the converted value; null where the conversion fails or the value is null."""
        ...

    @property
    def error(self) -> str | None:
        """Return SQL that is true where a value cannot become the type, else false, never null; None: every value can."""
        ...


class Compiler(Protocol):
    """Compiles an expression."""

    def __call__(self, text: str, columns: Mapping[str, ColumnType], /) -> CompiledExpression:
        """Return ``text`` as SQL; source columns are quoted identifiers without a table's name.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``, ``UNKNOWN_FUNCTION``, ``UNKNOWN_COLUMN``, ``EXPRESSION_TYPE``.
        """
        ...


class Caster(Protocol):
    """Compiles a conversion."""

    def __call__(self, sql: str, from_type: ColumnType | None, to_type: ColumnType, /) -> CompiledCast:
        """Return the conversion of the value that ``sql`` yields, by the language's rules (contract 8.6 for *dataprep*).

        Raises:
            Problem: ``EXPRESSION_TYPE``: no value of the one type can become the other.
        """
        ...


@dataclass(frozen=True, slots=True)
class MappingLanguage:
    """A language for mappings: ``MappingLanguage(compile_expression, cast_sql)``."""

    compile: Compiler
    cast: Caster
