"""HTTP services as sources: every way of paging, against a server that really answers."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import Login, ServiceSource
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN
from headrace.dataplane.transfer.services.reading import read_service
from listeners import Heard, Listener, listening
from transfer_files import session_in, working

Answer = tuple[int, Mapping[str, str], bytes]
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server() -> Iterator[Listener]:
    """Return one server for all tests of this module."""
    with listening() as made:
        yield made


@pytest.fixture
def service(server: Listener) -> Listener:
    """Return the server, with nothing heard."""
    server.heard.clear()
    return server


def query(heard: Heard) -> dict[str, str]:
    """Return the parameters of a request."""
    return dict(parse_qsl(urlsplit(heard.path).query, keep_blank_values=True))


def told(value: Json, **headers: str) -> Answer:
    """Return an answer of JSON."""
    return 200, {**JSON, **{name.replace("_", "-"): text for name, text in headers.items()}}, json.dumps(value).encode()


def always(answer: Answer) -> Callable[[Heard], Answer]:
    """Return what always answers the same."""
    return lambda _: answer


def documents(
    source: ServiceSource, folder: Path, limits: Limits | None = None, egress: Egress | None = None
) -> list[Any]:
    """Return the rows of a service."""
    work = working(folder, limits, egress)
    reader = read_service(source, work)
    (item,) = reader.slices()
    with session_in(folder) as session, reader.open(item, session) as rows:
        assert not rows.repeatable
        found = session.rows(f'SELECT "{DOCUMENT_COLUMN}" FROM {rows.relation}') if rows.documents else []
    assert not list(work.folder.iterdir())
    return [json.loads(text) for (text,) in found]


def paged(
    service: Listener, folder: Path, answer: Callable[[Heard], Answer], rules: Mapping[str, str], path: str = ""
) -> list[Any]:
    """Return the rows of a service that answers like this, read by these rules."""
    service.answer = answer
    return documents(ServiceSource(service.url + path, pagination=rules), folder)


ITEMS = [{"n": number} for number in range(5)]


def by_offset(heard: Heard) -> Answer:
    """Answer two items from an offset on."""
    start = int(query(heard).get("offset") or 0)
    return told({"items": ITEMS[start : start + 2], "next": start + 2 if start + 2 < 5 else None})


FROM_0 = [{"items": ITEMS[start : start + 2], "next": start + 2 if start < 4 else None} for start in (0, 2, 4)]


def test_an_array_gives_its_elements_and_an_object_one_row(service: Listener, tmp_path: Path) -> None:
    """Without a mapping; numbers stay as they were written."""
    service.answer = lambda _: (200, JSON, b'[{"n": 12345678901234567.891},\n {"n":\r\n2}]')
    source = ServiceSource(service.url)
    work = working(tmp_path)
    reader = read_service(source, work)
    with session_in(tmp_path) as session, reader.open(reader.slices()[0], session) as rows:
        found = session.rows(f'SELECT "{DOCUMENT_COLUMN}" FROM {rows.relation}')
        assert rows.taken is not None
        assert rows.taken() == 42
    assert "12345678901234567.891" in found[0][0]
    assert len(found) == 2
    assert paged(service, tmp_path, lambda _: told({"a": {"b": 1}}), {}) == [{"a": {"b": 1}}]


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b" [ ] "])
def test_answers_without_rows_give_none(service: Listener, tmp_path: Path, content: bytes) -> None:
    """Nothing came, and that is no fault."""
    assert paged(service, tmp_path, lambda _: (200, JSON, content), {}) == []


def test_links_of_headers_are_followed_where_no_rule_is_given(service: Listener, tmp_path: Path) -> None:
    """RFC 5988, with relative and absolute targets; other relations are left alone."""

    def answer(heard: Heard) -> Answer:
        page = int(query(heard).get("page", "1"))
        links = {
            1: '<?page=9>; rel="last", <?page=2>; rel="next"; title="a, b"',
            2: f"<{service.url}?page=3>; rel=next",
        }
        return told([{"page": page}], link=links.get(page, '<?page=1>; rel="prev first"'))

    assert paged(service, tmp_path, answer, {}) == [{"page": 1}, {"page": 2}, {"page": 3}]
    assert paged(service, tmp_path, answer, {"SupportRFC5988": "true"}) == [{"page": 1}, {"page": 2}, {"page": 3}]
    assert paged(service, tmp_path, answer, {"SupportRFC5988": "false"}) == [{"page": 1}]
    assert paged(service, tmp_path, answer, {"MaxRequestNumber": "1"}) == [{"page": 1}]


@pytest.mark.parametrize("rule", ["$.paging.next", "$['paging']['next']", "Headers.x-next", "Headers['X-Next']"])
@pytest.mark.parametrize("full", [True, False])
def test_the_next_url_comes_from_the_body_or_a_header(service: Listener, tmp_path: Path, rule: str, full: bool) -> None:
    """Full or relative; the last page has none, an empty one or null."""

    def answer(heard: Heard) -> Answer:
        page = int(query(heard).get("page", "1"))
        target = {3: None}.get(page, f"{service.url if full else ''}?page={page + 1}")
        header = {"x_next": target} if target else {}
        return told({"page": page, "paging": {"next": target}}, **header)

    assert [row["page"] for row in paged(service, tmp_path, answer, {"AbsoluteUrl": rule})] == [1, 2, 3]


def test_a_url_that_leads_back_fails_instead_of_going_round(service: Listener, tmp_path: Path) -> None:
    """To the same page, or to one before."""
    for target in (service.url, f"{service.url}?page=2"):
        with pytest.raises(TransferProblem, match="would not end") as caught:
            paged(service, tmp_path, always(told({"next": target})), {"AbsoluteUrl": "$.next"})
        assert (caught.value.reason, caught.value.side) == (Reason.REST_CLIENT_ERROR, Side.SOURCE)
    assert len(service.heard) == 3


@pytest.mark.parametrize("key", ["QueryParameters.offset", "QueryParameters['offset']", 'QueryParameters["offset"]'])
def test_a_query_parameter_is_set_from_the_body(service: Listener, tmp_path: Path, key: str) -> None:
    """Others stay as they are."""
    assert paged(service, tmp_path, by_offset, {key: "$.next"}, "?a=%20b&offset=0") == FROM_0
    assert [heard.path for heard in service.heard] == [
        "/hook?a=%20b&offset=0",
        "/hook?a=%20b&offset=2",
        "/hook?a=%20b&offset=4",
    ]


def test_a_query_parameter_takes_the_place_of_its_name_in_braces(service: Listener, tmp_path: Path) -> None:
    """With a value that URLs do not have as it is."""

    def answer(heard: Heard) -> Answer:
        return told({"cursor": {"": "a&b", "a&b": None}[query(heard)["c"]]})

    assert len(paged(service, tmp_path, answer, {"QueryParameters.cursor": "$.cursor"}, "?c={cursor}&x=1")) == 2
    assert service.heard[1].path == "/hook?c=a%26b&x=1"


def test_a_query_parameter_is_set_from_a_header(service: Listener, tmp_path: Path) -> None:
    """Whatever the case of its name."""

    def answer(heard: Heard) -> Answer:
        page = int(query(heard).get("token") or 0)
        return told([page], x_token=str(page + 1) if page < 2 else "")

    with pytest.raises(TransferProblem):
        paged(service, tmp_path, lambda heard: (*answer(heard)[:2], b"["), {"QueryParameters.token": "Headers.X-Token"})
    paged(service, tmp_path, lambda heard: (*answer(heard)[:2], b"[{}]"), {"QueryParameters.token": "Headers.X-Token"})
    assert [query(heard).get("token") for heard in service.heard[1:]] == [None, "1", "2"]


@pytest.mark.parametrize(
    ("rules", "path"),
    [
        ({"QueryParameters.offset": "RANGE:0:4:2"}, ""),
        ({"QueryParameters.{offset}": "RANGE:0:4:2"}, "?offset={offset}"),
        ({"QueryParameters['{offset}']": "RANGE:0:4:2"}, "?offset={offset}"),
        ({"AbsoluteUrl.{at}": "RANGE:0:4:2"}, "?offset={at}"),
        ({"QueryParameters.offset": "range:0:5:2"}, "?offset=7"),
        ({"QueryParameters.{offset}": "RANGE:0::2", "EndCondition:$.next": "Empty"}, "?offset={offset}"),
        ({"QueryParameters.{offset}": "RANGE:0::2", "MaxRequestNumber": "3"}, "?offset={offset}"),
        ({"QueryParameters.offset": "$.next", "EndCondition:$.next": "Const:6"}, ""),
    ],
)
def test_a_range_counts_from_the_first_request_on(
    service: Listener, tmp_path: Path, rules: dict[str, str], path: str
) -> None:
    """In the URL; its end belongs to it, and without an end a condition stops it."""
    assert paged(service, tmp_path, by_offset, rules, path) == FROM_0


def test_a_range_may_count_down_and_two_go_side_by_side(service: Listener, tmp_path: Path) -> None:
    """The first that ends ends the paging."""
    rules = {"AbsoluteUrl.{a}": "RANGE:3:0:-1", "QueryParameters.b": "RANGE:1:2:1"}
    paged(service, tmp_path, lambda _: told({}), rules, "/{a}")
    assert [heard.path for heard in service.heard] == ["/hook/3?b=1", "/hook/2?b=2"]
    assert paged(service, tmp_path, lambda _: told({}), {"QueryParameters.b": "RANGE:2:1:1"}) == []


def test_a_range_fills_headers(service: Listener, tmp_path: Path) -> None:
    """And a header without braces is set from the body, as another is from a header."""
    service.answer = lambda _: told({"c": "x" if len(service.heard) < 3 else None}, x_h=f"h{len(service.heard)}")
    rules = {"Headers.{v}": "RANGE:1::1", "Headers.x-c": "$.c", "Headers['X-D']": "Headers.X-H"}
    source = ServiceSource(service.url, headers={"range": "page={v}"}, pagination=rules)
    assert len(documents(source, tmp_path)) == 3
    seen = [tuple(heard.headers.get(name) for name in ("range", "x-c", "x-d")) for heard in service.heard]
    assert seen == [("page=1", None, None), ("page=2", "x", "h1"), ("page=3", "x", "h2")]


@pytest.mark.parametrize(
    ("condition", "value", "last"),
    [
        ("$.end", "Empty", {"end": []}),
        ("$.end", "Empty", {"end": ""}),
        ("$.end", "NonEmpty", {"end": [1]}),
        ("$.end", "Exist", {"end": 1}),
        ("$.end", "Const:Complete", {"end": "Complete"}),
        ("$.end", "Const:true", {"end": True}),
        ("$.end", "Const:3", {"end": 3}),
        ("headers.x-end", "Exist", {}),
        ("headers.x-end", "Const:yes", {}),
        ("Headers['X-End']", "NonEmpty", {}),
        ("$.more", "NonExist", {"end": 1}),
        ("headers.x-more", "NonExist", {}),
    ],
)
def test_a_condition_ends_after_the_answer_that_meets_it(
    service: Listener, tmp_path: Path, condition: str, value: str, last: dict[str, Json]
) -> None:
    """The rows of that answer belong to the rest."""
    before: dict[str, Json] = {} if value in {"Exist", "NonEmpty"} else {"end": "other", "more": 1}

    def answer(_heard: Heard) -> Answer:
        final = len(service.heard) == 3
        return told(last, x_end="yes") if final else told(before, x_more="1")

    assert paged(
        service, tmp_path, answer, {"QueryParameters.p": "RANGE:0:9:1", f"EndCondition:{condition}": value}
    ) == [before, before, last]


def test_no_content_ends_the_paging(service: Listener, tmp_path: Path) -> None:
    """Whatever the rules say."""
    rules = {"QueryParameters.p": "RANGE:0::1"}
    assert len(paged(service, tmp_path, lambda _: told({}) if len(service.heard) < 3 else (204, {}, b""), rules)) == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("QueryParameters.a", "RANGE:0:10"),
        ("QueryParameters.a", "RANGE:0:10:0"),
        ("QueryParameters.{a}", "$.next"),
        ("AbsoluteUrl", "next"),
        ("AbsoluteUrl", "$.a[*]"),
        ("EndCondition:$.a", "Never"),
        ("MaxRequestNumber", "many"),
        ("SupportRFC5988", "perhaps"),
        ("Something", "$.a"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_before_anything_is_sent(
    service: Listener, tmp_path: Path, key: str, value: str
) -> None:
    """With the rule in the message."""
    with pytest.raises(TransferProblem) as caught:
        documents(ServiceSource(service.url, pagination={key: value}), tmp_path)
    assert caught.value.reason is Reason.REQUEST_INVALID
    assert service.heard == []


def test_a_request_says_what_was_asked_for(service: Listener, tmp_path: Path) -> None:
    """Method, body and headers; JSON is always accepted."""
    service.answer = lambda _: told([])
    documents(
        ServiceSource(service.url, method="POST", body='{"q":"ü"}', headers={"X-A": "1", "Accept": "text/x"}), tmp_path
    )
    documents(ServiceSource(service.url + "?q=a b/ü", body="not sent"), tmp_path)
    post, get = service.heard
    assert (post.method, post.body.decode(), post.headers["x-a"]) == ("POST", '{"q":"ü"}', "1")
    assert (post.headers["accept"], post.headers["content-type"]) == ("text/x, application/json", "application/json")
    assert (get.method, get.body, get.headers["accept"]) == ("GET", b"", "application/json")
    assert query(get) == {"q": "a b/ü"}


def test_pages_are_read_in_the_encoding_that_they_name_and_unpacked(service: Listener, tmp_path: Path) -> None:
    """Also packed, though nobody asked for it; and with a byte order mark."""
    for headers, content in (
        ({"content-type": "application/json; charset=iso-8859-1"}, '{"a":"ü"}'.encode("latin-1")),
        ({"content-encoding": "gzip"}, gzip.compress('{"a":"ü"}'.encode())),
        ({}, '\ufeff{"a":"ü"}'.encode()),
    ):
        service.answer = always((200, headers, content))
        assert documents(ServiceSource(service.url), tmp_path) == [{"a": "ü"}]


@pytest.mark.parametrize(
    "content",
    [b"<html>", b'[{"a":1}', b'[{"a":1} {"b":2}]', b'{"a":1} {"b":2}', b"[1]]", b'{"a":NaN}', b"\xff", b"[" * 100_000],
)
def test_what_is_no_json_is_refused(service: Listener, tmp_path: Path, content: bytes) -> None:
    """With the address, without its query."""
    service.answer = lambda _: (200, JSON, content)
    with pytest.raises(TransferProblem, match="cannot be read as JSON") as caught:
        documents(ServiceSource(service.url + "?key=secret"), tmp_path)
    assert caught.value.reason is Reason.UNREADABLE
    assert "secret" not in caught.value.message


def test_a_page_is_so_large_and_no_larger(service: Listener, tmp_path: Path) -> None:
    """It is held in memory once. A packed one must not become any size either."""
    service.answer = lambda _: (200, JSON, b'["' + b"a" * 2000 + b'"]')
    with pytest.raises(Problem, match="max_row_bytes"):
        documents(ServiceSource(service.url), tmp_path, Limits(max_row_bytes=1000))
    service.answer = lambda _: (200, {"content-encoding": "gzip"}, gzip.compress(b"a" * 1_000_000))
    with pytest.raises(Problem, match="max_archive_bytes") as caught:
        documents(ServiceSource(service.url), tmp_path, Limits(max_archive_bytes=1000))
    assert caught.value.code is Code.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, Code.INVALID),
        (401, Code.SOURCE_UNAUTHENTICATED),
        (403, Code.SOURCE_DENIED),
        (404, Code.SOURCE_NOT_FOUND),
        (429, Code.SOURCE_UNAVAILABLE),
        (503, Code.SOURCE_UNAVAILABLE),
    ],
)
def test_an_answer_that_is_no_success_fails_with_what_it_says(
    service: Listener, tmp_path: Path, status: int, code: Code
) -> None:
    """And with the address, without its query."""
    service.answer = lambda _: (status, {}, b"no\n such thing")
    with pytest.raises(TransferProblem, match=f"was answered with {status}: no such thing") as caught:
        documents(ServiceSource(service.url + "?key=secret"), tmp_path)
    assert (caught.value.reason, caught.value.side, caught.value.code) == (Reason.REST_CLIENT_ERROR, Side.SOURCE, code)
    assert "secret" not in caught.value.message


def test_a_service_that_does_not_answer_is_waited_for_so_long(service: Listener, tmp_path: Path) -> None:
    """And one that may not be reached is not called."""
    service.answer = service.hang
    with pytest.raises(TransferProblem, match=r"did not answer within 0\.1 s") as caught:
        documents(ServiceSource(service.url, timeout_seconds=0.1), tmp_path)
    assert caught.value.code is Code.SOURCE_TIMEOUT
    service.released.set()
    with pytest.raises(TransferProblem) as refused:
        documents(ServiceSource(service.url), tmp_path, egress=Egress())
    assert (refused.value.reason, refused.value.code) == (Reason.REST_CLIENT_ERROR, Code.SOURCE_DENIED)


def test_a_login_is_sent_with_every_page_and_to_nobody_else(service: Listener, tmp_path: Path) -> None:
    """Another origin that a page names is not told of it."""
    with listening() as other:
        other.answer = lambda _: told({})
        service.answer = lambda _: told({"next": f"{service.url}?2" if len(service.heard) == 1 else other.url})
        login = Login("basic", "ann", "pässword", headers={"x-api": "k"})
        given = {"X-Api-Key": "q", "X-Plain": "p"}
        source = ServiceSource(service.url, headers=given, login=login, pagination={"AbsoluteUrl": "$.next"})
        documents(source, tmp_path)
    expected = "Basic " + base64.b64encode("ann:pässword".encode()).decode()
    assert [(heard.headers.get("authorization"), heard.headers.get("x-api")) for heard in service.heard] == [
        (expected, "k")
    ] * 2
    assert service.heard[1].headers["x-api-key"] == "q"
    assert not {"authorization", "x-api", "x-api-key"} & other.heard[0].headers.keys()
    assert other.heard[0].headers["x-plain"] == "p"


def test_a_challenge_is_answered(service: Listener, tmp_path: Path) -> None:
    """Digest: the password is not sent."""

    def answer(heard: Heard) -> Answer:
        proof = heard.headers.get("authorization", "")
        if 'username="ann"' in proof and "response=" in proof:
            return told({"next": "?2" if len(service.heard) < 3 else None})
        return 401, {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'}, b""

    service.answer = answer
    source = ServiceSource(service.url, login=Login("digest", "ann", "pw"), pagination={"AbsoluteUrl": "$.next"})
    assert len(documents(source, tmp_path)) == 2
    assert len(service.heard) == 3
    assert not any("pw" in str(heard) for heard in service.heard)


def test_a_token_is_asked_for_once_and_again_when_it_is_not_taken_any_more(service: Listener, tmp_path: Path) -> None:
    """OAuth 2, client credentials."""
    tokens: list[str] = []

    def answer(heard: Heard) -> Answer:
        if heard.path.endswith("/token"):
            tokens.append(heard.body.decode())
            return told({"access_token": f"t{len(tokens)}", "expires_in": "3600"})
        if heard.headers.get("authorization") != f"Bearer t{2 if 'late' in heard.path else 1}":
            return 401, {}, b""
        return told({"next": None if "late" in heard.path else "?late"})

    service.answer = answer
    login = Login(
        "oauth2", token_url=f"{service.url}/token", client_id="c", client_secret="s&", scope="a b", resource="r"
    )
    assert len(documents(ServiceSource(service.url, login=login, pagination={"AbsoluteUrl": "$.next"}), tmp_path)) == 2
    assert tokens == ["grant_type=client_credentials&client_id=c&client_secret=s%26&scope=a+b&resource=r"] * 2
    for status, content in ((400, b"secret"), (200, b"[]"), (200, b"x")):
        service.answer = always((status, {}, content))
        with pytest.raises(TransferProblem, match="gave no") as caught:
            documents(ServiceSource(service.url, login=login), tmp_path)
        assert caught.value.code is Code.SOURCE_UNAUTHENTICATED


def test_a_certificate_that_is_none_is_refused(service: Listener, tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(TransferProblem, match="client certificate"):
        documents(ServiceSource(service.url, login=Login("certificate", certificate=b"x")), tmp_path)


def test_a_slice_is_the_same_while_the_request_is(service: Listener, tmp_path: Path) -> None:
    """And nothing of it is a secret."""
    work = working(tmp_path)
    source = ServiceSource(service.url + "?key=secret")
    (one,), (two,) = read_service(source, work).slices(), read_service(source, work).slices()
    (other,) = read_service(replace(source, body="x"), work).slices()
    assert one == two != other
    assert "secret" not in repr(one)
