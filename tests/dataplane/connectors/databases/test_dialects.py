"""What is written for databases that cannot be started here: statements, options and errors; and the golden ones of those that can."""

import json
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from headrace.core.clock import Instant
from headrace.core.condition import AllOf, AnyOf, Comparator, Comparison, IsNull, Membership, Negation
from headrace.core.errors import Code, Problem
from headrace.core.source import DeltaColumn, NullPolicy
from headrace.core.task import Cancellation
from headrace.core.window import Window
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases import (
    bigquery,
    delta,
    drivers,
    mysql,
    opening,
    postgres,
    snowflake,
    sqlserver,
)
from headrace.dataplane.connectors.databases.conditions import condition_sql
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family
from headrace.dataplane.connectors.databases.relations import Relation
from headrace.dataplane.connectors.databases.sqlserver_types import column_of
from headrace.dataplane.limits import Limits
from servers import free_port

DIALECTS: Mapping[str, Dialect] = {
    "postgres": postgres.DIALECT,
    "mysql": mysql.DIALECT,
    "sqlserver": sqlserver.DIALECT,
    "snowflake": snowflake.DIALECT,
    "bigquery": bigquery.DIALECT,
}
INSTANT_KINDS = {
    "postgres": "timestamptz",
    "mysql": "timestamp",
    "sqlserver": "datetimeoffset",
    "snowflake": "timestamp_ntz",
    "bigquery": "timestamp",
}


def columns(name: str) -> dict[str, Column]:
    """Return a text, a number, a boolean and an instant as that database's columns."""
    dialect = DIALECTS[name]
    kinds = {"s": Family.TEXT, "n": Family.INTEGER, "b": Family.BOOLEAN, "at": Family.INSTANT}
    return {
        column: _column(column, INSTANT_KINDS[name], family, dialect.quoted(column)) for column, family in kinds.items()
    }


def _column(name: str, kind: str, family: Family, sql: str) -> Column:
    return Column(name, kind, family, pa.string(), sql, sql, sql)


CONDITION = AllOf(
    (
        AnyOf((Comparison("s", Comparator.LIKE, "50!%_[\\'"), Membership("n", (1, 2.5)))),
        Negation(IsNull("at")),
        Comparison("b", Comparator.NE, value=True),
        Comparison("at", Comparator.GE, "2024-01-31T12:00:00+01:00"),
    )
)
GOLDEN = {
    "postgres": (
        """((("s" LIKE '50!!%_[\\''' ESCAPE '!') OR ("n" IN (1, 2.5))) AND (NOT ("at" IS NULL)) AND ("b" <> TRUE) """
        """AND ("at" >= TIMESTAMPTZ '2024-01-31 11:00:00.000000+00'))"""
    ),
    "mysql": (
        """(((`s` LIKE _utf8mb4 X'35302121255f5b5c27' ESCAPE '!') OR (`n` IN (1, 2.5))) AND (NOT (`at` IS NULL)) """
        """AND (`b` <> 1) AND (`at` >= TIMESTAMP'2024-01-31 11:00:00.000000'))"""
    ),
    "sqlserver": (
        """((([s] LIKE N'50!!%_![\\''' ESCAPE '!') OR ([n] IN (1, 2.5))) AND (NOT ([at] IS NULL)) AND ([b] <> 1) """
        """AND ([at] >= CAST('2024-01-31 11:00:00.000000 +00:00' AS datetimeoffset(6))))"""
    ),
    "snowflake": (
        """((("s" LIKE '50!!%_[\\\\''' ESCAPE '!') OR ("n" IN (1, 2.5))) AND (NOT ("at" IS NULL)) AND ("b" <> TRUE) """
        """AND ("at" >= '2024-01-31 11:00:00.000000'::TIMESTAMP_NTZ))"""
    ),
    "bigquery": (
        """(((`s` LIKE '50!%_[\\\\\\\\\\'') OR (`n` IN (1, 2.5))) AND (NOT (`at` IS NULL)) AND (`b` <> TRUE) """
        """AND (`at` >= TIMESTAMP '2024-01-31 11:00:00.000000+00:00'))"""
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_condition_is_written_as_each_database_reads_it(name: str) -> None:
    """Its quotes, its literals, and nothing special in a pattern but % and _."""
    assert condition_sql(CONDITION, columns(name), DIALECTS[name], "t") == GOLDEN[name]


SELECTS = {
    "postgres": (
        """SELECT ("n")::text FROM "x"."t" AS source WHERE ("s"::text COLLATE "C" >= '2024-01-31' """
        """AND "s"::text COLLATE "C" < '2024-02-01') LIMIT 5"""
    ),
    "mysql": (
        """SELECT CAST(`n` AS CHAR) FROM `x`.`t` AS source WHERE (CONVERT(`s` USING utf8mb4) COLLATE utf8mb4_bin >= '2024-01-31' """
        """AND CONVERT(`s` USING utf8mb4) COLLATE utf8mb4_bin < '2024-02-01') LIMIT 5"""
    ),
    "sqlserver": (
        """SELECT TOP (5) CONVERT(nvarchar(60), [n], 126) FROM [x].[t] AS source WHERE ([s] COLLATE Latin1_General_100_BIN2 >= """
        """N'2024-01-31' AND [s] COLLATE Latin1_General_100_BIN2 < N'2024-02-01')"""
    ),
    "snowflake": (
        """SELECT TO_VARCHAR("n") FROM "x"."t" AS source WHERE (COLLATE("s", '') >= '2024-01-31' """
        """AND COLLATE("s", '') < '2024-02-01') LIMIT 5"""
    ),
    "bigquery": (
        """SELECT CAST(`n` AS STRING) FROM `x`.`t` AS source WHERE (`s` >= '2024-01-31' AND `s` < '2024-02-01') LIMIT 5"""
    ),
}


@pytest.mark.parametrize("name", DIALECTS)
def test_a_window_of_a_text_column_is_written_as_each_database_reads_it(name: str) -> None:
    """Compared by its characters, and limited in the database's own way."""
    dialect, known = DIALECTS[name], columns(name)
    axis = delta.axis_of(DeltaColumn("s", format="yyyy-MM-dd"), known["s"], dialect)
    window = Window(Instant(1_706_659_200_000_000), Instant(1_706_745_600_000_000))
    relation = Relation("t", ".".join(map(dialect.quoted, ("x", "t"))), tuple(known.values()))
    rest = relation.rest(delta.condition(axis, window, NullPolicy.SKIP))
    assert dialect.first.format(dialect.printed.format(known["n"].select), rest, 5) == SELECTS[name]


@pytest.mark.parametrize(
    ("name", "text"), [("postgres", 'a"b'), ("mysql", "a`b"), ("sqlserver", "a]b"), ("snowflake", 'a"b')]
)
def test_names_in_quotes_are_read_back_as_they_were(name: str, text: str) -> None:
    """Whatever quote is in them; a name without quotes is the same."""
    dialect = DIALECTS[name]
    assert dialect.table(f"{dialect.quoted('x.y')}.{dialect.quoted(text)}") == ("x.y", text)
    assert dialect.table("x.y") == ("x", "y")
    assert dialect.table("y") == (None, "y")
    assert dialect.table("x.y.z") is None
    for hostile in ("a\0b", "\0"):
        with pytest.raises(Problem):
            dialect.quoted(hostile)


def test_a_name_that_no_quote_can_hold_is_refused() -> None:
    """BigQuery knows no way to write a backtick."""
    with pytest.raises(Problem, match="is no name"):
        bigquery.DIALECT.quoted("a`; DROP TABLE t")


@pytest.mark.parametrize("name", ["sqlserver", "snowflake", "bigquery"])
@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1; DROP TABLE t",
        "SELECT 1) AS source; DROP TABLE t --",
        "SELECT 1) UNION (SELECT 2",
        "SELECT 'it",
        "SELECT (1",
        "SELECT 1 /* /* */ ' */ ) ; DROP TABLE t -- '",
        "SELECT 1 /*",
    ],
)
def test_a_query_that_leaves_its_parentheses_is_refused(name: str, query: str) -> None:
    """These databases cannot be asked to look at a statement alone."""
    with pytest.raises(Problem) as caught:
        DIALECTS[name].check_single(query)
    assert caught.value.code is Code.INVALID


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("sqlserver", "SELECT ';)' AS [;)], (1) -- it's ;)\nFROM t /* ;) */ WHERE a = 'it''s'"),
        ("snowflake", "SELECT ';\\')' AS \";)\", $$;)$$ -- ;)\nFROM t"),
        ("bigquery", "SELECT ';\\')' AS `;)`, \"\"\"it's ;)\"\"\", '''\"''' # ;)\nFROM t"),
    ],
)
def test_what_a_query_quotes_is_not_looked_at(name: str, query: str) -> None:
    """Strings, names and comments, in the database's own ways."""
    DIALECTS[name].check_single(query)


SECRET = "se}kr;et"
BIGQUERY_URL = "bigquery://bigquery.googleapis.com/shop-1"
SQLSERVER = ConnectionInfo("sqlserver", "mssql://u%3Bx:se%7Dkr%3Bet@h/d", {"trust_server_certificate": "true"})
SNOWFLAKE = ConnectionInfo(
    "snowflake",
    "snowflake://acc.eu-west-1.snowflakecomputing.com/SHOP",
    {"user": "u", "password": SECRET, "warehouse": "W", "role": ""},
)
BIGQUERY = ConnectionInfo(
    "bigquery",
    BIGQUERY_URL,
    {"client_id": "i", "client_secret": SECRET, "refresh_token": "r", "dataset": "sales"},
)


def test_what_drivers_are_given_is_built_from_the_connection() -> None:
    """Address and login, quoted; nothing else that a connection could bring."""
    assert sqlserver.connection_string(SQLSERVER) == (
        "Server={tcp:h,1433};Database={d};UID={u;x};PWD={se}}kr;et};Encrypt={yes};TrustServerCertificate={yes};"
        "ApplicationIntent={ReadOnly};ConnectRetryCount={0};KeepAlive={30}"
    )
    given = snowflake.options_of(SNOWFLAKE, Limits(connect_timeout_seconds=7))
    short = {name.rpartition(".")[2]: value for name, value in given.items()}
    assert short["account"] == "acc.eu-west-1"
    assert (short["db"], short["username"], short["password"], short["warehouse"]) == ("SHOP", "u", SECRET, "W")
    assert (short["login_timeout"], short["protocol"]) == ("7s", "https")
    assert "role" not in short
    key = {"user": "u", "private_key": "PEM", "private_key_passphrase": "p"}
    with_key = snowflake.options_of(ConnectionInfo("snowflake", SNOWFLAKE.url, key), Limits())
    short = {name.rpartition(".")[2]: value for name, value in with_key.items()}
    assert (short["auth_type"], short["jwt_private_key_pkcs8_value"]) == ("auth_jwt", "PEM")
    assert "password" not in short
    given = bigquery.options_of(BIGQUERY)
    assert given["adbc.bigquery.sql.project_id"] == "shop-1"
    assert given["adbc.bigquery.sql.auth_type"] == "adbc.bigquery.sql.auth_type.user_authentication"
    assert given["adbc.bigquery.sql.auth.refresh_token"] == "r"


@pytest.mark.parametrize(
    ("kind", "url", "options", "said"),
    [
        ("sqlserver", "mssql://u@h/d", {"encrypt": "perhaps"}, "neither true nor false"),
        ("sqlserver", "mssql://u@h/d", {"Trusted_Connection": "yes"}, "is not allowed"),
        ("snowflake", "snowflake://a.snowflakecomputing.com/d", {"user": "u"}, "neither a password nor a private key"),
        ("snowflake", "snowflake://a.snowflakecomputing.com/", {"user": "u", "password": "p"}, "there is no database"),
        ("bigquery", "bigquery://bigquery.googleapis.com/p", {"client_id": "i"}, "options.refresh_token: is missing"),
        ("snowflake", "snowflake://evil.example/d", {"user": "u", "password": "p"}, "the host is not within"),
        ("bigquery", "bigquery://10.0.0.1/p", {"client_id": "i"}, "the driver goes to no other"),
        ("bigquery", BIGQUERY_URL, {"key_file_content": "{}"}, "is not the JSON key of a service account"),
        ("bigquery", BIGQUERY_URL, {"key_file_content": '{"type": "external_account"}'}, "is not the JSON key"),
        ("bigquery", BIGQUERY_URL, {"key_file_content": '{"type": "service_account"}'}, "has no client_email"),
        ("oracle", "oracle://x", {}, "tables cannot be read from 'oracle'"),
    ],
)
def test_what_a_connection_lacks_is_told_before_anybody_is_asked(
    kind: str, url: str, options: dict[str, str], said: str
) -> None:
    """With what would be right."""
    with (
        pytest.raises(Problem) as caught,
        opening.open_database(ConnectionInfo(kind, url, options), Limits(), Cancellation()),
    ):
        pass
    assert said in str(caught.value)


def refused(opened: AbstractContextManager[Any]) -> Problem:
    """Return why there is no connection."""
    with pytest.raises(Problem) as caught, opened:
        pass
    return caught.value


@pytest.mark.parametrize(
    ("module", "info", "words", "code"),
    [
        (sqlserver, SQLSERVER, "[SQL Server]Login failed for user 'u;x'.", Code.SOURCE_UNAUTHENTICATED),
        (sqlserver, SQLSERVER, 'Cannot open database "d" requested by the login. Login failed', Code.SOURCE_NOT_FOUND),
        (sqlserver, SQLSERVER, "Login timeout expired; a network-related error", Code.SOURCE_UNAVAILABLE),
        (sqlserver, SQLSERVER, "Invalid object name 'dbo.x'.", Code.SOURCE_NOT_FOUND),
        (sqlserver, SQLSERVER, "Query timeout expired", Code.SOURCE_TIMEOUT),
        (sqlserver, SQLSERVER, "The SELECT permission was denied on the object", Code.SOURCE_DENIED),
        (sqlserver, SQLSERVER, "Incorrect syntax near 'x'", Code.INVALID),
        (sqlserver, SQLSERVER, "something else", Code.SOURCE_UNAVAILABLE),
        (
            snowflake,
            SNOWFLAKE,
            "390100 (08004): Incorrect username or password was specified.",
            Code.SOURCE_UNAUTHENTICATED,
        ),
        (snowflake, SNOWFLAKE, "002003 (42S02): Object 'X' does not exist or not authorized.", Code.SOURCE_NOT_FOUND),
        (snowflake, SNOWFLAKE, "000904 (42000): invalid identifier 'X'", Code.UNKNOWN_COLUMN),
        (snowflake, SNOWFLAKE, "003001 (42501): Insufficient privileges to operate", Code.SOURCE_DENIED),
        (snowflake, SNOWFLAKE, "000604 (57014): SQL execution canceled", Code.SOURCE_TIMEOUT),
        (snowflake, SNOWFLAKE, "001003 (42000): SQL compilation error: syntax error", Code.INVALID),
        (bigquery, BIGQUERY, 'oauth2: "invalid_grant" "Token has been revoked."', Code.SOURCE_UNAUTHENTICATED),
        (bigquery, BIGQUERY, "googleapi: Error 403: Access Denied: Table x", Code.SOURCE_DENIED),
        (bigquery, BIGQUERY, "googleapi: Error 403: Quota exceeded: quotaExceeded", Code.SOURCE_UNAVAILABLE),
        (bigquery, BIGQUERY, "googleapi: Error 404: Not found: Dataset p:d", Code.SOURCE_NOT_FOUND),
        (bigquery, BIGQUERY, "googleapi: Error 400: Syntax error: Unexpected", Code.INVALID),
    ],
)
def test_what_a_database_says_becomes_a_code(module: Any, info: ConnectionInfo, words: str, code: Code) -> None:
    """And the secret is never among the words."""
    problem = module.problem_of(RuntimeError(f"{words} {SECRET}"), "t", info)
    assert (problem.code, SECRET in str(problem)) == (code, False)


def test_a_driver_that_is_not_installed_is_told_when_it_is_used() -> None:
    """With the command that installs it."""
    with pytest.raises(Problem, match=r"pip install 'headrace\[mysql\]'") as caught:
        drivers.require(None, "MySQL", "mysql")
    assert caught.value.code is Code.UNSUPPORTED


def test_types_of_sql_server_are_read_from_their_names() -> None:
    """With the grain of their instants, and what they land as."""
    known = {
        "decimal(10,2)": (Family.NUMBER, pa.decimal128(10, 2), "[c]", 1),
        "money": (Family.NUMBER, pa.decimal128(19, 4), "[c]", 1),
        "tinyint": (Family.INTEGER, pa.int16(), "[c]", 1),
        "nvarchar(max)": (Family.TEXT, pa.string(), "[c]", 1),
        "datetime2(3)": (Family.INSTANT, pa.timestamp("us"), "[c]", 1000),
        "datetime2(7)": (Family.INSTANT, pa.timestamp("us"), "[c]", 1),
        "datetime": (Family.INSTANT, pa.timestamp("us"), "CAST([c] AS datetime2(3))", 1000),
        "datetimeoffset(7)": (
            Family.INSTANT,
            pa.timestamp("us", "UTC"),
            "CAST(SWITCHOFFSET([c], '+00:00') AS datetime2(7))",
            1,
        ),
        "uniqueidentifier": (Family.LABEL, pa.string(), "LOWER(CAST([c] AS char(36)))", 1),
        "geography": (Family.OTHER, pa.string(), "[c].ToString()", 1),
        "varbinary(8)": (Family.OTHER, pa.binary(), "[c]", 1),
        "dbo.MyType": (Family.OTHER, pa.string(), "CAST([c] AS nvarchar(max))", 1),
    }
    for original, expected in known.items():
        column = column_of("c", original, sqlserver.DIALECT)
        assert (column.family, column.landed, column.select, column.grain) == expected, original


@pytest.mark.parametrize("module", [snowflake, bigquery])
def test_types_of_arrow_become_columns(module: Any) -> None:
    """Documents as JSON text; what is nothing else as text."""
    fields = [
        (pa.decimal128(38, 0), Family.INTEGER if module is snowflake else Family.NUMBER, pa.decimal128(38, 0)),
        (pa.decimal128(10, 2), Family.NUMBER, pa.decimal128(10, 2)),
        (pa.float64(), Family.NUMBER, pa.float64()),
        (pa.string(), Family.TEXT, pa.string()),
        (pa.bool_(), Family.BOOLEAN, pa.bool_()),
        (pa.date32(), Family.DATE, pa.date32()),
        (pa.time64("ns"), Family.TIME, pa.time64("us")),
        (pa.timestamp("ns"), Family.INSTANT, pa.timestamp("us")),
        (pa.timestamp("us", "UTC"), Family.INSTANT, pa.timestamp("us", "UTC")),
        (pa.binary(), Family.OTHER, pa.binary()),
        (pa.list_(pa.int64()), Family.OTHER, pa.string()),
    ]
    for type_, family, landed in fields:
        column = module.column_of(pa.field("c", type_))
        assert (column.family, column.landed) == (family, landed), type_


def _key_file(port: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    address = f"http://127.0.0.1:{port}/token"
    return json.dumps(
        {
            "type": "service_account",
            "private_key": pem,
            "client_email": "a@b",
            "private_key_id": "1",
            "token_uri": address,
        }
    )


def test_a_key_takes_nobody_anywhere_but_to_google() -> None:
    """Where tokens come from, other universes, files and programs are left out of it."""
    text = json.dumps(
        {**json.loads(_key_file(1)), "universe_domain": "evil.example", "credential_source": {"file": "/x"}}
    )
    given = bigquery.options_of(ConnectionInfo("bigquery", BIGQUERY_URL, {"key_file_content": text}))
    key = json.loads(given["adbc.bigquery.sql.auth_credentials"])
    assert key.keys() == {"type", "token_uri", "private_key", "client_email", "private_key_id"}
    assert key["token_uri"] == "https://oauth2.googleapis.com/token"


def test_a_snowflake_that_nobody_answers_for_is_unavailable_in_time() -> None:
    """Its driver tries again and again; not longer than a connection may take."""
    info = ConnectionInfo("snowflake", f"snowflake://127.0.0.1:{free_port()}/d", {"user": "u", "password": SECRET})
    begun = time.monotonic()
    problem = refused(snowflake.open_snowflake(info, Limits(connect_timeout_seconds=1), Cancellation()))
    assert problem.code is Code.SOURCE_UNAVAILABLE
    assert SECRET not in str(problem)
    assert time.monotonic() - begun < 5


def test_a_bigquery_that_nobody_answers_for_is_unavailable_in_time() -> None:
    """Its driver would try forever to get a token."""
    key = _key_file(free_port())
    info = ConnectionInfo("bigquery", BIGQUERY_URL, {"key_file_content": key})
    given = {**bigquery.options_of(info), "adbc.bigquery.sql.auth_credentials": key}
    begun = time.monotonic()
    problem = refused(bigquery.connected(given, info, Limits(connect_timeout_seconds=1), Cancellation()))
    assert problem.code is Code.SOURCE_UNAVAILABLE
    assert "PRIVATE KEY" not in str(problem)
    assert time.monotonic() - begun < 5


def test_a_sql_server_that_cannot_be_reached_is_told_as_such() -> None:
    """Or that its driver's system libraries are missing, as they are where these tests were written."""
    info = ConnectionInfo("sqlserver", f"mssql://u:sekret@127.0.0.1:{free_port()}/d")
    problem = refused(sqlserver.open_sqlserver(info, Limits(connect_timeout_seconds=1), Cancellation()))
    assert problem.code in (Code.SOURCE_UNAVAILABLE, Code.UNSUPPORTED)
    assert "sekret" not in str(problem)
