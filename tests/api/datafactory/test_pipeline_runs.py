"""Pipeline runs: what is shown of one, lists of them, and their end on request."""

import uuid
from dataclasses import replace
from typing import Any

import pytest

from api.datafactory.desk import EVER, FACTORY, SCOPE, Client, make_client
from fakes import ManualClock
from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure, VariableChange
from headrace.core.run import RunStatus
from headrace.store import runs, variables
from headrace.store.database import Database

NEVER = "11111111-2222-3333-4444-555555555555"
START = "2023-11-14T22:13:20.0000000Z"
"""The tests' clock at its beginning."""


@pytest.fixture
def client(database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory, once for each kind of database."""
    return make_client(database, clock)


@pytest.fixture
def lite(sqlite_database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory, for what does not depend on the kind of database."""
    return make_client(sqlite_database, clock)


def test_a_run_is_shown_field_by_field(lite: Client) -> None:
    """Clients find every field of the contract, in its form."""
    parameters = {"a": {"type": "Array"}, "t": {"type": "String"}}
    lite.put_pipeline("p", parameters=parameters, annotations=["x"], runDimensions={"d": "1"})
    run_id = lite.create_run("p", {"a": [1, "ü"], "t": "text"})
    shown = lite.run(run_id)
    invoked_by = shown.pop("invokedBy")
    assert len(invoked_by.pop("id")) == 32
    assert invoked_by == {"name": "Manual", "invokedByType": "Manual"}
    assert shown == {
        "id": f"{FACTORY.upper()}/pipelineruns/{run_id}",
        "runId": run_id,
        "debugRunId": None,
        "runGroupId": run_id,
        "pipelineName": "p",
        "parameters": {"a": '[1,"ü"]', "t": "text"},
        "runStart": START,
        "runEnd": None,
        "durationInMs": None,
        "status": "Queued",
        "message": None,
        "lastUpdated": START,
        "annotations": ["x"],
        "runDimension": {"d": "1"},
        "runDimensions": {"d": "1"},
        "isLatest": True,
        "referencePipelineRunId": None,
        "isRecovery": None,
        "startActivityName": None,
        "startFromFailure": None,
        "pipelineReturnValue": None,
    }


def test_a_run_shows_how_it_goes_on_and_ends(lite: Client) -> None:
    """Status, message, times and return value follow the ledger."""
    lite.put_pipeline("p")
    run_id = lite.create_run("p")
    lite.move(run_id, RunStatus.RUNNING)
    assert (lite.run(run_id)["status"], lite.run(run_id)["message"]) == ("InProgress", "")
    with lite.door.database.transaction() as tx:
        variables.change(tx, SCOPE, run_id, VariableChange("pipelineReturnValue", {"k": 1}), lite.clock.now())
    lite.clock.advance(1_500_000)
    text = "Operation on target A failed: no"
    lite.move(run_id, RunStatus.FAILED, reason=Failure(Code.INVALID, text))
    shown = lite.run(run_id)
    assert (shown["status"], shown["message"], shown["durationInMs"]) == ("Failed", text, 1500)
    assert shown["runEnd"] == shown["lastUpdated"] == "2023-11-14T22:13:21.5000000Z"
    assert shown["pipelineReturnValue"] == {"k": 1}


def test_an_unknown_run_is_told_apart_by_what_was_asked(lite: Client) -> None:
    """GET answers 404, cancel 400, a query nothing; a run of another factory is as unknown as one that never was."""
    elsewhere = FACTORY.removesuffix("Fac") + "Other"
    assert lite("PUT", elsewhere, {"location": "x"}).status_code == 200
    assert lite("PUT", f"{elsewhere}/pipelines/q", {"properties": {"activities": []}}).status_code == 200
    other = lite("POST", f"{elsewhere}/pipelines/q/createRun").json()["runId"]
    for run_id in (NEVER, "no-uuid", other):
        error = lite("GET", f"pipelineruns/{run_id}")
        assert error.status_code == 404
        assert error.json()["error"] == {
            "code": "ReferencedPipelineRunNotFound",
            "message": f"Referenced pipeline run id {run_id} does not exist.",
            "target": "pipelinerun",
            "details": None,
        }
        cancelled = lite("POST", f"pipelineruns/{run_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["error"]["code"]) == (400, "ReferencedPipelineRunNotFound")
        assert lite.activities(run_id) == []


def test_a_factory_that_was_made_anew_has_none_of_the_old_runs(client: Client) -> None:
    """Deleting a factory removes all that is in it: its runs are unknown to one of the same name, in every call."""
    client.put_pipeline("p")
    old = client.create_run("p")
    assert client("DELETE", FACTORY).status_code == 200
    client.clock.advance(SECOND)
    client.put_factory()
    client.put_pipeline("p")
    new = client.create_run("p")
    assert [run["runId"] for run in client.query()] == [new]
    assert client("GET", f"pipelineruns/{old}").status_code == 404
    assert client("POST", f"pipelineruns/{old}/cancel").status_code == 400
    assert client.activities(old) == []
    again = client("POST", "pipelines/p/createRun", referencePipelineRunId=old)
    assert (again.status_code, again.json()["error"]["code"]) == (400, "ReferencedPipelineRunNotFound")


def test_a_run_is_cancelled_once(lite: Client) -> None:
    """A queued run ends at once, one at work is being stopped, one that has ended stays as it is."""
    lite.put_pipeline("p")
    queued, running = lite.create_run("p"), lite.create_run("p")
    lite.move(running, RunStatus.RUNNING)
    for _ in range(2):
        for run_id in (queued, running):
            answer = lite("POST", f"pipelineruns/{run_id}/cancel", isRecursive="true")
            assert (answer.status_code, answer.content) == (200, b"")
    assert (lite.run(queued)["status"], lite.run(queued)["message"]) == ("Cancelled", "")
    assert lite.run(running)["status"] == "Canceling"
    assert lite("POST", f"pipelineruns/{queued}/cancel", isRecursive="maybe").status_code == 400


def _some_runs(client: Client) -> dict[str, str]:
    """Return the ids of five runs by name; each was made a second after the one before."""
    for name in ("Alpha", "beta"):
        client.put_pipeline(name)
    made = {}
    for name, pipeline, steps in (
        ("queued", "Alpha", ()),
        ("running", "alpha", (RunStatus.RUNNING,)),
        ("waiting", "beta", (RunStatus.RUNNING, RunStatus.WAITING)),
        ("succeeded", "beta", (RunStatus.RUNNING, RunStatus.SUCCEEDED)),
        ("failed", "ALPHA", (RunStatus.RUNNING, RunStatus.FAILED)),
    ):
        made[name] = client.create_run(pipeline)
        client.move(made[name], *steps)
        client.clock.advance(SECOND)
    return made


FILTERS: list[tuple[list[Any], list[str]]] = [
    ([], ["failed", "succeeded", "waiting", "running", "queued"]),
    ([("Status", "Equals", ["InProgress"])], ["waiting", "running"]),
    ([("status", "in", ["failed", "QUEUED"])], ["failed", "queued"]),
    ([("Status", "NotIn", ["InProgress", "Failed"])], ["succeeded", "queued"]),
    ([("Status", "Equals", ["Nonsense"])], []),
    ([("PipelineName", "Equals", ["ALPHA"])], ["failed", "running", "queued"]),
    ([("PipelineName", "NotEquals", ["Alpha"])], ["succeeded", "waiting"]),
    ([("PipelineName", "In", ["alpha", "BETA"]), ("Status", "Equals", ["InProgress"])], ["waiting", "running"]),
    ([("RunStart", "Equals", ["2023-11-14T23:13:21+01:00"])], ["running"]),
    ([("RunStart", "Equals", ["2023-11-14T22:13:21.0000001Z"])], []),
    ([("RunEnd", "NotEquals", ["2023-11-14T22:13:23"])], ["failed", "waiting", "running", "queued"]),
    ([("LatestOnly", "Equals", ["false"])], ["failed", "succeeded", "waiting", "running", "queued"]),
    ([("LatestOnly", "Equals", ["true"])], ["failed", "succeeded", "waiting", "running", "queued"]),
]


def test_runs_are_filtered(client: Client) -> None:
    """Every operand and operator, in any letter case; several are all to hold."""
    made = _some_runs(client)
    names = {run_id: name for name, run_id in made.items()}
    for given, expected in FILTERS:
        filters = [{"operand": a, "operator": b, "values": c} for a, b, c in given]
        assert [names[run["runId"]] for run in client.query(filters=filters)] == expected, given
    group = [{"operand": "RunGroupId", "operator": "Equals", "values": [made["failed"].upper()]}]
    assert [names[run["runId"]] for run in client.query(filters=group)] == ["failed"]


ORDERS: list[tuple[list[tuple[str, str]], list[str]]] = [
    ([("RunStart", "ASC")], ["queued", "running", "waiting", "succeeded", "failed"]),
    ([("RunEnd", "desc"), ("RunStart", "ASC")], ["failed", "succeeded", "queued", "running", "waiting"]),
    ([("pipelinename", "DESC"), ("RunStart", "ASC")], ["waiting", "succeeded", "queued", "running", "failed"]),
    ([("Status", "ASC"), ("RunStart", "DESC")], ["failed", "waiting", "running", "queued", "succeeded"]),
]


def test_runs_are_ordered(client: Client) -> None:
    """Several keys count one after the other; a run without an end comes before all others."""
    names = {run_id: name for name, run_id in _some_runs(client).items()}
    for order, expected in ORDERS:
        by = [{"orderBy": a, "order": b} for a, b in order]
        assert [names[run["runId"]] for run in client.query(orderBy=by)] == expected


def test_pages_have_a_hundred_runs_and_a_token_for_the_next(lite: Client) -> None:
    """A token serves the order that it came with, and is absent on the last page."""
    lite.put_pipeline("p")
    first = lite.stored(lite.create_run("p"))
    with lite.door.database.transaction() as tx:
        for number in range(1, 202):
            run_id = str(uuid.UUID(int=number))
            runs.insert(tx, replace(first, id=run_id, group_id=run_id, created_at=Instant(first.created_at + number)))
    body: dict[str, Any] = dict(EVER)
    sizes, found = [], []
    while True:
        page = lite("POST", "queryPipelineRuns", body).json()
        sizes.append(len(page["value"]))
        found += [run["runId"] for run in page["value"]]
        if "continuationToken" not in page:
            break
        body["continuationToken"] = page["continuationToken"]
    assert sizes == [100, 100, 2]
    assert len(set(found)) == 202
    body["orderBy"] = [{"orderBy": "RunStart", "order": "ASC"}]
    assert lite("POST", "queryPipelineRuns", body).status_code == 400


def test_the_span_is_inclusive_on_both_ends(lite: Client) -> None:
    """It bounds the last change, whatever its offset and precision."""
    lite.put_pipeline("p")
    lite.create_run("p")

    def found(after: str, before: str) -> int:
        return len(lite.query(lastUpdatedAfter=after, lastUpdatedBefore=before))

    assert found(START, START) == 1
    assert found("2023-11-14T22:13:20", "2023-11-15T00:13:20+02:00") == 1
    assert found("2023-11-14T22:13:20.0000001Z", "2023-11-15T00:00:00Z") == 0
    assert found("2023-11-14", "2023-11-14T22:13:19.999999999Z") == 0
    assert found("1900-01-01T00:00:00Z", "1900-01-02T00:00:00Z") == 0


BAD_QUERIES: list[tuple[Any, str]] = [
    ({"lastUpdatedBefore": "2023-01-01"}, "lastUpdatedAfter"),
    ({"lastUpdatedAfter": "2023-01-01"}, "lastUpdatedBefore"),
    ({**EVER, "lastUpdatedAfter": "soon"}, "soon"),
    ({**EVER, "lastUpdatedAfter": "2023-13-01"}, "2023-13-01"),
    ({**EVER, "filters": [{"operand": "Nope", "operator": "Equals", "values": ["x"]}]}, "Nope"),
    ({**EVER, "filters": [{"operand": "Status", "operator": "Like", "values": ["x"]}]}, "Like"),
    ({**EVER, "filters": [{"operand": "Status", "operator": "In", "values": []}]}, "values"),
    ({**EVER, "filters": [{"operand": "Status", "operator": "In", "values": [1]}]}, "Status"),
    ({**EVER, "filters": {}}, "filters"),
    ({**EVER, "orderBy": [{"orderBy": "Nope", "order": "ASC"}]}, "Nope"),
    ({**EVER, "orderBy": [{"orderBy": "Status", "order": "UP"}]}, "UP"),
    ({**EVER, "continuationToken": "gibberish"}, "token"),
    ([], "object"),
]


@pytest.mark.parametrize("path", ["queryPipelineRuns", f"pipelineruns/{NEVER}/queryActivityruns", "queryTriggerRuns"])
def test_a_query_that_cannot_be_read_is_refused(lite: Client, path: str) -> None:
    """The message names what is wrong."""
    for body, named in BAD_QUERIES:
        answer = lite("POST", path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest"), (body, answer.text)
        assert named in answer.json()["error"]["message"]
