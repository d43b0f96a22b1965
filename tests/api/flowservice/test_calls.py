"""The first calls of the door, over real HTTP."""

from api.flowservice.conftest import Client, flow_body, make_ends, run_body


def test_a_run_on_demand_answers_in_both_documented_forms(client: Client) -> None:
    """A tutorial's client reads ``items``, a generated one the id directly."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    answer = client("POST", "/runs/", run_body(flow))
    body = answer.json()
    assert answer.status_code == 201
    assert body["items"] == [{"id": body["id"], "etag": body["etag"]}]
    assert answer.headers["location"] == f"/data/foundation/flowservice/runs/{body['id']}"
    run = client.one(f"/runs/{body['id']}")
    assert run["params"] == run_body(flow)["params"]
    assert run["etag"] == body["etag"] == run["eTag"]
    assert run["metrics"]["statusSummary"] == {"status": "pending"}


def test_a_flow_that_runs_once_has_its_run(client: Client) -> None:
    """Contract 4.3: one run due at the start time, and it has no params."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    runs = client("GET", f"/runs?property=flowId=={flow}").json()
    assert len(runs["items"]) == 1
    assert "params" not in runs["items"][0]
    assert runs["_links"] == {}
