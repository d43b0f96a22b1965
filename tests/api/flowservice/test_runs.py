"""Asking for runs, again, and for retries: codes, idempotency, delta columns."""

from typing import Any

import pytest

from api.flowservice.conftest import POSTGRE_SQL, TABLE_FLOW, Client, flow_body, make_ends, run_body, target_body
from headrace.core.clock import SECOND


def number(answer: Any) -> str:
    """Return the number of a refusal."""
    return str(answer.json()["type"].rpartition("FLOW-")[2])


def make_table_flow(client: Client) -> str:
    """Return the id of a flow of a table that runs once."""
    ends = make_ends(client)
    text = "Server=127.0.0.1;Port=1;Database=crm;UID=reader;Password=s3;cret"
    text = text.replace("s3;cret", '"s3;cret"')
    auth = {"specName": "Connection String Based Authentication", "params": {"connectionString": text}}
    spec = {"id": POSTGRE_SQL, "version": 1}
    base = client.make("/connections", {"name": "crm", "auth": auth, "connectionSpec": spec})
    source = client.make(
        "/sourceConnections",
        {
            "name": "people",
            "baseConnectionId": base,
            "connectionSpec": spec,
            "data": {"format": "tabular"},
            "params": {"tableName": "public.people"},
        },
    )
    target = client.make("/targetConnections", target_body(ends["schema"], ends["dataset"]))
    body = flow_body({**ends, "source": source, "target": target}, flowSpec={"id": TABLE_FLOW, "version": "1.0"})
    return client.make("/flows", body)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "1446-400"),
        ({"flowId": None}, "1446-400"),
        ({"flowId": "3abea21c-7e36-4be1-bec1-d3bad0e3e0de"}, "1430-400"),
    ],
)
def test_a_run_needs_a_flow(client: Client, body: dict[str, Any], code: str) -> None:
    """No flow and an unknown flow are told apart."""
    assert number(client("POST", "/runs", body)) == code


@pytest.mark.parametrize(
    ("params", "code"),
    [
        (None, "1384-400"),
        ({}, "1384-400"),
        ([], "1384-400"),
        ({"startTime": 1, "windowStartTime": 1}, "1384-400"),
        ({"startTime": "x", "windowStartTime": 1, "windowEndTime": 2}, "1384-400"),
        ({"startTime": 1, "windowStartTime": 3, "windowEndTime": 2}, "1381-400"),
        ({"startTime": 1, "windowStartTime": 1, "windowEndTime": 10**11}, None),
        ({"startTime": 1, "windowStartTime": 1, "windowEndTime": 999_999_999_999}, "1384-400"),
        ({"startTime": 1, "windowStartTime": 1, "windowEndTime": 1_700_000_000_000}, None),
    ],
)
def test_params_of_a_run_are_checked(client: Client, params: Any, code: str | None) -> None:
    """Times are epoch seconds of 11 digits at most, or milliseconds; an end before the start is told."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    answer = client("POST", "/runs", {"flowId": flow, "params": params, "status": "active"})
    assert answer.status_code == 201 if code is None else number(answer) == code


def test_the_same_request_makes_one_run(client: Client) -> None:
    """A client that repeats a POST after a lost answer gets the first run; another request id is another request."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    first = client("POST", "/runs", run_body(flow), x_request_id="r-1").json()["id"]
    assert client("POST", "/runs", run_body(flow), x_request_id="r-1").json()["id"] == first
    assert client("POST", "/runs", run_body(flow), x_request_id="r-2").json()["id"] != first
    client.clock.advance(61 * SECOND)
    assert client("POST", "/runs", run_body(flow), x_request_id="r-1").json()["id"] != first


def test_without_a_request_id_the_same_request_counts_for_ten_seconds(client: Client) -> None:
    """Clients resend after 2 s; a person who asks again later means it."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    first = client("POST", "/runs", run_body(flow)).json()["id"]
    client.clock.advance(9 * SECOND)
    assert client("POST", "/runs", run_body(flow)).json()["id"] == first
    client.clock.advance(2 * SECOND)
    assert client("POST", "/runs", run_body(flow)).json()["id"] != first


def test_a_run_on_demand_needs_a_flow_that_runs_once(client: Client) -> None:
    """Recurring flows run by their schedule."""
    schedule = {"startTime": "1597784298", "frequency": "minute", "interval": "15"}
    flow = client.make("/flows", flow_body(make_ends(client), scheduleParams=schedule))
    assert number(client("POST", "/runs", run_body(flow))) == "1386-400"


def test_a_disabled_flow_takes_no_runs(client: Client) -> None:
    """Disabling cancels what is pending, enabling lets runs in again; both can be repeated."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    for _ in range(2):
        assert client("POST", f"/flows/{flow}/action?op=disable").status_code == 200
    assert number(client("POST", "/runs", run_body(flow, startTime=5))) == "1380-400"
    assert client.one(f"/runs/{run}")["metrics"]["statusSummary"]["status"] == "cancelled"
    assert number(client("POST", f"/runs/{run}/action?op=re-trigger")) == "1388-400"
    assert client("POST", f"/flows/{flow}/action?op=ENABLE").status_code == 200
    assert client("POST", "/runs", run_body(flow, startTime=6)).status_code == 201


def test_the_first_run_of_a_table_flow_writes_its_delta_column_into_the_flow(client: Client) -> None:
    """Contract 4.5: from then on the flow's Copy transformation is the truth."""
    flow = make_table_flow(client)
    before = client.one(f"/flows/{flow}")
    assert number(client("POST", "/runs", run_body(flow))) == "1383-400"
    client.make("/runs", run_body(flow, deltaColumn={"name": "DOB"}))
    after = client.one(f"/flows/{flow}")
    assert after["transformations"][0] == {"name": "Copy", "params": {"deltaColumn": {"name": "DOB"}}}
    assert after["etag"] != before["etag"]
    client.make("/runs", run_body(flow))
    client.make("/runs", run_body(flow, startTime=7, deltaColumn={"name": "DOB"}))
    assert number(client("POST", "/runs", run_body(flow, deltaColumn={"name": "other"}))) == "1382-400"


def test_a_pending_run_cannot_be_retried_and_can_be_cancelled(client: Client) -> None:
    """Only what has ended can be repaired; a cancelled run can, once at a time."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow, startTime=16515859567))
    assert number(client("POST", f"/runs/{run}/action?op=re-trigger")) == "1387-400"
    cancelled = client("POST", f"/runs/{run}/action?op=cancel")
    assert (cancelled.status_code, cancelled.json()["id"]) == (200, run)
    assert number(client("POST", f"/runs/{run}/action?op=cancel")) == "1457-400"
    retried = client("POST", f"/runs/{run}/action?op=RE_TRIGGER", x_request_id="q")
    assert retried.status_code == 200
    assert set(retried.json()) == {"id", "etag"}
    again = client("POST", f"/runs/{run}/action?op=re-trigger", x_request_id="q").json()
    assert again["id"] == retried.json()["id"]
    assert number(client("POST", f"/runs/{run}/action?op=re-trigger")) == "1387-400"
    first, second = client.one(f"/runs/{run}"), client.one(f"/runs/{again['id']}")
    assert first["childFlowRunIds"] == [second["id"]]
    assert first["etag"] != cancelled.json()["etag"]
    assert second["parentFlowRunId"] == run
    assert second["params"] == first["params"]


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "1359-400"), ("?op=", "1334-400"), ("?op=explode", "1401-400")],
)
def test_an_unknown_action_is_refused(client: Client, query: str, code: str) -> None:
    """The action is named by op."""
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    assert number(client("POST", f"/runs/{run}/action{query}")) == code


def test_an_unknown_run_has_the_documented_error(client: Client) -> None:
    """The envelope names the thing, its collection and the request."""
    answer = client("GET", "/runs/4fb0418e-1804-45d6-8d56-dd51f05c0baf", x_request_id="abc")
    body = answer.json()
    assert answer.status_code == 404
    assert body["type"] == "https://ns.adobe.com/aep/errors/FLOW-1439-404"
    assert body["title"] == "Resource not found"
    assert body["report"]["id"] == "4fb0418e-1804-45d6-8d56-dd51f05c0baf"
    assert (body["report"]["type"], body["report"]["request-id"]) == ("runs", "abc")
    assert body["errorMessage"] == body["errorDetails"] == body["report"]["detailed-message"]
    assert answer.headers["x-request-id"] == "abc"


def test_a_secret_is_never_shown(client: Client) -> None:
    """The connection string comes back masked, everywhere."""
    make_table_flow(client)
    text = client("GET", "/connections").text
    assert "******" in text
    assert "s3;cret" not in text
