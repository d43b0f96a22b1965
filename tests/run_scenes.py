"""Runs in every state, as the console's pages of runs are tried on: each has a name, and an id that follows from it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headrace.core.clock import DAY, HOUR, SECOND, Instant
from headrace.core.engine_operations import LISTEN
from headrace.core.errors import BLAME, Blame, Code, FieldError
from headrace.core.flow import Activity, Dependency, Flow, Plan
from headrace.core.ids import derived_uuid
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import BODY, ActivityRun, ActivityStatus, Run, RunKind, RunStatus
from headrace.core.run_log import Line
from headrace.core.window import Window
from headrace.service.jobs.attempts import JOB
from headrace.store import activity_runs, batches, flows, run_logs, runs, workers
from headrace.store.database import Database, Transaction
from ledger_rows import a_batch, a_run

SCOPE = "local"
EVIL = "<script>alert(1)</script>\"'&{{7*7}}"
"""A text that no page may take for markup, for an attribute's end or for a template."""
PLAN = Plan((Activity("Copy", "copy", {"n": 1}), Activity("Promote", "promote", depends_on=(Dependency("Copy"),))))
FIGURES = Figures(rows_read=1000, rows_accepted=900, rows_rejected=100, rows_skipped=0, rows_warned=40, bytes_read=5000)
BLAMED: Mapping[Blame, Code] = {blame: next(code for code in Code if BLAME[code] is blame) for blame in Blame}
"""A code of each class."""
R, A = RunStatus, ActivityStatus


def id_of(name: str) -> str:
    """Return the id of the run with this name."""
    return derived_uuid("scene", name)


def put_scenes(database: Database, now: Instant) -> None:
    """Write all runs."""
    with database.transaction() as tx:
        flows.put(
            tx, Flow("scenes", SCOPE, "scenes", PLAN, parameters={"day": "2026-01-01", "limit": 5, "full": False}), now
        )
        _put_plain(tx, now)
        _put_group(tx, now)
        _put_containers(tx, now)
        _put_evil(tx, now)
        _put_job(tx, now)


def a_scene(name: str, now: Instant, **changes: Any) -> Run:
    """Return a run of this name that began an hour before now, and took ten seconds."""
    at = Instant(now - HOUR)
    run = a_run(
        id_of(name),
        scope=SCOPE,
        flow_id="scenes",
        flow_name="scenes",
        definition=PLAN,
        created_at=at,
        updated_at=at,
        created_by="ops",
        status=R.SUCCEEDED,
        started_at=Instant(at + SECOND),
        ended_at=Instant(at + 11 * SECOND),
        parameters={"day": "2026-01-02", "limit": 5, "full": False},
    )
    return replace(run, **changes)


def a_row(run: Run, path: str, status: ActivityStatus = A.SUCCEEDED, **changes: Any) -> ActivityRun:
    """Return an activity of a run that took as long as the run did."""
    row = ActivityRun(
        run.id,
        path,
        1,
        "copy",
        status,
        "",
        commit_key="key",
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        worker_id="worker-1",
    )
    return replace(row, **changes)


def put(tx: Transaction, run: Run, *rows: ActivityRun) -> None:
    """Write a run with its activities."""
    runs.insert(tx, run)
    activity_runs.insert_all(tx, rows)


def _put_plain(tx: Transaction, now: Instant) -> None:
    unbegun: Mapping[str, Any] = {"started_at": None, "ended_at": None}
    pending = {**unbegun, "worker_id": None}
    for name, due in (("queued", None), ("to be cancelled", None), ("due later", Instant(now + DAY))):
        run = a_scene(name, now, status=R.QUEUED, due_at=due, **unbegun)
        put(tx, run, a_row(run, "Copy", A.PENDING, **pending), a_row(run, "Promote", A.PENDING, **pending))
    run = a_scene("running", now, status=R.RUNNING, ended_at=None)
    copying = a_row(run, "Copy", A.RUNNING, figures=Figures(rows_read=12345, bytes_read=678_000))
    put(tx, run, copying, a_row(run, "Promote", A.PENDING, **pending))
    run = a_scene("taken over", now, status=R.RUNNING, ended_at=None)
    put(tx, run, a_row(run, "Copy", A.RUNNING))
    activity_runs.claim(tx, run.id, "Copy", 1, workers.register(tx, "worker-2", "host", 2, now), now)
    run = a_scene("waiting", now, status=R.WAITING, ended_at=None)
    put(tx, run, a_row(run, "Call", A.WAITING, kind="web_hook", wake_at=Instant(now + HOUR)))
    run = a_scene("cancelling", now, status=R.CANCELLING, ended_at=None)
    put(tx, run, a_row(run, "Copy", A.RUNNING))
    run = a_scene("succeeded", now, window=Window(Instant(now - DAY), now))
    put(tx, run, a_row(run, "Copy"), a_row(run, "Promote"))
    _put_log(tx, run)
    run = a_scene("with rejects", now, figures=FIGURES)
    put(tx, run, a_row(run, "Copy"), a_row(run, "Promote", kind="promote", figures=FIGURES))
    counted = (
        ReasonCount("required", "customer_id", 60, "customer_id is required"),
        ReasonCount("type", None, 40, "odd"),
    )
    warned = (ReasonCount("transform", "discount", 40, "to_double failed"),)
    batches.save(
        tx,
        a_batch(
            derived_uuid("batch", run.id), scope=SCOPE, run_id=run.id, figures=FIGURES, rejects=counted, warnings=warned
        ),
    )
    for blame, code in BLAMED.items():
        reason = Failure(code, f"what went wrong ({blame})", (FieldError("source.path", "is wrong", "another one"),))
        run = a_scene(f"failed: {blame}", now, status=R.FAILED, reason=reason)
        put(tx, run, a_row(run, "Copy", A.FAILED, failure=reason), a_row(run, "Promote", A.SKIPPED, **pending))
    run = a_scene("cancelled", now, status=R.CANCELLED, reason=Failure(Code.CANCELLED, "cancelled by ops"))
    put(tx, run, a_row(run, "Copy", A.CANCELLED), a_row(run, "Promote", A.CANCELLED, **pending))


def _put_group(tx: Transaction, now: Instant) -> None:
    """Write a run that failed and was retried: the copy is carried over, the promotion needed two attempts."""
    reason = Failure(Code.TOO_MANY_REJECTS, "too many rows were rejected")
    first = a_scene("first", now, status=R.FAILED, reason=reason)
    put(tx, first, a_row(first, "Copy"), a_row(first, "Promote", A.FAILED, failure=reason))
    again = a_scene(
        "again",
        now,
        kind=RunKind.RETRY,
        group_id=first.id,
        retry_of=first.id,
        attempt=2,
        created_at=Instant(now - HOUR // 2),
        parameters={"day": "2026-01-03", "limit": 5, "full": False},
    )
    begin, middle = Instant(now - HOUR // 2), Instant(now - HOUR // 2 + 5 * SECOND)
    again = replace(again, started_at=begin, ended_at=Instant(now - HOUR // 2 + 12 * SECOND))
    carried = a_row(
        again, "Copy", A.CARRIED, carried_from=first.id, verdict="carry_over", verdict_reason="it succeeded"
    )
    put(
        tx,
        again,
        replace(carried, started_at=None, ended_at=None, worker_id=None),
        a_row(again, "Promote", A.FAILED, ended_at=middle, failure=reason),
        a_row(again, "Promote", attempt=2, started_at=Instant(middle + SECOND)),
    )
    replay = a_scene(
        "replay", now, kind=RunKind.REPLAY, group_id=first.id, retry_of=again.id, attempt=3, created_at=now
    )
    put(tx, replay, a_row(replay, "Replay", kind="replay"))


def _put_containers(tx: Transaction, now: Instant) -> None:
    """Write a run with a loop over many, a branch in it, and a loop in that."""
    reason = Failure(Code.EXTERNAL_FAILED, "the service answered 500")
    run = a_scene("containers", now, status=R.FAILED, reason=reason)
    rows = [a_row(run, "Each", A.FAILED, kind="for_each", failure=reason)]
    for number in range(30):
        status = A.FAILED if number == 7 else A.SUCCEEDED
        body = f"Each/{number}"
        rows.append(a_row(run, body, status, kind=BODY, parent="Each"))
        rows.append(a_row(run, f"{body}/Check", status, kind="if", parent=body))
        if number == 7:
            rows.append(a_row(run, f"{body}/Check/true", A.FAILED, kind=BODY, parent=f"{body}/Check"))
            rows.append(a_row(run, f"{body}/Check/true/Load", A.FAILED, parent=f"{body}/Check/true", failure=reason))
    put(tx, run, *rows, a_row(run, "Later", A.INACTIVE, started_at=None, ended_at=None, worker_id=None))


def _put_evil(tx: Transaction, now: Instant) -> None:
    """Write a run in which every text that data or people can reach is evil."""
    reason = Failure(Code.INVALID, EVIL, (FieldError(EVIL, EVIL, EVIL),), EVIL)
    plan = Plan((Activity(EVIL, "copy", {EVIL: EVIL}),))
    flows.put(tx, Flow("evil", SCOPE, EVIL, plan), now)
    changes = {"flow_id": "evil", "flow_name": EVIL, "definition": plan, "created_by": EVIL}
    known: Mapping[str, Any] = {"parameters": {EVIL: EVIL, "list": [EVIL]}, "details": {EVIL: {EVIL: EVIL}}}
    run = a_scene("evil", now, status=R.FAILED, reason=reason, figures=FIGURES, **changes, **known)
    row = a_row(run, EVIL, A.FAILED, failure=reason, verdict_reason=EVIL, output={EVIL: EVIL}, worker_id=EVIL)
    put(tx, run, row)
    counted = (ReasonCount("required", EVIL, 100, EVIL),)
    batches.save(
        tx,
        a_batch(
            derived_uuid("batch", run.id),
            scope=SCOPE,
            run_id=run.id,
            path=EVIL,
            table=EVIL,
            figures=FIGURES,
            rejects=counted,
            warnings=counted,
        ),
    )
    run_logs.append(tx, [Line(run.id, now, 40, EVIL, EVIL, 1, {EVIL: EVIL})], limit=1000)
    twin = a_scene("evil twin", now, group_id=run.id, retry_of=run.id, attempt=2, kind=RunKind.RETRY, **changes)
    put(tx, twin, a_row(twin, EVIL))


def _put_job(tx: Transaction, now: Instant) -> None:
    """Write an attempt at a job that a listener has to do."""
    plan = Plan((Activity("job", LISTEN),))
    changes = {"scope": "jobs/us_env_1", "flow_id": "jobs", "flow_name": "workbook:build", "definition": plan}
    flows.put(tx, Flow("jobs", "jobs/us_env_1", "workbook:build", plan), now)
    run = a_scene("job", now, status=R.WAITING, ended_at=None, details={JOB: "us_jb_1"}, **changes)
    put(tx, run, a_row(run, "job", A.WAITING, kind=LISTEN, ended_at=None))


def _put_log(tx: Transaction, run: Run) -> None:
    lines = [
        Line(run.id, run.created_at, 20, "the run begins"),
        Line(run.id, run.created_at + SECOND, 10, "opened the source", "Copy", 1, {"files": 3}),
        Line(run.id, run.created_at + 2 * SECOND, 30, "two\nlines \x1b[31mred", "Copy", 1),
        Line(run.id, run.created_at + 3 * SECOND, 20, "promoted", "Promote", 1, {"rows": 7}),
    ]
    run_logs.append(tx, lines, limit=1000)
