"""What a connection that may write can do, whatever its database is, and what can go wrong with it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.dialect import Dialect
from headrace.dataplane.transfer.values import Field


class Fault(StrEnum):
    """What an error of a database is about."""

    DUPLICATE = "duplicate"
    CONSTRAINT = "constraint"
    VALUE = "value"
    """A value does not convert to its column's type, or lies outside of it."""
    TOO_LONG = "too_long"
    TABLE = "table"
    """There is no such table."""
    COLUMN = "column"
    PROCEDURE = "procedure"
    """There is no such procedure."""
    SYNTAX = "syntax"
    DENIED = "denied"
    TIMEOUT = "timeout"
    AWAY = "away"
    """The database cannot be reached, or broke off, or asks for another try (a deadlock)."""
    OTHER = "other"


ROW_FAULTS = frozenset({Fault.DUPLICATE, Fault.CONSTRAINT, Fault.VALUE, Fault.TOO_LONG})
"""What single rows are at fault for."""


class LinkError(Exception):
    """The database said no. ``row``: which of the rows that were being written, from 0 (None: it did not say); ``message`` has no secrets."""

    def __init__(self, fault: Fault, message: str, row: int | None = None, column: str = "") -> None:
        super().__init__(message)
        self.fault, self.message, self.row, self.column = fault, message, row, column


@dataclass(frozen=True, slots=True)
class TableColumn:
    """A column of a table: its field, its type as the database writes it, and whether values may be given for it."""

    field: Field
    declared: str
    writable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is there: its quoted name, columns, and primary key (empty: none)."""

    name: str
    columns: tuple[TableColumn, ...]
    keys: tuple[str, ...] = ()
    counted: str = ""
    """The column that SQL Server counts by itself, and takes values for only where it is told so."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Return the columns that values may be given for."""
        return tuple(column.field for column in self.columns if column.writable)


@dataclass(frozen=True, slots=True)
class Answer:
    """One result of a statement: its columns (empty: it has no rows), rows as Python's values, whether there were more, rows that were changed."""

    fields: tuple[Field, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    more: bool = False
    affected: int = 0


@dataclass(frozen=True, slots=True)
class Given:
    """A value for a parameter: Python's value, and its type in the door's words; ``output``: the statement may set it."""

    name: str
    value: Any
    type: str = "string"
    output: bool = False
    size: int | None = None


class Link(Protocol):
    """A connection. Used by one thread at a time; ``close`` may come from another. Every method raises ``LinkError``, or the interruption."""

    dialect: Dialect
    takes_back_definitions: bool
    """Whether making a table is undone with its transaction."""
    rows_at_once: int
    """How many rows are written in one statement, and in one transaction, where nobody said it."""
    messages: list[str]
    """What the database has said besides, since it was last emptied."""

    def run(self, statement: str) -> None:
        """Execute one or more statements, whose results nobody wants."""
        ...

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        ...

    def changed(self, statement: str) -> int:
        """Execute a statement; return how many rows it has changed."""
        ...

    def within(self, seconds: float | None) -> AbstractContextManager[None]:
        """Stop what takes longer than ``seconds`` in the block, with ``Fault.TIMEOUT``."""
        ...

    def begin(self) -> None:
        """Begin a transaction."""
        ...

    def commit(self) -> None:
        """End the transaction; its changes stay."""
        ...

    def rollback(self) -> None:
        """End the transaction, if there is one; its changes go. It raises nothing."""
        ...

    def save(self) -> None:
        """Mark a place in the transaction that ``restore`` goes back to."""
        ...

    def restore(self) -> None:
        """Undo what came after ``save``; the place stays marked."""
        ...

    def release(self) -> None:
        """Forget the place that ``save`` has marked."""
        ...

    def table(self, schema: str, name: str) -> Table | None:
        """Return a table; None: there is none."""
        ...

    def load(self, table: str, fields: tuple[Field, ...], batch: Any) -> int:
        """Write the rows of a record batch into the quoted table; return how many bytes were sent. Where it fails, ``restore`` undoes it."""
        ...

    def type_of(self, field: Field) -> str | None:
        """Return the type of a column of a new table that holds ``field``; None: there is none."""
        ...

    def ask(self, text: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Execute a text with named parameters; return each of its results, with at most ``most_rows`` rows, and the values of its outputs."""
        ...

    def called(self, procedure: str, values: Sequence[Given]) -> str:
        """Return the statement that calls a procedure with values for its parameters."""
        ...

    def call(self, procedure: str, values: Sequence[Given], most_rows: int) -> tuple[list[Answer], dict[str, Any]]:
        """Call a procedure with parameters; return its results, and the values of its outputs."""
        ...

    def stream(self, text: str) -> Iterator[tuple[tuple[Field, ...], list[tuple[Any, ...]]]]:
        """Yield the rows of a statement's first result, some at a time, with their columns; at least once, with no rows, where there are columns."""
        ...

    def close(self) -> None:
        """Leave; what is not committed goes."""
        ...
