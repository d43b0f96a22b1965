"""Triggers of the door are paused and resumed by people who do not come through it; the door's clients see the same."""

from pathlib import Path
from typing import Any

import pytest

from api.datafactory.firing import Triggers, make_triggers
from headrace.api.datafactory.door import AUDIENCE
from headrace.api.datafactory.switching import switch
from headrace.core.clock import MINUTE
from headrace.core.errors import Problem
from headrace.core.native.flows import AskFlow, AskSchedule, ListSchedules
from headrace.core.native.installation import ListAudit
from headrace.core.native.table import LIST_AUDIT, LIST_SCHEDULES, PAUSE_FLOW, PAUSE_SCHEDULE, RESUME_SCHEDULE
from headrace.store.database import Database
from native_house import ADMIN, NativeHouse, native_house

MINUTELY: dict[str, Any] = {"frequency": "Minute", "interval": 1, "startTime": "2026-01-01T00:00:30Z"}


@pytest.fixture
def triggers(sqlite_database: Database) -> Triggers:
    """Return a door with a started trigger."""
    made = make_triggers(sqlite_database)
    made.schedule(**MINUTELY)
    return made


@pytest.fixture
def house(triggers: Triggers, tmp_path: Path) -> NativeHouse:
    """Return a house on the door's ledger."""
    door = triggers.client.door
    switches = {AUDIENCE: switch(door)}
    return native_house(door.database, tmp_path).with_desk(clock=triggers.client.clock, trigger_switches=switches)


def state_of(triggers: Triggers) -> str:
    """Return the state that the door's clients see."""
    return str(triggers.client("GET", "triggers/t").json()["properties"]["runtimeState"])


def test_a_trigger_that_is_paused_is_stopped_for_the_doors_clients_too(triggers: Triggers, house: NativeHouse) -> None:
    """And fires again when it is resumed."""
    (line,) = house.ask(LIST_SCHEDULES, ListSchedules()).items
    assert (line.name, line.kind, line.flows) == ("t", "ScheduleTrigger", ("p",))
    asked = AskSchedule(schedule=line.id, scope=line.scope)
    assert house.ask(PAUSE_SCHEDULE, asked).state == "paused"
    assert state_of(triggers) == "Stopped"
    triggers.fire(5 * MINUTE)
    assert triggers.runs() == []
    assert house.ask(RESUME_SCHEDULE, asked).next_at is not None
    triggers.fire(MINUTE)
    assert (state_of(triggers), len(triggers.runs())) == ("Started", 1)
    (line,) = house.ask(LIST_SCHEDULES, ListSchedules()).items
    assert line.last_run == triggers.pipeline_runs()[0]["runId"]
    told = house.ask(LIST_AUDIT, ListAudit(who=ADMIN.client_id)).items
    assert [entry.action for entry in told] == ["trigger.start", "trigger.stop"]


def test_a_pipeline_is_paused_by_stopping_its_triggers(triggers: Triggers, house: NativeHouse) -> None:
    """As its clients would."""
    assert house.ask(PAUSE_FLOW, AskFlow(flow="p")).paused
    assert state_of(triggers) == "Stopped"


def test_a_trigger_that_cannot_be_started_says_why(triggers: Triggers, house: NativeHouse) -> None:
    """The door's own checks count."""
    triggers.stop()
    body = {"properties": {"type": "ScheduleTrigger", "typeProperties": {"recurrence": MINUTELY}, "pipelines": []}}
    assert triggers.client("PUT", "triggers/t", body).status_code == 200
    (line,) = house.ask(LIST_SCHEDULES, ListSchedules()).items
    with pytest.raises(Problem, match="has no pipelines, so it cannot be started"):
        house.ask(RESUME_SCHEDULE, AskSchedule(schedule=line.id, scope=line.scope))
