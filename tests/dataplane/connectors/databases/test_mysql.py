"""What is MariaDB's and MySQL's own: types, values that no type holds, and servers that are none."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from threading import Event, Thread

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.source import TableSource
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.mysql import open_mysql
from headrace.dataplane.connectors.databases.mysql_address import arguments
from headrace.dataplane.limits import Limits
from waiting import until

from .conftest import House, Told

TYPES: tuple[tuple[str, str, object], ...] = (
    ("tinyint(1)", "1", True),
    ("boolean", "false", False),
    ("tinyint", "-128", -128),
    ("tinyint unsigned", "255", 255),
    ("smallint unsigned", "65535", 65535),
    ("mediumint", "-8388608", -8388608),
    ("int unsigned", "4294967295", 4294967295),
    ("bigint", "-9223372036854775808", -9223372036854775808),
    ("bigint unsigned", "18446744073709551615", Decimal(18446744073709551615)),
    ("decimal(10,2)", "-1.25", Decimal("-1.25")),
    ("decimal(38,0)", "9" * 38, Decimal("9" * 38)),
    ("decimal(65,30)", "1" * 35 + "." + "2" * 30, "1" * 35 + "." + "2" * 30),
    ("decimal(5,0) unsigned", "7", Decimal(7)),
    ("float", "16777217", 16777216.0),
    ("double", "0.1", 0.1),
    ("bit(1)", "b'1'", True),
    ("bit(12)", "b'101'", Decimal(5)),
    ("year", "2024", 2024),
    ("date", "'2024-02-29'", date(2024, 2, 29)),
    ("datetime", "'2024-03-31 02:30:00'", datetime(2024, 3, 31, 2, 30)),  # noqa: DTZ001 — it has no zone
    ("datetime(6)", "'9999-12-31 23:59:59.999999'", datetime(9999, 12, 31, 23, 59, 59, 999999)),  # noqa: DTZ001 — as above
    ("timestamp(3)", "'2024-03-31 01:30:00.123'", datetime(2024, 3, 31, 1, 30, 0, 123000, UTC)),
    ("time(6)", "'23:59:59.000001'", time(23, 59, 59, 1)),
    ("char(4)", "'ab'", "ab"),
    ("varchar(9) character set latin1", "'é'", "é"),
    ("varchar(20)", "'héé\t🚀\\\\'", "héé\t🚀\\"),
    ("longtext", "repeat('é', 70000)", "é" * 70000),
    ("binary(3)", "X'00ff'", b"\x00\xff\x00"),
    ("longblob", "X'00ff80'", b"\x00\xff\x80"),
    ("enum('so so','b')", "'so so'", "so so"),
    ("set('x','y')", "'x,y'", "x,y"),
    ("json", "'{\"a\":  1}'", '{"a":  1}'),
    ("geometry", "ST_GeomFromText('POINT(1 2)')", "POINT(1 2)"),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("inet6", "'::1'", "::1"),
)


def test_every_type_lands_without_loss(mariadb: House) -> None:
    """Natively where Arrow has the type, else as text; nulls stay nulls, and rows of several packets' length come whole."""
    columns = ", ".join(f"`c{n} ``{kind.split('(')[0]}` {kind} NULL" for n, (kind, _, _) in enumerate(TYPES))
    mariadb.sql(f"CREATE TABLE `Odd ``Name` ({columns})")
    mariadb.sql(f"INSERT INTO `Odd ``Name` VALUES ({', '.join(value for _, value, _ in TYPES)})")
    mariadb.sql("INSERT INTO `Odd ``Name` () VALUES ()")
    first, second = mariadb.rows(mariadb.copy(TableSource("db", "`Odd ``Name`")))
    assert list(first.values()) == [value for _, _, value in TYPES]
    assert set(second.values()) == {None}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("date", "'0000-00-00'", "0000-00-00"),
        ("datetime(3)", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00.000"),
        ("datetime", "'2024-00-00 00:00:00'", "2024-00-00 00:00:00"),
        ("tinyint(1)", "5", "5"),
        ("time", "'-838:59:59'", "-838:59:59"),
    ],
)
def test_a_value_that_no_type_holds_makes_its_column_text(mariadb: House, kind: str, value: str, text: str) -> None:
    """In the same snapshot; the other columns keep their types, and rows are counted once."""
    mariadb.sql(f"CREATE TABLE t (n int, v {kind} NULL)")
    mariadb.sql(f"SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES (1, NULL), (2, {value})")
    outcome = mariadb.copy(TableSource("db", "t"))
    assert mariadb.rows(outcome) == [{"n": 1, "v": None}, {"n": 2, "v": text}]
    assert outcome.figures.rows_read == 2


def test_tables_of_another_database_are_named_with_it(mariadb: House) -> None:
    """A name alone is of the connection's database; views are tables."""
    name = mariadb.info.url.rpartition("/")[2]
    mariadb.sql("CREATE TABLE t (n int)")
    mariadb.sql("INSERT INTO t VALUES (1)")
    mariadb.sql("CREATE VIEW seen AS SELECT n + 1 AS n FROM t")
    assert mariadb.numbers(mariadb.copy(TableSource("db", f"{name}.seen"))) == [2]
    other = f"mysql://root@{mariadb.info.url.rpartition('@')[2].partition('/')[0]}/mysql"
    mariadb.info = ConnectionInfo("mysql", other)
    assert mariadb.failure(mariadb.copy(TableSource("db", "t")))[0] is Code.SOURCE_NOT_FOUND
    assert mariadb.numbers(mariadb.copy(TableSource("db", f"{name}.t"))) == [1]


def test_a_backslash_in_a_query_is_a_backslash(mariadb: House) -> None:
    """So a text whose quotes are doubled ends where it is meant to, as on every other database."""
    query = "SELECT '\\'' OR 1=1 -- ' AS x"
    assert mariadb.rows(mariadb.copy(TableSource("db", query=query))) == [{"x": "\\' OR 1=1 -- "}]


def test_rights_that_are_missing_are_told_as_denied(mariadb: House) -> None:
    """For a database, and for a table of it."""
    name = mariadb.info.url.rpartition("/")[2]
    mariadb.sql("CREATE TABLE t (n int)")
    mariadb.sql("CREATE TABLE other (n int)")
    mariadb.sql("CREATE OR REPLACE USER reader@'127.0.0.1' IDENTIFIED BY 'se/kr''ét'")
    url = mariadb.info.url.replace("root@", "reader:se%2Fkr%27%C3%A9t@")
    assert mariadb.problem(url=url).code is Code.SOURCE_DENIED
    mariadb.sql(f"GRANT SELECT ON `{name}`.t TO reader@'127.0.0.1'")
    with mariadb.open(url=url) as session:
        assert session.tables(None, None, 10) == [(name, "t")]
        with pytest.raises(Problem) as caught:
            session.columns("other", "other")
    assert caught.value.code is Code.SOURCE_DENIED


def test_a_connection_that_is_lost_while_rows_come_is_told_as_unavailable(mariadb: House) -> None:
    """And nothing of the file is left."""
    mariadb.limits = Limits(batch_bytes=10_000)

    others = "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND DB = DATABASE()"
    killed: list[int] = []

    def kill(_: object) -> None:
        if not killed:
            killed.extend(number for (number,) in mariadb.sql(others))
            mariadb.sql(f"KILL {killed[0]}")

    source = TableSource("db", query="SELECT seq, repeat('x', 1000) AS x FROM seq_1_to_100000000")
    assert mariadb.failure(mariadb.copy(source, context=Told(on_progress=kill)))[0] is Code.SOURCE_UNAVAILABLE
    assert not list(mariadb.roots.landing.rglob("*.parquet"))


def test_a_query_that_fails_on_a_row_is_told_as_such(mariadb: House) -> None:
    """Nothing is waited for that will not come, and the session goes on."""
    mariadb.limits = Limits(batch_bytes=10_000)
    query = "SELECT EXP(seq / 100) AS x FROM seq_1_to_100000"
    code, message = mariadb.failure(mariadb.copy(TableSource("db", query=query)))
    assert code is Code.INVALID
    assert "out of range" in message
    with mariadb.open() as session:
        columns = session.columns(f"({query})", "query")
        with pytest.raises(Problem):
            list(session.batches(query, columns, "query"))
        assert session.rows("SELECT 1") == [("1",)]


def test_a_table_that_is_altered_while_it_is_read_is_told_as_changed(mariadb: House) -> None:
    """The snapshot knows it otherwise; trying again helps."""
    mariadb.sql("CREATE TABLE t (n int)")
    mariadb.sql("INSERT INTO t VALUES (1)")
    with mariadb.open() as session:
        mariadb.sql("ALTER TABLE t ADD COLUMN m int DEFAULT 1, FORCE, ALGORITHM=COPY")
        with pytest.raises(Problem) as caught:
            session.rows("SELECT * FROM t")
    assert caught.value.code is Code.SOURCE_CHANGED


@contextmanager
def server(answer: Callable[[socket.socket], None]) -> Iterator[ConnectionInfo]:
    """Be a server that answers whoever comes as ``answer`` does, and hangs up at the end."""
    accepted: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            connection, _ = listener.accept()
            accepted.append(connection)
            with connection:
                answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=serve, daemon=True)
        thread.start()
        yield ConnectionInfo("mysql", f"mysql://u:sekret@127.0.0.1:{listener.getsockname()[1]}/d")
        for connection in accepted:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def refused(info: ConnectionInfo, limits: Limits, cancellation: Cancellation) -> Problem:
    """Return why there is no connection."""
    with pytest.raises(Problem) as caught, open_mysql(info, limits, cancellation):
        pass
    return caught.value


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x05\0\0\0\x0aabcd", b""])
def test_a_server_that_speaks_otherwise_is_told_as_unavailable(words: bytes) -> None:
    """Whatever it says."""
    with server(lambda connection: connection.sendall(words)) as info:
        problem = refused(info, Limits(connect_timeout_seconds=1), Cancellation())
    assert problem.code is Code.SOURCE_UNAVAILABLE
    assert "sekret" not in str(problem)


def _silent(connection: socket.socket) -> None:
    connection.settimeout(10)
    connection.recv(1)


def test_a_server_that_says_nothing_is_waited_for_as_long_as_a_connection_may_take() -> None:
    """And a cancellation ends even that."""
    with server(_silent) as info:
        assert refused(info, Limits(connect_timeout_seconds=1), Cancellation()).code is Code.SOURCE_UNAVAILABLE
    cancellation, problems = Cancellation(), []
    patient, came = Limits(connect_timeout_seconds=60), Event()

    def silent(connection: socket.socket) -> None:
        came.set()
        _silent(connection)

    with server(silent) as info:
        working = Thread(target=lambda: problems.append(refused(info, patient, cancellation)))
        working.start()
        assert came.wait(5)
        cancellation.stop(Code.CANCELLED, "a person stopped it")
        until(lambda: problems, seconds=2, what="the connection is given up")
        working.join()
    assert problems[0].code is Code.CANCELLED


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("postgresql://u@h/d", {}, "the scheme 'postgresql'"),
        ("mysql://u@/d", {}, "there is no host"),
        ("mysql://h/d", {}, "there is no user"),
        ("mysql://u@h", {}, "there is no database"),
        ("mysql://u@h:x/d", {}, "the port is no number"),
        ("mysql://u@h/d", {"ssl_ca": "/etc/passwd"}, "'ssl_ca' is not allowed"),
        ("mysql://u@h/d", {"unix_socket": "/run/x"}, "'unix_socket' is not allowed"),
        ("mysql://u@h/d", {"ssl": "maybe"}, "'maybe' is none of"),
    ],
)
def test_only_plain_addresses_and_listed_options_are_taken(url: str, options: dict[str, str], said: str) -> None:
    """No files, no sockets."""
    with pytest.raises(Problem) as caught:
        arguments(ConnectionInfo("mysql", url, options), Limits())
    assert caught.value.code is Code.INVALID
    assert said in str(caught.value)
