"""Answers that are meant to do harm: each ends the attempt in its time, with a success or a clear failure."""

import time
from collections.abc import Iterator, Mapping

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.calls import Calling
from headrace.activities.datafactory.web import web
from headrace.core.codec import Json
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.egress import Egress
from listeners import Listener, listening
from pipeline_desk import Desk, Shelf, failure_of


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """Stand on loopback, for all tests here."""
    with listening() as made:
        yield made


def _get(listener: Listener, answer: tuple[int, Mapping[str, str], bytes]) -> Result:
    listener.answer = lambda _heard: answer
    calling = Calling(Egress(("127.0.0.1",)))

    def act(attempt: Attempt) -> Result:
        return web(attempt, calling, Shelf())

    result: Result = Desk().act(act, {"url": listener.url, "method": "GET"})
    return result


@pytest.mark.parametrize("charset", ["idna", "undefined", "punycode", "unicode_escape", "zip", "rot13", "no such"])
def test_a_charset_that_only_python_knows_is_read_as_utf8(listener: Listener, charset: str) -> None:
    """Some of them break off, and one takes hours for what is sent in a second: none is a charset of the web."""
    outcome = _get(listener, (200, {"content-type": f"text/plain; charset={charset}"}, "ä\\u0041".encode()))
    assert isinstance(outcome, Outcome)
    assert outcome.output["Response"] == "ä\\u0041"


def test_a_charset_of_the_web_is_read(listener: Listener) -> None:
    """Old servers have them."""
    for charset in ("iso-8859-1", "ISO-8859-15", "windows-1252", "utf-8", "UTF-16", "Shift_JIS", "gb18030"):
        body = "a".encode(charset)
        outcome = _get(listener, (200, {"content-type": f'text/plain; charset="{charset}"'}, body))
        assert isinstance(outcome, Outcome)
        assert outcome.output["Response"] == "a", charset


def test_a_large_answer_of_a_slow_charset_is_read_in_its_time(listener: Listener) -> None:
    """No timeout of the activity ends what decodes."""
    body = b"a" * 500_000 + b"-" + b"zzzz9" * 100_000
    begun = time.monotonic()
    assert isinstance(_get(listener, (200, {"content-type": "text/plain; charset=punycode"}, body)), Outcome)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a": "\\ud800", "b": "\\u0000"}', {"a": "�", "b": "\0"}),
        (b'{"a": 1e999}', {"Response": '{"a": 1e999}'}),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, {"Response": '{"a":' * 5000 + "1" + "}" * 5000}),
        (b"a\0\xff", {"Response": "a\0�"}),
    ],
)
def test_what_no_ledger_could_keep_is_made_harmless(listener: Listener, body: bytes, shown: Mapping[str, Json]) -> None:
    """Halves of characters, numbers beyond doubles, a depth that no reader takes."""
    outcome = _get(listener, (200, {}, body))
    assert isinstance(outcome, Outcome)
    assert {name: outcome.output[name] for name in shown} == shown


@pytest.mark.parametrize(
    "place",
    ["http://169.254.169.254/latest", "http://[fd00::1]/", "http://10.0.0.1/", "file:///etc/passwd", "gopher://x/"],
)
def test_no_redirect_leads_where_no_call_may_go(listener: Listener, place: str) -> None:
    """The guard stands before each hop, whatever the first one was."""
    label, message = failure_of(_get(listener, (302, {"location": place}, b"")))
    assert label == "2128"
    assert "may not be reached" in message or "no URL that can be called" in message


def test_redirects_without_an_end_come_to_one(listener: Listener) -> None:
    """Ten are followed."""
    before = len(listener.heard)
    assert failure_of(_get(listener, (302, {"location": "/again"}, b"")))[0] == "2108"
    assert len(listener.heard) - before == 11
