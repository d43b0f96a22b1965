"""What services say of runs, and what runs say of what has happened to their flows."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from api.flowservice.conftest import Client, flow_body, make_ends, run_body
from api.flowservice.test_runs import number
from headrace.core.clock import SECOND

NOBODY = "3abea21c-7e36-4be1-bec1-d3bad0e3e0de"
SERVICE = "Bearer service"


def put(client: Client, run: str, body: Any, **headers: str) -> Any:
    """Return the answer to a service's change of a run with the newest etag."""
    etag = client.one(f"/runs/{run}")["etag"]
    return client("PUT", f"/runs/{run}", body, **{"authorization": SERVICE, "if_match": etag, **headers})


def test_a_service_says_what_is_shown_of_a_run(client: Client) -> None:
    """Contract 3.5: given fields replace, the others stay; the answer is the whole run, under a new etag."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run, other = (client.make("/runs", run_body(flow, startTime=start)) for start in (1, 2))
    before = client.one(f"/runs/{run}")
    client.clock.advance(SECOND)
    metrics = {"statusSummary": {"status": "failed"}, "recordSummary": {}}
    predecessors = [{"flowId": flow, "flowRunId": other, "flowSpec": before["flowSpec"]}]
    answer = put(client, run, {"metrics": metrics, "predecessors": predecessors, "color": "red"})
    assert answer.status_code == 200, answer.text
    after = client.one(f"/runs/{run}")
    assert answer.json() == after
    assert answer.headers["location"] == f"/data/foundation/flowservice/runs/{run}"
    assert (after["metrics"], after["predecessors"], after["params"]) == (metrics, predecessors, before["params"])
    assert after["etag"] == after["eTag"] == answer.headers["etag"] != before["etag"]
    assert after["updatedAt"] == before["updatedAt"] + 1000
    assert "color" not in after
    put(client, run, {"recordTypes": ["person"]})
    again = client.one(f"/runs/{run}")
    assert (again["metrics"], again["recordTypes"]) == (metrics, ["person"])


def test_lists_select_by_what_is_shown(client: Client) -> None:
    """A filter means what a reader of the list sees, not what the ledger knows better."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    put(client, run, {"metrics": {"statusSummary": {"status": "partial_success"}}, "providerRefId": "mine"})

    def found(text: str) -> list[str]:
        return [item["id"] for item in client("GET", f"/runs?property={text}").json()["items"]]

    assert found("state==partial-SUCCESS") == [run]
    assert run not in found("state==pending")
    assert found("providerRefId==mine") == [run]
    assert client("GET", "/runs?count=true&property=state!=pending").json() == {"count": 1}
    assert client("POST", "/runs/search", {"queryString": "state==pending", "count": True}).json() == {"count": 1}


def test_what_a_service_may_not_say_has_its_number(client: Client) -> None:
    """Only services, with the newest etag, and of runs and flows that exist."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    cases: list[tuple[str, Any]] = [
        ("1405-400", {}),
        ("1405-400", {"color": "red"}),
        ("1000-400", []),
        ("1312-400", {"params": "x"}),
        ("1312-400", {"metrics": {}}),
        ("1312-400", {"predecessors": ["x"]}),
        ("1430-400", {"flowId": NOBODY}),
        ("1428-400", {"predecessors": [{"flowRunId": NOBODY}]}),
        ("1429-400", {"predecessors": [{"flowRunId": run, "flowId": NOBODY}]}),
    ]
    assert [number(put(client, run, body)) for _, body in cases] == [code for code, _ in cases]
    body: Any = {"recordTypes": []}
    assert number(put(client, run, body, authorization="Bearer t")) == "1427-400"
    assert number(put(client, run, body, if_match='"old"')) == "1404-412"
    assert number(client("PUT", f"/runs/{run}", body, authorization=SERVICE)) == "1403-400"
    assert number(client("PUT", f"/runs/{NOBODY}", body, authorization=SERVICE, if_match="*")) == "1439-404"


def test_of_two_services_with_one_etag_one_is_heard(client: Client) -> None:
    """Nothing that was said is lost without a word."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    etag = client.one(f"/runs/{run}")["etag"]

    def say(word: str) -> int:
        headers = {"authorization": SERVICE, "if_match": etag}
        return client("PUT", f"/runs/{run}", {"recordTypes": [word]}, **headers).status_code

    with ThreadPoolExecutor(3) as pool:
        said = sorted(pool.map(say, ["a", "b", "c"]))
    assert said == [200, 412, 412]


def test_a_repeated_request_is_answered_also_when_its_flow_takes_no_runs_any_more(client: Client) -> None:
    """A client that lost the answer gets its run, whatever has happened to the flow since."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    first = client("POST", "/runs", run_body(flow), x_request_id="r").json()["id"]
    client("POST", f"/flows/{flow}/action?op=disable")
    assert client("POST", "/runs", run_body(flow), x_request_id="r").json()["id"] == first
    assert number(client("POST", "/runs", run_body(flow), x_request_id="q")) == "1380-400"
    assert number(client("POST", "/runs?color=red", run_body(flow), x_request_id="r")) == "1451-400"
