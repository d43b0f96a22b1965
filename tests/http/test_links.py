"""Links lead to where callers can reach us."""

import pytest
from starlette.requests import Request

from headrace.http.links import base_url, is_loopback


def ask(host: str) -> Request:
    """Return a request that came with ``host``."""
    scope = {"type": "http", "scheme": "http", "server": ("127.0.0.1", 8080), "path": "/", "query_string": b""}
    return Request({**scope, "headers": [(b"host", host.encode())]})


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("headrace.example:8443", "http://headrace.example:8443"),
        ("[::1]:80", "http://[::1]:80"),
        ('evil"><script>', "http://127.0.0.1:8080"),
        ("a/b", "http://127.0.0.1:8080"),
        ("", "http://127.0.0.1:8080"),
    ],
)
def test_a_host_that_is_none_is_not_repeated(host: str, expected: str) -> None:
    """A made-up Host header does not get into links."""
    assert base_url(ask(host), None) == expected


def test_the_public_url_wins() -> None:
    """Behind a proxy, the setting says where callers reach us."""
    assert base_url(ask("inside"), "https://headrace.example/") == "https://headrace.example"


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("localhost", True),
        ("App.LOCALHOST", True),
        ("127.0.0.9", True),
        ("::1", True),
        ("", False),
        ("localhost.example", False),
        ("10.0.0.1", False),
    ],
)
def test_names_of_this_machine_alone_are_known(name: str, ours: bool) -> None:
    """Who may ask without a token depends on it."""
    assert is_loopback(name) is ours
