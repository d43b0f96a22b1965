"""Recoveries through the door, the preview of a run, runs made by runs, and callbacks."""

from dataclasses import replace
from typing import Any

import pytest

from api.datafactory.desk import EVER, SCOPE, Client, make_client, row, wait
from fakes import ManualClock
from headrace.api.datafactory.child_runs import MAX_DEPTH, ChildRuns
from headrace.api.datafactory.translate.activity_run import activity_run_id
from headrace.core.client import Identity, Role, digest_of
from headrace.core.clock import SECOND
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure, VariableChange
from headrace.core.run import ActivityStatus, Caller, Run, RunStatus
from headrace.service.callbacks import PATH, CallbackTarget, callback_url, read_callback
from headrace.store import activity_runs, signals, variables
from headrace.store.database import Database

FAIL = {"name": "B", "type": "Fail", "dependsOn": [{"activity": "A", "dependencyConditions": ["Succeeded"]}]}
WEB = {"name": "A", "type": "WebActivity", "typeProperties": {"method": "GET", "url": "http://x"}}


@pytest.fixture
def client(sqlite_database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory with nothing in it."""
    return make_client(sqlite_database, clock)


def failed_run(client: Client, body: Any = None, name: str = "p") -> str:
    """Return the id of a run in which A succeeded and B, which comes after it, failed."""
    run_id = client.create_run(name, body)
    client.move(run_id, RunStatus.RUNNING)
    done = {"kind": "web", "output": {"o": 1}, "details": {"input": {"i": 1}}}
    known = client.stored(run_id).definition.by_name
    for path, status, more in (("A", ActivityStatus.SUCCEEDED, done), ("B", ActivityStatus.FAILED, {"kind": "fail"})):
        fingerprint = known[path].fingerprint
        client.add(row(run_id, path, status, client.clock.now(), attempt=2, fingerprint=fingerprint, **more))
    client.move(run_id, RunStatus.FAILED, reason=Failure(Code.INVALID, "no"))
    client.clock.advance(SECOND)
    return run_id


def test_a_recovery_joins_the_group_and_carries_over(client: Client) -> None:
    """The new run is the latest one; what succeeded has its row at once, with the origin's id."""
    client.put_pipeline("p", WEB, FAIL)
    first = failed_run(client)
    second = client.create_run("p", referencePipelineRunId=first.upper(), isRecovery="true", startFromFailure="TRUE")
    shown = client.run(second)
    assert (shown["runGroupId"], shown["isLatest"], client.run(first)["isLatest"]) == (first, True, False)
    assert (shown["isRecovery"], shown["startFromFailure"], shown["startActivityName"]) == (True, True, None)
    assert client.stored(second).retry_of == first
    (carried,) = client.activities(second)
    assert (carried["activityName"], carried["status"], carried["recoveryStatus"]) == ("A", "Skipped", "Skipped")
    assert (carried["input"], carried["output"], carried["durationInMs"]) == ({"i": 1}, {"o": 1}, 0)
    assert carried["carriedOverFrom"] == activity_run_id(first, "A", 2)
    third = client.create_run("p", referencePipelineRunId=second, isRecovery="true")
    assert client.run(third)["runGroupId"] == first
    latest = [{"operand": "LatestOnly", "operator": "Equals", "values": ["true"]}]
    assert [run["runId"] for run in client.query(filters=latest)] == [third]
    group = [{"operand": "RunGroupId", "operator": "Equals", "values": [first]}]
    assert {run["runId"] for run in client.query(filters=group)} == {first, second, third}


def test_a_recovery_takes_the_parameters_of_the_run_that_it_refers_to(client: Client) -> None:
    """They are checked again by the definition of now; overrideParameters lays the body over them."""
    client.put_pipeline("p", WEB, FAIL, parameters={"a": {"type": "String"}})
    first = failed_run(client, {"a": "1"})
    query: dict[str, Any] = {"referencePipelineRunId": first, "isRecovery": "true"}
    assert client.stored(client.create_run("p", {"a": "2"}, **query)).parameters == {"a": "1"}
    assert client.stored(client.create_run("p", {"a": "2"}, **query, overrideParameters="true")).parameters == {
        "a": "2"
    }
    client.put_pipeline("p", WEB, FAIL, parameters={"a": {"type": "String"}, "b": {"type": "Int"}})
    refused = client("POST", "pipelines/p/createRun", **query)
    assert (refused.status_code, refused.json()["error"]["target"]) == (400, "pipeline/p")


def test_the_activity_to_begin_with_has_to_be_in_the_definition(client: Client) -> None:
    """It is found in any letter case; outside of a recovery it says nothing."""
    client.put_pipeline("p", WEB, FAIL)
    first = failed_run(client)
    query: dict[str, Any] = {"referencePipelineRunId": first, "isRecovery": "true"}
    refused = client("POST", "pipelines/p/createRun", **query, startActivityName="Nope")
    assert (refused.status_code, refused.json()["error"]["target"]) == (400, "pipeline/p")
    assert "'Nope'" in refused.json()["error"]["message"]
    assert client.create_run("p", startActivityName="Nope")
    made = client.stored(client.create_run("p", **query, startActivityName="a"))
    plan: Any = made.plan
    assert {one["path"]: one["verdict"] for one in plan["activities"]}["A"] == "run"


def test_a_preview_says_what_a_run_would_do_and_makes_none(client: Client) -> None:
    """The verdicts are those of the run that createRun would make."""
    client.put_pipeline("p", WEB, FAIL)
    fresh = client("POST", "pipelines/p/planRun").json()
    assert (fresh["mode"], [one["verdict"] for one in fresh["activities"]]) == ("Fresh", ["Run", "Run"])
    first = failed_run(client)
    query: dict[str, Any] = {"referencePipelineRunId": first, "isRecovery": "true", "startFromFailure": "true"}
    preview = client("POST", "pipelines/p/planRun", **query).json()
    carried, again = preview["activities"]
    assert preview["mode"] == "FromFailure"
    assert (carried["name"], carried["type"], carried["verdict"]) == ("A", "WebActivity", "CarryOver")
    assert carried["carriedOverFrom"] == first
    assert (again["name"], again["verdict"]) == ("B", "Run")
    assert again["reason"]
    assert len(client.query()) == 1
    query["referencePipelineRunId"] = "x"
    assert client("POST", "pipelines/p/planRun", **query).status_code == 400
    assert client("POST", "pipelines/none/planRun").status_code == 404


def _parent(client: Client) -> tuple[Run, Caller]:
    client.put_pipeline("parent", {"name": "Call", "type": "ExecutePipeline", "typeProperties": {}})
    parent = client.stored(client.create_run("parent"))
    return parent, Caller(parent.id, "Call", 1)


def test_an_attempt_has_one_child_run(client: Client) -> None:
    """It knows who made it, and however often it is asked for, there is one."""
    client.put_pipeline("child", parameters={"a": {"type": "Int"}})
    parent, caller = _parent(client)
    children = ChildRuns(client.door)
    child = children.start(caller, "CHILD", {"a": "3"})
    assert children.start(caller, "child", {"a": 4}) == child
    stored, asking = client.stored(child), activity_run_id(parent.id, "Call", 1)
    assert (stored.parameters, stored.caller, stored.group_id) == ({"a": 3}, caller, child)
    assert client.run(child)["invokedBy"] == {
        "id": asking,
        "name": "parent",
        "invokedByType": "PipelineActivity",
        "pipelineName": "parent",
        "pipelineRunId": parent.id,
    }
    trigger: Any = stored.details["trigger"]
    assert (trigger["type"], trigger["id"], stored.details["factory"]) == ("PipelineActivity", asking, "Fac")
    assert stored.details["globalParameters"] == {"g": "gv"}
    client.move(child, RunStatus.RUNNING)
    with client.door.database.transaction() as tx:
        variables.change(tx, SCOPE, child, VariableChange("pipelineReturnValue", {"k": 1}), client.clock.now())
    client.move(child, RunStatus.FAILED, reason=Failure(Code.INVALID, "why"))
    end = children.end_of(SCOPE, child)
    assert (end.status, end.message, end.returned) == (RunStatus.FAILED, "why", {"k": 1})


def test_a_child_that_cannot_be_made_says_why(client: Client) -> None:
    """Its parameters and its definition are checked as for a run by hand; runs cannot make one another without an end."""
    client.put_pipeline("child", parameters={"a": {"type": "Int"}})
    client.put_pipeline("broken", {**wait("W"), "userProperties": [{"name": "n", "value": "@x("}]})
    _, caller = _parent(client)
    children = ChildRuns(client.door)
    cases: list[tuple[str, dict[str, Any], Code]] = [
        ("child", {"a": "x"}, Code.INVALID),
        ("child", {}, Code.INVALID),
        ("broken", {}, Code.INVALID),
        ("none", {}, Code.NOT_FOUND),
    ]
    for name, parameters, code in cases:
        with pytest.raises(Problem) as refusal:
            children.start(caller, name, parameters)
        assert refusal.value.code is code
    run_id = caller.run_id
    for _ in range(MAX_DEPTH):
        run_id = children.start(Caller(run_id, "Call", 1), "parent", {})
    with pytest.raises(Problem, match="made by one another"):
        children.start(Caller(run_id, "Call", 1), "parent", {})


def test_a_pipeline_that_runs_itself_more_than_once_comes_to_an_end(client: Client) -> None:
    """Two children each would be more runs than there are atoms before the depth ends them: they are counted, all together."""
    client.put_pipeline("again")
    parent, _ = _parent(client)
    children = ChildRuns(client.door, most=5)
    ids = [children.start(Caller(parent.id, "Call", attempt), "again", {}) for attempt in range(1, 9)]
    below = [children.start(Caller(run_id, "Call", 1), "again", {}) for run_id in ids[:5]]
    with pytest.raises(Problem, match=f"run {parent.id} has led to 5 runs") as refusal:
        children.start(Caller(below[0], "Call", 1), "again", {})
    assert refusal.value.code is Code.LIMIT_EXCEEDED
    assert children.start(Caller(ids[0], "Call", 1), "again", {}) == below[0], "who has a child is not counted again"
    assert {client.stored(run_id).details["root"] for run_id in (*ids, *below)} == {parent.id}


def test_a_run_that_is_being_stopped_makes_no_further_runs(client: Client) -> None:
    """What is cancelled with all that it has made leaves nothing behind that began a moment later; a child that is there is named still."""
    client.put_pipeline("child", wait("W"))
    parent, caller = _parent(client)
    children = ChildRuns(client.door)
    child = children.start(caller, "child", {})
    client.move(parent.id, RunStatus.RUNNING)
    client.move(parent.id, RunStatus.CANCELLING)
    assert children.start(caller, "child", {}) == child
    with pytest.raises(Problem, match="makes no further runs") as refusal:
        children.start(Caller(parent.id, "Call", 2), "child", {})
    assert refusal.value.code is Code.CANCELLED


def test_a_recovered_child_goes_on_where_its_parameters_are_the_same(client: Client) -> None:
    """With others it does all of it again; a run of another pipeline is not gone on with at all."""
    client.put_pipeline("child", WEB, FAIL, parameters={"a": {"type": "Int"}, "s": {"type": "SecureString"}})
    earlier = failed_run(client, {"a": 1, "s": "hush"}, "child")
    parent, _ = _parent(client)
    children = ChildRuns(client.door)
    calls: list[tuple[str, dict[str, Any]]] = [
        ("child", {"a": 1, "s": "hush"}),
        ("child", {"a": 2, "s": "hush"}),
        ("parent", {}),
    ]
    made = [
        client.stored(children.start(Caller(parent.id, "Call", attempt), name, parameters, earlier))
        for attempt, (name, parameters) in enumerate(calls, 1)
    ]
    assert [run.plan["mode"] for run in made] == ["from_failure", "all", "fresh"]
    assert [run.group_id for run in made] == [earlier, earlier, made[2].id]


def test_whoever_has_the_address_can_call_back_once(client: Client) -> None:
    """The first word counts; a late one, and one at an address that was made up, find nothing."""
    client.put_pipeline("p", {"name": "Hook", "type": "WebHook", "typeProperties": {}})
    run_id, now = client.create_run("p"), client.clock.now()
    target = CallbackTarget(run_id, "Hook", 2)
    url = callback_url("http://127.0.0.1:8000/", target, client.door.sealer)
    assert url == callback_url("http://127.0.0.1:8000", target, client.door.sealer)
    path = url.removeprefix("http://127.0.0.1:8000")
    assert path.startswith(f"{PATH}/")
    assert read_callback(path.rpartition("/")[2], client.door.sealer) == target
    assert client("POST", path, {}).status_code == 404
    client.add(row(run_id, "Hook", ActivityStatus.WAITING, now, attempt=2, kind="web_hook"))
    for body in ({"Output": {"a": 1}}, {"Output": {"a": 2}}, None):
        assert client("POST", path, body).status_code == 200
    with client.door.database.reading() as tx:
        assert signals.get(tx, run_id, "Hook", 2) == {"callback": {"Output": {"a": 1}}}
    with client.door.database.transaction() as tx:
        open_now = {ActivityStatus.WAITING}
        assert activity_runs.move(tx, run_id, "Hook", 2, open_now, ActivityStatus.SUCCEEDED, now)
    token = path.rpartition("/")[2]
    for other in (token, token[:-2] + "xx", token.partition(".")[0], "x", "%E2%82%AC.a", "a" * 9000):
        assert client("POST", f"{PATH}/{other}", {}).status_code == 404
    assert client("POST", path, b"no json").status_code == 400


def test_callbacks_need_no_token(sqlite_database: Database, clock: ManualClock) -> None:
    """The address is the credential; all else asks for one."""
    client = make_client(sqlite_database, clock)
    guarded = Client(replace(client.door, anonymous=False), clock)
    assert guarded("POST", f"{PATH}/unknown", {}).status_code == 404
    assert guarded("POST", "pipelines/p/createRun").status_code == 401


def test_a_reader_may_look_at_plans_and_make_no_runs(sqlite_database: Database, clock: ManualClock) -> None:
    """What a run would do is no secret to who may read; making it needs an operator."""
    client = make_client(sqlite_database, clock)
    client.put_pipeline("p")
    tokens = {digest_of("t" * 20): Identity("reader", Role.READER)}
    reader = Client(replace(client.door, anonymous=False, static_tokens=tokens), clock)
    shown = {"authorization": f"Bearer {'t' * 20}"}
    assert reader("POST", "pipelines/p/planRun", headers=shown).status_code == 200
    assert reader("POST", "queryPipelineRuns", EVER, headers=shown).status_code == 200
    assert reader("POST", "pipelines/p/createRun", headers=shown).status_code == 403
