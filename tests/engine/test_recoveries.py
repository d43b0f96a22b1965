"""Runs that go on with the work of another one, inside of containers too."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from engine_desk import Desk, MakesEngines, activity
from engine_pipelines import container, nested, rebuilt
from headrace.core.codec import Json
from headrace.core.flow import Activity, Alike, OnRecovery, Plan
from headrace.core.outcome import Outcome
from headrace.core.planning import PlanMode
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.task import Context, Task
from headrace.service.recoveries import Recovery
from headrace.store import activity_runs, variables


class Moody:
    """Fails where ``fails`` says so, and keeps what it did."""

    def __init__(self) -> None:
        self.fails: set[str] = set()
        self.done: list[str] = []
        self.recovers: dict[str, str | None] = {}

    def __call__(self, task: Task, context: Context) -> Outcome:
        """Do it."""
        del context
        self.recovers[task.path] = None if task.recovers is None else task.recovers.run_id
        if task.path in self.fails:
            raise ValueError(task.path)
        self.done.append(task.path)
        return Outcome(output={"by": task.run_id})

    def since(self) -> list[str]:
        """Return what was done since it was asked last."""
        done, self.done = sorted(self.done), []
        return done


def moody(name: str, *after: str) -> Activity:
    """Return an activity that may fail."""
    return replace(activity(name, "moody", after), alike=Alike.KIND)


def looping(inner: Sequence[Activity], items: Json) -> Plan:
    """Return a pipeline with a loop between two activities."""
    loop = container("loop", "each", {"each": inner}, ["first"], {"items": items, "lanes": 2})
    loop = replace(loop, alike=Alike.KIND)
    return nested(moody("first"), loop, moody("last", "loop"))


def test_iterations_that_succeeded_are_carried_over_as_a_whole(desk: Desk, make_engine: MakesEngines) -> None:
    """Those that failed are gone on with inside, those with another item run in full; what was carried says where it was really done."""
    does = Moody()
    make_engine({"moody": does})
    check = container("check", "if", {"yes": [moody("deep")]}, ["a"], {"on": "yes"})
    inner = [moody("a"), check, moody("b", "check")]
    does.fails = {"loop/1/b"}
    first = desk.ask(looping(inner, ["x", "y", "z"]))
    assert desk.ended(first).status is RunStatus.FAILED
    does.since()
    second = desk.recover(first, looping(inner, ["x", "y", "other"]))
    assert desk.ended(second).status is RunStatus.FAILED
    assert does.since() == ["loop/2/a", "loop/2/b", "loop/2/check/yes/deep"]
    does.fails = set()
    third = desk.recover(second, looping(inner, ["x", "y", "other"]))
    assert desk.ended(third).status is RunStatus.SUCCEEDED
    assert does.since() == ["last", "loop/1/b"]
    rows = {row.path: row for row in desk.rows(third)}
    assert rows["loop/0"].status is rows["loop/0/check/yes/deep"].status is ActivityStatus.CARRIED
    assert rows["loop/0/a"].details["carried"] == {"run_id": first, "path": "loop/0/a", "attempt": 1}
    assert rows["loop/2/a"].carried_from == second
    assert rows["loop/0/a"].output == {"by": first}
    assert rows["loop/1/check/yes/deep"].status is ActivityStatus.CARRIED
    assert rows["loop/1"].status is ActivityStatus.SUCCEEDED


def test_variables_are_rebuilt_in_what_is_carried_over(desk: Desk, make_engine: MakesEngines) -> None:
    """Variables belong to one run: what made them is done again, in every iteration, and nothing else."""
    does = Moody()
    make_engine({"moody": does})
    says = container("check", "if", {"yes": [rebuilt("grow", ["@item", "@output of a.by"])]}, ["a"], {"on": "yes"})
    inner = [moody("a"), says]
    does.fails = {"last"}
    plan = looping(inner, ["x", "y"])
    first = desk.ask(plan)
    assert desk.ended(first).status is RunStatus.FAILED
    does.fails = set()
    does.since()
    second = desk.recover(first, plan)
    assert desk.ended(second).status is RunStatus.SUCCEEDED
    assert does.since() == ["last"]
    with desk.database.reading() as tx:
        grown = variables.value(tx, second, "all")
    assert isinstance(grown, list)
    assert sorted(grown, key=str) == [["x", first], ["y", first]]


@pytest.mark.turn_about
def test_a_loop_of_passes_begins_anew_with_what_its_last_pass_did(desk: Desk, make_engine: MakesEngines) -> None:
    """In its first pass what succeeded in the last earlier one is carried over; every further pass runs in full."""
    does = Moody()
    make_engine({"moody": does})
    inner = [
        moody("a"),
        rebuilt("grow", "+", ["a"]),
        activity("look", "echo", ["grow"], {"value": "@variable all"}),
        moody("b", "look"),
    ]
    inner[2] = replace(inner[2], on_recovery=OnRecovery.REPEAT, alike=Alike.KIND)
    loop = container("loop", "until", {"pass": inner}, settings={"until": "@output of look.value", "is": ["+", "+"]})
    plan = nested(replace(loop, alike=Alike.KIND))
    does.fails = {"loop/1/b"}
    first = desk.ask(plan)
    assert desk.ended(first).status is RunStatus.FAILED
    does.fails = set()
    does.since()
    second = desk.recover(first, plan)
    assert desk.ended(second).status is RunStatus.SUCCEEDED
    assert does.since() == ["loop/0/b", "loop/1/a", "loop/1/b"]


@pytest.mark.turn_about
def test_an_activity_that_is_looked_into_sees_its_earlier_attempt(desk: Desk, make_engine: MakesEngines) -> None:
    """As one that has made a run of another flow does; in a body too, where the earlier path may have been another one."""
    does = Moody()
    make_engine({"moody": does})
    calls = replace(moody("Calls"), on_recovery=OnRecovery.ENTER)
    plan = looping([calls], ["x"])
    does.fails = {"loop/0/Calls"}
    first = desk.ask(plan)
    desk.ended(first)
    does.fails = set()
    second = desk.recover(first, plan)
    desk.ended(second)
    assert does.recovers["loop/0/Calls"] == first


@pytest.mark.turn_about
def test_a_run_can_begin_again_inside_of_a_loop(desk: Desk, make_engine: MakesEngines) -> None:
    """The activity that is named runs in every iteration, with what is downstream of it."""
    does = Moody()
    make_engine({"moody": does})
    plan = looping([moody("a"), moody("b", "a")], ["x", "y"])
    first = desk.ask(plan)
    desk.ended(first)
    does.since()
    second = desk.recover(first, plan, Recovery(PlanMode.FROM_ACTIVITY, "b"))
    assert desk.ended(second).status is RunStatus.SUCCEEDED
    assert does.since() == ["last", "loop/0/b", "loop/1/b"]


def test_many_iterations_are_carried_over_at_once(sqlite_desk: Desk, make_engine: MakesEngines) -> None:
    """Where nothing is to be rebuilt, nothing of them is begun."""
    does = Moody()
    make_engine({"moody": does})
    plan = looping([activity("n")], 250)
    does.fails = {"last"}
    first = sqlite_desk.ask(plan)
    sqlite_desk.ended(first)
    does.fails = set()
    second = sqlite_desk.recover(first, plan)
    assert sqlite_desk.ended(second).status is RunStatus.SUCCEEDED
    with sqlite_desk.database.reading() as tx:
        bodies = activity_runs.statuses_of_parent(tx, second, "loop")
    assert [status for _, _, status in bodies] == [ActivityStatus.CARRIED] * 250
