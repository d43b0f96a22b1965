"""Containers: loops, branches, counted passes, and what is inside of them."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from engine_desk import Desk, MakesEngines, activity
from engine_pipelines import container, nested, rebuilt
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.flow import Condition, Policy
from headrace.core.outcome import Expansion, Failure, Figures, Outcome, Pause
from headrace.core.run import ActivityRun, ActivityStatus, RunStatus
from headrace.core.task import DynamicContext, Task
from headrace.store import variables
from waiting import until


def value_of(desk: Desk, run_id: str, name: str = "all") -> Json:
    """Return the present value of a variable."""
    with desk.database.reading() as tx:
        return variables.value(tx, run_id, name)


def at(desk: Desk, run_id: str, path: str) -> ActivityRun:
    """Return the newest attempt at a path."""
    return next(row for row in reversed(desk.rows(run_id)) if row.path == path)


def outputs(desk: Desk, run_id: str, *paths: str) -> list[Mapping[str, Json]]:
    """Return the outputs at these paths."""
    return [at(desk, run_id, path).output for path in paths]


def test_a_loop_runs_its_body_once_for_each_item(desk: Desk, make_engine: MakesEngines) -> None:
    """Each item has a body of its own below the loop's path; expressions see their item, and figures are summed upwards."""
    make_engine()
    inner = [activity("say", "echo", settings={"value": "@item"}), activity("count", "counting", ["say"])]
    loop = container("loop", "each", {"each": inner}, settings={"items": ["x", "y", "z"], "lanes": 2})
    run_id = desk.ask(nested(loop, activity("after", after=["loop"])))
    run = desk.ended(run_id)
    assert (run.status, run.figures) == (RunStatus.SUCCEEDED, Figures(rows_read=6, bytes_read=30))
    said = outputs(desk, run_id, "loop/0/say", "loop/1/say", "loop/2/say", "loop/2/count")
    assert said == [{"value": "x"}, {"value": "y"}, {"value": "z"}, {"inputs": ["say"]}]
    body = at(desk, run_id, "loop/1")
    assert (body.kind, body.parent, body.status.value, body.figures.rows_read) == ("body", "loop", "succeeded", 2)
    assert at(desk, run_id, "loop").details == {"input": {"items": ["x", "y", "z"]}}


@pytest.mark.turn_about
def test_a_failed_iteration_stops_no_other_and_fails_the_loop_with_its_error(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """All run; the loop's failure is the one of the failed iteration with the smallest index, in the dialect's words."""
    make_engine()
    inner = [activity("say", "echo", settings={"value": "@item"})]
    loop = container("loop", "each", {"each": inner}, settings={"items": ["a", "fail", "b", "fail", "c"], "lanes": 1})
    run_id = desk.ask(nested(loop))
    run = desk.ended(run_id)
    assert run.reason == Failure(Code.INVALID, "loop: inside, say: it was told to fail")
    bodies = [at(desk, run_id, f"loop/{number}").status.value for number in range(5)]
    assert bodies == ["succeeded", "failed", "succeeded", "failed", "succeeded"]


@pytest.mark.turn_about
def test_a_branch_that_the_plan_does_not_have_is_empty_and_succeeds(desk: Desk, make_engine: MakesEngines) -> None:
    """Of a choice, the body that is named is run, and no other."""
    make_engine()
    bodies = {"true": [activity("yes", "echo", settings={"value": 1})]}
    checks = [container(name, "if", bodies, settings={"on": name}) for name in ("true", "false")]
    run_id = desk.ask(nested(*checks, activity("z", after=["true", "false"])))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert set(desk.statuses(run_id)) == {"true", "true/true", "true/true/yes", "false", "z"}


@pytest.mark.turn_about
def test_a_loop_of_passes_is_asked_after_each_whether_it_goes_on(desk: Desk, make_engine: MakesEngines) -> None:
    """Passes are counted in the path, and what is asked sees the last pass."""
    make_engine()
    inner = [rebuilt("grow", "+"), activity("look", "echo", ["grow"], {"value": "@variable all"})]
    loop = container(
        "loop", "until", {"pass": inner}, settings={"until": "@output of look.value", "is": ["+", "+", "+"]}
    )
    run_id = desk.ask(nested(loop, activity("z", "echo", ["loop"], {"value": "@output of look.value"})))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert outputs(desk, run_id, "loop", "z") == [{"passes": 3}, {"value": ["+", "+", "+"]}]
    assert "loop/2/grow" in desk.statuses(run_id)


@pytest.mark.turn_about
def test_containers_stand_in_containers(desk: Desk, make_engine: MakesEngines) -> None:
    """An expression sees its own body first, then what is around it, then bodies beside these that ran once."""
    make_engine()
    deep = container(
        "check", "if", {"yes": [activity("Deep", "echo", settings={"value": ["@item", "@output of outer.value"]})]},
        settings={"on": "yes"},
    )  # fmt: skip
    inner = [deep, activity("beside", "echo", ["check"], {"value": "@output of DEEP.value"})]
    loop = container("loop", "each", {"each": inner}, ["outer"], {"items": [1, 2], "lanes": 2})
    run_id = desk.ask(nested(activity("outer", "echo", settings={"value": "o"}), loop))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert outputs(desk, run_id, "loop/1/beside") == [{"value": [2, "o"]}]
    assert at(desk, run_id, "loop/1/check/yes/Deep").parent == "loop/1/check/yes"


@pytest.mark.turn_about
def test_lanes_go_on_side_by_side_and_each_in_order(desk: Desk, make_engine: MakesEngines) -> None:
    """Items are dealt out in turn; a lane begins its next item when the one before has ended."""
    make_engine()
    inner = [activity("say", "echo", settings={"seconds": 0.3})]
    run_id = desk.ask(nested(container("loop", "each", {"each": inner}, settings={"items": 6, "lanes": 3})))
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    bodies = [at(desk, run_id, f"loop/{number}") for number in range(6)]
    assert max(body.started_at or 0 for body in bodies[:3]) < min(body.ended_at or 0 for body in bodies[:3])
    assert all((bodies[n].ended_at or 0) <= (bodies[n + 3].started_at or 0) for n in range(3))


def test_a_cancelled_run_begins_no_further_body(desk: Desk, make_engine: MakesEngines) -> None:
    """What is open ends cancelled, bodies and containers too; of what never began there is no row."""
    make_engine()
    inner = [activity("work", "patient"), activity("later", after=["work"])]
    loop = container("loop", "each", {"each": inner}, settings={"items": 10, "lanes": 2})
    run_id = desk.ask(nested(loop, activity("z", after=["loop"])))
    until(lambda: desk.statuses(run_id).get("loop/1/work") == "running", seconds=10, what="both lanes to work")
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED
    statuses = desk.statuses(run_id)
    assert set(statuses.values()) == {"cancelled"}
    assert set(statuses) == {"loop", "loop/0", "loop/1", "z"} | {
        f"loop/{n}/{a}" for n in (0, 1) for a in ("work", "later")
    }


def test_a_cancelled_pipeline_ends_cancelled_though_an_iteration_had_failed(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """A client that cancels waits for exactly that end; what had failed before still shows in its own row."""
    make_engine()
    inner = [activity("say", "echo", settings={"value": "@item"}), activity("work", "patient", ["say"])]
    loop = container("loop", "each", {"each": inner}, settings={"items": ["fail", "b"], "lanes": 1})
    run_id = desk.ask(nested(loop))
    until(
        lambda: desk.statuses(run_id).get("loop/1/work") == "running", seconds=10, what="the second iteration to work"
    )
    desk.cancel(run_id)
    assert desk.ended(run_id, seconds=2).status is RunStatus.CANCELLED
    assert desk.statuses(run_id)["loop/0/say"] == "failed"


@pytest.mark.turn_about
def test_a_container_that_takes_too_long_is_timed_out_and_what_is_in_it_is_cancelled(
    desk: Desk, make_engine: MakesEngines
) -> None:
    """The policy's timeout of a container stops its bodies, those that work and those that rest."""
    make_engine()
    inner = [activity("work", "patient"), activity("rest", "wait", settings={"seconds": 60})]
    loop = container("loop", "each", {"each": inner}, settings={"items": 2}, policy=Policy(timeout_seconds=2))
    run_id = desk.ask(nested(loop))
    run = desk.ended(run_id, seconds=20)
    assert run.reason == Failure(Code.TIMED_OUT, "loop: it did not end within 2 s")
    assert desk.statuses(run_id) == {
        "loop": "timed_out", "loop/0": "cancelled", "loop/0/work": "cancelled", "loop/0/rest": "cancelled"
    }  # fmt: skip


def test_a_run_in_whose_bodies_all_rests_is_waiting(desk: Desk, make_engine: MakesEngines) -> None:
    """It gives its place back too, and goes on where it was: in the ledger alone stands how."""
    make_engine()
    inner = [activity("say", "echo", settings={"value": "@item"}), activity("hear", "hear", ["say"])]
    loop = container("loop", "each", {"each": inner}, settings={"items": ["a", "b"], "lanes": 2})
    run_id = desk.ask(nested(loop))
    desk.becomes(run_id, RunStatus.WAITING)
    desk.activity_becomes(run_id, "loop/1/hear", ActivityStatus.WAITING)
    assert at(desk, run_id, "loop/1/hear").output == {"waits": True}
    for number in (1, 0):
        desk.tell(run_id, f"loop/{number}/hear", {"say": number})
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    assert outputs(desk, run_id, "loop/0/hear", "loop/1/hear") == [{"said": n, "asked": True} for n in (0, 1)]
    assert [row.epoch for row in desk.rows(run_id) if row.path.endswith("say")] == [1, 1]


def test_whoever_goes_on_with_a_loop_runs_what_has_not_been_run(desk: Desk, make_engine: MakesEngines) -> None:
    """Stopped again and again, each item is appended once."""
    engine = make_engine()
    inner = [activity("rest", "echo", settings={"seconds": 0.05}), rebuilt("grow", "@item", ["rest"])]
    loop = container("loop", "each", {"each": inner}, settings={"items": 30, "lanes": 3})
    run_id = desk.ask(nested(loop))
    for done in (2, 12):
        until(lambda done=done: f"loop/{done}" in desk.statuses(run_id), seconds=10, what="some to be begun")  # type: ignore[misc]  # a loop's name
        engine.stop()
        engine = make_engine()
    assert desk.ended(run_id).status is RunStatus.SUCCEEDED
    grown = value_of(desk, run_id)
    assert isinstance(grown, list)
    assert sorted(grown) == list(range(30))


@pytest.mark.turn_about
def test_a_policy_with_expressions_is_that_of_the_moment(desk: Desk, make_engine: MakesEngines) -> None:
    """Every failure but that of an expression is tried again in a plan with a dialect."""
    make_engine()
    first = activity("v", "assign", settings={"name": "times", "value": 1})
    policy: Mapping[str, Json] = {"retries": "@variable times", "interval_seconds": 0.05}
    failing = replace(activity("f", "failing", ["v"]), dynamic_policy=policy)
    wrong = replace(activity("w", "echo", ["v"], {"value": "@wrong word"}), dynamic_policy=policy)
    bad = replace(activity("b", "echo", ["v"]), dynamic_policy={"retries": "@variable nothing"})
    run_id = desk.ask(nested(first, failing, wrong, bad))
    run = desk.ended(run_id)
    tries = [row.path for row in desk.rows(run_id)]
    assert (tries, run.status) == (["v", "f", "f", "w", "b"], RunStatus.FAILED)
    assert run.reason is not None
    assert all(name in run.reason.message for name in ("f: ", "w: ", "b: "))


@pytest.mark.turn_about
def test_time_that_an_attempt_pauses_counts(desk: Desk, make_engine: MakesEngines) -> None:
    """A policy's timeout ends an attempt that rests."""
    make_engine()
    run_id = desk.ask(nested(activity("h", "hear", policy=Policy(timeout_seconds=0.5))))
    assert desk.ended(run_id, seconds=5).reason == Failure(Code.TIMED_OUT, "h: it did not end within 0.5 s")
    assert desk.statuses(run_id) == {"h": "timed_out"}


@pytest.mark.turn_about
def test_a_container_may_pause_between_its_bodies(desk: Desk, make_engine: MakesEngines) -> None:
    """Then it is gone on with where it was, and what had ended is not run again."""

    def patient_loop(task: Task, context: DynamicContext) -> Outcome | Pause | Expansion:
        del context
        state = {} if task.resumed is None else task.resumed.state
        number = int(str(state.get("number", 0)))
        if number == 2:
            return Outcome()
        if task.resumed is not None and not state.get("paused"):
            return Pause(0.6, state={"number": number, "paused": True})
        return Expansion("pass", number=number, again=True, state={"number": number + 1})

    engine = make_engine({"patient_loop": patient_loop})
    loop = container("loop", "patient_loop", {"pass": [activity("n", "counting")]})
    run_id = desk.ask(nested(loop))
    desk.becomes(run_id, RunStatus.WAITING)
    engine.stop()
    make_engine({"patient_loop": patient_loop})
    assert desk.ended(run_id).figures.rows_read == 4
    assert [row.epoch for row in desk.rows(run_id) if row.kind == "counting"] == [1, 1]


@pytest.mark.turn_about
def test_an_inactive_activity_that_is_marked_as_failed_is_named(desk: Desk, make_engine: MakesEngines) -> None:
    """It has no failure of its own; the run and the containers around it say that it is the mark that made them fail."""
    make_engine({})
    off = replace(activity("off", "echo"), inactive=True, inactive_as=Condition.FAILED)
    run = desk.ended(desk.ask(nested(container("check", "if", {"yes": [off]}, settings={"on": "yes"}))))
    assert run.reason is not None
    assert run.reason.message == "check: inside, off: The activity is inactive and marked as failed."


@pytest.mark.turn_about
def test_a_variable_does_not_grow_without_end(desk: Desk, make_engine: MakesEngines) -> None:
    """The append that would make it larger than variables may be fails, and what was appended before stays."""
    make_engine()
    inner = [activity("put", "append", settings={"name": "list", "value": "x" * (1 << 20)})]
    loop = container("loop", "each", {"each": inner}, settings={"items": [1, 2, 3, 4, 5], "lanes": 1})
    run_id = desk.ask(nested(loop))
    assert desk.ended(run_id).status is RunStatus.FAILED
    ends = [at(desk, run_id, f"loop/{number}/put").status.value for number in range(5)]
    assert ends == ["succeeded", "succeeded", "succeeded", "failed", "failed"]
    failure = at(desk, run_id, "loop/3/put").failure
    assert failure is not None
    assert failure.code is Code.LIMIT_EXCEEDED
