"""Scheduled flows of this door: what the clock makes of them, and who is told of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, serve
from fakes import ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.firing import maker
from headrace.api.flowservice.notifications import renderer
from headrace.api.flowservice.translate.notification import EVENTS, notification
from headrace.core.clock import MINUTE, SECOND
from headrace.core.run import RunStatus
from headrace.service.runs import NEWEST_FIRST
from headrace.service.schedules import FiringDesk, fire_due
from headrace.service.webhooks import Event
from headrace.store import runs

START = 1_700_000_000
QUARTERLY = {"startTime": str(START), "frequency": "minute", "interval": "15", "backfill": "true"}


@dataclass
class Timed:
    """A client of a door, and the clock that fires its flows."""

    client: Client
    door: FlowServiceDoor
    clock: ManualClock

    def fire(self) -> None:
        """Fire what is due."""
        fire_due(FiringDesk(self.door.database, self.clock, self.door.ids, {"flowservice": maker(self.door)}))

    def pass_time(self, microseconds: int) -> None:
        """Let time pass, and fire what is due then."""
        self.clock.advance(microseconds)
        self.fire()

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Return the flow's runs, oldest first."""
        answer = self.client("GET", f"/runs?property=flowId=={flow}&orderby=%2BcreatedAt")
        return list(answer.json()["items"])

    def begin(self, to: RunStatus = RunStatus.SUCCEEDED) -> None:
        """Let every run that is queued begin, and end."""
        with self.door.database.transaction() as tx:
            for run in runs.page(tx, runs.RunQuery(statuses=frozenset({RunStatus.QUEUED})), NEWEST_FIRST, 1000).items:
                runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, self.clock.now())
                runs.move(tx, run.id, {RunStatus.RUNNING}, to, self.clock.now())


@pytest.fixture
def timed(make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock) -> Iterator[Timed]:
    """Return a door whose clock only the test moves."""
    door = make_door()
    for base in serve(make_app(door)):
        yield Timed(Client(base, tmp_path / "files", clock), door, clock)


def status_of(run: dict[str, Any]) -> str:
    """Return the status of a run object."""
    return str(run["metrics"]["statusSummary"]["status"])


def test_a_recurring_flow_runs_at_its_start_and_at_each_due_time(timed: Timed) -> None:
    """Contract 4.3, and 5.3 for what a scheduled run looks like: no params, made by the scheduler."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    timed.begin()
    timed.pass_time(15 * MINUTE)
    first, second = timed.runs(flow)
    assert (status_of(first), status_of(second)) == ("success", "pending")
    assert (first["createdClient"], "params" in first) == ("headrace", False)
    assert first["createdBy"].endswith("@AdobeID")
    with timed.door.database.reading() as tx:
        windows = [runs.get(tx, None, run["id"]).window for run in (first, second)]
    assert windows[1] is not None
    assert windows[0] is not None
    assert (windows[0].start, windows[1].start) == (None, windows[0].end)
    assert windows[1].end == (START + 15 * 60) * SECOND


def test_a_flow_that_runs_once_is_run_at_its_start(timed: Timed) -> None:
    """Not before, and not again."""
    later = {"startTime": str(START + 3600), "frequency": "once"}
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=later))
    timed.pass_time(59 * MINUTE)
    assert timed.runs(flow) == []
    timed.pass_time(MINUTE)
    timed.begin()
    timed.pass_time(600 * MINUTE)
    assert [status_of(run) for run in timed.runs(flow)] == ["success"]


def test_disabling_cancels_what_is_pending_and_enabling_makes_up_for_it_in_one_run(timed: Timed) -> None:
    """Contract 4.3."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    assert timed.client("POST", f"/flows/{flow}/action?op=disable").status_code == 200
    timed.pass_time(45 * MINUTE)
    assert [status_of(run) for run in timed.runs(flow)] == ["cancelled"]
    assert timed.client("POST", f"/flows/{flow}/action?op=enable").status_code == 200
    timed.fire()
    timed.fire()
    assert [status_of(run) for run in timed.runs(flow)] == ["cancelled", "pending"]


def test_a_changed_interval_keeps_the_phase_of_the_start(timed: Timed) -> None:
    """Contract 4.3: the next run is the first due time after the change."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    timed.begin()
    timed.clock.advance(50 * MINUTE)
    etag = timed.client.one(f"/flows/{flow}")["etag"]
    patch = [{"op": "replace", "path": "/scheduleParams/interval", "value": "20"}]
    assert timed.client("PATCH", f"/flows/{flow}", patch, if_match=etag).status_code == 200
    timed.fire()
    assert len(timed.runs(flow)) == 1
    timed.pass_time(10 * MINUTE)
    assert len(timed.runs(flow)) == 2


def test_a_flow_whose_mapping_is_gone_has_a_failed_run_that_says_so(timed: Timed) -> None:
    """Nobody has to wonder why nothing comes any more."""
    ends = make_ends(timed.client)
    flow = timed.client.make("/flows", flow_body(ends, scheduleParams=QUARTERLY))
    timed.begin()
    with timed.door.database.transaction() as tx:
        tx.connection.exec_driver_sql("DELETE FROM documents WHERE kind = 'flowservice.mappingSets'")
    timed.pass_time(15 * MINUTE)
    timed.pass_time(15 * MINUTE)
    failed = timed.runs(flow)[1:]
    assert [status_of(run) for run in failed] == ["failed", "failed"]
    error = failed[0]["metrics"]["statusSummary"]["errors"][0]
    assert ends["mapping"] in error["message"]


def test_a_removed_flow_is_run_no_more(timed: Timed) -> None:
    """Its schedule goes with it."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    assert timed.client("DELETE", f"/flows/{flow}").status_code == 204
    timed.pass_time(60 * MINUTE)
    assert [status_of(run) for run in timed.runs(flow)] == ["cancelled"]


def test_a_webhook_is_told_the_run_as_it_is_shown(timed: Timed) -> None:
    """Contract 14: all fields of the run."""
    timed.client.make("/flows", flow_body(make_ends(timed.client)))
    timed.begin(RunStatus.FAILED)
    shown = timed.client("GET", "/runs").json()["items"][0]
    event = Event("e1", "flowservice/acme@AdobeOrg/prod", shown["id"], RunStatus.FAILED)
    body: Any = renderer(replace(timed.door, public_url=timed.client.base))(event)
    assert body[0]["messages"][0]["value"] == shown


def test_notifications_have_the_published_forms() -> None:
    """Contract 14: an object for a success, a list of one message for a failure; times in ms."""
    duration = {"durationSummary": {"startedAtUTC": 2, "completedAtUTC": 3}}
    run = {"id": "r1", "imsOrgId": "acme@AdobeOrg", "createdAt": 1, "updatedAt": 4, "metrics": duration}
    header = {"imsOrgId": "acme@AdobeOrg", "providerMetadata": "platform_notifications"}
    assert notification(run, "e1", RunStatus.SUCCEEDED) == {
        "event_id": "e1",
        "event": {
            **run,
            "slaCreatedAt": 1,
            "processStartTime": 2,
            "header": {"_adobeio": {**header, "eventCode": "sources_flow_run_success"}},
            "transformedTime": 3,
        },
    }
    message = {
        "msgType": "eventNotification",
        "version": "1.0",
        "timestamp": 3,
        "imsOrgId": "acme@AdobeOrg",
        "schema": {"name": "run-notification", "version": "1.0"},
        "provider": "FlowService",
        "_eventNotificationMeta": {"category": "Platform Notifications", "type": "sources_flow_run_failed"},
        "value": run,
    }
    assert notification(run, "e1", RunStatus.FAILED) == [{"messages": [message]}]


def test_every_published_name_of_an_event_is_taken() -> None:
    """The older name of failures too."""
    assert EVENTS["sources_flow_run_failure"] is EVENTS["sources_flow_run_failed"] is RunStatus.FAILED
