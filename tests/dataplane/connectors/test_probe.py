"""Asking a database whether it lets us in, without the driver that reads tables."""

import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases.probe import probe
from headrace.dataplane.limits import Limits
from servers import free_port


def _problem(url: str) -> Problem:
    with pytest.raises(Problem) as caught:
        probe(ConnectionInfo("postgres", url), Limits(connect_timeout_seconds=2))
    return caught.value


@pytest.mark.postgres
def test_a_database_that_lets_us_in_is_reached(postgres_url: str) -> None:
    """No answer is the good one."""
    probe(ConnectionInfo("postgres", postgres_url), Limits())


@pytest.mark.postgres
def test_a_missing_role_and_a_missing_database_are_told_apart(postgres_url: str) -> None:
    """The message says what the server said, under the code that a copy would have."""
    address = postgres_url.rpartition("@")[2].partition("/")[0]
    assert _problem(f"postgresql://nobody@{address}/postgres").code is Code.SOURCE_UNAUTHENTICATED
    assert _problem(postgres_url.rpartition("/")[0] + "/nowhere").code is Code.SOURCE_NOT_FOUND


def test_nobody_listening_is_a_source_that_cannot_be_reached() -> None:
    """It is transient: somebody may listen later."""
    assert _problem(f"postgresql://u@127.0.0.1:{free_port()}/d").code is Code.SOURCE_UNAVAILABLE
