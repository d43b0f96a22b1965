"""Calls to addresses that tenants name: guarded at every hop, and ended in time and size."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebClient, WebRequest, parse_url, redirected
from listeners import Heard, Listener, listening

LOOPBACK = Egress(("127.0.0.1",))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Return a server of our own."""
    with listening() as made:
        yield made


def code_of(client: WebClient, url: str) -> Code:
    """Return what a GET of ``url`` is refused with."""
    with pytest.raises(Problem) as caught:
        client.send(WebRequest("GET", url))
    return caught.value.code


def test_a_request_arrives_as_it_was_meant(listener: Listener) -> None:
    """Method, headers and body."""
    answer = WebClient(LOOPBACK).send(WebRequest("POST", listener.url + "?a=b#c", {"x-a": "1"}, b"body"))
    assert answer.status == 200
    heard = listener.heard[0]
    assert (heard.method, heard.path, heard.headers["x-a"], heard.body) == ("POST", "/hook?a=b", "1", b"body")


def test_a_host_is_looked_at_and_the_call_goes_to_the_address_that_was_looked_at(listener: Listener) -> None:
    """A name server that answers differently the second time changes nothing: it is asked once, and the host's name stays in the request."""
    asked: list[str] = []

    def look_up(host: str) -> tuple[str, ...]:
        asked.append(host)
        return ("127.0.0.1",)

    client = WebClient(Egress(("127.0.0.0/8",), look_up))
    client.send(WebRequest("GET", listener.url.replace("127.0.0.1", "hooks.example")))
    assert asked == ["hooks.example"]
    assert listener.heard[0].headers["host"].startswith("hooks.example:")


@pytest.mark.parametrize("host", ["127.0.0.1", "169.254.169.254", "10.0.0.1", "[::1]", "[::ffff:127.0.0.1]"])
def test_what_is_not_public_is_not_called(host: str) -> None:
    """Neither this machine nor the cloud's metadata."""
    assert code_of(WebClient(Egress()), f"http://{host}:9/") is Code.SOURCE_DENIED


def test_a_redirect_is_an_answer_unless_it_may_be_followed(listener: Listener) -> None:
    """A webhook that moves has to be subscribed anew."""
    listener.answer = lambda _heard: (302, {"location": "http://10.0.0.1/"}, b"")
    assert WebClient(LOOPBACK).send(WebRequest("GET", listener.url)).status == 302


def test_the_target_of_a_redirect_is_looked_at_too(listener: Listener) -> None:
    """A public address cannot lead into the private network."""
    listener.answer = lambda _heard: (302, {"location": "http://10.0.0.1/"}, b"")
    assert code_of(WebClient(LOOPBACK, redirects=3), listener.url) is Code.SOURCE_DENIED


def test_redirects_are_followed_as_often_as_is_allowed(listener: Listener) -> None:
    """And a circle ends."""
    listener.answer = lambda _heard: (307, {"location": "/hook"}, b"")
    assert WebClient(LOOPBACK, redirects=3).send(WebRequest("GET", listener.url)).status == 307
    assert len(listener.heard) == 4


def test_credentials_stay_with_the_host_that_they_are_for() -> None:
    """Another origin, another port included, does not see them; a POST that is sent elsewhere becomes a GET without a body."""
    request = WebRequest("POST", "https://a.example/x", {"Authorization": "s", "Content-Type": "t", "x-b": "1"}, b"b")
    assert redirected(request, 307, "/y").headers == request.headers
    assert redirected(request, 307, "https://a.example:8443/").headers == {"Content-Type": "t", "x-b": "1"}
    for name in (
        "Ocp-Apim-Subscription-Key",
        "X-Auth",
        "PRIVATE-TOKEN",
        "x-amz-credential",
        "Session-Id",
        "x-functions-key",
    ):
        asked = WebRequest("GET", "https://a.example/x", {name: "s", "idempotency-key": "k"})
        assert redirected(asked, 302, "https://b.example/").headers == {"idempotency-key": "k"}, name
    assert redirected(request, 303, "/y") == WebRequest(
        "GET", "https://a.example/y", {"Authorization": "s", "x-b": "1"}
    )


def test_a_server_that_hangs_or_drips_is_left(listener: Listener) -> None:
    """The time is for all of the answer, not for each byte."""
    listener.answer = listener.hang
    begun = time.monotonic()
    assert code_of(WebClient(LOOPBACK, timeout=0.3), listener.url) is Code.SOURCE_TIMEOUT
    assert time.monotonic() - begun < 5


def test_an_answer_without_end_is_cut(listener: Listener) -> None:
    """Memory is ours, not the server's."""
    listener.answer = lambda _heard: (200, {}, b"x" * 100_000)
    assert len(WebClient(LOOPBACK, max_bytes=1000).send(WebRequest("GET", listener.url)).body) == 1000


def test_nobody_at_the_address_is_told_in_words() -> None:
    """The message names the host and nothing that may be secret."""
    with pytest.raises(Problem) as caught:
        WebClient(LOOPBACK).send(WebRequest("GET", "http://127.0.0.1:9/secret?token=x"))
    assert caught.value.code is Code.SOURCE_UNAVAILABLE
    assert "secret" not in str(caught.value)


def test_proxies_of_the_environment_are_not_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would go where the guard cannot look."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert WebClient(LOOPBACK).send(WebRequest("GET", listener.url)).status == 200


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a/", "https://", "http://a:99999/", "http://a b/", "https://u:p@a/", "x" * 3000],
)
def test_what_is_no_plain_url_is_refused(url: str) -> None:
    """Nothing but HTTP, and no logins in URLs, which end up in logs."""
    with pytest.raises(Problem) as caught:
        parse_url(url)
    assert caught.value.code is Code.INVALID


def test_an_answer_is_heard_with_its_headers(listener: Listener) -> None:
    """By names in lower case."""

    def answer(_heard: Heard) -> tuple[int, dict[str, str], bytes]:
        return 503, {"Retry-After": "7"}, b""

    listener.answer = answer
    heard = WebClient(LOOPBACK).send(WebRequest("GET", listener.url))
    assert (heard.status, heard.headers["retry-after"]) == (503, "7")


def test_the_body_of_a_success_goes_into_a_file(listener: Listener, tmp_path: Path) -> None:
    """Whole, whatever its size; what a failure says comes back instead."""
    content = b"x" * 3_000_000
    listener.answer = lambda heard: (200 if heard.path == "/hook" else 404, {}, content)
    client, file = WebClient(LOOPBACK, max_bytes=5), tmp_path / "body"
    answer = client.download(WebRequest("GET", listener.url), file, Cancellation())
    assert (answer.status, answer.body, file.read_bytes()) == (200, b"", content)
    answer = client.download(WebRequest("GET", listener.url + "/no"), tmp_path / "other", Cancellation())
    assert (answer.status, answer.body, (tmp_path / "other").exists()) == (404, b"xxxxx", False)


def test_a_download_is_broken_off(listener: Listener, tmp_path: Path) -> None:
    """By whoever cancels, from another thread."""
    cancellation = Cancellation()

    def answer(_heard: Heard) -> tuple[int, dict[str, str], bytes]:
        cancellation.stop(Code.CANCELLED, "enough")
        return listener.hang(_heard)  # type: ignore[return-value]  # a mapping is a dict here

    listener.answer = answer
    with pytest.raises(Problem, match="enough"):
        WebClient(LOOPBACK).download(WebRequest("GET", listener.url), tmp_path / "body", cancellation)
    listener.released.set()


def test_a_challenge_is_answered_where_the_login_is_meant_for(listener: Listener) -> None:
    """Another origin that a redirect leads to learns nothing."""
    challenge = (401, {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'}, b"")
    login = httpx.DigestAuth("ann", "pw")
    with listening() as other:
        other.answer = lambda _: challenge
        listener.answer = lambda heard: (
            (302, {"location": other.url}, b"") if "authorization" in heard.headers else challenge
        )
        answer = WebClient(LOOPBACK, redirects=1, login=login).send(WebRequest("GET", listener.url))
        assert (answer.status, len(other.heard), "authorization" in other.heard[0].headers) == (401, 1, False)
    assert listener.heard[1].headers["authorization"].startswith('Digest username="ann"')
