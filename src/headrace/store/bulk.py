"""The driver beneath a transaction, for very many rows at once."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from headrace.store.database import Transaction

_SPECIAL = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def many(tx: Transaction, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """Execute a statement with ``?`` for each of ``rows`` on SQLite."""
    _check(tx)
    with _driver(tx) as driver:
        driver.executemany(statement, rows)


def execute(tx: Transaction, statement: str, parameters: Sequence[Any]) -> None:
    """Execute a statement with ``%s`` on PostgreSQL."""
    _check(tx)
    with _driver(tx) as driver:
        driver.execute(statement, parameters)


def copy(tx: Transaction, statement: str, pieces: Iterable[str]) -> None:
    """Hand lines to a ``COPY … FROM STDIN`` on PostgreSQL: fields with tabs between, texts made by ``field``; it works while pieces are made."""
    _check(tx)
    with _driver(tx) as driver, driver.cursor() as cursor, cursor.copy(statement) as into:
        for piece in pieces:
            into.write(piece)


def tuples(tx: Transaction, statement: str) -> list[tuple[Any, ...]]:
    """Return all rows of a statement without parameters, as the driver makes them: of very many rows SQLAlchemy's cost more than reading them."""
    with _driver(tx) as driver:
        rows: list[tuple[Any, ...]] = driver.execute(statement).fetchall()
    return rows


def field(text: str | None) -> str:
    r"""Return ``text`` as ``COPY`` reads it; None is ``\N``."""
    return "\\N" if text is None else text.translate(_SPECIAL)


def _check(tx: Transaction) -> None:
    if not tx.writable:
        message = "a transaction that reads was asked to write"
        raise RuntimeError(message)


@contextmanager
def _driver(tx: Transaction) -> Iterator[Any]:
    """Return the driver's connection; what it raises becomes what SQLAlchemy raises, which ``store.database`` translates."""
    dialect = tx.connection.dialect
    base: Any = dialect.loaded_dbapi.Error
    try:
        yield tx.connection.connection.driver_connection
    except base as error:
        raise sa.exc.DBAPIError.instance(None, None, error, base, hide_parameters=True, dialect=dialect) from error
