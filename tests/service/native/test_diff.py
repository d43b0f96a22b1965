"""Two runs beside each other: all that differs, and nothing that is alike."""

from dataclasses import replace

from headrace.core.clock import SECOND, Instant
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.native.runs import AskDiff, Difference
from headrace.core.native.table import DIFF_RUNS
from headrace.core.outcome import Figures
from headrace.core.run import ActivityRun, ActivityStatus, RunKind
from headrace.store import activity_runs, runs
from ledger_rows import FAILURE, NOW, PLAN, a_retry, a_run, activities, finish
from native_house import READER, NativeHouse

A = ActivityStatus
CHANGED = Plan(
    (
        Activity("Copy", "copy", {"n": 2, "deep": {"a": 1}}),
        Activity("Notify", "web", depends_on=(Dependency("Copy"),)),
    )
)


def ended(rows: list[ActivityRun], *how: tuple[ActivityStatus, int, int | None]) -> list[ActivityRun]:
    """Return the rows with a status, seconds that it took, and rows read, each."""
    return [
        replace(
            row,
            status=status,
            started_at=NOW,
            ended_at=Instant(NOW + seconds * SECOND),
            figures=Figures(rows_read=read),
            failure=FAILURE if status is A.FAILED else None,
        )
        for row, (status, seconds, read) in zip(rows, how, strict=True)
    ]


def test_what_differs_is_told_by_kind(native: NativeHouse) -> None:
    """Parameters, settings by their path, counts, durations, statuses, errors, and who asked."""
    with native.database.transaction() as tx:
        runs.insert(tx, a_run(parameters={"day": "monday", "size": 3}, created_by="ann"))
        activity_runs.insert_all(tx, ended(activities(), (A.SUCCEEDED, 2, 10), (A.FAILED, 1, 10)))
        finish(tx, "run-1")
        runs.insert(tx, a_retry(parameters={"day": "friday", "size": 3}, definition=CHANGED, created_by="ann"))
        rows = ended(activities("run-2"), (A.SUCCEEDED, 5, 12), (A.SUCCEEDED, 1, 10))
        activity_runs.insert_all(tx, [rows[0], replace(rows[1], path="Notify", kind="web")])
    told = native.ask(DIFF_RUNS, AskDiff(run="run-1", other="run-2"), READER)
    assert (told.left.id, told.right.id) == ("run-1", "run-2")
    assert told.parameters == (Difference(what="parameters.day", left="monday", right="friday"),)
    definition = {one.what: (one.left, one.right) for one in told.definition}
    assert definition["activities.Copy.settings.n"] == (1, 2)
    assert definition["activities.Copy.settings.deep"] == (None, {"a": 1})
    assert definition["activities.Promote"][1] is None
    assert definition["activities.Notify"][0] is None
    assert Difference(what="activities.Copy.rows_read", left=10, right=12) in told.figures
    durations = {one.what: (one.left, one.right) for one in told.durations}
    assert durations["activities.Copy"] == (2 * SECOND, 5 * SECOND)
    statuses = {one.what: (one.left, one.right) for one in told.statuses}
    assert statuses == {
        "run": ("failed", "queued"),
        "activities.Promote": ("failed", None),
        "activities.Notify": (None, "succeeded"),
    }
    assert {one.what for one in told.errors} == {"run", "activities.Promote"}
    assert told.other == (Difference(what="kind", left=RunKind.ON_DEMAND.value, right=RunKind.RETRY.value),)


def test_a_run_does_not_differ_from_itself(small: NativeHouse) -> None:
    """Nothing is told at all."""
    with small.database.transaction() as tx:
        runs.insert(tx, a_run(definition=PLAN))
        activity_runs.insert_all(tx, activities())
    told = small.ask(DIFF_RUNS, AskDiff(run="run-1", other="@latest"))
    kinds = (told.parameters, told.definition, told.figures, told.durations, told.statuses, told.errors, told.other)
    assert kinds == ((),) * 7
