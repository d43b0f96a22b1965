"""A connection to a database that is being read: the same few questions, whatever the database is."""

from collections.abc import Generator
from typing import Any, Protocol

from headrace.dataplane.connectors.databases.dialect import Column, Dialect


class Session(Protocol):
    """One connection that only reads. Used by one thread.

    Every method raises the problem that the database's error is (``INVALID``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, …), or the
    interruption (``CANCELLED``, ``TIMED_OUT``) where somebody asked for it; ``where`` names what is read, for its message.
    """

    dialect: Dialect
    now: int
    """The database's clock when the session began, in microseconds: not later than the moment whose rows are read."""

    def check_query(self, query: str) -> None:
        """Check that ``query`` is one statement that can stand in parentheses."""
        ...

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql`` (a quoted table, or a query in parentheses) without reading its rows."""
        ...

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        ...

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of at most ``most`` tables and views outside of system schemas, as ``Dialect.tables_query`` says."""
        ...

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``, as they come; raise ``UnfitError`` where a value does not fit.

        What is left of a query when the generator is closed, or has raised, is stopped on the server. A session without a ``snapshot`` goes on then;
        one with others beside it may not be asked further.
        """
        ...

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query as the driver hands them over; otherwise as ``batches``."""
        ...

    def snapshot(self) -> str | None:
        """Return the name under which other sessions read the same rows, as long as this one is open; None: none can."""
        ...
