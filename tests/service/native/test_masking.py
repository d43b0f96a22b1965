"""What is secret in definitions, parameters, inputs and outputs is not shown, however it is written."""

import time
from collections.abc import Mapping

import pytest

from headrace.core import run_log
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.service.native.advice import reason_of
from headrace.service.native.connections import _masked
from headrace.service.native.masking import shown, shown_text

CANARY = "c4n4ry0123456789"
NAMED = ["password", "dbPassword", "DB_PASSWD", "pwd", "x-functions-key", "Ocp-Apim-Subscription-Key", "Authorization"]
NAMED += ["x-api-key", "Cookie", "sasToken", "sasUri", "connection_string", "aws_secret_access_key", "pfx", "signature"]
TEXTS = [
    f"https://user:{CANARY}@host/x",
    f"https://host/x?sv=1&sig={CANARY}&se=2",
    f"https://host/api?code={CANARY}",
    f"jdbc:postgresql://host/d?user=u&password={CANARY}",
    f"Server=h;Database=d;Uid=u;Pwd={CANARY};",
    f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={CANARY};EndpointSuffix=x",
    f"Endpoint=sb://h/;SharedAccessKeyName=n;SharedAccessKey={CANARY}",
    f"curl -H 'Authorization: Bearer {CANARY}'",
]
"""What gives its secret away by its form, under whatever name."""
PLAIN = [
    "basic transformations of the data",
    "select a from b where key = 2 and day='2026-01-01'",
    "https://host:8080/path?email=a@b.example&page=2",
    "password=@{pipeline().parameters.password}",
    "a=b;c=d",
]


@pytest.mark.parametrize("name", NAMED)
def test_what_is_called_a_secret_is_masked(name: str) -> None:
    """As a member, in a list, and as a pair of name and value; in what is shown of runs and of connections alike."""
    value = {"deep": [{name: CANARY}], "pairs": [{"name": name, "value": CANARY}]}
    assert CANARY not in str(shown(value))
    assert CANARY not in str(_masked(value))


@pytest.mark.parametrize("text", TEXTS)
def test_what_has_the_form_of_a_secret_is_masked(text: str) -> None:
    """The rest of the text stays, so that one sees what it is."""
    told = shown({"url": [text]})
    assert CANARY not in str(told)
    assert shown(told) == told
    assert text.partition(CANARY)[0] in str(told)
    assert CANARY not in str(_masked({"where": text}))


@pytest.mark.parametrize("text", TEXTS)
def test_a_message_gives_nothing_away_by_its_form(text: str) -> None:
    """Reasons of failures, and lines that are logged in runs: what a service or an author puts there may have a signature in it."""
    reason = reason_of(Failure(Code.EXTERNAL_FAILED, f"oops: {text}"))
    assert reason is not None
    assert CANARY not in reason.message
    kept: list[Mapping[str, object]] = []
    with run_log.at(run_log.Place(lambda _place, _level, event: kept.append(dict(event)), "run-1")):
        told = run_log.noted(None, "info", {"event": text, "seen": [{"deep": text}, 7], "of": {"x": text}})
    assert CANARY not in f"{kept}{told}"


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_no_secret_is_shown_as_it_is(text: str) -> None:
    """Words, expressions and addresses that only look a little like it."""
    assert shown_text(text) == text


@pytest.mark.parametrize("text", ["a.", "x://", "bearer ", "pwd   ", "&token", "://a:", "secret= "])
def test_no_text_is_looked_through_for_long(text: str) -> None:
    """The time grows with the length, and no faster."""
    begun = time.process_time()
    shown_text(text * 50_000)
    assert time.process_time() - begun < 1
