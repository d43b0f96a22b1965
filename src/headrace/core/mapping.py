"""Compiled mappings: what the data plane needs of a language, so that the two floors need not know each other.

Text in, SQL text out. The language never runs SQL; the data plane never parses an expression. Whoever calls ``promote`` hands a
``MappingLanguage`` in.
"""

from collections.abc import Callable, Mapping, Sequence
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

    def __call__(
        self, text: str, columns: Mapping[str, ColumnType], /, *, absent_is_null: bool = False
    ) -> CompiledExpression:
        """Return ``text`` as SQL; source columns are quoted identifiers without a table's name.

        ``absent_is_null``: a column, or a field of an object, that the source does not have is null.

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
class NativeFunction:
    """A scalar function that the language's SQL may call and that DuckDB lacks.

    ``name`` begins with ``headrace_``; ``parameters`` and ``returns`` are DuckDB's names of types. ``function`` is called for rows none of whose
    arguments is null (for others the result is null), from several threads. Whatever it raises becomes null: the language's SQL tells such
    a null by the arguments that are not, so null must mean nothing else.
    """

    name: str
    parameters: tuple[str, ...]
    returns: str
    function: Callable[..., object]


class Splitter(Protocol):
    """Takes an expression apart that goes through a list element by element."""

    def __call__(self, text: str, element: str, /) -> tuple[str, str] | None:
        """Return the expression of the list, and that of one element, which stands there as the column ``element``; None: it has no ``[*]``.

        Raises:
            Problem: ``EXPRESSION_SYNTAX``: it goes through several lists, or through lists in lists.
        """
        ...


def no_lists(_text: str, _element: str, /) -> None:
    """Split nothing: the language has no ``[*]``."""


def keeps(_text: str, /) -> bool:
    """Say that no expression removes anything."""
    return False


@dataclass(frozen=True, slots=True)
class MappingLanguage:
    """A language for mappings: ``MappingLanguage(compile_expression, cast_sql, natives)``.

    ``natives`` are the functions that its SQL may call besides DuckDB's own. ``each`` takes an expression apart that goes through a list.
    ``removes`` says of an expression whether its null takes away what a copy of a whole object has set (``nullify()``).
    """

    compile: Compiler
    cast: Caster
    natives: Sequence[NativeFunction] = ()
    each: Splitter = no_lists
    removes: Callable[[str], bool] = keeps
