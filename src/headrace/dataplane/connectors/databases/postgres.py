"""PostgreSQL through ADBC: connections that can only read, all in one snapshot, and can be interrupted."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import adbc_driver_postgresql.dbapi

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.adbc import AdbcConnection, adbc
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, doubled
from headrace.dataplane.connectors.databases.postgres_address import parse_url, problem_of
from headrace.dataplane.connectors.databases.postgres_types import Declared, column_of
from headrace.dataplane.limits import Limits

_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"

DIALECT = Dialect(
    name="PostgreSQL",
    quotes='"',
    text=doubled,  # exact since the session's strings are standard-conforming
    instants={
        "timestamptz": "TIMESTAMPTZ '{}+00'",
        "timestamp": "TIMESTAMP '{}'",
        "date": "DATE '{}'",
        "time": "TIME '{}'",
    },
    ordered='{}::text COLLATE "C"',
    printed="({})::text",
    floored="floor(({})::numeric * {})::text",
    finite=" FILTER (WHERE isfinite({}))",
    tables=(
        "SELECT n.nspname::text AS place, c.relname::text AS name, "
        "coalesce(array_position(current_schemas(false), n.nspname), 1000000) AS distance "
        "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'"
    ),
    opaque=r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/",
    default_place="public",
)


@dataclass(slots=True)
class PostgresSession:
    """A read-only transaction; see ``session.Session``."""

    wire: AdbcConnection
    limits: Limits
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self, snapshot: str | None) -> None:
        """Begin the transaction, on the rows of ``snapshot`` (of another session) or of its own."""
        self.wire.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if snapshot is not None:
            self.wire.run(f"SET TRANSACTION SNAPSHOT {doubled(snapshot)}")
        timeout = round(self.limits.statement_timeout_seconds * 1000)
        for setting in (
            f"statement_timeout = {timeout}",
            "idle_in_transaction_session_timeout = 0",
            "timezone = 'UTC'",
            "datestyle = 'ISO, YMD'",
            "intervalstyle = 'iso_8601'",
            "standard_conforming_strings = on",
            "extra_float_digits = 1",
        ):
            self.wire.run(f"SET LOCAL {setting}")
        now = self.rows("SELECT floor(extract(epoch FROM transaction_timestamp()) * 1000000)::int8")
        self.now = int(now[0][0])

    def snapshot(self) -> str | None:
        """Return the name under which other sessions can read the same rows, as long as this one is open."""
        return str(self.rows("SELECT pg_export_snapshot()")[0][0])

    def check_query(self, query: str) -> None:
        """Let the server look at the query alone: what closes a parenthesis of ours is no query."""
        self.wire.schema(query, "the query")

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql``; the precision of a table's timestamps and its types' full names too."""
        schema = self.wire.schema(f"SELECT * FROM {sql} AS source", where)
        declared: dict[str, Declared] = {}
        if not sql.startswith("("):
            found = self.rows(
                "SELECT attname::text, format_type(atttypid, atttypmod), atttypmod FROM pg_catalog.pg_attribute "
                f"WHERE attrelid = {doubled(sql)}::regclass AND attnum > 0 AND NOT attisdropped"
            )
            declared = {name: Declared(text, modifier) for name, text, modifier in found}
        return tuple(column_of(field, declared.get(field.name), DIALECT) for field in schema)

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        return self.wire.rows(query, where)

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return schema and name of tables and views."""
        found = self.rows(DIALECT.tables_query(place, name, most), "the tables")
        return [(str(one), str(other)) for one, other in found]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``."""
        return self.wire.batches(query, columns, where)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query."""
        return self.wire.raw(query, where)


@contextmanager
def open_postgres(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[PostgresSession]:
    """Connect, begin a read-only transaction, and end both.

    Raises:
        Problem: ``SOURCE_UNAUTHENTICATED``, ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the URL).
    """
    url = parse_url(info, limits)

    options = {_BATCH_BYTES: str(limits.batch_bytes)}
    with adbc(
        lambda: adbc_driver_postgresql.dbapi.connect(url, autocommit=True),
        lambda error, where: problem_of(error, where, info),
        cancellation,
        options,
    ) as connection:
        session = PostgresSession(connection, limits)
        session.begin(snapshot)
        yield session
