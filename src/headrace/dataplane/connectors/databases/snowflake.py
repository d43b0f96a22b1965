"""Snowflake through ADBC. Written by its driver's and its server's documentation: no server could be had to run it against.

A statement reads one moment; the statements of one copy read one after another, so the end of a window is fixed before its rows are read. There is
no transaction that only reads: a query stands in parentheses, where nothing but a query can stand, and the role should have no other rights.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.core.schema import ColumnType, Kind
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.adbc import AdbcConnection, adbc
from headrace.dataplane.connectors.databases.connecting import Address, coded
from headrace.dataplane.connectors.databases.dialect import FAR, Column, Dialect, Family
from headrace.dataplane.connectors.databases.drivers import require
from headrace.dataplane.connectors.databases.fitting import decimal_of, shape_of
from headrace.dataplane.limits import Limits

try:
    import adbc_driver_snowflake.dbapi as driver
except ImportError:  # said when it is used
    driver = None  # type: ignore[assignment]  # None stands for a driver that is not there

ALLOWED_OPTIONS = frozenset(
    {"user", "password", "private_key", "private_key_passphrase", "warehouse", "role", "schema"}
)
_PREFIX = "adbc.snowflake.sql."
_CLIENT = f"{_PREFIX}client_option."
_DOMAIN = ".snowflakecomputing.com"
_DOMAINS = (_DOMAIN, ".snowflakecomputing.cn")
_LOOPBACK = "127.0.0.1"
"""For a stand-in on one's own machine; the guard of what may be reached keeps tenants from it."""
_PORT = 443
_PATIENCE = 2
"""How many times the time to connect a login may take, its retries included."""
_PHRASES: tuple[tuple[str, Code], ...] = (
    (
        r"390100|390144|390189|[Ii]ncorrect username or password|JWT token is invalid|390114",
        Code.SOURCE_UNAUTHENTICATED,
    ),
    (r"002003|02000.*does not exist|does not exist or not authorized", Code.SOURCE_NOT_FOUND),
    (r"000904|invalid identifier", Code.UNKNOWN_COLUMN),
    (r"003001|[Ii]nsufficient privileges|390201|250001.*[Rr]ole", Code.SOURCE_DENIED),
    (r"000604|canceled|statement timeout|reached its statement.*timeout", Code.SOURCE_TIMEOUT),
    (r"001003|SQL compilation error|syntax error|Numeric value .* is not recognized|1000\d\d", Code.INVALID),
)


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


DIALECT = Dialect(
    name="Snowflake",
    quotes='"',
    text=_text,
    instants={
        "timestamp_ntz": "'{}'::TIMESTAMP_NTZ",
        "timestamp_tz": "'{} +00:00'::TIMESTAMP_TZ",
        "date": "'{}'::DATE",
        "time": "'{}'::TIME",
    },
    ordered="COLLATE({}, '')",
    printed="TO_VARCHAR({})",
    floored="TO_VARCHAR(FLOOR(({}) * {}))",
    tables=(
        f"SELECT TABLE_SCHEMA AS place, TABLE_NAME AS name, IFF(TABLE_SCHEMA = CURRENT_SCHEMA(), 0, {FAR}) AS distance "
        "FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA <> 'INFORMATION_SCHEMA'"
    ),
    opaque=r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"]|\"\")*\"|\$\$.*?\$\$|--[^\n]*|//[^\n]*|/\*.*?\*/",
    default_place="PUBLIC",
    fold=str.upper,
)


def options_of(info: ConnectionInfo, limits: Limits) -> dict[str, str]:
    """Return what the driver is given.

    Raises:
        Problem: ``INVALID``, with every error; no message has a secret.
    """
    address = Address(info, ("snowflake",), _PORT, "snowflake://account.snowflakecomputing.com/database")
    options = address.options(info, ALLOWED_OPTIONS)
    address.demand(database=address.database)
    if not address.host.endswith(_DOMAINS) and address.host != _LOOPBACK:
        # The server tells the driver where to fetch rows from: nobody else's word is taken for that.
        address.refuse("url", f"the host is not within {' or '.join(_DOMAINS)}")
    if not options.get("user"):
        address.refuse("options.user", "there is no user")
    if not options.get("password") and not options.get("private_key"):
        address.refuse("options.password", "there is neither a password nor a private key")
    address.check()
    patience = f"{limits.connect_timeout_seconds:g}s"
    given = {
        f"{_PREFIX}account": address.host.removesuffix(_DOMAIN),
        f"{_PREFIX}uri.host": address.host,
        f"{_PREFIX}uri.port": str(address.port),
        f"{_PREFIX}uri.protocol": "https",
        f"{_PREFIX}db": address.database,
        "username": options["user"],
        f"{_CLIENT}login_timeout": patience,
        f"{_CLIENT}app_name": "headrace",
        f"{_CLIENT}disable_telemetry": "true",
        f"{_CLIENT}use_high_precision": "true",
        f"{_CLIENT}max_timestamp_precision": "microseconds",
        **{f"{_PREFIX}{name}": options[name] for name in ("warehouse", "role", "schema") if name in options},
    }
    if "private_key" not in options:
        return {**given, "password": options["password"]}
    key = {f"{_PREFIX}auth_type": "auth_jwt", f"{_CLIENT}jwt_private_key_pkcs8_value": options["private_key"]}
    if "private_key_passphrase" in options:
        key[f"{_CLIENT}jwt_private_key_pkcs8_password"] = options["private_key_passphrase"]
    return {**given, **key}


def problem_of(error: Exception, where: str, info: ConnectionInfo) -> Problem:
    """Return what an error of the driver means to the caller; secrets are left out."""
    return coded(str(error), _PHRASES, where, info)


def column_of(field: Any) -> Column:
    """Return a column as the driver's Arrow type describes it; documents (``VARIANT``, ``OBJECT``, ``ARRAY``) land as JSON text."""
    name, printed = DIALECT.quoted(field.name), f"TO_VARCHAR({DIALECT.quoted(field.name)})"
    logical = bytes((field.metadata or {}).get(b"logicalType", b"")).decode().lower()
    if logical in ("variant", "object", "array", "map"):
        document = f"TO_JSON({name})"
        shape = ColumnType(Kind.JSON)
        return Column(field.name, logical, Family.OTHER, pa.string(), document, document, name, logical, 1, shape)
    kind, family, landed = _typed(field.type)
    if landed is None:
        return Column(field.name, logical or kind, Family.OTHER, pa.string(), printed, printed, name, logical or kind)
    return Column(field.name, kind, family, landed, name, printed, name, logical or kind, 1, shape_of(landed))


def _typed(given: Any) -> tuple[str, Family, Any]:
    """Return kind, family and landed type (None: as text) of an Arrow type."""
    if pa.types.is_decimal(given):
        landed = decimal_of(given.precision, given.scale)
        return (
            "number",
            Family.NUMBER if given.scale else Family.INTEGER,
            landed if pa.types.is_decimal(landed) else None,
        )
    if pa.types.is_timestamp(given):
        zoned = given.tz is not None
        return (
            "timestamp_tz" if zoned else "timestamp_ntz",
            Family.INSTANT,
            pa.timestamp("us", "UTC" if zoned else None),
        )
    for test, kind, family, landed in (
        (pa.types.is_string, "varchar", Family.TEXT, pa.string()),
        (pa.types.is_boolean, "boolean", Family.BOOLEAN, pa.bool_()),
        (pa.types.is_integer, "number", Family.INTEGER, pa.int64()),
        (pa.types.is_floating, "float", Family.NUMBER, pa.float64()),
        (pa.types.is_date, "date", Family.DATE, pa.date32()),
        (pa.types.is_time, "time", Family.TIME, pa.time64("us")),
        (pa.types.is_binary, "binary", Family.OTHER, pa.binary()),
    ):
        if test(given):
            return kind, family, landed
    return str(given), Family.OTHER, None


@dataclass(slots=True)
class SnowflakeSession:
    """A session in UTC; see ``session.Session``."""

    wire: AdbcConnection
    limits: Limits
    now: int = 0
    dialect: Dialect = DIALECT

    def begin(self) -> None:
        """Set the session up, and read the clock."""
        seconds = max(1, round(self.limits.statement_timeout_seconds))
        self.wire.run(
            "ALTER SESSION SET TIMEZONE = 'UTC', TIMESTAMP_NTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6', "
            "TIMESTAMP_TZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM', "
            "TIMESTAMP_LTZ_OUTPUT_FORMAT = 'YYYY-MM-DD HH24:MI:SS.FF6TZH:TZM', DATE_OUTPUT_FORMAT = 'YYYY-MM-DD', "
            f"STATEMENT_TIMEOUT_IN_SECONDS = {seconds}"
        )
        self.now = int(self.rows(f"SELECT DATE_PART(epoch_second, CURRENT_TIMESTAMP()) * {SECOND}")[0][0])

    def snapshot(self) -> str | None:
        """Return None: sessions share no snapshot."""
        return None

    def check_query(self, query: str) -> None:
        """Check that the query can stand in parentheses."""
        DIALECT.check_single(query)

    def columns(self, sql: str, where: str) -> tuple[Column, ...]:
        """Return the columns of ``sql``."""
        return tuple(map(column_of, self.wire.schema(f"SELECT * FROM {sql} AS source", where)))

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
def open_snowflake(
    info: ConnectionInfo, limits: Limits, cancellation: Cancellation, snapshot: str | None = None
) -> Iterator[SnowflakeSession]:
    """Connect, and close at the end.

    Raises:
        Problem: as ``problem_of`` says; ``INVALID`` (the address), ``UNSUPPORTED`` (no driver).
    """
    if snapshot is not None:
        raise Problem(Code.INVALID, "Snowflake has no snapshots that another connection can read")
    given = options_of(info, limits)
    require(driver, "Snowflake", "snowflake")
    with adbc(
        lambda: driver.connect(db_kwargs=given, autocommit=True),
        lambda error, where: problem_of(error, where, info),
        cancellation,
        patience=_PATIENCE * limits.connect_timeout_seconds,
    ) as connection:
        session = SnowflakeSession(connection, limits)
        session.begin()
        yield session
