"""Connection URLs: what libpq is given, and what it is never given."""

from collections.abc import Mapping

import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.postgres import parse_url, problem_of
from headrace.dataplane.limits import Limits

NONE: Mapping[str, str] = {}


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("mysql://h/d", NONE, "the scheme 'mysql'"),
        ("postgresql:///d", NONE, "there is no host"),
        ("postgresql://%2Ftmp/d", NONE, "there is no host"),
        ("postgresql://a,b/d", NONE, "not exactly one"),
        ("postgresql://h", NONE, "there is no database"),
        ("postgresql://h:x/d", NONE, "the port is no number"),
        ("postgresql://h/d?host=/tmp", NONE, "'host' is not allowed"),
        ("postgresql://h/d?service=x", NONE, "'service' is not allowed"),
        ("postgresql://h/d?sslkey=/etc/x", NONE, "'sslkey' is not allowed"),
        ("postgresql://h/d?options=-c%20x%3Dy", NONE, "'options' is not allowed"),
        ("postgresql://h/d", {"passfile": "/x"}, "'passfile' is not allowed"),
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
    assert url.startswith("postgresql://u%40x:p%2F%3F%23@[::1]:6000/d%20b?")
    assert "sslmode=require" in url
    assert "passfile=%2Fdev%2Fnull" in url or "passfile=/dev/null" in url


def test_a_password_is_never_told() -> None:
    """Neither as it was written nor as it is."""
    info = ConnectionInfo("postgres", "postgresql://u:s%65kr%2Ft@h/d")
    told = problem_of(OSError("FATAL: cannot use sekr/t nor s%65kr%2Ft"), "here", info)
    assert told.message == "here: cannot use *** nor ***"
    assert "kr" not in repr(info)
