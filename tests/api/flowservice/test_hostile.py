"""Clients that mean no good, or repeat themselves: refused in the dialect's words, and nothing is made twice."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, run_body


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
