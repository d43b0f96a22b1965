"""What goes wrong again and again is one line, however many runs it concerns."""

import pytest

from headrace.core.clock import DAY, HOUR, Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure, Figures, Outcome, ReasonCount
from headrace.core.run import ActivityStatus, RunStatus
from headrace.service.errors_report import ErrorGroup, ErrorKind, Troubled, period_of, report_errors, steady
from headrace.store import activity_runs, batches, runs
from headrace.store.database import Database, Transaction
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_batch, a_run, activities, finish

REQUIRED = ReasonCount("required", "email", 2, "is required")
WARNED = ReasonCount("transform", "age", 1, "to_integer(Age) could not be evaluated")


def put(tx: Transaction, run_id: str, at: int = NOW, **given: object) -> None:
    """Write a run that succeeded with two rejects and a warning."""
    runs.insert(tx, a_run(run_id, created_at=Instant(at), **given))
    scope = given.get("scope", SCOPE)
    tried = {"run_id": run_id, "scope": scope, "rejects": (REQUIRED,), "warnings": (WARNED,)}
    batches.save(tx, a_batch(f"batch-{run_id}", **tried))
    finish(tx, run_id, RunStatus.SUCCEEDED, at)
    runs.set_figures(tx, run_id, Figures(rows_rejected=2, rows_warned=1))


def fail(tx: Transaction, run_id: str, message: str, at: int = NOW) -> None:
    """Write a run whose copy has failed twice with ``message``."""
    runs.insert(tx, a_run(run_id, created_at=Instant(at)))
    failure = Failure(Code.SOURCE_UNAVAILABLE, message)
    runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(at))
    activity_runs.insert_all(tx, activities(run_id)[:1])
    for attempt in (1, 2):
        if attempt == 1:
            activity_runs.move(tx, run_id, "Copy", 1, {ActivityStatus.PENDING}, ActivityStatus.QUEUED, Instant(at))
        else:
            activity_runs.next_attempt(tx, run_id, "Copy", 1, Instant(at))
        activity_runs.move(
            tx,
            run_id,
            "Copy",
            attempt,
            {ActivityStatus.QUEUED},
            ActivityStatus.FAILED,
            Instant(at),
            outcome=Outcome(failure=failure),
        )
    runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.FAILED, Instant(at), failure)


def report(database: Database, flow_id: str | None = "flow-1", page: int = 1000) -> list[ErrorGroup]:
    """Return the report up to an hour from now."""
    query = Troubled(scope=SCOPE, flow_id=flow_id, since=Instant(NOW - DAY), until=Instant(NOW + HOUR))
    return report_errors(database, query, page)


def test_the_same_reason_in_many_runs_is_one_line(database: Database) -> None:
    """With rows, runs, when it was seen first and last, and an example to look at; pages do not show."""
    with database.transaction() as tx:
        for number in range(5):
            put(tx, f"run-{number}", NOW + number)
    reject, warning = report(database, page=2)
    assert (reject.kind, reject.code, reject.place, reject.rows, reject.runs) == (
        ErrorKind.REJECT,
        "required",
        "email",
        10,
        5,
    )
    assert (reject.first_seen, reject.last_seen) == (NOW, NOW + 4)
    assert (reject.run_id, reject.batch_id) == ("run-4", "batch-run-4")
    assert (warning.kind, warning.rows, warning.runs) == (ErrorKind.WARNING, 5, 5)


def test_failures_that_differ_in_numbers_only_are_one_line_and_attempts_count_once(database: Database) -> None:
    """A port, an id or a time in the message does not make another error; a run's reason is its activity's failure."""
    with database.transaction() as tx:
        fail(tx, "run-1", "the host a refused port 5432 at 2024-01-01T00:00:00Z")
        fail(tx, "run-2", "the host a refused port 5433 at 2024-01-02T00:00:00Z")
    (group,) = report(database)
    assert (group.kind, group.code, group.place) == (ErrorKind.FAILURE, "source_unavailable", "Copy")
    assert (group.runs, group.rows, group.message) == (2, 0, "the host a refused port <n> at <time>")


def test_a_run_that_failed_before_its_activities_counts_with_its_own_reason(database: Database) -> None:
    """A flow that could not be fired is not forgotten."""
    with database.transaction() as tx:
        runs.insert(tx, a_run("run-1"))
        finish(tx, "run-1", RunStatus.FAILED)
    (group,) = report(database)
    assert (group.place, group.message) == (None, "the source broke off")


def test_only_the_flow_the_scope_and_the_period_count(database: Database) -> None:
    """Another tenant's errors are never seen."""
    with database.transaction() as tx:
        put(tx, "mine")
        put(tx, "old", NOW - 2 * DAY)
        put(tx, "of-another-flow", flow_id="flow-2")
        put(tx, "of-another-tenant", scope=OTHER_SCOPE)
    assert [group.runs for group in report(database)] == [1, 1]
    assert [group.runs for group in report(database, None)] == [2, 2]


def test_a_clean_run_is_not_looked_at(database: Database) -> None:
    """A report over a year of good runs is empty."""
    with database.transaction() as tx:
        runs.insert(tx, a_run("run-1"))
        finish(tx, "run-1", RunStatus.SUCCEEDED)
    assert report(database) == []


def test_periods_are_read() -> None:
    """Minutes, hours, days and weeks; a year at most."""
    assert period_of("24h", NOW) == NOW - DAY
    assert period_of("7d", NOW) == period_of("1w", NOW) == NOW - 7 * DAY
    assert period_of("2024-05-20", NOW) is None
    with pytest.raises(Problem) as caught:
        period_of("99999d", NOW)
    assert caught.value.code is Code.INVALID


def test_what_varies_is_taken_out_of_messages_and_nothing_else() -> None:
    """Names with digits stay."""
    assert (
        steady("file 01EF01X41KJD82Y9ZX6ET54PCZ has 1,234 rows, column_2 none")
        == "file <id> has <n> rows, column_2 none"
    )
    assert steady("run 9830305a-985f-47d0-b030-5a985fd7d004 is 3.5 s late") == "run <id> is <n> s late"
