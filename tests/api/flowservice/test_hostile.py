"""Clients that mean no good, or repeat themselves: refused in the dialect's words, and nothing is made twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.flowservice.conftest import HEADERS, HTTP, Client, flow_body, make_ends, run_body


@pytest.mark.parametrize(
    "pattern", [r"(?=a)b", r"(a)\1", "(" * 200 + "a" + ")" * 200, "a{1000}{1000}", "[", "a" * 5000, 7]
)
def test_a_pattern_that_cannot_be_matched_in_linear_time_is_refused(client: Client, pattern: object) -> None:
    """The data plane would refuse it in every run; who makes the schema learns it at once."""
    properties = {"a": {"type": "string", "pattern": pattern}}
    body = {"type": "object", "title": "x", "allOf": [], "properties": properties}
    answer = client("POST", "/data/foundation/schemaregistry/tenant/schemas", body)
    assert (answer.status_code, "properties.a.pattern" in answer.text) == (400, True)


def test_a_request_repeated_by_many_at_once_makes_one_run(client: Client) -> None:
    """Clients repeat a POST when its answer is late, and several copies may arrive at the same moment."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    with ThreadPoolExecutor(16) as pool:
        ask = [pool.submit(client, "POST", "/runs", run_body(flow), x_request_id="r-1") for _ in range(32)]
        answers = [asked.result() for asked in ask]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert client("GET", f"/runs?count=true&property=flowId=={flow}").json() == {"count": 2}


def test_a_server_for_development_answers_to_loopback_names_only(client: Client) -> None:
    """Any token is taken there, so a page of another site must not reach it under a name of its own."""
    answers = {path: client("GET", path, host="evil.example").status_code for path in ("/flows", "/ims/token")}
    assert answers == {"/flows": 403, "/ims/token": 403}


def test_tags_without_end_are_refused(client: Client) -> None:
    """At once: looking at each must not cost a look at all."""
    schema = make_ends(client)["schema"]
    tags = {f"k{number}": ["v"] for number in range(100_000)}
    answer = client(
        "POST", "/data/foundation/catalog/dataSets", {"name": "x", "schemaRef": {"id": schema}, "tags": tags}
    )
    assert (answer.status_code, "the limit is 1000" in answer.text) == (400, True)


ZONE = "/data/foundation/connectors/landingzone/files"


@pytest.mark.parametrize(
    ("wanted", "status", "got"),
    [
        (None, 200, b"0123456789"),
        ("bytes=2-4", 206, b"234"),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("bytes=" + "9" * 5000 + "-", 200, b"0123456789"),
        ("nonsense", 200, b"0123456789"),
    ],
)
def test_a_file_of_the_landing_zone_is_a_download(client: Client, wanted: str | None, status: int, got: bytes) -> None:
    """No browser shows what a tenant laid there, and no range makes of it what the document does not say."""
    octets = {**HEADERS, "content-type": "application/octet-stream"}
    assert HTTP.put(f"{client.base}{ZONE}/x.html", headers=octets, content=b"0123456789").status_code == 201
    answer = client("GET", f"{ZONE}/x.html", **({"range": wanted} if wanted else {}))
    assert (answer.status_code, answer.content) == (status, got)
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")


def test_a_part_that_is_not_there_is_refused_with_the_size(client: Client) -> None:
    """In the dialect's words, and with what a client needs to ask for one that is."""
    octets = {**HEADERS, "content-type": "application/octet-stream"}
    HTTP.put(f"{client.base}{ZONE}/x.csv", headers=octets, content=b"0123456789")
    answer = client("GET", f"{ZONE}/x.csv", range="bytes=10-")
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")
    assert answer.json()["status"] == 416


def test_parts_that_end_before_they_begin_are_the_whole(client: Client) -> None:
    """The standard has them ignored; a negative length would break the connection off."""
    ends = make_ends(client)
    body = {"datasetId": ends["dataset"], "inputFormat": {"format": "json"}}
    batch = client("POST", "/data/foundation/import/batches", body).json()["id"]
    path = f"{client.base}/data/foundation/import/batches/{batch}/datasets/{ends['dataset']}/files/x.json"
    octets = {**HEADERS, "content-type": "application/octet-stream"}
    assert HTTP.put(path, headers=octets, content=b"{}").status_code == 201
    looked = {wanted: HTTP.head(path, headers={**HEADERS, "range": wanted}) for wanted in ("bytes=1-0", "bytes=0-9")}
    assert [answer.status_code for answer in looked.values()] == [200, 416]
    assert looked["bytes=0-9"].headers["content-range"] == "bytes */2"


def test_nobody_is_asked_twice_who_asks(client: Client) -> None:
    """A proxy that checks the last of two headers, and a server that takes the first, let in whom neither meant."""
    twice = [*HEADERS.items(), ("x-sandbox-name", "dev")]
    answer = HTTP.get(f"{client.base}/data/foundation/flowservice/flows", headers=twice)
    assert (answer.status_code, "x-sandbox-name comes 2 times" in answer.json()["errorMessage"]) == (400, True)


def test_methods_that_nobody_knows_are_not_offered(client: Client) -> None:
    """As paths that nobody knows: 1003-404."""
    answers = {method: client(method, "/flows") for method in ("TRACE", "PROPFIND", "NONSENSE")}
    assert {answer.status_code for answer in answers.values()} == {404}
    assert {answer.json()["type"][-8:] for answer in answers.values()} == {"1003-404"}
