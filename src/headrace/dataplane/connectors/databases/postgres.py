"""PostgreSQL through ADBC: connections that can only read, all in one snapshot, and can be interrupted."""

import difflib
import re
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import adbc_driver_manager
import adbc_driver_postgresql.dbapi
import pyarrow as pa

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.delta import quoted, text_literal
from headrace.dataplane.connectors.databases.postgres_types import table_name
from headrace.dataplane.limits import Limits

ALLOWED_OPTIONS = frozenset(
    {"application_name", "channel_binding", "connect_timeout", "gssencmode", "sslmode", "target_session_attrs"}
)
"""Options that a connection's URL may have: none that names a file, another host, a service or server settings."""

_FIXED = {"passfile": "/dev/null", "keepalives_idle": "30", "keepalives_interval": "10", "tcp_user_timeout": "60000"}
_BATCH_BYTES = "adbc.postgresql.batch_size_hint_bytes"
_RECANCEL_SECONDS = 0.25
_ERRORS = (adbc_driver_manager.Error, pa.ArrowException, OSError)
_SQLSTATES: Mapping[str, Code] = {
    "28": Code.SOURCE_DENIED,
    "42501": Code.SOURCE_DENIED,
    "42P01": Code.SOURCE_NOT_FOUND,
    "3F": Code.SOURCE_NOT_FOUND,
    "3D": Code.SOURCE_NOT_FOUND,
    "42703": Code.UNKNOWN_COLUMN,
    "57014": Code.SOURCE_TIMEOUT,
    "08": Code.SOURCE_UNAVAILABLE,
    "53": Code.SOURCE_UNAVAILABLE,
    "57": Code.SOURCE_UNAVAILABLE,
    "58": Code.SOURCE_UNAVAILABLE,
    "40": Code.SOURCE_UNAVAILABLE,
    "55": Code.SOURCE_UNAVAILABLE,
    "XX": Code.SOURCE_UNAVAILABLE,
    "25006": Code.SOURCE_DENIED,
    "22": Code.INVALID,
    "42": Code.INVALID,
}
_PHRASES: tuple[tuple[str, Code], ...] = (
    (r"password authentication failed|no password supplied|no pg_hba\.conf entry", Code.SOURCE_DENIED),
    (r'role ".*" (does not exist|is not permitted)|authentication failed|permission denied', Code.SOURCE_DENIED),
    (r'database ".*" does not exist', Code.SOURCE_NOT_FOUND),
    (r"read-only transaction|transaction read-write mode", Code.SOURCE_DENIED),
    (r"due to statement timeout", Code.SOURCE_TIMEOUT),
    (r"timeout expired", Code.SOURCE_UNAVAILABLE),
    (r"closed the connection|terminating connection|Failed to connect|could not|lost|SSL", Code.SOURCE_UNAVAILABLE),
    (r"ERROR: ", Code.INVALID),
)


def parse_url(info: ConnectionInfo, limits: Limits) -> str:
    """Return the URL that libpq is given: host, port, database, user, password and allowed options, and nothing else.

    Raises:
        Problem: ``INVALID``, with every error; no message has the password.
    """
    errors: list[FieldError] = []
    parts = urlsplit(info.url)
    try:
        port = parts.port or 5432
    except ValueError:
        errors.append(FieldError("url", "the port is no number", "1 to 65535"))
        port = 0
    if parts.scheme not in ("postgres", "postgresql"):
        errors.append(FieldError("url", f"the scheme {parts.scheme!r} is not PostgreSQL's", "postgresql://…"))
    host = parts.hostname or ""
    if not re.fullmatch(r"[A-Za-z0-9._:%-]+", host) or "%2F" in host.upper():
        errors.append(FieldError("url", "there is no host, or not exactly one", "postgresql://user@host:5432/database"))
    if not parts.username:
        errors.append(FieldError("url", "there is no user", "postgresql://user@host:5432/database"))
    database = unquote(parts.path.removeprefix("/"))
    if not database or "\0" in database:
        errors.append(FieldError("url", "there is no database", "postgresql://user@host:5432/database"))
    options = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **info.options}
    hint = "one of " + ", ".join(sorted(ALLOWED_OPTIONS))
    errors.extend(
        FieldError(f"url.{name}", f"the option {name!r} is not allowed", hint)
        for name in options.keys() - ALLOWED_OPTIONS
    )
    if errors:
        raise Problem.of_fields(Code.INVALID, "the connection", tuple(errors))
    user = quote(unquote(parts.username or ""), safe="")
    password = unquote(parts.password or "")
    address = f"[{host}]" if ":" in host else host
    timeout = {"connect_timeout": str(max(2, round(limits.connect_timeout_seconds))), "application_name": "headrace"}
    # The password is said even where it is empty: else libpq takes the one of our own environment, and hands it to any host.
    query = urlencode({**timeout, **options, **_FIXED, "password": password}, quote_via=quote)
    return f"postgresql://{user}@{address}:{port}/{quote(database, safe='')}?{query}"


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; the password and the statement are left out."""
    text = _without_secrets(str(error), info)
    said = text.split("\n\nQuery was", 1)[0]
    found = re.search(r"(?:ERROR|FATAL):\s+([^\n]*)", said)
    message = (found[1] if found else said.strip().replace("\n", " "))[:300]
    state = getattr(error, "sqlstate", None) or (match[1] if (match := re.search(r"SQLSTATE: (\w{5})", text)) else "")
    code = _SQLSTATES.get(state) or _SQLSTATES.get(state[:2]) or _by_phrase(text)
    return Problem(code, f"{where}: {message}")


def _by_phrase(text: str) -> Code:
    return next((code for phrase, code in _PHRASES if re.search(phrase, text)), Code.SOURCE_UNAVAILABLE)


def _without_secrets(text: str, info: ConnectionInfo) -> str:
    password = urlsplit(info.url).password
    plain = unquote(password or "")
    for secret in {password or "", plain, quote(plain, safe="")} - {""}:
        text = text.replace(secret, "***")
    return text


@dataclass(slots=True)
class Session:
    """One connection in one read-only transaction. Used by one thread; ``interrupt`` may come from another."""

    connection: Any
    info: ConnectionInfo
    cancellation: Cancellation
    limits: Limits
    closed: threading.Event = field(default_factory=threading.Event)
    running: Any = None

    def begin(self, snapshot: str | None) -> None:
        """Begin the transaction, on the rows of ``snapshot`` (of another session) or of its own."""
        self.run("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if snapshot is not None:
            self.run(f"SET TRANSACTION SNAPSHOT {text_literal(snapshot)}")
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
            self.run(f"SET LOCAL {setting}")

    def snapshot(self) -> str:
        """Return the name under which other sessions can read the same rows, as long as this one is open."""
        return str(self.rows("SELECT pg_export_snapshot() AS name")[0]["name"])

    def run(self, statement: str) -> None:
        """Execute a statement without a result."""
        with self._cursor() as cursor, self._told("the database"):
            cursor.execute(statement)

    def rows(self, query: str, where: str = "the database") -> list[dict[str, Any]]:
        """Return the rows of a small result."""
        with self._cursor() as cursor, self._told(where):
            cursor.execute(query)
            rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
            return rows

    def describe(self, query: str, where: str) -> Any:
        """Return the Arrow schema of a query without executing it; its fields' metadata tell the PostgreSQL types.

        Raises:
            Problem: what is wrong with the query; ``INVALID`` when it is more than one statement.
        """
        with self._cursor() as cursor, self._told(where):
            return cursor.adbc_execute_schema(query)

    def batches(self, query: str, where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query, as they come."""
        with self._cursor() as cursor:
            with self._told(where):
                cursor.adbc_statement.set_options(**{_BATCH_BYTES: str(self.limits.batch_bytes)})
                cursor.execute(query)
                reader = cursor.fetch_record_batch()
            while True:
                with self._told(where):
                    batch = next(reader, None)
                if batch is None:
                    return
                yield batch

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        self.cancellation.check()
        with self.connection.cursor() as cursor:
            self.running = cursor
            try:
                yield cursor
            finally:
                self.running = None

    @contextmanager
    def _told(self, where: str) -> Iterator[None]:
        """Turn an error of the driver into a problem, or into the interruption that it is."""
        try:
            yield
        except _ERRORS as error:
            self.cancellation.check()
            raise problem_of(error, where, self.info) from error

    def interrupt(self) -> None:
        """Cancel what the server does for this session, again and again until it is closed; returns at once."""
        threading.Thread(target=self._interrupt, name="postgres-cancel", daemon=True).start()

    def _interrupt(self) -> None:
        while not self.closed.is_set():
            running = self.running
            if running is not None:
                with suppress(*_ERRORS):  # the statement or the connection has ended by itself
                    running.adbc_cancel()
            self.closed.wait(_RECANCEL_SECONDS)


@contextmanager
def connect(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[Session]:
    """Connect, begin a read-only transaction, and end both.

    Raises:
        Problem: ``SOURCE_DENIED``, ``SOURCE_UNAVAILABLE``, ``SOURCE_NOT_FOUND`` (the database), ``INVALID`` (the URL).
    """
    url = parse_url(info, limits)
    connection = _connected(lambda: adbc_driver_postgresql.dbapi.connect(url, autocommit=True), info, cancellation)
    session = Session(connection, info, cancellation, limits)
    forget = cancellation.on_stop(session.interrupt)
    try:
        session.begin(snapshot)
        yield session
    finally:
        forget()
        session.closed.set()
        with suppress(*_ERRORS):  # it is lost already
            connection.close()


def _connected(open_connection: Callable[[], Any], info: ConnectionInfo, cancellation: Cancellation) -> Any:
    """Connect in a thread of its own: a host that does not answer must not keep a cancellation waiting."""
    done, abandoned = threading.Event(), threading.Event()
    results: list[Any] = []

    def work() -> None:
        try:
            connection = open_connection()
        except _ERRORS as error:
            results.append(error)
        else:
            results.append(connection)
            if abandoned.is_set():
                connection.close()
        done.set()

    forget = cancellation.on_stop(done.set)
    threading.Thread(target=work, name="postgres-connect", daemon=True).start()
    done.wait()
    forget()
    if cancellation.problem is not None:
        abandoned.set()
        for result in results:
            if not isinstance(result, Exception):
                result.close()
    cancellation.check()
    if isinstance(results[0], Exception):
        raise problem_of(results[0], "cannot connect to the database", info) from results[0]
    return results[0]


def find_table(session: Session, text: str) -> str:
    """Return the quoted name of the table or view that ``text`` names.

    Raises:
        Problem: ``SOURCE_NOT_FOUND``, with similar names; ``INVALID``: it has not the form of a name.
    """
    name = table_name(text)
    if name is None:
        raise Problem(
            Code.INVALID, f'{text!r} is no table; write schema.table, with "…" around names that have a dot in them'
        )
    schema, table = name
    namespace = "= ANY (current_schemas(false))" if schema is None else f"= {text_literal(schema)}"
    found = session.rows(
        "SELECT n.nspname::text AS schema FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = {text_literal(table)} AND n.nspname {namespace} "
        "ORDER BY array_position(current_schemas(false), n.nspname) LIMIT 1"
    )
    if not found:
        raise Problem(Code.SOURCE_NOT_FOUND, f"there is no table {text!r} in the database{_similar(session, text)}")
    return f"{quoted(found[0]['schema'])}.{quoted(table)}"


def _similar(session: Session, text: str) -> str:
    known = session.rows(
        "SELECT n.nspname || '.' || c.relname AS name FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
        "ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') "
        "AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1 LIMIT 10000"
    )
    full = text if "." in text else f"public.{text}"
    by_lower = {str(row["name"]).lower(): str(row["name"]) for row in known}
    matches = difflib.get_close_matches(full.lower(), list(by_lower), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(repr(by_lower[match]) for match in matches)}?" if matches else ""
