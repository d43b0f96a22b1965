"""Asking for runs: once, whole, and only what the flow allows."""

import threading
from dataclasses import replace
from itertools import pairwise

import pytest

from headrace.core.clock import DAY
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityStatus, Caller, RunStatus
from headrace.service.flows import get_flow, put_flow
from headrace.service.runs import (
    External,
    RunRequest,
    cancel_run,
    complete_external,
    create_run,
    errors_of_run,
    fail_external,
    find_run,
    get_run,
    page_runs,
)
from headrace.store import activity_runs, runs, signals
from headrace.store.runs import RunQuery
from service.conftest import House

_REQUEST = RunRequest(scope="local", flow_id="f1", created_by="tester")


def test_a_run_is_there_with_its_activities_and_its_place_in_the_queue(house: House) -> None:
    """Run, activity runs and queue are one commit: what a caller was told about, a worker finds."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    details = get_run(house.database, "local", run.id)
    assert (details.run, details.run.status) == (run, RunStatus.QUEUED)
    assert [(row.path, row.status, row.attempt) for row in details.activities] == [
        ("Copy", ActivityStatus.PENDING, 1),
        ("Promote", ActivityStatus.PENDING, 1),
    ]


def test_parameters_are_the_defaults_with_what_was_given(house: House) -> None:
    """What is not given has the flow's default."""
    run = create_run(house.database, replace(_REQUEST, parameters={"size": 4}), house.clock, house.ids)
    assert run.parameters == {"day": "monday", "size": 4}


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        ({"dya": "friday"}, Code.UNKNOWN_FIELD, "did you mean 'day'"),
        ({"size": "big"}, Code.INVALID, "expected a number"),
        ({"day": None}, Code.INVALID, "is not given"),
    ],
)
def test_wrong_parameters_are_refused_before_anything_is_written(
    house: House, given: dict[str, Json], code: Code, says: str
) -> None:
    """A typing error in a parameter does not run the flow with its default."""
    with pytest.raises(Problem, match=says) as caught:
        create_run(house.database, replace(_REQUEST, parameters=given), house.clock, house.ids)
    assert caught.value.code is code
    assert page_runs(house.database, RunQuery()).items == ()


def test_a_repeated_request_answers_with_the_first_run(house: House) -> None:
    """A client that repeats a POST after a lost answer has one run, not two."""
    request = replace(_REQUEST, request_key="k1")
    first = create_run(house.database, request, house.clock, house.ids)
    assert create_run(house.database, request, house.clock, house.ids) == first
    assert len(page_runs(house.database, RunQuery()).items) == 1


def test_a_key_is_free_again_when_its_lifetime_is_over(house: House) -> None:
    """Keys are not kept for ever."""
    request = replace(_REQUEST, request_key="k1")
    first = create_run(house.database, request, house.clock, house.ids)
    house.clock.advance(8 * DAY)
    assert create_run(house.database, request, house.clock, house.ids).id != first.id


def test_a_key_does_not_answer_for_another_flow(house: House) -> None:
    """A key that is used twice by mistake is an error, not somebody else's run."""
    create_run(house.database, replace(_REQUEST, request_key="k1"), house.clock, house.ids)
    flow = get_flow(house.database, "local", "f1")
    put_flow(house.database, replace(flow, id="f2", name="other", revision=1), "tester", house.clock)
    with pytest.raises(Problem) as caught:
        create_run(house.database, replace(_REQUEST, flow_id="f2", request_key="k1"), house.clock, house.ids)
    assert caught.value.code is Code.CONFLICT


def test_another_tenants_flow_does_not_exist(house: House) -> None:
    """A flow's id is of no use outside of its scope."""
    with pytest.raises(Problem) as caught:
        create_run(house.database, replace(_REQUEST, scope="flowservice/acme/prod"), house.clock, house.ids)
    assert caught.value.code is Code.NOT_FOUND


def test_a_disabled_flow_takes_no_runs(house: House) -> None:
    """Disabling stops what is to come; the message says what to do."""
    flow = get_flow(house.database, "local", "f1")
    put_flow(house.database, replace(flow, enabled=False), "tester", house.clock)
    with pytest.raises(Problem, match="enable it") as caught:
        create_run(house.database, _REQUEST, house.clock, house.ids)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_a_run_keeps_the_definition_that_it_was_asked_for_with(house: House) -> None:
    """Changing a flow changes no run that was asked for before."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    flow = get_flow(house.database, "local", "f1")
    put_flow(house.database, replace(flow, plan=type(flow.plan)(flow.plan.activities[:1])), "tester", house.clock)
    assert len(get_run(house.database, "local", run.id).run.definition.activities) == 2


def test_a_queued_run_is_cancelled_at_once(house: House) -> None:
    """Nothing of it starts any more, and all of its activities say so."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    assert cancel_run(house.database, "local", run.id, "tester", house.clock).status is RunStatus.CANCELLED
    statuses = {row.status for row in get_run(house.database, "local", run.id).activities}
    assert statuses == {ActivityStatus.CANCELLED}


def test_a_running_run_is_asked_to_stop_once(house: House) -> None:
    """Its worker stops it; asking again changes nothing."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    with house.database.transaction() as tx:
        runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
    asked = cancel_run(house.database, "local", run.id, "tester", house.clock)
    assert asked.status is RunStatus.CANCELLING
    assert cancel_run(house.database, "local", run.id, "somebody", house.clock) == asked


def test_an_ended_run_cannot_be_cancelled(house: House) -> None:
    """What has ended stays as it ended (kestra#15145: a command on a terminal run crashed the engine)."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    cancel_run(house.database, "local", run.id, "tester", house.clock)
    with pytest.raises(Problem) as caught:
        cancel_run(house.database, "local", run.id, "tester", house.clock)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_what_does_not_wait_cannot_be_completed_from_outside(house: House) -> None:
    """A callback that comes to the wrong activity is refused, and an unknown activity is named."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    for path, code in (("Copy", Code.ILLEGAL_STATE), ("Nobody", Code.NOT_FOUND)):
        with pytest.raises(Problem) as caught:
            complete_external(house.database, "local", External(run.id, path, "tester"), {}, house.clock)
        assert caught.value.code is code


def test_runs_are_found_by_the_beginning_of_their_id(house: House) -> None:
    """People type a few characters, or @latest."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    assert find_run(house.database, "local", "@latest") == run.id
    assert find_run(house.database, "local", run.id[:20]) == run.id


def test_pages_follow_each_other_without_gaps(house: House) -> None:
    """Every run is on exactly one page, newest first."""
    made = [create_run(house.database, _REQUEST, house.clock, house.ids).id for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = page_runs(house.database, RunQuery(scopes=("local",)), limit=2, cursor=cursor)
        seen += [run.id for run in page.items]
        if page.next is None:
            break
        cursor = page.next.token()
    assert seen == made[::-1]


def test_errors_of_a_run_without_failures_are_none(house: House) -> None:
    """A queued run has nothing to complain about."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    errors = errors_of_run(house.database, "local", run.id)
    assert (errors.failures, errors.rejects, errors.warnings) == ((), (), ())


def test_nothing_of_a_request_stays_when_its_last_line_fails(house: House) -> None:
    """Should the process die in the middle, there is no run without activities, and no place in the queue without a run."""
    with pytest.raises(Problem):
        create_run(house.database, replace(_REQUEST, created_by="\0"), house.clock, house.ids)
    with house.database.reading() as tx:
        assert activity_runs.of_runs(tx, ["00000000-0000-4000-8000-000000000001"]) == {
            "00000000-0000-4000-8000-000000000001": []
        }
    assert page_runs(house.database, RunQuery()).items == ()


def test_a_run_is_cancelled_with_all_that_it_has_made_where_that_is_asked_for(house: House) -> None:
    """Runs that its activities have made go on by themselves; whoever wants their end too says so."""
    tree = [create_run(house.database, _REQUEST, house.clock, house.ids) for _ in range(3)]
    with house.database.transaction() as tx:
        for parent, child in pairwise(tree):
            runs.insert(
                tx, replace(child, id=f"of-{parent.id}", group_id=f"of-{parent.id}", caller=Caller(parent.id, "C", 1))
            )
    top, below = tree[0], f"of-{tree[0].id}"
    cancel_run(house.database, "local", tree[1].id, "tester", house.clock)
    assert get_run(house.database, "local", f"of-{tree[1].id}").run.status is RunStatus.QUEUED
    cancel_run(house.database, "local", top.id, "tester", house.clock, recursive=True)
    assert get_run(house.database, "local", below).run.status is RunStatus.CANCELLED
    with pytest.raises(Problem) as caught:
        cancel_run(house.database, "local", top.id, "tester", house.clock, recursive=True)
    assert caught.value.code is Code.ILLEGAL_STATE


def test_a_run_that_is_made_at_the_moment_of_the_cancellation_is_cancelled_too(house: House) -> None:
    """One that is cancelled with its caller's caller makes a run just then: whoever cancels waits for it, and sees what it has made."""
    top, child, grandchild = (create_run(house.database, _REQUEST, house.clock, house.ids) for _ in range(3))
    with house.database.transaction() as tx:
        runs.insert(tx, replace(child, id="child", group_id="child", caller=Caller(top.id, "C", 1)))
    cancelling = threading.Thread(
        target=cancel_run, args=(house.database, "local", top.id, "tester", house.clock), kwargs={"recursive": True}
    )
    with house.database.transaction() as tx:
        runs.get(tx, None, "child", hold=True)
        cancelling.start()
        cancelling.join(timeout=0.3)
        made = replace(grandchild, id="grandchild", group_id="grandchild", caller=Caller("child", "C", 1))
        runs.insert(tx, made)
    cancelling.join(timeout=10)
    assert get_run(house.database, "local", "grandchild").run.status is RunStatus.CANCELLED


def test_the_first_word_about_what_happens_outside_counts(house: House) -> None:
    """A callback that is repeated is no mistake, one that says something else is; the waiting attempt finds the first one."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    with house.database.transaction() as tx:
        row = activity_runs.of_run(tx, run.id)[0]
        outside = replace(row, path="Each/0/Ask", parent="Each/0", kind="external", status=ActivityStatus.WAITING)
        activity_runs.insert_all(tx, [outside])
    told = External(run.id, "Each/0/Ask", "tester")
    for _ in range(2):
        complete_external(house.database, "local", told, {"n": 1}, house.clock)
    with pytest.raises(Problem, match="the first word counts"):
        fail_external(house.database, "local", told, "no", house.clock)
    with house.database.reading() as tx:
        assert signals.get(tx, run.id, "Each/0/Ask", 1) == {"who": "tester", "output": {"n": 1}}


def test_what_is_in_a_container_is_listed_behind_it(house: House) -> None:
    """A person reads a run from its beginning to its end, containers with what is in them."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    with house.database.transaction() as tx:
        row = activity_runs.of_run(tx, run.id)[0]
        inner = [
            replace(row, path=f"{parent}/{name}", parent=parent) for parent, name in (("Copy", "0"), ("Copy/0", "B"))
        ]
        activity_runs.insert_all(tx, inner)
    paths = [row.path for row in get_run(house.database, "local", run.id).activities]
    assert paths == ["Copy", "Copy/0", "Copy/0/B", "Promote"]
