"""Containers inside of what is carried over as a whole, in which variables are made again."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from engine_desk import Desk, MakesEngines, activity
from engine_pipelines import container, nested, rebuilt
from headrace.core.codec import Json
from headrace.core.flow import Activity, Alike, Plan
from headrace.core.outcome import Outcome
from headrace.core.run import ActivityRun, ActivityStatus, RunStatus
from headrace.core.task import Context, Task
from headrace.store import variables


class Counting:
    """Keeps which activities were done; ``last`` fails where it is told so."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.fails = True

    def __call__(self, task: Task, context: Context) -> Outcome:
        """Do it."""
        del context
        if self.fails and task.path == "last":
            raise ValueError(task.path)
        self.done.append(task.path)
        return Outcome()


def counted(name: str, *after: str) -> Activity:
    """Return an activity that is counted."""
    return replace(activity(name, "counting", after), alike=Alike.KIND)


def looping(inner: Activity) -> Plan:
    """Return a loop over one item, and an activity behind it."""
    loop = container("loop", "each", {"each": [replace(inner, alike=Alike.KIND)]}, settings={"items": ["x"]})
    return nested(replace(loop, alike=Alike.KIND), counted("last", "loop"))


def recovered(
    desk: Desk, make_engine: MakesEngines, before: Plan, after: Plan
) -> tuple[Mapping[str, ActivityRun], Json, list[str]]:
    """Return the rows of a recovery with ``after`` of a run of ``before``, the variable of the recovery, and what was done in it."""
    does = Counting()
    make_engine({"counting": does})
    first = desk.ask(before)
    assert desk.ended(first).status is RunStatus.FAILED
    does.done, does.fails = [], False
    second = desk.recover(first, after)
    assert desk.ended(second).status is RunStatus.SUCCEEDED
    with desk.database.reading() as tx:
        made = variables.value(tx, second, "all")
    return {row.path: row for row in desk.rows(second)}, made, does.done


@pytest.mark.turn_about
def test_a_branch_in_a_carried_iteration_is_the_one_that_was_taken(desk: Desk, make_engine: MakesEngines) -> None:
    """Whatever its condition would say now: only variables are made again in it, and it is carried over itself."""

    def plan(says: str) -> Plan:
        taken = [counted("load"), rebuilt("grow", "yes", ["load"])]
        return looping(container("check", "if", {"yes": taken, "no": [counted("never")]}, settings={"on": says}))

    rows, made, done = recovered(desk, make_engine, plan("yes"), plan("no"))
    assert (made, done) == (["yes"], ["last"])
    assert rows["loop/0/check"].status is ActivityStatus.CARRIED
    assert rows["loop/0/check"].details["carried"]["path"] == "loop/0/check"  # type: ignore[index,call-overload]  # it is JSON
    assert rows["loop/0/check/yes/load"].status is ActivityStatus.CARRIED
    assert rows["loop/0/check/yes/grow"].status is ActivityStatus.SUCCEEDED


@pytest.mark.turn_about
def test_a_loop_of_passes_in_a_carried_iteration_has_the_passes_it_had(desk: Desk, make_engine: MakesEngines) -> None:
    """All of them, in their order, without asking whether the next one is to be the last."""

    def plan(end: Json) -> Plan:
        inner = [counted("load"), rebuilt("grow", "+", ["load"])]
        settings: Mapping[str, Json] = {"until": "@variable all", "is": end}
        return looping(container("passes", "until", {"pass": inner}, settings=settings))

    rows, made, done = recovered(desk, make_engine, plan(["+", "+"]), plan(["+"]))
    assert (made, done) == (["+", "+"], ["last"])
    assert rows["loop/0/passes"].status is ActivityStatus.CARRIED
    assert rows["loop/0/passes"].output == {"passes": 2}
    assert rows["loop/0/passes/1/load"].status is ActivityStatus.CARRIED
