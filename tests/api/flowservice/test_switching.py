"""Flows of the door are paused and run by people who do not come through it; the door's clients see the same."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, serve
from api.flowservice.test_firing import QUARTERLY, Timed
from fakes import ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import AUDIENCE, FlowServiceDoor
from headrace.api.flowservice.firing import maker
from headrace.api.flowservice.switching import switch
from headrace.core.clock import MINUTE
from headrace.core.errors import Problem
from headrace.core.native.flows import AskFlow, AskFlowRun
from headrace.core.native.installation import ListAudit
from headrace.core.native.table import LIST_AUDIT, PAUSE_FLOW, RESUME_FLOW, RUN_FLOW
from native_house import ADMIN, NativeHouse, native_house


@pytest.fixture
def timed(make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock) -> Iterator[Timed]:
    """Return a door whose clock only the test moves."""
    door = make_door()
    for base in serve(make_app(door)):
        yield Timed(Client(base, tmp_path / "files", clock), door, clock)


def house_of(timed: Timed, folder: Path) -> NativeHouse:
    """Return a house on the door's ledger."""
    door = timed.door
    return native_house(door.database, folder / "native").with_desk(
        clock=timed.clock, makers={AUDIENCE: maker(door)}, flow_switches={AUDIENCE: switch(door)}
    )


def test_a_flow_that_is_paused_is_disabled_for_the_doors_clients_too(timed: Timed, tmp_path: Path) -> None:
    """Its document, its etag, its schedule and its queued runs, as the door's own action has it."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    house = house_of(timed, tmp_path)
    before = timed.client.one(f"/flows/{flow}")
    assert house.ask(PAUSE_FLOW, AskFlow(flow=flow)).verbs == ("resume",)
    after = timed.client.one(f"/flows/{flow}")
    assert (after["state"], after["etag"] == before["etag"]) == ("disabled", False)
    assert after["lastOperation"]["ops"] == [{"op": "replace", "path": "/state", "value": "disabled"}]
    timed.pass_time(30 * MINUTE)
    assert [run["metrics"]["statusSummary"]["status"] for run in timed.runs(flow)] == ["cancelled"]
    with pytest.raises(Problem, match="is disabled"):
        house.ask(RUN_FLOW, AskFlowRun(flow=flow))
    assert "pause" in house.ask(RESUME_FLOW, AskFlow(flow=flow)).verbs
    assert timed.client.one(f"/flows/{flow}")["state"] == "enabled"
    told = house.ask(LIST_AUDIT, ListAudit(who=ADMIN.client_id, object=flow)).items
    assert [entry.action for entry in told] == ["flow.resume", "flow.pause"]


def test_a_flow_that_is_run_by_hand_is_a_run_like_those_of_its_schedule(timed: Timed, tmp_path: Path) -> None:
    """The door shows it; the window is the one that the schedule would have given it."""
    flow = timed.client.make("/flows", flow_body(make_ends(timed.client), scheduleParams=QUARTERLY))
    timed.begin()
    timed.clock.advance(MINUTE)
    line = house_of(timed, tmp_path).ask(RUN_FLOW, AskFlowRun(flow=flow))
    timed.begin()
    timed.pass_time(14 * MINUTE)
    runs = timed.runs(flow)
    assert [run["id"] for run in runs][1] == line.id
    assert len(runs) == 3
    assert line.window is not None
    assert line.window.end == timed.clock.now() - 14 * MINUTE
