"""What has become old is removed; what somebody may still need is not."""

from dataclasses import dataclass, field

import pytest

from engine_desk import Desk, GoingClock, MakesEngines, activity, plan
from fakes import ManualClock
from headrace.core.clock import DAY
from headrace.core.errors import Code, Problem
from headrace.engine.retention import Files, Removed, Retention


@dataclass
class Shelf:
    """The files of runs, as names."""

    landed: list[str] = field(default_factory=list)
    asked_live: dict[str, bool] = field(default_factory=dict)

    def files(self) -> Files:
        """Return what retention may do with them."""

        def orphans(is_live: object) -> None:
            assert callable(is_live)
            self.asked_live = {run_id: is_live(run_id) for run_id in self.landed}

        return Files(
            landed=lambda: list(self.landed),
            remove_landing=lambda run_id: self.landed.remove(run_id) if run_id in self.landed else None,
            remove_diagnostics=lambda _batch_id: None,
            remove_orphans=orphans,
        )


@pytest.fixture
def ended(desk: Desk, make_engine: MakesEngines) -> str:
    """Return a run that has ended just now."""
    engine = make_engine()
    run_id = desk.ask(plan(activity("a")))
    desk.ended(run_id)
    engine.stop()
    return run_id


def _after(days: float) -> ManualClock:
    return ManualClock(GoingClock().now() + round(days * DAY))


def test_landed_data_go_before_their_run(desk: Desk, ended: str) -> None:
    """After the days of landings, the landing is removed and the run stays."""
    shelf = Shelf([ended])
    assert Retention(desk.database, shelf.files(), _after(6.9)).sweep() == Removed(0, 0)
    assert Retention(desk.database, shelf.files(), _after(7.1)).sweep() == Removed(0, 1)
    assert desk.run(ended).id == ended


def test_an_old_run_is_removed_with_all_that_dbos_keeps(desk: Desk, ended: str) -> None:
    """Nothing of it is left, and asking for it says so."""
    assert Retention(desk.database, Shelf().files(), _after(44.9)).sweep() == Removed(0, 0)
    assert Retention(desk.database, Shelf().files(), _after(45.1)).sweep() == Removed(1, 0)
    with pytest.raises(Problem) as refusal:
        desk.run(ended)
    assert refusal.value.code is Code.NOT_FOUND


def test_what_a_run_landed_that_is_no_more_is_removed(desk: Desk) -> None:
    """Folders of runs that the ledger does not know belong to nobody."""
    shelf = Shelf(["gone"])
    assert Retention(desk.database, shelf.files(), _after(0)).sweep() == Removed(0, 1)


def test_a_run_that_goes_on_keeps_everything(desk: Desk) -> None:
    """However old it is."""
    run_id = desk.ask(plan(activity("a")))
    shelf = Shelf([run_id])
    assert Retention(desk.database, shelf.files(), _after(1000)).sweep() == Removed(0, 0)
    assert shelf.asked_live == {run_id: True}
