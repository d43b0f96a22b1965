"""Trigger runs: fired once, whoever fires, and found again; on both databases."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest

from api.datafactory.desk import EVER
from api.datafactory.firing import Triggers, make_triggers
from headrace.core.clock import MINUTE
from headrace.service.triggers.due import fire_due
from headrace.store.database import Database

EVERY_MINUTE: dict[str, Any] = {"frequency": "Minute", "interval": 1, "startTime": "2026-01-01T00:00:30Z"}


@pytest.fixture
def triggers(database: Database) -> Triggers:
    """Return a door with triggers, at noon."""
    return make_triggers(database)


def test_processes_that_fire_together_fire_once(triggers: Triggers) -> None:
    """Contract 10.1: exactly once across several processes."""
    for number in range(5):
        triggers.schedule(f"t{number}", **EVERY_MINUTE)
    together = Barrier(4)

    def look(_: int) -> None:
        together.wait()
        fire_due(triggers.desk)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            triggers.client.clock.advance(MINUTE)
            list(pool.map(look, range(4)))
    triggers.fire()
    assert len(triggers.runs()) == len(triggers.pipeline_runs()) == 15
    assert len({(run["triggerName"], run["properties"]["ScheduleTime"]) for run in triggers.runs()}) == 15


def test_trigger_runs_are_filtered_ordered_and_paged(triggers: Triggers) -> None:
    """Contract 4.5: by name, status and time; 100 on a page."""
    for name in ("b", "A"):
        triggers.schedule(name, **EVERY_MINUTE)
    triggers.put("ScheduleTrigger", {"recurrence": EVERY_MINUTE}, "c", n="@item()")
    triggers.start("c")
    for _ in range(34):
        triggers.fire(MINUTE)

    def names(operand: str, operator: str, *values: str) -> list[str]:
        found = triggers.runs(filters=[{"operand": operand, "operator": operator, "values": [*values]}])
        return sorted({run["triggerName"] for run in found})

    assert names("TriggerName", "Equals", "B") == ["b"]
    assert names("TriggerName", "NotIn", "a", "B") == ["c"]
    assert names("Status", "In", "failed") == ["c"]
    assert names("status", "NotEquals", "Failed") == ["A", "b"]
    assert names("TriggerRunTimestamp", "Equals", "2026-01-01T12:01:00Z") == ["A", "b", "c"]
    for field, key in (
        ("TriggerName", "triggerName"),
        ("Status", "status"),
        ("TriggerRunTimestamp", "triggerRunTimestamp"),
    ):
        ordered = triggers.runs(orderBy=[{"orderBy": field, "order": "ASC"}])
        assert [run[key].lower() for run in ordered] == sorted(run[key].lower() for run in ordered)
    asked: dict[str, Any] = {"lastUpdatedAfter": "2026-01-01T12:01:00Z", "lastUpdatedBefore": "2026-01-01T12:34:00Z"}
    seen: list[str] = []
    while True:
        page = triggers.client("POST", "queryTriggerRuns", asked).json()
        seen += [run["triggerRunId"] for run in page["value"]]
        if "continuationToken" not in page:
            break
        asked["continuationToken"] = page["continuationToken"]
    assert (len(seen), len(set(seen))) == (102, 102)
    for field, key in (
        ("TriggerName", "triggerName"),
        ("Status", "status"),
        ("TriggerRunTimestamp", "triggerRunTimestamp"),
    ):
        for order in ("ASC", "DESC"):
            by = [{"orderBy": field, "order": order}]
            whole: list[dict[str, Any]] = []
            more: dict[str, Any] = {**EVER, "orderBy": by}
            while page := triggers.client("POST", "queryTriggerRuns", more).json():
                whole += page["value"]
                if "continuationToken" not in page:
                    break
                more["continuationToken"] = page["continuationToken"]
            words = [str(run[key]).lower() for run in whole]
            assert words == sorted(words, reverse=order == "DESC")
            assert sorted(run["triggerRunId"] for run in whole) == sorted(seen)
    late = {"lastUpdatedAfter": "2026-01-01T12:34:00Z", "lastUpdatedBefore": "2026-01-01T13:00:00Z"}
    assert len(triggers.runs(**late)) == 3
