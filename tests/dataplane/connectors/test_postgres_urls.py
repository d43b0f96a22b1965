"""Connection URLs: what libpq is given, and what it is never given."""

import socket
from collections.abc import Mapping
from threading import Thread

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.postgres import open_postgres
from headrace.dataplane.connectors.databases.postgres_address import parse_url, problem_of
from headrace.dataplane.limits import Limits

NONE: Mapping[str, str] = {}


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("mysql://h/d", NONE, "the scheme 'mysql'"),
        ("postgresql://u@/d", NONE, "there is no host"),
        ("postgresql://u@%2Ftmp/d", NONE, "there is no host"),
        ("postgresql://u@a,b/d", NONE, "not exactly one"),
        ("postgresql://h/d", NONE, "there is no user"),
        ("postgresql://u@h", NONE, "there is no database"),
        ("postgresql://u@h:x/d", NONE, "the port is no number"),
        ("postgresql://u@h/d?host=/tmp", NONE, "'host' is not allowed"),
        ("postgresql://u@h/d?service=x", NONE, "'service' is not allowed"),
        ("postgresql://u@h/d?sslkey=/etc/x", NONE, "'sslkey' is not allowed"),
        ("postgresql://u@h/d?options=-c%20x%3Dy", NONE, "'options' is not allowed"),
        ("postgresql://u@h/d", {"passfile": "/x"}, "'passfile' is not allowed"),
    ],
)
def test_only_plain_addresses_and_listed_options_are_taken(url: str, options: Mapping[str, str], said: str) -> None:
    """No files, no services, no other hosts, no server settings."""
    with pytest.raises(Problem) as caught:
        parse_url(ConnectionInfo("postgres", url, options), Limits())
    assert caught.value.code is Code.INVALID
    assert said in str(caught.value)


def test_names_with_odd_characters_stay_what_they_are() -> None:
    """User, password and database are quoted anew, and the user's pgpass file is never looked at."""
    info = ConnectionInfo("postgres", "postgres://u%40x:p%2F%3F%23@[::1]:6000/d%20b?sslmode=require")
    url = parse_url(info, Limits())
    assert url.startswith("postgresql://u%40x@[::1]:6000/d%20b?")
    assert url.endswith("&password=p%2F%3F%23")
    assert "sslmode=require" in url
    assert "passfile=%2Fdev%2Fnull%2Fnone" in url


def test_a_password_is_never_told() -> None:
    """Neither as it was written nor as it is."""
    info = ConnectionInfo("postgres", "postgresql://u:s%65kr%2Ft@h/d")
    told = problem_of(OSError("FATAL: cannot use sekr/t nor s%65kr%2Ft"), "here", info)
    assert told.message == "here: cannot use *** nor ***"
    assert "kr" not in repr(info)


def _asks_for_a_password(listener: socket.socket, told: list[bytes]) -> None:
    """Be a server that asks whoever comes for a password in clear text."""
    connection, _ = listener.accept()
    with connection:
        while (head := connection.recv(8)) and int.from_bytes(head[4:]) in (80877103, 80877104):
            connection.sendall(b"N")
        connection.recv(int.from_bytes(head[:4]) - 8)
        connection.sendall(b"R" + (8).to_bytes(4) + (3).to_bytes(4))
        told.append(connection.recv(1000))


def test_our_own_environments_password_is_given_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection without a password, to a host of anybody's choice, must not get the operator's."""
    monkeypatch.setenv("PGPASSWORD", "operators")
    told: list[bytes] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        server = Thread(target=_asks_for_a_password, args=(listener, told), daemon=True)
        server.start()
        info = ConnectionInfo("postgres", f"postgresql://u@127.0.0.1:{listener.getsockname()[1]}/d")
        with (
            pytest.raises(Problem, match="no password supplied") as caught,
            open_postgres(info, Limits(), Cancellation()),
        ):
            pass
        server.join(5)
    assert caught.value.code is Code.SOURCE_UNAUTHENTICATED
    assert b"operators" not in b"".join(told)
