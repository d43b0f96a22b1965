"""Looks at a ledger from outside: read only, bounded in time, whatever state it is in. What a look finds wrong is told in the database's words.

``Database`` serves a ledger that is as it should be: it waits half a minute for a busy one, and switches a SQLite file to write-ahead logging.
Somebody who asks what is wrong wants neither.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.store.database import Database, Transaction, file_of
from headrace.store.tables import documents, webhook_deliveries, webhooks

_SLOW = ("interrupted", "statement timeout", "database is locked", "database is busy")
_MASK = "***"
_MOST_SECRETS = 100
_MOST_CONNECTIONS = 2000


@contextmanager
def looking(database: Database, seconds: float) -> Iterator[Transaction]:
    """Begin a transaction that reads, on a connection of its own; all of it may take ``seconds``.

    Raises:
        Problem: ``TIMED_OUT``: it took longer; ``UNAVAILABLE``: in the database's words, without the password.
    """
    try:
        engine = _engine(database, seconds)
        with engine.connect() as connection, _stopped_after(seconds, connection):
            if database.dialect == "sqlite":
                connection.exec_driver_sql("BEGIN")
            else:
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield Transaction(connection, writable=False)
            connection.rollback()
    except DBAPIError as error:
        words = _words(database, error)
        if any(slow in words for slow in _SLOW):
            raise Problem(Code.TIMED_OUT, f"no answer within {seconds:g} s ({words})") from error
        raise Problem(Code.UNAVAILABLE, words) from error


def masked(database: Database) -> str:
    """Return the URL as everybody may see it: without the password and without values behind the ``?``."""
    url = database.engine.url.set(drivername=database.dialect)
    hidden = url.set(query=dict.fromkeys(url.query, _MASK))
    return hidden.render_as_string(hide_password=True).replace("%2A%2A%2A", _MASK)


def journal_mode(tx: Transaction) -> str:
    """Return how a SQLite ledger keeps what is being written: ``wal``, or another word."""
    return str(tx.connection.exec_driver_sql("PRAGMA journal_mode").scalar())


def damages(tx: Transaction) -> list[str]:
    """Return what SQLite's quick check finds broken in the file, at most ten lines; empty: nothing."""
    found = [str(row[0]) for row in tx.connection.exec_driver_sql("PRAGMA quick_check(10)")]
    return [] if found == ["ok"] else found


def connections(tx: Transaction) -> tuple[int, int]:
    """Return how many connections a PostgreSQL server has now, and how many everybody but its superusers may have."""
    text = (
        "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),"
        " current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    )
    row = tx.connection.exec_driver_sql(text).one()
    return int(row[0]), int(row[1])


def clock(tx: Transaction) -> Instant:
    """Return what a PostgreSQL server's clock says."""
    text = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    return Instant(int(tx.connection.exec_driver_sql(text).scalar() or 0))


def sealed(tx: Transaction) -> Iterator[tuple[str, tuple[str, str, str]]]:
    """Yield some sealed texts, the newest, each with the place that it was sealed for."""
    newest = sa.select(documents.c.scope, documents.c.kind, documents.c.id, documents.c.sealed)
    newest = newest.where(documents.c.sealed.is_not(None)).order_by(documents.c.updated_at.desc())
    for row in tx.rows(newest.limit(_MOST_SECRETS)):
        yield bytes(row["sealed"]).decode(), (row["scope"], row["kind"], row["id"])
    hooks = sa.select(webhooks.c.scope, webhooks.c.id, webhooks.c.sealed).order_by(webhooks.c.created_at.desc())
    for row in tx.rows(hooks.limit(_MOST_SECRETS)):
        yield bytes(row["sealed"]).decode(), (row["scope"], "webhook", row["id"])


def given_up(tx: Transaction, since: Instant) -> Mapping[str, int]:
    """Return how many deliveries were given up since then, by the webhook's id."""
    its = webhook_deliveries.c
    status = its.status == sa.literal_column("'given_up'", sa.Text)
    statement = sa.select(its.webhook_id, sa.func.count().label("number")).where(status, its.updated_at >= since)
    return {row["webhook_id"]: int(row["number"]) for row in tx.rows(statement.group_by(its.webhook_id))}


def connection_kinds(tx: Transaction) -> set[str]:
    """Return the kinds of the newest connections and the types of the newest linked services, in lower case."""
    kinds = documents.c.kind.in_(["connection", "linked_service"])
    newest = sa.select(documents.c.body).where(kinds).order_by(documents.c.updated_at.desc()).limit(_MOST_CONNECTIONS)
    found = set()
    for row in tx.rows(newest):
        body = row["body"]
        properties = body.get("properties", body)
        found.add(str(body.get("kind") or (properties.get("type") if isinstance(properties, dict) else "")).lower())
    return found


def _engine(database: Database, seconds: float) -> sa.Engine:
    file = file_of(database)
    if file is None:
        milliseconds = round(seconds * 1000)
        arguments = {
            "application_name": "headrace doctor",
            "connect_timeout": max(2, round(seconds)),
            "options": f"-c statement_timeout={milliseconds} -c lock_timeout={milliseconds}",
        }
        return sa.create_engine(database.engine.url, poolclass=NullPool, hide_parameters=True, connect_args=arguments)

    def connect() -> sqlite3.Connection:
        uri = f"file:{quote(str(file.resolve()))}?mode=ro"
        return sqlite3.connect(uri, uri=True, timeout=seconds, check_same_thread=False, isolation_level=None)

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)


@contextmanager
def _stopped_after(seconds: float, connection: sa.Connection) -> Iterator[None]:
    """Interrupt SQLite when its time is over; PostgreSQL minds the time itself."""
    driver = connection.connection.dbapi_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    timer = threading.Timer(seconds, driver.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # A connection that is closed must not be interrupted any more.
        timer.join()


def _words(database: Database, error: DBAPIError) -> str:
    words = " ".join(str(error.orig).split())
    password = database.engine.url.password
    return words.replace(str(password), _MASK) if password else words
