"""BigQuery through ADBC. Written by its driver's and its server's documentation: no server could be had to run it against.

A statement reads one moment; the statements of one copy read one after another, so the end of a window is fixed before its rows are read. There is
no transaction that only reads: a query stands in parentheses, where nothing but a query can stand, and the account should have no other rights.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.adbc import AdbcConnection, adbc
from headrace.dataplane.connectors.databases.connecting import Address, coded
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.fitting import decimal_of, shape_of
from headrace.dataplane.limits import Limits

try:
    import adbc_driver_bigquery.dbapi as driver
except ImportError:  # said when it is used
    driver = None  # type: ignore[assignment]  # None stands for a driver that is not there

ALLOWED_OPTIONS = frozenset({"client_id", "client_secret", "refresh_token", "key_file_content", "dataset"})
HOST = "bigquery.googleapis.com"
_PREFIX = "adbc.bigquery.sql."
_TOKENS = "https://oauth2.googleapis.com/token"
_KEY_FIELDS = ("project_id", "private_key_id", "private_key", "client_email", "client_id")
_PORT = 443
_PHRASES: tuple[tuple[str, Code], ...] = (
    (
        r"invalid_grant|invalid_client|unauthorized_client|Error 401|Unauthenticated|private key should be",
        Code.SOURCE_UNAUTHENTICATED,
    ),
    (r"Error 403.*(quota|rate)|quotaExceeded|rateLimitExceeded|Error 5\d\d|backendError", Code.SOURCE_UNAVAILABLE),
    (r"Error 403|accessDenied|Access Denied|PermissionDenied", Code.SOURCE_DENIED),
    (r"Error 404|notFound|Not found", Code.SOURCE_NOT_FOUND),
    (r"Unrecognized name", Code.UNKNOWN_COLUMN),
    (r"timed? ?out|deadline exceeded|Job timeout", Code.SOURCE_TIMEOUT),
    (r"Error 400|invalidQuery|Syntax error|No matching signature|division by zero|Bad \w+ value", Code.INVALID),
)


_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r"})


def _text(text: str) -> str:
    return "'" + text.translate(_ESCAPES) + "'"


DIALECT = Dialect(
    name="BigQuery",
    quotes="`",
    unquotable="\0`\\",
    text=_text,
    instants={
        "timestamp": "TIMESTAMP '{}+00:00'",
        "datetime": "DATETIME '{}'",
        "date": "DATE '{}'",
        "time": "TIME '{}'",
    },
    ordered="{}",
    printed="CAST({} AS STRING)",
    floored="CAST(FLOOR(({}) * {}) AS STRING)",
    like="{} LIKE {}",
    pattern=lambda text: text.replace("\\", "\\\\"),
    tables="",  # the driver lists them, whatever region they are in
    opaque=(
        r"'''(?:[^\\]|\\.)*?'''|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`|--[^\n]*|#[^\n]*|/\*.*?\*/"
    ),
)


def options_of(info: ConnectionInfo) -> dict[str, str]:
    """Return what the driver is given.

    Raises:
        Problem: ``INVALID``, with every error; no message has a secret.
    """
    address = Address(info, ("bigquery",), _PORT, f"bigquery://{HOST}/project")
    options = address.options(info, ALLOWED_OPTIONS)
    if not address.database:
        address.refuse("url", "there is no project")
    if address.host != HOST:
        address.refuse("url", f"the host is not {HOST}: the driver goes to no other")
    user = [name for name in ("client_id", "client_secret", "refresh_token") if not options.get(name)]
    if "key_file_content" not in options:
        for name in user:
            address.refuse(f"options.{name}", "is missing, and there is no key_file_content either")
    key = _key(options["key_file_content"], address) if "key_file_content" in options else ""
    address.check()
    given = {f"{_PREFIX}project_id": address.database}
    if "dataset" in options:
        given[f"{_PREFIX}dataset_id"] = options["dataset"]
    if "key_file_content" in options:
        kind = f"{_PREFIX}auth_type.json_credential_string"
        return {**given, f"{_PREFIX}auth_type": kind, f"{_PREFIX}auth_credentials": key}
    given[f"{_PREFIX}auth_type"] = f"{_PREFIX}auth_type.user_authentication"
    return {
        **given,
        **{f"{_PREFIX}auth.{name}": options[name] for name in ("client_id", "client_secret", "refresh_token")},
    }


def _key(text: str, address: Address) -> str:
    """Return a service account's key for the driver, with nothing in it that names a file, a program or another place to get tokens from."""
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or given.get("type") != "service_account":
        address.refuse("options.key_file_content", "is not the JSON key of a service account")
        return ""
    fields = {name: given[name] for name in _KEY_FIELDS if isinstance(given.get(name), str)}
    for name in ("private_key", "client_email"):
        if name not in fields:
            address.refuse("options.key_file_content", f"has no {name}")
    return json.dumps({"type": "service_account", "token_uri": _TOKENS, **fields})


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; secrets are left out."""
    return coded(str(error), _PHRASES, where, info)


def column_of(field: Any) -> Column:
    """Return a column as the driver's Arrow type describes it; records and arrays land as JSON text."""
    name = DIALECT.quoted(field.name)
    printed = f"CAST({name} AS STRING)"
    original = bytes((field.metadata or {}).get(b"Type", b"")).decode().lower()
    given = field.type
    if original == "json" or pa.types.is_nested(given):
        document = f"TO_JSON_STRING({name})"
        shape = ColumnType(Kind.JSON)
        return Column(
            field.name, "json", Family.OTHER, pa.string(), document, document, name, original or "record", 1, shape
        )
    if original == "geography":
        text = f"ST_AsText({name})"
        return Column(field.name, original, Family.OTHER, pa.string(), text, text, name, original)
    if pa.types.is_decimal(given):
        landed = decimal_of(given.precision, given.scale)
        select = name if pa.types.is_decimal(landed) else printed
        return Column(
            field.name,
            "numeric",
            Family.NUMBER,
            landed,
            select,
            printed,
            name,
            original or "numeric",
            1,
            shape_of(landed),
        )
    for test, kind, family, landed in (
        (
            lambda one: pa.types.is_timestamp(one) and one.tz is not None,
            "timestamp",
            Family.INSTANT,
            pa.timestamp("us", "UTC"),
        ),
        (pa.types.is_timestamp, "datetime", Family.INSTANT, pa.timestamp("us")),
        (pa.types.is_string, "string", Family.TEXT, pa.string()),
        (pa.types.is_boolean, "bool", Family.BOOLEAN, pa.bool_()),
        (pa.types.is_integer, "int64", Family.INTEGER, pa.int64()),
        (pa.types.is_floating, "float64", Family.NUMBER, pa.float64()),
        (pa.types.is_date, "date", Family.DATE, pa.date32()),
        (pa.types.is_time, "time", Family.TIME, pa.time64("us")),
        (pa.types.is_binary, "bytes", Family.OTHER, pa.binary()),
    ):
        if test(given):
            return Column(field.name, kind, family, landed, name, printed, name, original or kind, 1, shape_of(landed))
    return Column(field.name, str(given), Family.OTHER, pa.string(), printed, printed, name, original or str(given))


@dataclass(slots=True)
class BigquerySession:
    """A project that is read; see ``session.Session``."""

    wire: AdbcConnection
    limits: Limits
    dataset: str
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self) -> None:
        """Read the clock: it is the first that is asked of the server, and the driver would try forever to reach one."""
        with self.wire.within(self.limits.connect_timeout_seconds):
            self.now = int(self.rows("SELECT UNIX_MICROS(CURRENT_TIMESTAMP()) AS now")[0][0])

    def snapshot(self) -> str | None:
        """Return None: sessions share no snapshot."""
        return None

    def check_query(self, query: str) -> None:
        """Check that the query can stand in parentheses."""
        DIALECT.check_single(query)

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql``."""
        return tuple(map(column_of, self.wire.described(f"SELECT * FROM {sql} AS source LIMIT 0", where)))

    def rows(self, query: str, where: str = "the database") -> list[tuple[Any, ...]]:
        """Return the rows of a small result."""
        return self.wire.rows(query, where)

    def tables(self, place: str | None, name: str | None, most: int) -> list[tuple[str, str]]:
        """Return dataset and name of tables and views; a name alone is looked for in the connection's dataset."""
        place = place or (self.dataset if name is not None else None)
        found = (pair for pair in self.wire.listed() if place in (None, pair[0]) and name in (None, pair[1]))
        return sorted(found)[:most]

    def batches(self, query: str, columns: tuple[Column, ...], where: str) -> Generator[Any, None, None]:
        """Yield the record batches of a query that selects ``columns``."""
        return self.wire.batches(query, columns, where)

    def raw(self, query: str, where: str) -> Generator[list[Any], None, None]:
        """Yield the columns of the batches of a query."""
        return self.wire.raw(query, where)


@contextmanager
def open_bigquery(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[BigquerySession]:
    """Connect, and close at the end.

    Raises:
        Problem: as ``problem_of`` says; ``INVALID`` (the address), ``UNSUPPORTED`` (no driver).
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "BigQuery has no snapshots that another connection can read")
    given = options_of(info)
    require(driver, "BigQuery", "bigquery")
    with connected(given, info, limits, cancellation) as session:
        yield session


@contextmanager
def connected(
    given: dict[str, str], info: ConnectionInfo, limits: Limits, cancellation: Cancellation
) -> Iterator[BigquerySession]:
    """Connect with what ``options_of`` made of ``info``, and close at the end.

    Raises:
        Problem: as ``problem_of`` says.
    """
    timeout = {f"{_PREFIX}query.job_timeout": round(limits.statement_timeout_seconds * 1000)}
    with adbc(
        lambda: driver.connect(db_kwargs=given, autocommit=True),
        lambda error, where: problem_of(error, where, info),
        cancellation,
        timeout,
    ) as connection:
        session = BigquerySession(connection, limits, info.options.get("dataset", ""))
        session.begin()
        yield session
