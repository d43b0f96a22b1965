"""Section 1 of the contract: versions, paths, names, headers, etags, paging."""

import asyncio
import re
from datetime import datetime
from typing import Any

import pytest

from api.datafactory.conftest import (
    FACTORY,
    GROUP,
    SCOPE,
    SUB,
    VERSION,
    Client,
    MakeDoor,
    client_of,
    error_of,
    fill,
    pipeline,
)
from fakes import ManualClock
from headrace.api.datafactory.app import serves
from headrace.api.datafactory.wire import date
from headrace.core.clock import SECOND, Instant
from headrace.http.rates import Rates
from headrace.service.documents import DocumentDraft, write_document

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.mark.parametrize(
    ("query", "code", "message"),
    [
        (
            "",
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        (
            "?api-version=",
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        ),
        (
            "?api-version=2017-09-01",
            "InvalidApiVersionParameter",
            "The api-version '2017-09-01' is invalid. The supported versions are '2018-06-01'.",
        ),
    ],
)
def test_every_call_says_the_version(shared: Client, query: str, code: str, message: str) -> None:
    """A client of another version would misread the answers."""
    assert error_of(shared.raw("GET", FACTORY + query)) == (400, code, message, None)
    assert shared.raw("GET", f"{FACTORY}?API-Version=2018-06-01").status_code == 200


def test_paths_match_in_any_case_and_names_keep_that_of_their_first_put(client: Client) -> None:
    """Clients send a mixture of cases, and one resource must not become two."""
    client.put("/Pipelines/My%20Pipeline", pipeline())
    again = client(
        "PUT", f"{FACTORY.upper()}/PIPELINES/MY%20PIPELINE", {"properties": pipeline(description="2")}
    ).json()
    assert (again["name"], again["id"]) == ("My Pipeline", f"{FACTORY}/pipelines/My Pipeline")
    assert client.get(f"{FACTORY.lower()}/pipelines/my%20pipeline") == again
    assert [item["name"] for item in client.get("/pipelines")["value"]] == ["My Pipeline"]


@pytest.mark.parametrize("segment", ["linkedservices", "linkedServices", "LINKEDSERVICES"])
def test_linked_services_are_found_under_all_spellings(shared: Client, segment: str) -> None:
    """Clients write linkedservices, the documentation linkedServices."""
    shared.put(f"/{segment}/ls", {"type": "HttpServer", "typeProperties": {"url": "http://x"}})
    assert shared.get(f"/{segment}/LS")["type"] == "Microsoft.DataFactory/factories/linkedservices"


@pytest.mark.parametrize("name", ["p%C3%A4sse", "a%20b", "_x", "9", "a" * 260, "providers", "x%E2%82%AC%F0%9F%98%80"])
def test_names_come_percent_encoded(shared: Client, name: str) -> None:
    """Blanks and letters of all languages are in real names; a name that is a fixed word elsewhere is a name here."""
    made = shared.put(f"/pipelines/{name}", pipeline())
    assert shared.get(f"/pipelines/{name}") == made
    assert shared("DELETE", f"/pipelines/{name}").status_code == 200


@pytest.mark.parametrize(
    "name",
    ["-a", "a%2Fb", "a%3Fb", "a%23b", "a.b", "a:b", "a%5Cb", "a*b", "a&b", "a+b", "%20a", "a%00", "a" * 261, "%C3%A4"],
)
def test_a_name_that_breaks_its_rule_is_named(shared: Client, name: str) -> None:
    """The rule is in the message, the name is the target."""
    status, code, message, target = error_of(shared("PUT", f"/pipelines/{name}", {"properties": pipeline()}))
    assert (status, code) == (400, "BadRequest")
    assert message
    assert target


def test_a_path_that_is_no_utf8_is_refused(shared: Client) -> None:
    """It could not be sent back."""
    assert error_of(shared("GET", "/pipelines/%FF"))[:2] == (400, "BadRequest")


@pytest.mark.parametrize("name", ["ab", "a" * 64, "-abc", "abc-", "a--b", "a_b", "a%20b", "%C3%A4bc"])
def test_factories_have_a_stricter_rule(shared: Client, name: str) -> None:
    """Their names are part of addresses in the cloud."""
    answer = shared("PUT", f"{GROUP}/providers/Microsoft.DataFactory/factories/{name}", {})
    assert error_of(answer)[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("group", "status"), [("a.b_(c)-1", 200), ("%C3%A4", 200), ("a%20b", 400), ("%2E%2E", 400), ("a" * 91, 400)]
)
def test_groups_exist_when_their_names_are_valid(shared: Client, group: str, status: int) -> None:
    """Nothing has to be made before a factory."""
    path = f"{SUB}/resourceGroups/{group}/providers/Microsoft.DataFactory/factories"
    assert shared("GET", path).status_code == status


def test_every_answer_has_the_headers_of_the_resource_manager(shared: Client) -> None:
    """Clients log the request ids, and proxies must keep nothing."""
    given = {"x_ms_client_request_id": "abc", "x_request_id": "mine"}
    for answer in (
        shared("GET", "", **given),
        shared("GET", "/pipelines/none", **given),
        shared("GET", f"{FACTORY}?", **given),
    ):
        headers = answer.headers
        assert UUID.fullmatch(headers["x-ms-request-id"])
        assert headers["x-ms-correlation-request-id"] == headers["x-ms-request-id"]
        assert re.fullmatch(rf"LOCAL:\d{{8}}T\d{{6}}Z:{UUID.pattern}", headers["x-ms-routing-request-id"])
        assert headers["x-ms-client-request-id"] == "abc"
        assert (headers["cache-control"], headers["pragma"], headers["expires"]) == ("no-cache", "no-cache", "-1")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-type"] == "application/json; charset=utf-8"
        assert int(headers["x-ms-ratelimit-remaining-subscription-reads"]) > 1000
    gone = shared("DELETE", "/pipelines/none")
    assert (gone.status_code, gone.content) == (204, b"")
    assert int(gone.headers["x-ms-ratelimit-remaining-subscription-deletes"]) > 1000


def test_an_empty_success_says_that_it_is_empty(client: Client) -> None:
    """Pollers look at the length."""
    client.put("/pipelines/p", pipeline())
    answer = client("DELETE", "/pipelines/p")
    assert (answer.status_code, answer.headers["content-length"], answer.content) == (200, "0", b"")


def test_dates_have_seven_digits() -> None:
    """ADF trims zeros; we never do."""
    assert date(Instant(1_521_866_847_456_449)) == "2018-03-24T04:47:27.4564490Z"
    assert date(Instant(0)) == "1970-01-01T00:00:00.0000000Z"


def test_an_etag_says_when_it_was_written(client: Client, clock: ManualClock) -> None:
    """The last group is the time of the write; two writes in one second differ in the rest."""
    first = client.put("/pipelines/p", pipeline())["etag"]
    second = client.put("/pipelines/p", pipeline())["etag"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-0100-0000-[0-9a-f]{12}", first)
    assert first != second
    assert int(first[-12:-4], 16) == clock.now() // SECOND
    assert first.endswith("0000")
    answer = client("GET", "/pipelines/p")
    assert answer.headers["etag"] == answer.json()["etag"]
    factory = client("GET", "")
    assert re.fullmatch(r'"[0-9a-f-]{36}"', factory.json()["eTag"])
    assert factory.headers["etag"] == factory.json()["eTag"]


def test_a_resource_that_is_made_again_has_another_etag(client: Client) -> None:
    """Who holds the etag of the removed one must not overwrite the new one."""
    first = client.put("/pipelines/p", pipeline())["etag"]
    client("DELETE", "/pipelines/p")
    client.clock.advance(1)
    assert client.put("/pipelines/p", pipeline())["etag"] != first


@pytest.mark.parametrize("form", ["{}", '"{}"', 'W/"{}"', '"other", "{}"', "*"])
def test_the_newest_etag_lets_a_change_through(shared: Client, form: str) -> None:
    """With quotes or without, or any version."""
    etag = shared.put("/pipelines/p", pipeline())["etag"]
    answer = shared("PUT", "/pipelines/p", {"properties": pipeline()}, if_match=form.format(etag))
    assert answer.status_code == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("name", ["p", "none"])
def test_a_stale_etag_is_refused(shared: Client, method: str, name: str) -> None:
    """Also when nothing is there any more."""
    etag = shared.put("/pipelines/p", pipeline())["etag"]
    shared.put("/pipelines/p", pipeline())
    body = {"properties": pipeline()} if method == "PUT" else None
    answer = shared(method, f"/pipelines/{name}", body, if_match=etag)
    message = "The etag does not match the current version of the document."
    assert error_of(answer) == (412, "PreconditionFailed", message, f"{FACTORY}/pipelines/{name}")
    if name == "none":
        assert shared(method, "/pipelines/none", body, if_match="*").status_code == 412


def test_what_is_there_is_not_made_anew_when_that_is_asked_for(client: Client) -> None:
    """``If-None-Match: *`` on a PUT is how clients say: only if it is missing."""
    body = {"properties": pipeline()}
    statuses = [client("PUT", "/pipelines/p", body, if_none_match="*").status_code for _ in range(2)]
    assert statuses == [200, 412]


@pytest.mark.parametrize("path", ["", "/pipelines/p"])
def test_a_version_that_is_known_is_not_sent_again(client: Client, path: str) -> None:
    """304 has no body."""
    client.put("/pipelines/p", pipeline())
    etag = client("GET", path).headers["etag"]
    known = client("GET", path, if_none_match=etag)
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
    assert client("GET", path, if_none_match='"other"').status_code == 200


def test_lists_come_in_pages_with_links(client: Client) -> None:
    """The create helpers of clients list first: what a page does not have must be on the next one."""
    names = [f"p{number:03}" for number in range(201)]
    fill(client, "pipeline", names)
    found: list[str] = []
    sizes = []
    url = "/pipelines"
    while url:
        page = client.get(url)
        sizes.append(len(page["value"]))
        found += [item["name"] for item in page["value"]]
        link = page.get("nextLink", "")
        assert not link or link.startswith(f"{client.base}{FACTORY}/pipelines{VERSION}&")
        url = link.removeprefix(client.base)
    assert (found, sizes) == (names, [100, 100, 1])


def test_a_token_that_no_page_gave_out_is_refused(client: Client) -> None:
    """It would read from anywhere."""
    for token in ("x", "W10", "W1sxLDJdXQ", "%00", "a" * 9000):
        answer = client("GET", f"/pipelines{VERSION}&$skiptoken={token}")
        assert error_of(answer)[:2] == (400, "BadRequest")
        assert error_of(client("POST", "/querytriggers", {"continuationToken": token}))[:2] == (400, "BadRequest")
    assert error_of(client("POST", "/querytriggers", {"continuationToken": [1]}))[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b"[]", "a JSON object is expected"),
        (b"", "no body"),
        (b'{"properties": {"a": NaN}}', "not JSON"),
        (b'{"a":' * 80 + b"1" + b"}" * 80, "64 levels"),
        (b'{"properties": {"activities": [], "a": "' + b"x" * (4 << 20) + b'"}}', "limit"),
    ],
)
def test_a_body_that_is_no_object_is_refused(shared: Client, content: bytes, words: str) -> None:
    """Also one that is too large, or nested too deeply."""
    status, code, message, _ = error_of(shared.raw("PUT", f"{FACTORY}/pipelines/p{VERSION}", content))
    assert (status, code) == (400, "BadRequest")
    assert words in message


def test_a_key_that_comes_twice_is_refused(shared: Client) -> None:
    """One of the two values would be lost in silence."""
    text = "The document creation or update failed because there were duplicate properties in the json payload."
    content = b'{"properties": {"activities": [], "x": {"a": 1, "a": 2}}}'
    assert error_of(shared.raw("PUT", f"{FACTORY}/pipelines/p{VERSION}", content)) == (400, "BadRequest", text, None)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{FACTORY}/managedVirtualNetworks/v/managedPrivateEndpoints"),
        ("POST", f"{FACTORY}/createDataFlowDebugSession"),
        ("POST", f"{FACTORY}/pipelines/p"),
        ("PATCH", f"{FACTORY}/pipelines/p"),
        ("GET", f"{SUB}/providers/Microsoft.DataFactory/locations/x/configureFactoryRepo"),
        ("OPTIONS", FACTORY),
    ],
)
def test_what_is_missing_is_named(shared: Client, method: str, path: str) -> None:
    """A 404 would make people look for a mistake of theirs."""
    status, code, message, _ = error_of(shared(method, path))
    assert (status, code) == (501, "NotImplemented")
    assert f"{method} {path}" in message


def test_paths_of_no_door_are_not_found(client: Client) -> None:
    """Other providers' resources are not here."""
    assert error_of(client("GET", f"{GROUP}/providers/Microsoft.Storage/storageAccounts"))[:2] == (404, "NotFound")


@pytest.mark.parametrize(
    ("path", "ours"),
    [
        ("/subscriptions/s", True),
        ("/SUBSCRIPTIONS/s", True),
        ("/tenant/oauth2/v2.0/token", True),
        ("/datafactory/callbacks/1", True),
        ("/data/foundation/flowservice/flows", False),
        ("/ims/token/v3", False),
        ("/", False),
    ],
)
def test_the_door_knows_its_paths(path: str, ours: bool) -> None:
    """Doors share one address."""
    assert serves(path) is ours


def test_nobody_asks_too_often(runner: asyncio.Runner, make_door: MakeDoor, clock: ManualClock) -> None:
    """A 429 says when to come again."""
    client = client_of(runner, make_door(rates=Rates(2)), clock)
    answers = [client("GET", "") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert (answers[1].headers["retry-after"], error_of(answers[1])[1]) == ("2", "TooManyRequests")


def test_dates_of_factories_are_read_by_any_parser(client: Client) -> None:
    """Parsers take any number of digits, and ours is ISO 8601."""
    assert datetime.fromisoformat(client.get()["properties"]["createTime"]).utcoffset() is not None


def test_a_page_of_large_documents_ends_early(client: Client) -> None:
    """Documents may have megabytes each, and a page is made in memory."""
    large = "x" * (3 << 20)
    with client.door.database.transaction() as tx:
        for number in range(5):
            body: dict[str, Any] = {"properties": {"annotations": [large]}}
            draft = DocumentDraft(
                scope=SCOPE, kind="dataflow", id=f"d{number}", name=f"d{number}", body=body, who="test"
            )
            write_document(tx, draft, client.clock.now())
    first = client.get("/dataflows")
    second = client.get(first["nextLink"].removeprefix(client.base))
    assert [len(page["value"]) for page in (first, second)] == [3, 2]
    assert "nextLink" not in second
