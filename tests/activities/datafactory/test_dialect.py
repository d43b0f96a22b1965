"""The dialect of pipelines: system variables, activities that have ended, policies, and texts of failures."""

from collections.abc import Mapping

import pytest

from headrace.activities.datafactory.dialect import PipelineDialect
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Policy
from headrace.core.outcome import Failure
from headrace.core.run import ActivityStatus
from headrace.service.secret_values import seal_value
from pipeline_desk import RUN_ID, SCOPE, SEALER, Desk, HandMade, a_run, ended

VALUES: list[tuple[str, Json]] = [
    ("@pipeline().DataFactory", "f"),
    ("@pipeline().Pipeline", "p"),
    ("@pipeline().runid", RUN_ID),
    ("@pipeline().GroupId", RUN_ID),
    ("@pipeline().TriggerType", "Manual"),
    ("@pipeline().TriggerId", "abc"),
    ("@pipeline().TriggerName", "Manual"),
    ("@pipeline().TriggerTime", "2026-03-18T20:47:27.4564490Z"),
    ("@pipeline()?.TriggeredByPipelineName", None),
    ("@pipeline().parameters.x", 1),
    ("@pipeline().parameters.s", "secret"),
    ("@pipeline().globalParameters.g", "gv"),
    ("@variables('text')", "first"),
    ("@variables('LIST')", []),
    ("@variables('flag')", None),
]


@pytest.fixture
def desk() -> Desk:
    """Return a run with parameters."""
    return Desk(a_run(parameters={"x": 1, "s": seal_value(SEALER, SCOPE, "secret")}))


@pytest.mark.parametrize(("template", "expected"), VALUES)
def test_an_expression_sees_the_run(desk: Desk, template: str, expected: Json) -> None:
    """System variables, parameters (secret ones opened), global parameters, and defaults of variables."""
    assert desk.evaluate(template) == expected


def test_a_missing_system_variable_lists_the_others_in_their_order(desk: Desk) -> None:
    """The order is that of the contract's table."""
    with pytest.raises(Problem) as raised:
        desk.evaluate("@pipeline().nope")
    names = "DataFactory, Pipeline, RunId, GroupId, TriggerType, TriggerId, TriggerName, TriggerTime, parameters, globalParameters"
    assert f"available properties are '{names}'" in raised.value.message


def test_a_child_run_knows_its_parent() -> None:
    """Both values are there only in runs that a pipeline made."""
    invoked = {"invokedByType": "PipelineActivity", "pipelineName": "parent", "pipelineRunId": "r1"}
    desk = Desk(a_run(details={**a_run().details, "invokedBy": invoked}))
    assert desk.evaluate("@{pipeline().TriggeredByPipelineName}/@{pipeline().TriggeredByPipelineRunId}") == "parent/r1"


def test_a_variable_that_was_set_hides_its_default(desk: Desk) -> None:
    """What is not declared is nowhere."""
    desk.around.values["text"] = "second"
    assert desk.evaluate("@variables('Text')") == "second"
    with pytest.raises(Problem, match="template variable 'nope' cannot be found"):
        desk.evaluate("@variables('nope')")


def test_an_activity_that_succeeded_has_output_times_and_no_error(desk: Desk) -> None:
    """Times have seven digits, the duration is a span of time."""
    row = ended(started_at=Instant(1_000_000), ended_at=Instant(93_784_500_000))
    desk.around.rows["look"] = row
    assert desk.evaluate("@activity('Look').output.rows") == 5
    assert desk.evaluate("@activity('Look').Status") == "Succeeded"
    assert desk.evaluate("@activity('Look').error") is None
    assert desk.evaluate("@activity('Look').Duration") == "1.02:03:03.5000000"
    assert desk.evaluate("@activity('Look').ActivityRunStart") == "1970-01-01T00:00:01.0000000Z"
    assert desk.evaluate("@length(activity('Look').ActivityRunId)") == 36


@pytest.mark.parametrize(
    ("status", "shown", "output"),
    [
        (ActivityStatus.CARRIED, "Succeeded", {"rows": 5}),
        (ActivityStatus.SKIPPED, "Skipped", None),
        (ActivityStatus.INACTIVE, "Inactive", None),
        (ActivityStatus.CANCELLED, "Cancelled", {"rows": 5}),
    ],
)
def test_how_an_activity_ended_shows_in_its_status(
    desk: Desk, status: ActivityStatus, shown: str, output: Json
) -> None:
    """What was carried over counts as done; what was skipped has no output; none of these has an error."""
    desk.around.rows["look"] = ended(status, failure=Failure(Code.CANCELLED, "stopped"))
    assert desk.evaluate("@activity('Look').Status") == shown
    assert desk.evaluate("@activity('Look').output") == output
    assert desk.evaluate("@activity('Look').error") is None


@pytest.mark.parametrize(
    ("failure", "code", "kind"),
    [
        (Failure(Code.EXTERNAL_FAILED, "no", label="2108"), "2108", "UserError"),
        (Failure(Code.EXPRESSION_TYPE, "no"), "InvalidTemplate", "UserError"),
        (Failure(Code.TIMED_OUT, "no"), "ActivityTimeout", "UserError"),
        (Failure(Code.WORKER_LOST, "no"), "InternalServerError", "SystemError"),
    ],
)
def test_a_failed_activity_has_an_error(desk: Desk, failure: Failure, code: str, kind: str) -> None:
    """A label is the code; what the engine says has a code of its own."""
    status = ActivityStatus.TIMED_OUT if failure.code is Code.TIMED_OUT else ActivityStatus.FAILED
    desk.around.rows["look"] = ended(status, failure=failure)
    expected = {"errorCode": code, "message": "no", "failureType": kind, "target": "Look", "details": ""}
    assert desk.evaluate("@activity('Look').error") == expected


@pytest.mark.parametrize("template", ["@trigger().scheduledTime", "@triggerBody().fileName", "@dataset().x", "@item()"])
def test_what_is_elsewhere_is_not_expected_in_a_pipeline(desk: Desk, template: str) -> None:
    """Values of triggers travel through parameters; items are in loops."""
    with pytest.raises(Problem):
        desk.evaluate(template)


def test_a_policy_may_be_made_of_expressions(desk: Desk) -> None:
    """What it leaves out is as by default."""
    written: Mapping[str, Json] = {
        "timeout": "@concat('0.00:', '01:00')",
        "retry": "@add(1,1)",
        "retryIntervalInSeconds": 1,
    }
    activity = Activity("A", "web", dynamic_policy=written)
    found = desk.dialect.policy(activity, HandMade(desk.run))
    assert (found.timeout_seconds, found.retries, found.interval_seconds) == (60.0, 2, 1.0)
    activity = Activity("A", "until", policy=Policy(timeout_seconds=5.0), dynamic_policy={"retry": "@add(0,1)"})
    assert desk.dialect.policy(activity, HandMade(desk.run)).timeout_seconds == 5.0
    with pytest.raises(Problem) as raised:
        desk.dialect.policy(Activity("A", "web", dynamic_policy={"timeout": "@string('x')"}), HandMade(desk.run))
    assert raised.value.code is Code.INVALID


def test_failures_are_told_from_the_inside_out(desk: Desk) -> None:
    """Containers and runs name what failed in them; several are joined."""
    dialect: PipelineDialect = desk.dialect
    culprits = [("X", Failure(Code.INVALID, "one", label="5")), ("Y", Failure(Code.TIMED_OUT, "two"))]
    assert dialect.run_failed(culprits) == Failure(
        Code.INVALID, "Operation on target X failed: one; Operation on target Y failed: two", label="ActionFailed"
    )
    assert dialect.body_failed(culprits[1:]) == Failure(
        Code.EXTERNAL_FAILED,
        "Activity failed because an inner activity failed; Inner activity name: Y, Error: two",
        label="ActionFailed",
    )
