"""Activity runs: what is shown of one, and lists of them."""

from typing import Any

import pytest

from api.datafactory.desk import EVER, FACTORY, Client, make_client, row, wait
from fakes import ManualClock
from headrace.activities.datafactory import words
from headrace.api.datafactory.translate.activity_run import activity_run_id, spot_of
from headrace.api.datafactory.translate.failures import error_code, failure_type
from headrace.api.datafactory.translate.plan import compile_plan
from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import BODY, ActivityStatus, RunStatus
from headrace.store.database import Database

AT = 1_700_000_000_000_000
EACH = {
    "name": "Each",
    "type": "ForEach",
    "typeProperties": {
        "items": "@createArray(1)",
        "activities": [
            {
                "name": "Check",
                "type": "IfCondition",
                "typeProperties": {"expression": "@true", "ifTrueActivities": [wait("Inner")]},
            }
        ],
    },
}
SWITCH = {
    "name": "Sw",
    "type": "Switch",
    "typeProperties": {"on": "x", "cases": [{"value": "a/b", "activities": [wait("In case")]}]},
}
COPY = {"name": "Load", "type": "Copy", "linkedServiceName": {"referenceName": "ls", "type": "LinkedServiceReference"}}


@pytest.fixture
def client(database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory, once for each kind of database."""
    return make_client(database, clock)


@pytest.fixture
def lite(sqlite_database: Database, clock: ManualClock) -> Client:
    """Return a client of a factory, for what does not depend on the kind of database."""
    return make_client(sqlite_database, clock)


def make_run(client: Client, *activities: Any) -> str:
    """Return the id of a run of a pipeline that has a Wait ``Hidden`` beside ``activities``."""
    client.put_pipeline("p", *activities, wait("Hidden"))
    run_id = client.create_run("p")
    client.move(run_id, RunStatus.RUNNING)
    return run_id


def again(run_id: str, path: str, status: ActivityStatus, at: int, **more: Any) -> Any:
    """Return a row for a second attempt."""
    return row(run_id, path, status, at, attempt=2, **more)


def test_an_activity_run_is_shown_field_by_field(lite: Client) -> None:
    """Clients find every field of the contract, in its form."""
    copy = {**COPY}
    del copy["linkedServiceName"]
    run_id = make_run(lite, copy)
    details = {"input": {"source": {}}, "userProperties": {"u": "v"}}
    lite.add(again(run_id, "Load", ActivityStatus.SUCCEEDED, AT, kind="copy_data", details=details, output={"n": 1}))
    (shown,) = lite.activities(run_id)
    own_id = activity_run_id(run_id, "Load", 2)
    assert shown == {
        "id": f"{FACTORY.upper()}/pipelineruns/{run_id}/activityruns/{own_id}",
        "activityRunId": own_id,
        "activityName": "Load",
        "activityType": "Copy",
        "pipelineName": "p",
        "pipelineRunId": run_id,
        "linkedServiceName": "",
        "status": "Succeeded",
        "activityRunStart": "2023-11-14T22:13:20.0000000Z",
        "activityRunEnd": "2023-11-14T22:13:21.0000000Z",
        "durationInMs": 1000,
        "input": {"source": {}},
        "output": {"n": 1},
        "error": {"errorCode": "", "message": "", "failureType": "", "target": "Load", "details": ""},
        "retryAttempt": 1,
        "iterationHash": "",
        "iterationIndex": None,
        "recoveryStatus": "None",
        "userProperties": {"u": "v"},
        "integrationRuntimeNames": ["defaultintegrationruntime"],
        "executionDetails": {
            "integrationRuntime": [{"name": "DefaultIntegrationRuntime", "type": "Managed", "location": "Local"}]
        },
        "parentActivityRunId": None,
        "carriedOverFrom": None,
    }


def test_secure_inputs_and_outputs_are_not_shown(lite: Client) -> None:
    """The ledger keeps them for expressions; answers do not have them."""
    run_id = make_run(lite)
    details = {"input": {"i": 1}, "secureInput": True, "secureOutput": True}
    lite.add(again(run_id, "Hidden", ActivityStatus.SUCCEEDED, AT, details=details, output={"o": 1}))
    (shown,) = lite.activities(run_id)
    assert (shown["input"], shown["output"]) == ({}, {})


@pytest.mark.parametrize(
    ("failure", "code", "kind"),
    [
        (Failure(Code.INVALID, "no", label="MyCode"), "MyCode", "UserError"),
        (Failure(Code.EXPRESSION_TYPE, "no"), "InvalidTemplate", "UserError"),
        (Failure(Code.TIMED_OUT, "no"), "ActivityTimeout", "UserError"),
        (Failure(Code.WORKER_LOST, "no"), "InternalServerError", "SystemError"),
    ],
)
def test_a_failure_has_its_code_and_type(lite: Client, failure: Failure, code: str, kind: str) -> None:
    """A label is the activity's own word; else the ledger's code has one here."""
    run_id = make_run(lite)
    status = ActivityStatus.TIMED_OUT if failure.code is Code.TIMED_OUT else ActivityStatus.FAILED
    lite.add(again(run_id, "Hidden", status, AT, failure=failure))
    (shown,) = lite.activities(run_id)
    expected = {"errorCode": code, "message": "no", "failureType": kind, "target": "Hidden", "details": ""}
    assert shown["error"] == expected
    assert shown["status"] == ("TimedOut" if status is ActivityStatus.TIMED_OUT else "Failed")


def test_answers_and_expressions_have_the_same_words_for_failures() -> None:
    """``.error.errorCode`` in an expression is what the activity run shows."""
    for code in Code:
        for label in ("", "Own"):
            failure = Failure(code, "no", label=label)
            assert (error_code(failure), failure_type(failure)) == (
                words.error_code(failure),
                words.failure_type(failure),
            )


def test_what_was_skipped_began_and_ended_when_that_was_decided(lite: Client) -> None:
    """Skipped, switched off and carried over: no time has gone by."""
    run_id = make_run(lite, wait("A"), wait("B"), wait("C"))
    ended = {"started_at": None, "ended_at": Instant(AT + 5)}
    origin = {"run_id": run_id, "path": "C", "attempt": 3}
    lite.add(
        again(run_id, "A", ActivityStatus.SKIPPED, AT, **ended),
        again(run_id, "B", ActivityStatus.INACTIVE, AT, **ended),
        again(run_id, "C", ActivityStatus.CARRIED, AT, **ended, carried_from=run_id, details={"carried": origin}),
    )
    shown = lite.activities(run_id)
    assert [(one["status"], one["recoveryStatus"]) for one in shown] == [
        ("Skipped", "None"),
        ("Inactive", "None"),
        ("Skipped", "Skipped"),
    ]
    assert {(one["activityRunStart"], one["activityRunEnd"], one["durationInMs"]) for one in shown} == {
        ("2023-11-14T22:13:20.0000050Z", "2023-11-14T22:13:20.0000050Z", 0)
    }
    assert [one["carriedOverFrom"] for one in shown] == [None, None, activity_run_id(run_id, "C", 3)]


def test_activities_inside_of_containers_know_where_they_are(lite: Client) -> None:
    """Rows are flat; hash and index tell the iteration, the parent's id the container."""
    run_id = make_run(lite, EACH, SWITCH)
    done = ActivityStatus.SUCCEEDED
    lite.add(
        again(run_id, "Each", ActivityStatus.WAITING, AT, kind="for_each"),
        row(run_id, "Each/1", done, AT, kind=BODY, parent="Each"),
        row(run_id, "Each/1/Check", done, AT + 1, kind="if", parent="Each/1"),
        row(run_id, "Each/1/Check/true/Inner", done, AT + 2, parent="Each/1/Check/true"),
        row(run_id, "Each/2/Check", done, AT + 3, kind="if", parent="Each/2"),
        row(run_id, "Sw/case:a/b/In case", done, AT + 4, parent="Sw/case:a/b"),
    )
    each, check, inner, other, case = lite.activities(run_id)
    assert (each["status"], each["iterationHash"], each["activityRunEnd"]) == ("InProgress", "", None)
    assert (check["activityName"], check["activityType"], check["iterationIndex"]) == ("Check", "IfCondition", 1)
    assert (inner["activityName"], inner["activityType"], inner["iterationIndex"]) == ("Inner", "Wait", 1)
    assert len(check["iterationHash"]) == 32
    assert check["iterationHash"] == inner["iterationHash"] != other["iterationHash"]
    assert check["parentActivityRunId"] == activity_run_id(run_id, "Each", 1)
    assert inner["parentActivityRunId"] == activity_run_id(run_id, "Each/1/Check", 1)
    assert (case["activityName"], case["iterationHash"]) == ("In case", "")
    assert case["parentActivityRunId"] == activity_run_id(run_id, "Sw", 1)


def test_a_path_that_the_definition_does_not_have_is_read_all_the_same() -> None:
    """Rows of an older definition still show a name."""
    spot = spot_of(compile_plan("p", {}), "Gone/3/Inner")
    assert (spot.activity, spot.name, spot.container, spot.index) == (None, "Inner", "Gone", 3)


def _rows(client: Client) -> str:
    """Return the id of a run with seven rows that are shown, and some that are not."""
    run_id = make_run(client, wait("Alpha"), wait("beta"), COPY | {"linkedServiceName": None}, EACH)
    none = {"started_at": None, "ended_at": Instant(AT + 3 * SECOND)}
    client.add(
        again(run_id, "Alpha", ActivityStatus.FAILED, AT),
        row(run_id, "Alpha", ActivityStatus.SUCCEEDED, AT + SECOND, attempt=3),
        again(run_id, "beta", ActivityStatus.RUNNING, AT + 2 * SECOND),
        again(run_id, "Load", ActivityStatus.SKIPPED, AT, kind="copy_data", **none),
        row(run_id, "Each/0/Check", ActivityStatus.SUCCEEDED, AT + 4 * SECOND, kind="if", parent="Each/0"),
        row(run_id, "Each/1/Check", ActivityStatus.TIMED_OUT, AT + 5 * SECOND, kind="if", parent="Each/1"),
        again(run_id, "Each", ActivityStatus.QUEUED, AT + 6 * SECOND, kind="for_each", started_at=None),
        row(run_id, "Each/1", ActivityStatus.RUNNING, AT, kind=BODY, parent="Each"),
        row(run_id, "Each/2/Check", ActivityStatus.CANCELLED, AT, kind="if", parent="Each/2", started_at=None),
    )
    return run_id


OLDEST_FIRST = ["Alpha 1", "Alpha 2", "beta 1", "Load 1", "Check 0", "Check 0", "Each 1"]
QUERIES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, OLDEST_FIRST),
    ({"orderBy": [{"orderBy": "ActivityRunStart", "order": "DESC"}]}, list(reversed(OLDEST_FIRST))),
    (
        {"orderBy": [{"orderBy": "ActivityName", "order": "ASC"}, {"orderBy": "ActivityRunStart", "order": "DESC"}]},
        ["Alpha 2", "Alpha 1", "beta 1", "Check 0", "Check 0", "Each 1", "Load 1"],
    ),
    (
        {"orderBy": [{"orderBy": "Status", "order": "DESC"}, {"orderBy": "ActivityRunEnd", "order": "ASC"}]},
        ["Check 0", "Alpha 2", "Check 0", "Load 1", "Each 1", "beta 1", "Alpha 1"],
    ),
]
FILTERS: list[tuple[str, str, list[str], list[str]]] = [
    ("Status", "In", ["failed", "TimedOut"], ["Alpha 1", "Check 0"]),
    ("Status", "NotEquals", ["Succeeded"], ["Alpha 1", "beta 1", "Load 1", "Check 0", "Each 1"]),
    ("ActivityName", "Equals", ["CHECK"], ["Check 0", "Check 0"]),
    ("ActivityName", "NotIn", ["check", "alpha"], ["beta 1", "Load 1", "Each 1"]),
    ("ActivityType", "Equals", ["copy"], ["Load 1"]),
    ("ActivityType", "NotIn", ["Wait", "IfCondition"], ["Load 1", "Each 1"]),
    ("ActivityType", "Equals", ["Nonsense"], []),
    ("ActivityRunStart", "Equals", ["2023-11-14T22:13:22Z"], ["beta 1"]),
    ("ActivityRunEnd", "In", ["2023-11-14T22:13:21Z", "2023-11-14T22:13:23Z"], ["Alpha 1", "Load 1"]),
]


def _names(rows: list[dict[str, Any]]) -> list[str]:
    return [f"{one['activityName']} {one['retryAttempt']}" for one in rows]


def test_activity_runs_are_filtered_and_ordered(client: Client) -> None:
    """What was never begun is not there; the others come in every order, by every operand."""
    run_id = _rows(client)
    for body, expected in QUERIES:
        assert _names(client.activities(run_id, **body)) == expected
    for operand, operator, values, expected in FILTERS:
        filters = [{"operand": operand, "operator": operator, "values": values}]
        assert _names(client.activities(run_id, filters=filters)) == expected, (operand, values)
    assert _names(client.activities(run_id, lastUpdatedAfter="2023-11-14T22:13:25Z")) == [
        "Check 0",
        "Check 0",
        "Each 1",
    ]


def test_pages_have_a_hundred_activity_runs(client: Client) -> None:
    """Each is there once, in order, whether it has begun or not."""
    run_id = make_run(client, EACH)
    none = {"started_at": None, "ended_at": Instant(AT)}
    client.add(
        *(
            row(run_id, f"Each/{n}/Check", ActivityStatus.SKIPPED, AT, kind="if", parent=f"Each/{n}", **none)
            if n % 3 == 0
            else row(run_id, f"Each/{n}/Check", ActivityStatus.SUCCEEDED, AT + n // 4, kind="if", parent=f"Each/{n}")
            for n in range(205)
        )
    )
    for order in ([], [{"orderBy": "ActivityRunEnd", "order": "DESC"}]):
        body: dict[str, Any] = {**EVER, "orderBy": order}
        found: list[dict[str, Any]] = []
        sizes = []
        while True:
            page = client("POST", f"pipelineruns/{run_id}/queryActivityruns", body).json()
            found += page["value"]
            sizes.append(len(page["value"]))
            if "continuationToken" not in page:
                break
            body["continuationToken"] = page["continuationToken"]
        assert sizes == [100, 100, 5]
        assert len({one["activityRunId"] for one in found}) == 205
        times = [one["activityRunEnd" if order else "activityRunStart"] for one in found]
        assert times == sorted(times, reverse=bool(order))
