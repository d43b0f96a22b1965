"""Runs are listed, found, shown and counted as they are, to whom they concern, and without what is secret in them."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from headrace.core.client import Identity, Role
from headrace.core.clock import HOUR, Instant, to_iso
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.native.runs import (
    MOST_ACTIVITIES,
    AskActivity,
    AskDiff,
    AskMany,
    AskRetry,
    AskRun,
    AskThroughput,
    ListActivities,
    ListRuns,
    RunLine,
)
from headrace.core.native.table import (
    DIFF_RUNS,
    LIST_ACTIVITIES,
    LIST_RUNS,
    OPERATIONS,
    RETRY_MANY,
    RUN_ERRORS,
    SHOW_ACTIVITY,
    SHOW_RUN,
    THROUGHPUT,
)
from headrace.core.native.wire import to_wire
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import BODY, ActivityRun, ActivityStatus, Caller, RunKind, RunStatus
from headrace.service.native import looking, searching, throughput
from headrace.service.native.advice import ADVICE
from headrace.service.secret_values import seal_value
from headrace.store import activity_runs, batches, flows, run_search, runs
from headrace.store.run_pages import RunQuery
from ledger_rows import (
    NOW,
    OTHER_SCOPE,
    SCOPE,
    a_batch,
    a_flow,
    a_retry,
    a_run,
    activities,
    failed_run,
    finish,
    put_run,
)
from native_house import ADMIN, OPERATOR, READER, STRANGER, NativeHouse

CANARY = "hunter2-canary"
A = ActivityStatus


def ids(native: NativeHouse, caller: Identity = ADMIN, **asked: Any) -> list[str]:
    """Return the ids of the runs that a list has."""
    return [run.id for run in native.ask(LIST_RUNS, ListRuns(**asked), caller).items]


def put_several(native: NativeHouse, count: int, **changes: Any) -> None:
    """Write runs ``run-0``, ``run-1`` …, each newer than the one before."""
    with native.database.transaction() as tx:
        for number in range(count):
            runs.insert(tx, a_run(f"run-{number}", created_at=Instant(NOW + number), **changes))


def row(path: str, status: ActivityStatus, **changes: Any) -> ActivityRun:
    """Return an attempt at an activity of ``run-1``."""
    ended = Instant(NOW + 5) if status.is_final else None
    made = ActivityRun("run-1", path, 1, "copy", status, "f", created_at=NOW, updated_at=NOW, ended_at=ended)
    return replace(made, **changes)


def test_runs_are_listed_newest_first_and_narrowed_down(native: NativeHouse) -> None:
    """Each filter alone, and some together."""
    put_several(native, 3)
    failed_run(native.database, "run-9", created_at=Instant(NOW + HOUR), flow_id="flow-2", flow_name="hotels")
    put_run(native.database, a_run("other", scope=OTHER_SCOPE, created_at=Instant(NOW - 1), figures=_rejected(2)))
    with native.database.transaction() as tx:
        runs.insert(tx, a_retry("run-10", "run-9", created_at=Instant(NOW + 2 * HOUR), flow_id="flow-2"))
        flows.put(tx, a_flow(id="flow-2", name="hotels"), NOW, None)
    assert ids(native) == ["run-10", "run-9", "run-2", "run-1", "run-0", "other"]
    assert ids(native, status=(RunStatus.FAILED,)) == ["run-9"]
    assert ids(native, kind=RunKind.RETRY) == ["run-10"]
    assert ids(native, group="run-9") == ["run-10", "run-9"]
    assert ids(native, flow="hotels") == ids(native, flow="flow-2") == ["run-10", "run-9"]
    assert ids(native, flow="hotels", status=(RunStatus.FAILED, RunStatus.CANCELLED)) == ["run-9"]
    assert ids(native, flow="flow-1", scope="flowservice/umbrella") == ["other"]
    assert ids(native, flow="nothing") == []
    assert ids(native, rejects=True) == ["other"]
    assert ids(native, since=Instant(NOW + 1), until=Instant(NOW + HOUR)) == ["run-2", "run-1"]
    assert ids(native, READER) == ["run-10", "run-9", "run-2", "run-1", "run-0"]


def _rejected(count: int) -> Figures:
    return Figures(rows_read=10, rows_accepted=10 - count, rows_rejected=count)


def test_pages_have_every_run_once(native: NativeHouse) -> None:
    """Also over several scopes, whose ranges are merged."""
    put_several(native, 7)
    put_run(native.database, a_run("other", scope=OTHER_SCOPE, created_at=Instant(NOW + 3)))
    seen: list[str] = []
    cursor = None
    while True:
        page = native.ask(LIST_RUNS, ListRuns(limit=3, cursor=cursor, status=(RunStatus.QUEUED,)))
        seen += [run.id for run in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted([*(f"run-{n}" for n in range(7)), "other"])
    assert len(seen) == len(set(seen))


FOUND: dict[str, list[str]] = {
    "abcd-1": ["abcd-1"],
    "ABCD": ["abcd-1"],
    "flights": ["run-1", "run-0"],
    "MÜNCHEN": ["abcd-1"],
    "31": ["abcd-1"],
    "connection was REF": ["abcd-1"],
    'say "no" 100%_': ["abcd-1"],
    "city": [],
    CANARY: [],
    "nothing like it": [],
}


def test_a_search_finds_ids_names_parameters_and_reasons(native: NativeHouse) -> None:
    """Whatever the case; names of parameters and secrets are not found."""
    put_several(native, 2)
    parameters = {"city": "München", "size": 31, "password": CANARY, "deep": {"list": ['say "no" 100%_']}}
    run = a_run("abcd-1", flow_name="Hotels", parameters=parameters, created_at=Instant(NOW - 5))
    put_run(native.database, run)
    with native.database.transaction() as tx:
        runs.move(tx, run.id, {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        reason = Failure(Code.SOURCE_UNAVAILABLE, "the connection was refused")
        runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.FAILED, NOW, reason)
    for text, found in FOUND.items():
        told = native.ask(LIST_RUNS, ListRuns(text=f" {text} "))
        assert [one.id for one in told.items] == found, text
        assert (told.next, told.searched_until) == (None, None)


def test_a_search_says_how_far_back_it_looked_and_goes_on_from_there(native: NativeHouse) -> None:
    """Each page looks at so many runs; nothing is found twice, and nothing is passed over."""
    put_several(native, 9)
    put_run(native.database, a_run("wanted", flow_name="hotels", created_at=Instant(NOW - 1)))
    put_run(native.database, a_run("other", flow_name="hotels", scope=OTHER_SCOPE, created_at=Instant(NOW + 4)))
    query = RunQuery(scopes=("flowservice",))
    with native.database.reading() as tx:
        seen, cursor, looks = [], None, 0
        while True:
            found, cursor = run_search.page(tx, query, "hotels", 2, cursor, looked_at=4)
            seen += [run.id for run in found]
            looks += 1
            if cursor is None:
                break
            assert cursor.position[0] >= NOW - 1  # type: ignore[operator]  # an instant
    assert (seen, looks) == (["other", "wanted"], 3)


def test_a_search_for_a_secret_answers_as_one_for_nothing(native: NativeHouse) -> None:
    """Neither runs nor where the next page begins tell a reader that it is there, or how it begins."""
    put_several(native, 12, parameters={"password": CANARY})
    nothing = native.ask(LIST_RUNS, ListRuns(text="nothing-like-it", limit=1))
    assert native.ask(LIST_RUNS, ListRuns(text=CANARY[:5], limit=1)) == nothing
    put_run(native.database, a_run("shown", parameters={"city": CANARY}, created_at=Instant(NOW - 9)))
    assert ids(native, text=CANARY[:5], limit=1) == ["shown"]


def test_a_run_of_another_scope_is_no_part_for_who_does_not_reach_it(small: NativeHouse) -> None:
    """Whatever has made it."""
    put_run(small.database, a_run())
    put_run(small.database, a_run("made", scope=OTHER_SCOPE, caller=Caller("run-1", "Copy", 1)))
    assert [part.id for part in small.ask(SHOW_RUN, AskRun(run="run-1")).parts] == ["made"]
    assert small.ask(SHOW_RUN, AskRun(run="run-1"), READER).parts == ()


def test_an_old_run_is_found_by_its_id_at_once(small: NativeHouse) -> None:
    """It stands first, once, however many newer runs there are."""
    put_several(small, 5, parameters={"of": "0ld0-run"})
    put_run(small.database, a_run("0ld0-run", created_at=Instant(NOW - 9)))
    assert ids(small, text="0ld0", limit=3) == ["0ld0-run", "run-4", "run-3"]
    first = small.ask(LIST_RUNS, ListRuns(text="0ld0", limit=3))
    rest = small.ask(LIST_RUNS, ListRuns(text="0ld0", limit=9, cursor=first.next))
    assert [run.id for run in rest.items] == ["run-2", "run-1", "run-0"]
    assert ids(small, text="0ld0", status=(RunStatus.FAILED,)) == []
    assert ids(small, STRANGER, text="0ld0") == []
    with pytest.raises(Problem, match="200 at most"):
        ids(small, text="x" * (searching.LONGEST + 1))


def test_the_latest_and_beginnings_are_looked_for_among_the_callers_runs(native: NativeHouse) -> None:
    """What others have makes nothing ambiguous, and is never the latest."""
    put_run(native.database, a_run("run-1"))
    put_run(native.database, a_run("run-2", scope=OTHER_SCOPE, created_at=Instant(NOW + 1)))
    for text in ("@latest", "run", "run-1"):
        assert native.ask(SHOW_RUN, AskRun(run=text), READER).run.id == "run-1"
    with pytest.raises(Problem, match="several runs"):
        native.ask(SHOW_RUN, AskRun(run="run"), ADMIN)
    assert native.ask(SHOW_RUN, AskRun(run="@latest"), ADMIN).run.id == "run-2"


def test_runs_are_counted_by_the_time_of_their_end(native: NativeHouse) -> None:
    """In the bucket in which they ended; what is open by its status; only the scopes that are asked for."""
    with native.database.transaction() as tx:
        for number, to in enumerate((RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.SUCCEEDED)):
            runs.insert(tx, a_run(f"run-{number}", figures=_rejected(1) if number == 2 else Figures()))
            finish(tx, f"run-{number}", to, NOW + number * 10)
        runs.insert(tx, a_run("open"))
        runs.insert(tx, a_run("other", scope=OTHER_SCOPE))
        finish(tx, "other", now=NOW + 10)
    asked = AskThroughput(since=NOW, until=Instant(NOW + 30), buckets=3)
    told = native.ask(THROUGHPUT, asked, READER)
    assert [(b.succeeded, b.failed, b.with_rejects, b.rows_rejected) for b in told.buckets] == [
        (1, 0, 0, 0),
        (0, 1, 0, 0),
        (1, 0, 1, 1),
    ]
    assert (told.width, dict(told.open)) == (10, {"queued": 1})
    assert native.ask(THROUGHPUT, asked).buckets[1].failed == 2
    assert native.ask(THROUGHPUT, replace(asked, flow="flow-none")).buckets[1].failed == 0


def test_of_very_many_runs_the_newest_are_counted(native: NativeHouse) -> None:
    """And it is said since when: what was not counted is not taken for nothing."""
    with native.database.transaction() as tx:
        for number in range(6):
            runs.insert(tx, a_run(f"run-{number}"))
            finish(tx, f"run-{number}", now=NOW + number * 10)
    asked = AskThroughput(since=NOW, until=Instant(NOW + 60), buckets=3)
    counted = [throughput.count_runs(native.desk, ADMIN, asked, most) for most in (6, 4, 3, 1)]
    assert [[bucket.failed for bucket in told.buckets] for told in counted] == [
        *([2, 2, 2], [0, 2, 2]),
        *([0, 0, 2], [0, 0, 2]),
    ]
    since = [told.counted_since for told in counted]
    assert since == [None, NOW + 20, NOW + 40, NOW + 40]


def _nested(count: int, failed: int) -> list[ActivityRun]:
    rows = [row("Each", A.SUCCEEDED, kind="for_each")]
    for number in range(count):
        status = A.FAILED if number == failed else A.SUCCEEDED
        body = f"Each/{number}"
        rows += [row(body, status, kind=BODY, parent="Each"), row(f"{body}/Load", status, parent=body)]
    return rows


def test_a_large_run_is_shown_with_what_is_telling_first(native: NativeHouse) -> None:
    """No more than so many activities are told; containers say how many bodies they have."""
    put_run(native.database, a_run("run-1"))
    with native.database.transaction() as tx:
        activity_runs.insert_all(tx, _nested(400, failed=390))
    view = native.ask(SHOW_RUN, AskRun(run="run-1"))
    assert (len(view.activities), view.more_activities) == (MOST_ACTIVITIES, True)
    paths = [line.path for line in view.activities]
    assert {"Each", "Each/390", "Each/390/Load"} <= set(paths)
    assert dict(view.activities[0].bodies) == {"succeeded": 399, "failed": 1}
    one = native.ask(SHOW_ACTIVITY, AskActivity(run="run-1", path="Each"))
    assert one.line.bodies == view.activities[0].bodies
    page = native.ask(LIST_ACTIVITIES, ListActivities(run="run-1", parent="Each", status=(A.FAILED,)))
    assert [line.path for line in page.items] == ["Each/390"]


def test_a_small_run_is_shown_whole_in_the_order_of_its_plan(native: NativeHouse) -> None:
    """What lies in a container stands behind it."""
    put_run(native.database, a_run("run-1"))
    with native.database.transaction() as tx:
        activity_runs.insert_all(tx, [*_nested(2, failed=-1), row("Z", A.SUCCEEDED)])
    view = native.ask(SHOW_RUN, AskRun(run="run-1"))
    assert [line.path for line in view.activities] == [
        *("Each", "Each/0", "Each/0/Load", "Each/1", "Each/1/Load"),
        "Z",
    ]
    assert not view.more_activities


def test_what_an_activity_waits_for_is_a_sentence(small: NativeHouse) -> None:
    """Predecessors, a pause, a timer, somebody outside, room."""
    plan = Plan(
        (
            Activity("Copy", "copy"),
            Activity("Promote", "promote", depends_on=(Dependency("Copy"),)),
        )
    )
    later = Instant(NOW + HOUR)
    rows = {
        "Copy": (
            row("Copy", A.QUEUED, attempt=2, wake_at=later),
            f"The pause before attempt 2 lasts until {to_iso(later)}.",
        ),
        "Promote": (row("Promote", A.PENDING), "'Copy' has to end."),
        "Wait": (row("Wait", A.WAITING, wake_at=later), f"A timer lasts until {to_iso(later)}."),
        "Listen": (row("Listen", A.WAITING, kind="listen"), "A listener has to take it and say how it ended."),
        "Room": (row("Room", A.QUEUED), "A worker has to have room for it."),
        "Done": (row("Done", A.SUCCEEDED), ""),
    }
    put_run(small.database, a_run("run-1", definition=plan))
    with small.database.transaction() as tx:
        activity_runs.insert_all(tx, [made for made, _ in rows.values()])
        runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
    told = {line.path: line.waits_for for line in small.ask(SHOW_RUN, AskRun(run="run-1")).activities}
    assert told == {path: words for path, (_, words) in rows.items()}
    assert small.ask(SHOW_ACTIVITY, AskActivity(run="run-1", path="Promote")).line.waits_for == "'Copy' has to end."


def test_no_secret_is_told_of_a_run(small: NativeHouse) -> None:
    """Sealed parameters, SecureStrings and passwords in definitions, secure inputs and outputs: masked for everybody."""
    secure = {"type": "SecureString", "value": CANARY}
    settings: Mapping[str, Json] = {"password": CANARY, "auth": secure, "encryptedCredential": CANARY, "from": "orders"}
    sealed = seal_value(small.desk.sealer, SCOPE, CANARY)
    run = a_run(
        "run-1",
        definition=Plan((Activity("Copy", "copy", settings),)),
        parameters={"key": sealed, "api-key": CANARY, "day": "monday"},
        details={"globalParameters": {"secret": CANARY}},
    )
    put_run(small.database, run)
    put_run(small.database, a_run("run-2", parameters={"key": "other"}))
    details = {"input": {"a": 1, "token": CANARY}, "secureOutput": True}
    with small.database.transaction() as tx:
        activity_runs.insert_all(tx, [row("Copy", A.SUCCEEDED, details=details, output={"rows": CANARY})])
        finish(tx, "run-1")
    told: list[object] = [
        small.ask(SHOW_RUN, AskRun(run="run-1")),
        small.ask(SHOW_ACTIVITY, AskActivity(run="run-1", path="Copy")),
        small.ask(LIST_RUNS, ListRuns()),
        small.ask(DIFF_RUNS, AskDiff(run="run-1", other="run-2")),
        small.ask(RUN_ERRORS, AskRun(run="run-1")),
    ]
    text = json.dumps([to_wire(one) for one in told])
    assert CANARY not in text
    assert str(sealed["$sealed"]) not in text
    assert "monday" in text


def test_what_is_long_is_cut(small: NativeHouse) -> None:
    """And it is said."""
    put_run(small.database, a_run("run-1"))
    with small.database.transaction() as tx:
        activity_runs.insert_all(tx, [row("Copy", A.SUCCEEDED, output={"text": "x" * 70_000})])
    view = small.ask(SHOW_ACTIVITY, AskActivity(run="run-1", path="Copy"))
    assert view.is_cut
    assert len(json.dumps(to_wire(view))) < 70_000
    put_run(small.database, a_run("run-2", parameters={"day": "monday", "items": list(range(50_000))}))
    parameters = small.ask(SHOW_RUN, AskRun(run="run-2")).run.parameters
    assert (parameters["day"], str(parameters["items"])[:6]) == ("monday", "[0, 1,")
    assert len(json.dumps(to_wire(small.ask(LIST_RUNS, ListRuns())))) < 20_000


def test_a_revision_changes_with_whatever_happens_in_a_run(native: NativeHouse) -> None:
    """Until it has ended: then there is nothing to wait for."""
    put_run(native.database, a_run("run-1"))
    with native.database.transaction() as tx:
        activity_runs.insert_all(tx, activities())

    def step(number: int, move: Any) -> str | None:
        with native.database.transaction() as tx:
            move(tx, Instant(NOW + number))
        return looking.run_revision(native.desk, READER, "run-1")

    def of_copy(expected: ActivityStatus, to: ActivityStatus) -> Any:
        return lambda tx, now: activity_runs.move(tx, "run-1", "Copy", 1, {expected}, to, now)

    before = looking.runs_revision(native.desk, READER)
    seen = [
        looking.run_revision(native.desk, READER, "run-1"),
        step(1, lambda tx, now: runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, now)),
        step(2, of_copy(A.PENDING, A.QUEUED)),
        step(3, of_copy(A.QUEUED, A.RUNNING)),
        step(4, of_copy(A.RUNNING, A.SUCCEEDED)),
    ]
    assert None not in seen
    assert len(set(seen)) == len(seen)
    assert step(5, lambda tx, now: runs.move(tx, "run-1", {RunStatus.RUNNING}, RunStatus.SUCCEEDED, now)) is None
    assert looking.runs_revision(native.desk, READER) != before
    with pytest.raises(Problem):
        looking.run_revision(native.desk, STRANGER, "run-1")


def test_every_code_has_advice() -> None:
    """A sentence each."""
    assert set(ADVICE) == set(Code)
    assert all(text.endswith(".") and len(text) > 20 for text in ADVICE.values())


def test_a_stranger_finds_nothing_of_runs(small: NativeHouse) -> None:
    """Whatever is asked about a run, it is not there; and in lists there is nothing."""
    failed_run(small.database, "run-1")
    asked = {
        "runs.activities": ListActivities(run="run-1"),
        "runs.activity": AskActivity(run="run-1", path="Copy"),
        "runs.diff": AskDiff(run="run-1", other="run-1"),
        "runs.plan": AskRetry(run="run-1"),
        "runs.retry": AskRetry(run="run-1"),
        **dict.fromkeys(("runs.show", "runs.errors", "runs.cancel"), AskRun(run="run-1")),
    }
    elsewhere = {"runs.list", "runs.throughput", "runs.logs", "runs.retry_many", "runs.cancel_many"}
    mine = [one for one in OPERATIONS if one.name.startswith("runs.") and one.name not in elsewhere]
    assert {one.name for one in mine} == set(asked)
    for operation in mine:
        with pytest.raises(Problem) as caught:
            small.ask(operation, asked[operation.name], STRANGER)
        assert caught.value.code is Code.NOT_FOUND, operation.name
    for scope in (None, "flowservice/nobody"):
        assert small.ask(LIST_RUNS, ListRuns(scope=scope), STRANGER).items == ()
    with pytest.raises(Problem, match="there is no scope"):
        small.ask(LIST_RUNS, ListRuns(scope=SCOPE), STRANGER)
    told = small.ask(RETRY_MANY, AskMany(runs=("run-1",)), STRANGER).items[0]
    assert told.reason is not None
    assert (told.done, told.reason.code) == (None, Code.NOT_FOUND)


def test_verbs_fit_the_role_and_the_state(small: NativeHouse) -> None:
    """A reader has none; what goes on is cancelled, what has ended is retried."""
    failed_run(small.database, "run-1")
    put_run(small.database, a_run("run-2", created_at=Instant(NOW + 1)))

    def verbs(caller: Identity) -> list[tuple[str, ...]]:
        lines: tuple[RunLine, ...] = small.ask(LIST_RUNS, ListRuns(), caller).items
        return [line.verbs for line in lines]

    assert verbs(OPERATOR) == [("cancel",), ("retry",)]
    assert verbs(READER) == [(), ()]
    assert READER.role is Role.READER


def test_errors_are_those_of_the_newest_attempts_in_the_order_of_the_plan(native: NativeHouse) -> None:
    """With the batches' reasons summed up, most rows first; bodies fail by what is in them."""
    failed_run(native.database, "run-1")
    no = Failure(Code.TIMED_OUT, "too slow")
    reasons = (ReasonCount("type", "day", 2, "no day"), ReasonCount("enum", None, 5, "no such"))
    with native.database.transaction() as tx:
        rows = [
            row("Promote", A.FAILED, failure=no),
            row("Copy", A.FAILED, failure=no),
            row("Copy", A.FAILED, failure=no, attempt=2),
            row("Each/1", A.FAILED, failure=no, kind=BODY, parent="Each"),
            row("Each/1/Load", A.FAILED, failure=no, parent="Each/1"),
            row("Again", A.FAILED, failure=no),
            row("Again", A.SUCCEEDED, attempt=2),
        ]
        activity_runs.insert_all(tx, rows)
        for number in range(2):
            batches.save(tx, a_batch(f"batch-{number}", rejects=reasons))
    told = native.ask(RUN_ERRORS, AskRun(run="run-1"))
    assert [(one.activity, one.attempt) for one in told.failures] == [("Copy", 2), ("Promote", 1), ("Each/1/Load", 1)]
    assert told.failures[0].reason.advice
    assert [(one.code, one.count) for one in told.rejects] == [("enum", 10), ("type", 4)]


def test_a_view_has_the_group_and_the_batches(small: NativeHouse) -> None:
    """Oldest first; reasons with advice."""
    failed_run(small.database, "run-1")
    put_run(small.database, a_retry("run-2", created_at=Instant(NOW + 1)))
    with small.database.transaction() as tx:
        batches.save(tx, a_batch())
    view = small.ask(SHOW_RUN, AskRun(run="run-1"))
    assert [run.id for run in view.group] == ["run-1", "run-2"]
    assert [batch.table for batch in view.batches] == ["flights"]
    assert view.run.reason is not None
    assert view.run.reason.advice == ADVICE[Code.SOURCE_UNAVAILABLE]
