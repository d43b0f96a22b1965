"""Runs of the door are retried by people who do not come through it, and do what a re-trigger would do."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api.flowservice.conftest import Client, flow_body, make_ends, run_body, serve
from fakes import ManualClock
from headrace.api.flowservice.app import make_app
from headrace.api.flowservice.door import AUDIENCE, FlowServiceDoor
from headrace.api.flowservice.retries import remaker
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskRetry, AskRun
from headrace.core.native.table import CANCEL_RUN, PLAN_RETRY, RETRY_RUN
from headrace.core.run import Run
from headrace.store import runs
from native_house import NativeHouse, native_house


@pytest.fixture
def house(
    make_door: Callable[..., FlowServiceDoor], tmp_path: Path, clock: ManualClock
) -> Iterator[tuple[NativeHouse, Client]]:
    """Yield a house on a door's ledger, and a client of the door."""
    door = make_door()
    native = native_house(door.database, tmp_path / "native").with_desk(clock=clock, remakers={AUDIENCE: remaker(door)})
    for base in serve(make_app(door)):
        yield native, Client(base, tmp_path / "files", clock)


def _stored(native: NativeHouse, run_id: str) -> Run:
    with native.database.reading() as tx:
        return runs.get(tx, None, run_id)


def test_a_retry_does_what_a_re_trigger_does(house: tuple[NativeHouse, Client]) -> None:
    """The same definition and the same facts of the flow; the door shows it as a retry."""
    native, client = house
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    native.ask(CANCEL_RUN, AskRun(run=run))
    again = client("POST", f"/runs/{run}/action?op=re-trigger").json()["id"]
    native.ask(CANCEL_RUN, AskRun(run=again))
    assert native.ask(PLAN_RETRY, AskRetry(run=run)).is_needed
    made = native.ask(RETRY_RUN, AskRetry(run=run))
    theirs, ours = _stored(native, again), _stored(native, made.id)
    assert ours.definition == theirs.definition
    for name in ("params", "flow", "deltaColumn", "type"):
        assert ours.details[name] == theirs.details[name], name
    assert client.one(f"/runs/{made.id}")["parentFlowRunId"] == run


def test_a_run_whose_flow_is_paused_or_gone_is_not_done_again(house: tuple[NativeHouse, Client]) -> None:
    """With the door's own words; nothing is made."""
    native, client = house
    flow = client.make("/flows", flow_body(make_ends(client)))
    run = client.make("/runs", run_body(flow))
    assert client("POST", f"/flows/{flow}/action?op=disable").status_code == 200
    with pytest.raises(Problem, match="enable it to retry its runs") as paused:
        native.ask(RETRY_RUN, AskRetry(run=run))
    assert client("DELETE", f"/flows/{flow}").status_code == 204
    with pytest.raises(Problem, match="does not exist any more") as gone:
        native.ask(PLAN_RETRY, AskRetry(run=run))
    assert (paused.value.code, gone.value.code) == (Code.ILLEGAL_STATE, Code.NOT_FOUND)
