"""Triggers as their clients see them: started, fired, asked for, stopped."""

from typing import Any

import pytest

from api.datafactory.firing import NOON, Triggers, make_triggers
from headrace.core.clock import DAY, HOUR, MINUTE, SECOND
from headrace.service.triggers.due import next_look
from headrace.store import triggers as rows
from headrace.store.database import Database

pytestmark = pytest.mark.turn_about

EVERY_MINUTE: dict[str, Any] = {"frequency": "Minute", "interval": 1, "startTime": "2026-01-01T00:00:30Z"}


@pytest.fixture
def triggers(database: Database) -> Triggers:
    """Return a door with triggers, at noon."""
    return make_triggers(database)


def test_an_occurrence_makes_a_trigger_run_and_its_pipeline_runs(triggers: Triggers) -> None:
    """Contract 4.4 and 10.1: one trigger run, succeeded at once; the parameters are evaluated, and the run says who invoked it."""
    triggers.schedule(**EVERY_MINUTE)
    triggers.fire()
    assert triggers.runs() == []
    triggers.fire(31 * SECOND)
    (fired,), (run,) = triggers.runs(), triggers.pipeline_runs()
    assert fired == {
        "triggerName": "t",
        "triggerRunId": fired["triggerRunId"],
        "triggerType": "ScheduleTrigger",
        "triggerRunTimestamp": "2026-01-01T12:00:31.0000000Z",
        "status": "Succeeded",
        "message": "",
        "properties": {"TriggerTime": "1/1/2026 12:00:31 PM", "ScheduleTime": "1/1/2026 12:00:30 PM"},
        "triggeredPipelines": {"p": run["runId"]},
        "groupId": fired["triggerRunId"],
        "runDimension": {},
        "dependencyStatus": {},
    }
    assert len(fired["triggerRunId"]) == 33
    assert fired["triggerRunId"][29:31] == "CU"
    assert run["invokedBy"] == {"id": fired["triggerRunId"], "name": "t", "invokedByType": "ScheduleTrigger"}
    assert run["parameters"]["when"] == "2026-01-01T12:00:30.0000000Z"
    trigger: Any = triggers.client.stored(run["runId"]).details["trigger"]
    assert trigger == {
        "type": "ScheduleTrigger",
        "id": fired["triggerRunId"],
        "name": "t",
        "time": "2026-01-01T12:00:31.0000000Z",
    }


def test_each_occurrence_is_fired_once_and_later_ones_sort_first(triggers: Triggers) -> None:
    """Looking again does nothing; ids of trigger runs sort newest first."""
    triggers.schedule(**EVERY_MINUTE)
    for _ in range(3):
        triggers.fire(MINUTE)
        triggers.fire()
    found = [run["triggerRunId"] for run in triggers.runs()]
    assert len(found) == 3
    assert found == sorted(found)
    times = [run["parameters"]["when"][14:19] for run in triggers.pipeline_runs()]
    assert times == ["00:30", "01:30", "02:30"]


@pytest.mark.parametrize(("down", "expected"), [(HOUR, ["12:59:30"]), (HOUR + 6 * MINUTE, [])])
def test_what_was_missed_is_not_made_up_but_for_the_latest_if_it_is_young(
    triggers: Triggers, down: int, expected: list[str]
) -> None:
    """Contract 10.1: the latest occurrence, if it is younger than five minutes."""
    recurrence: dict[str, Any] = {"frequency": "Hour", "interval": 1, "startTime": "2026-01-01T00:59:30Z"}
    triggers.schedule(**recurrence)
    triggers.fire(down)
    assert [run["parameters"]["when"][11:19] for run in triggers.pipeline_runs()] == expected
    triggers.fire(2 * HOUR - down)
    assert len(triggers.runs()) == len(expected) + 1


def test_nothing_from_before_the_start_is_made_up(triggers: Triggers) -> None:
    """Contract 10.1: the first run is the first occurrence after the trigger was started; a stop ends it."""
    triggers.put("ScheduleTrigger", {"recurrence": EVERY_MINUTE})
    triggers.fire(10 * MINUTE)
    triggers.start()
    triggers.fire()
    assert triggers.runs() == []
    triggers.fire(MINUTE)
    triggers.stop()
    triggers.fire(DAY)
    assert len(triggers.runs()) == 1
    assert next_look(triggers.desk.database, NOON) is None


def test_a_parameter_that_cannot_be_evaluated_fails_the_trigger_run_and_starts_nothing(triggers: Triggers) -> None:
    """Contract 10: the message says which parameter, and why; the next occurrence is tried again."""
    recurrence = {"recurrence": EVERY_MINUTE}
    triggers.put("ScheduleTrigger", recurrence, "t", n="@trigger().outputs.body.fileName")
    triggers.start()
    triggers.fire(MINUTE)
    triggers.fire(MINUTE)
    assert triggers.pipeline_runs() == []
    for run in triggers.runs():
        assert (run["status"], run["triggeredPipelines"]) == ("Failed", {})
        assert "The parameter 'n' of the pipeline 'p' cannot be evaluated" in run["message"]
        assert "property 'body' doesn't exist" in run["message"]


def test_a_value_of_the_wrong_type_and_a_full_queue_fail_the_trigger_run(database: Database) -> None:
    """Contract 10.1: failed, with a message, when a pipeline run cannot be created."""
    triggers = make_triggers(database, waiting_runs=1)
    triggers.client.put_pipeline("q", parameters={"i": {"type": "Int"}})
    triggers.put("ScheduleTrigger", {"recurrence": EVERY_MINUTE}, "wrong", "q", i="x")
    triggers.schedule(**EVERY_MINUTE)
    triggers.start("wrong")
    triggers.fire(MINUTE)
    triggers.fire(MINUTE)
    found = {(run["triggerName"], run["status"]) for run in triggers.runs()}
    assert found == {("wrong", "Failed"), ("t", "Succeeded"), ("t", "Failed")}
    messages = {run["message"] for run in triggers.runs() if run["status"] == "Failed"}
    assert any("'i' is of type 'Int'" in text for text in messages)
    assert any("runs of the pipeline 'p' are waiting already" in text for text in messages)


def test_a_trigger_of_several_pipelines_starts_all_or_none(triggers: Triggers) -> None:
    """Every pipeline has its run, with parameters of its own; when one cannot be made, no other is."""
    triggers.client.put_pipeline("q", parameters={"i": {"type": "Int"}})

    def entry(name: str, **parameters: Any) -> dict[str, Any]:
        return {"pipelineReference": {"referenceName": name, "type": "PipelineReference"}, "parameters": parameters}

    for value, expected in (("5", {"p", "q"}), ("five", set[str]())):
        properties = {
            "type": "ScheduleTrigger",
            "typeProperties": {"recurrence": EVERY_MINUTE},
            "pipelines": [entry("p"), entry("q", i=value)],
        }
        assert triggers.client("PUT", "triggers/t", {"properties": properties}).status_code == 200
        triggers.start()
        triggers.fire(MINUTE)
        triggers.stop()
        assert set(triggers.runs()[0]["triggeredPipelines"]) == expected
    assert len(triggers.pipeline_runs()) == 2


def test_the_state_is_shown_and_keeps_changes_away(triggers: Triggers) -> None:
    """Contract 3 and 10: started and stopped in lists and etags; a started trigger is not changed, and its pipeline not removed."""
    client = triggers.client
    triggers.put("ScheduleTrigger", {"recurrence": EVERY_MINUTE})
    stopped = client("GET", "triggers/t").json()
    for _ in range(2):
        triggers.start()
    started = client("GET", "triggers/t").json()
    assert (stopped["properties"]["runtimeState"], started["properties"]["runtimeState"]) == ("Stopped", "Started")
    assert stopped["etag"] != started["etag"]
    assert client("GET", "triggers").json()["value"][0]["properties"]["runtimeState"] == "Started"
    assert client("POST", "querytriggers").json()["value"][0]["properties"]["runtimeState"] == "Started"
    assert triggers.try_put("ScheduleTrigger", {"recurrence": EVERY_MINUTE}).json()["error"]["code"] == (
        "TriggerEnabledCannotUpdate"
    )
    assert client("DELETE", "triggers/t").json()["error"]["code"] == "TriggerEnabledCannotDelete"
    assert "referenced by t" in client("DELETE", "pipelines/p").json()["error"]["message"]
    for _ in range(2):
        triggers.stop()
    assert client("DELETE", "triggers/t").status_code == 200
    assert client("DELETE", "pipelines/p").status_code == 200


def test_a_trigger_of_an_earlier_version_is_started_too(triggers: Triggers) -> None:
    """It was stored as a document alone; its start makes the rest."""
    triggers.put("ScheduleTrigger", {"recurrence": EVERY_MINUTE})
    with triggers.desk.database.transaction() as tx:
        rows.remove(tx, "datafactory/sub/rg/fac", "t")
    triggers.start()
    triggers.fire(MINUTE)
    assert len(triggers.runs()) == 1


def test_a_factory_is_removed_with_its_triggers(triggers: Triggers) -> None:
    """Contract 3: nothing fires any more, and a new factory of the name has no history."""
    triggers.schedule(**EVERY_MINUTE)
    triggers.fire(MINUTE)
    assert triggers.client("DELETE", "").status_code == 200
    triggers.fire(MINUTE)
    triggers.client.put_factory()
    triggers.fire(MINUTE)
    assert triggers.runs() == triggers.pipeline_runs() == []
    assert next_look(triggers.desk.database, NOON) is None


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("recurrence", {"recurrence": None}),
    ("recurrence.frequency", {"frequency": "Second"}),
    ("recurrence.frequency", {"frequency": "Year"}),
    ("recurrence.interval", {"interval": 0}),
    ("recurrence.interval", {"interval": 1001}),
    ("recurrence.interval", {"interval": "1"}),
    ("recurrence.startTime", {"startTime": None}),
    ("recurrence.startTime", {"startTime": "soon"}),
    ("recurrence.endTime", {"endTime": "2025-01-01T00:00:00Z"}),
    ("recurrence.timeZone", {"timeZone": "Mars"}),
    ("recurrence.schedule.weekDays", {"schedule": {"weekDays": ["Monday"]}}),
    ("recurrence.schedule.weekDays", {"frequency": "Week", "schedule": {"weekDays": ["Mo"]}}),
    ("recurrence.schedule.monthDays", {"schedule": {"monthDays": [1]}}),
    ("recurrence.schedule.monthDays", {"frequency": "Month", "schedule": {"monthDays": [0]}}),
    ("recurrence.schedule.monthDays", {"frequency": "Month", "schedule": {"monthDays": [32]}}),
    (
        "recurrence.schedule.monthlyOccurrences",
        {"frequency": "Week", "schedule": {"monthlyOccurrences": [{"day": "Friday"}]}},
    ),
    (
        "recurrence.schedule.monthlyOccurrences.occurrence",
        {"frequency": "Month", "schedule": {"monthlyOccurrences": [{"day": "Friday", "occurrence": 0}]}},
    ),
    ("recurrence.schedule.minutes", {"schedule": {"minutes": [60]}}),
    ("recurrence.schedule.hours", {"schedule": {"hours": [-1]}}),
    ("recurrence.schedule.hours", {"schedule": {"hours": 5}}),
]


def test_a_recurrence_that_is_wrong_is_refused_by_name(triggers: Triggers) -> None:
    """Contract 10.1: 400, and the message names the property."""
    for named, change in WRONG:
        recurrence = None if "recurrence" in change else {**EVERY_MINUTE, "frequency": "Day", **change}
        answer = triggers.try_put("ScheduleTrigger", {"recurrence": recurrence})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BadRequest"), change
        assert f"'{named}'" in answer.json()["error"]["message"], answer.text


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("W. Europe Standard Time", "2026-01-01T14:00:00", "13:00"),
        ("Europe/Berlin", "2026-01-01T13:00:00Z", "13:00"),
        ("Tokyo Standard Time", "2026-01-01T13:00:00+00:00", "13:00"),
        (None, "2026-01-01T13:00:00", "13:00"),
        (None, "2026-01-01T14:00:00+01:00", "13:00"),
    ],
)
def test_zones_have_names_of_windows_and_iana(triggers: Triggers, zone: str | None, start: str, expected: str) -> None:
    """Contract 10.1: a start without an offset is what the zone's clocks show, one with an offset is converted."""
    triggers.schedule(frequency="Day", startTime=start, timeZone=zone)
    triggers.fire(HOUR)
    (run,) = triggers.pipeline_runs()
    assert run["parameters"]["when"][11:16] == expected
