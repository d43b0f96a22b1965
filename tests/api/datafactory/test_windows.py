"""Tumbling window triggers as their clients see them."""

from typing import Any

import pytest

from api.datafactory.firing import NOON, Triggers, make_triggers
from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant
from headrace.core.run import RunStatus
from headrace.service.triggers.forgetting import forget_trigger_runs
from headrace.store.database import Database

pytestmark = pytest.mark.turn_about

HOURLY: dict[str, Any] = {
    "frequency": "Hour",
    "interval": 1,
    "startTime": "2026-01-01T00:00:00Z",
    "maxConcurrency": 2,
}
BOUNDS = {"begin": "@trigger().outputs.windowStartTime", "end": "@trigger().outputs.windowEndTime"}


@pytest.fixture
def triggers(database: Database) -> Triggers:
    """Return a door with triggers, at noon of the day on which the windows begin."""
    return make_triggers(database)


def put(triggers: Triggers, name: str = "t", **change: Any) -> None:
    """Make a trigger of hourly windows."""
    triggers.put("TumblingWindowTrigger", {**HOURLY, **change}, name, **BOUNDS)


def start(triggers: Triggers, name: str = "t", **change: Any) -> None:
    """Make a trigger of hourly windows, start it, and let it look."""
    put(triggers, name, **change)
    triggers.start(name)
    triggers.fire()


def statuses(triggers: Triggers, name: str = "t") -> dict[int, str]:
    """Return the statuses of a trigger's windows by the hour at which they begin."""
    found = triggers.runs(filters=[{"operand": "TriggerName", "operator": "Equals", "values": [name]}])
    return dict(sorted((_hour(run["properties"]["windowStartTime"]), run["status"]) for run in found))


def _hour(text: str) -> int:
    _, clock, half = text.split(" ")
    return int(clock.partition(":")[0]) % 12 + (12 if half == "PM" else 0)


def begun(triggers: Triggers) -> list[str]:
    """Return the hours at which the windows of the pipeline runs begin, in the order of these."""
    return [run["parameters"]["begin"][11:13] for run in triggers.pipeline_runs()]


def the_run(triggers: Triggers, hour: int, name: str = "t") -> dict[str, Any]:
    """Return the trigger run of the window that begins at an hour."""
    return next(
        run
        for run in triggers.runs()
        if run["triggerName"] == name and _hour(run["properties"]["windowStartTime"]) == hour
    )


def test_past_windows_are_processed_from_the_oldest_on(triggers: Triggers) -> None:
    """Contract 10.2: at most ``maxConcurrency`` at a time, and each as a trigger run with its window."""
    start(triggers)
    assert begun(triggers) == ["00", "01"]
    found = statuses(triggers)
    assert found == {0: "Inprogress", 1: "Inprogress", **dict.fromkeys(range(2, 12), "Waiting")}
    run = the_run(triggers, 1)
    assert run["properties"] == {
        "TriggerTime": "1/1/2026 12:00:00 PM",
        "windowStartTime": "1/1/2026 1:00:00 AM",
        "windowEndTime": "1/1/2026 2:00:00 AM",
    }
    assert run["triggerType"] == "TumblingWindowTrigger"
    while triggers.end():
        triggers.fire()
    assert begun(triggers) == [f"{hour:02}" for hour in range(12)]
    assert set(statuses(triggers).values()) == {"Succeeded"}
    assert triggers.pipeline_runs()[0]["parameters"]["end"] == "2026-01-01T01:00:00.0000000Z"
    triggers.fire(59 * MINUTE)
    assert len(begun(triggers)) == 12
    triggers.fire(MINUTE)
    assert begun(triggers)[12:] == ["12"]


def test_a_window_takes_its_end_from_its_pipeline_run(triggers: Triggers) -> None:
    """Contract 10.2: succeeded, failed with the run's text, cancelled."""
    start(triggers, maxConcurrency=1)
    for end in (RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED):
        triggers.end(end)
        triggers.fire()
    found = statuses(triggers)
    assert [found[hour] for hour in range(4)] == ["Succeeded", "Failed", "Cancelled", "Inprogress"]
    assert [the_run(triggers, hour)["message"] for hour in range(3)] == [None, "it broke", None]


def test_a_failed_run_is_tried_again_with_the_same_parameters(triggers: Triggers) -> None:
    """Contract 10.2: ``count`` times, after ``intervalInSeconds``; the last try is shown, and the window keeps its place meanwhile."""
    put(triggers, maxConcurrency=1, retryPolicy={"count": 2, "intervalInSeconds": 60})
    triggers.put(
        "TumblingWindowTrigger",
        {**HOURLY, "maxConcurrency": 1, "retryPolicy": {"count": 2, "intervalInSeconds": 60}},
        n="@guid()",
        **BOUNDS,
    )
    triggers.start()
    triggers.fire()
    for tries in (1, 2):
        triggers.end(RunStatus.FAILED)
        triggers.fire()
        triggers.fire(59 * SECOND)
        assert (len(begun(triggers)), statuses(triggers)[0]) == (tries, "Inprogress")
        triggers.fire(SECOND)
    assert begun(triggers) == ["00", "00", "00"]
    assert len({run["parameters"]["n"] for run in triggers.pipeline_runs()}) == 1
    assert the_run(triggers, 0)["triggeredPipelines"] == {"p": triggers.pipeline_runs()[-1]["runId"]}
    triggers.end(RunStatus.FAILED)
    triggers.fire()
    assert (statuses(triggers)[0], begun(triggers)[3:]) == ("Failed", ["01"])


def test_a_delay_lets_a_window_wait_and_does_not_move_it(triggers: Triggers) -> None:
    """Contract 10.2."""
    start(triggers, startTime="2026-01-01T11:00:00Z", delay="00:15:00")
    assert statuses(triggers) == {}
    triggers.fire(15 * MINUTE)
    assert begun(triggers) == ["11"]


def test_a_stop_leaves_windows_as_they_are_until_the_next_start(triggers: Triggers) -> None:
    """Contract 10: runs go on and end, waiting windows wait, and none is lost meanwhile."""
    start(triggers, startTime="2026-01-01T08:00:00Z")
    triggers.stop()
    triggers.end()
    triggers.fire(HOUR)
    expected = {8: "Succeeded", 9: "Succeeded", 10: "Waiting", 11: "Waiting"}
    assert statuses(triggers) == expected
    triggers.start()
    triggers.fire()
    assert statuses(triggers) == {**expected, 10: "Inprogress", 11: "Inprogress", 12: "Waiting"}


def test_windows_wait_for_those_of_another_trigger(triggers: Triggers) -> None:
    """Contract 10.2: every window that overlaps must have succeeded; a failed one keeps the dependant waiting until it is rerun successfully."""
    upstream = {"referenceTrigger": {"referenceName": "U", "type": "TriggerReference"}}
    depends = [
        {"type": "TumblingWindowTriggerDependencyReference", **upstream, "offset": "-01:00:00", "size": "02:00:00"}
    ]
    put(triggers, "U", startTime="2026-01-01T09:00:00Z")
    start(triggers, "d", startTime="2026-01-01T09:00:00Z", dependsOn=depends)
    assert statuses(triggers, "d") == dict.fromkeys((9, 10, 11), "WaitingOnDependency")
    assert the_run(triggers, 9, "d")["dependencyStatus"] == {"U": "Waiting"}
    triggers.start("U")
    triggers.fire()
    triggers.end(RunStatus.SUCCEEDED, 1)
    triggers.end(RunStatus.FAILED, 1)
    triggers.fire()
    assert statuses(triggers, "d") == {9: "Inprogress", 10: "WaitingOnDependency", 11: "WaitingOnDependency"}
    assert the_run(triggers, 10, "d")["dependencyStatus"] == {"U": "Failed"}
    triggers.end()
    triggers.fire(5 * SECOND)
    assert statuses(triggers, "d")[10] == "WaitingOnDependency"
    failed = the_run(triggers, 10, "U")["triggerRunId"]
    triggers.act(f"triggerRuns/{failed}/rerun", "u")
    triggers.fire()
    triggers.end()
    triggers.fire(5 * SECOND)
    assert statuses(triggers, "d") == {9: "Succeeded", 10: "Inprogress", 11: "Inprogress"}
    assert the_run(triggers, 11, "d")["dependencyStatus"] == {"U": "Succeeded"}


def test_windows_wait_for_earlier_ones_of_their_own(triggers: Triggers) -> None:
    """Contract 10.2: ranges before the start count as satisfied, so the first one begins, and each that follows has to wait."""
    itself = [{"type": "SelfDependencyTumblingWindowTriggerReference", "offset": "-01:00:00", "size": "01:00:00"}]
    start(triggers, startTime="2026-01-01T09:00:00Z", dependsOn=itself)
    assert statuses(triggers) == {9: "Inprogress", 10: "WaitingOnDependency", 11: "WaitingOnDependency"}
    triggers.end()
    triggers.fire()
    assert statuses(triggers) == {9: "Succeeded", 10: "Inprogress", 11: "WaitingOnDependency"}


def test_a_window_that_waits_for_seven_days_fails(triggers: Triggers) -> None:
    """Contract 10.2."""
    put(triggers, "u")
    upstream = {"referenceTrigger": {"referenceName": "u", "type": "TriggerReference"}}
    depends = [{"type": "TumblingWindowTriggerDependencyReference", **upstream}]
    ends = {"startTime": "2026-01-01T11:00:00Z", "endTime": "2026-01-01T12:00:00Z"}
    start(triggers, "d", **ends, dependsOn=depends)
    triggers.fire(7 * DAY - SECOND)
    assert statuses(triggers, "d") == {11: "WaitingOnDependency"}
    triggers.fire(SECOND)
    assert statuses(triggers, "d") == {11: "Failed"}
    assert "waited seven days for the windows of u" in the_run(triggers, 11, "d")["message"]


def test_a_waiting_window_is_cancelled_and_asked_for_again(triggers: Triggers) -> None:
    """Contract 10.2 and 5: cancel works on what waits, rerun on what failed or was cancelled, with the parameters that it had."""
    start(triggers, startTime="2026-01-01T09:00:00Z", maxConcurrency=1)
    running, waiting = the_run(triggers, 9)["triggerRunId"], the_run(triggers, 11)["triggerRunId"]

    def refused(run: str, action: str) -> str:
        answer = triggers.client("POST", f"triggers/T/triggerRuns/{run}/{action}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
        assert answer.json()["error"]["target"] == "t"
        return str(answer.json()["error"]["message"])

    assert refused(running, "cancel") == f"Trigger run {running} is not in WaitingOnDependency state"
    assert "a failed or cancelled one can be run again" in refused(running, "rerun")
    triggers.act(f"triggerRuns/{waiting}/cancel")
    triggers.end(RunStatus.CANCELLED)
    triggers.fire()
    assert statuses(triggers) == {9: "Cancelled", 10: "Inprogress", 11: "Cancelled"}
    for run in (running, waiting):
        triggers.act(f"triggerRuns/{run}/rerun")
    while triggers.end():
        triggers.fire()
    assert statuses(triggers) == dict.fromkeys((9, 10, 11), "Succeeded")
    assert begun(triggers) == ["09", "10", "09", "11"]
    assert "a failed or cancelled one can be run again" in refused(waiting, "rerun")


def test_a_parameter_that_cannot_be_evaluated_fails_the_window(triggers: Triggers) -> None:
    """Contract 10: nothing starts; the windows behind it have their turn."""
    triggers.put("TumblingWindowTrigger", HOURLY, n="@triggerBody().fileName")
    triggers.start()
    triggers.fire()
    assert set(statuses(triggers).values()) == {"Failed"}
    assert triggers.pipeline_runs() == []


def test_windows_wait_while_too_many_runs_of_the_pipeline_do(database: Database) -> None:
    """No window is lost to the limit of waiting runs: it has its turn when some have begun."""
    triggers = make_triggers(database, waiting_runs=1)
    start(triggers, startTime="2026-01-01T09:00:00Z", maxConcurrency=3)
    assert len(triggers.pipeline_runs()) == 1
    for _ in range(2):
        triggers.end()
        triggers.fire(5 * SECOND)
    assert begun(triggers) == ["09", "10", "11"]


def test_the_size_of_windows_stays_and_their_end_may_change(triggers: Triggers) -> None:
    """Contract 10.2: frequency and interval cannot be changed; a changed end keeps what was processed."""
    put(triggers)
    for change in ({"interval": 2}, {"frequency": "Minute"}):
        answer = triggers.try_put("TumblingWindowTrigger", {**HOURLY, **change})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest")
        assert f"'{next(iter(change))}'" in answer.json()["error"]["message"]
    start(triggers, startTime="2026-01-01T09:00:00Z", endTime="2026-01-01T10:00:00Z")
    triggers.end()
    triggers.fire()
    triggers.stop()
    assert statuses(triggers) == {9: "Succeeded"}
    start(triggers, startTime="2026-01-01T09:00:00Z", endTime="2026-01-01T11:30:00Z")
    assert statuses(triggers) == {9: "Succeeded", 10: "Inprogress"}


def test_an_earlier_start_brings_earlier_windows_and_repeats_none(triggers: Triggers) -> None:
    """What was processed is not processed again, whatever the start is changed to."""
    start(triggers, startTime="2026-01-01T10:00:00Z")
    triggers.end()
    triggers.fire()
    triggers.stop()
    start(triggers, startTime="2026-01-01T08:00:00Z")
    triggers.end()
    triggers.fire()
    triggers.stop()
    start(triggers, startTime="2026-01-01T11:00:00Z")
    assert begun(triggers) == ["10", "11", "08", "09"]
    assert statuses(triggers) == dict.fromkeys((8, 9, 10, 11), "Succeeded")
    triggers.fire(HOUR)
    assert begun(triggers)[4:] == ["12"]


def test_a_trigger_made_anew_has_no_part_in_what_the_first_did(triggers: Triggers) -> None:
    """Its windows are its own; those of the first are cancelled or end as their runs do, and cannot be asked for again."""
    start(triggers, startTime="2026-01-01T09:00:00Z", maxConcurrency=1)
    triggers.stop()
    assert triggers.client("DELETE", "triggers/t").status_code == 200
    assert statuses(triggers) == {9: "Inprogress", 10: "Cancelled", 11: "Cancelled"}
    old = the_run(triggers, 11)["triggerRunId"]
    triggers.end()
    triggers.fire()
    assert statuses(triggers)[9] == "Succeeded"
    start(triggers, startTime="2026-01-01T09:00:00Z")
    assert begun(triggers) == ["09", "09", "10"]
    answer = triggers.client("POST", f"triggers/t/triggerRuns/{old}/rerun")
    assert "an earlier trigger of this name" in answer.json()["error"]["message"]


def test_few_windows_are_written_however_many_are_due(triggers: Triggers) -> None:
    """A year of windows of five minutes is 105,000: the work of a look has a bound."""
    start(triggers, frequency="Minute", interval=5, startTime="2025-01-01T00:00:00Z", maxConcurrency=3)
    assert len(triggers.runs()) == 50
    for _ in range(20):
        triggers.end()
        triggers.fire()
    assert [run["parameters"]["begin"][11:16] for run in triggers.pipeline_runs()[:3]] == ["00:00", "00:05", "00:10"]
    assert len(triggers.pipeline_runs()) == 63


def test_a_trigger_that_waits_for_no_windows_is_not_started(triggers: Triggers) -> None:
    """What it depends on has to be a tumbling window trigger of the factory."""
    upstream = {"referenceTrigger": {"referenceName": "u", "type": "TriggerReference"}}
    put(triggers, dependsOn=[{"type": "TumblingWindowTriggerDependencyReference", **upstream}])
    answer = triggers.client("POST", "triggers/t/start")
    assert "depends on 'u', which is no tumbling window trigger" in answer.json()["error"]["message"]
    put(triggers, "u")
    triggers.start()
    assert "referenced by t" in triggers.client("DELETE", "triggers/u").json()["error"]["message"]


def test_triggers_that_wait_for_each_other_are_not_started(triggers: Triggers) -> None:
    """No window would ever begin; with an offset into the past, each waits for earlier ones, the first for none."""

    def after(name: str, **more: str) -> list[dict[str, Any]]:
        upstream = {"referenceTrigger": {"referenceName": name, "type": "TriggerReference"}}
        return [{"type": "TumblingWindowTriggerDependencyReference", **upstream, **more}]

    put(triggers, "A", dependsOn=after("B"))
    put(triggers, "B", dependsOn=after("a"))
    error = triggers.client("POST", "triggers/a/start").json()["error"]
    assert (error["code"], "wait for themselves (a → b → a)" in error["message"]) == ("BadRequest", True)
    put(triggers, "B", dependsOn=after("a", offset="-01:00:00"))
    triggers.start("a")
    triggers.start("b")
    triggers.fire()
    for _ in range(4):
        triggers.end()
        triggers.fire()
    assert [run["triggerName"] for run in triggers.runs() if run["status"] == "Succeeded"].count("A") >= 2


def test_windows_that_retention_has_taken_are_not_waited_for(triggers: Triggers) -> None:
    """Contract 13: what is older than the retention is unknown; nobody could run it again."""
    start(triggers, "u", startTime="2026-01-01T09:00:00Z", maxConcurrency=3)
    triggers.end(RunStatus.SUCCEEDED, 2)
    triggers.end(RunStatus.FAILED, 1)
    triggers.fire()
    later = Instant(NOON + SECOND)
    assert forget_trigger_runs(triggers.desk.database, NOON) == 0
    assert forget_trigger_runs(triggers.desk.database, later) == 3
    upstream = {"referenceTrigger": {"referenceName": "u", "type": "TriggerReference"}}
    depends = [{"type": "TumblingWindowTriggerDependencyReference", **upstream}]
    triggers.fire(HOUR)
    start(triggers, "d", startTime="2026-01-01T11:00:00Z", dependsOn=depends)
    assert statuses(triggers, "u") == {12: "Inprogress"}
    assert statuses(triggers, "d") == {11: "Inprogress", 12: "WaitingOnDependency"}


SELF = {"type": "SelfDependencyTumblingWindowTriggerReference"}
WRONG: list[tuple[str, dict[str, Any]]] = [
    ("frequency", {"frequency": "Day"}),
    ("interval", {"interval": 0}),
    ("interval", {"interval": None}),
    ("startTime", {"startTime": None}),
    ("startTime", {"startTime": "2026-13-01"}),
    ("endTime", {"endTime": "2025-12-31T23:00:00Z"}),
    ("delay", {"delay": "-00:15:00"}),
    ("delay", {"delay": "a while"}),
    ("maxConcurrency", {"maxConcurrency": None}),
    ("maxConcurrency", {"maxConcurrency": 51}),
    ("retryPolicy", {"retryPolicy": 3}),
    ("retryPolicy.count", {"retryPolicy": {"count": -1}}),
    ("retryPolicy.intervalInSeconds", {"retryPolicy": {"intervalInSeconds": "soon"}}),
    ("dependsOn", {"dependsOn": {}}),
    ("dependsOn.type", {"dependsOn": [{"type": "Other"}]}),
    ("dependsOn.offset", {"dependsOn": [SELF]}),
    ("dependsOn.offset", {"dependsOn": [{**SELF, "offset": "01:00:00"}]}),
    ("dependsOn.size", {"dependsOn": [{**SELF, "offset": "-01:00:00", "size": "-01:00:00"}]}),
    ("dependsOn.referenceTrigger", {"dependsOn": [{"type": "TumblingWindowTriggerDependencyReference"}]}),
    ("dependsOn", {"dependsOn": [{**SELF, "offset": "-01:00:00"}, {**SELF, "offset": "-02:00:00"}]}),
]


def test_windows_that_are_wrong_are_refused_by_name(triggers: Triggers) -> None:
    """Contract 10.2: 400, and the message names the property."""
    for named, change in WRONG:
        answer = triggers.try_put("TumblingWindowTrigger", {**HOURLY, **change})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest"), change
        assert f"'{named}'" in answer.json()["error"]["message"], answer.text
