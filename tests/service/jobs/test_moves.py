"""Every row of the contract's table of transitions (4.1), and what its acts do beside the status."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.job import Job, JobStatus, JobTrigger
from headrace.service.jobs import engine_side, making, parts, retrying, timekeeping, verbs
from headrace.service.jobs.making import JobRequest
from headrace.service.jobs.verbs import Ending, JobChange, Sign
from headrace.store import jobs
from headrace.store.tables import runs
from service.jobs.house import EXPORT, KEY, MAP, SUBMIT, House

_S = JobStatus
_NOW = JobTrigger.IMMEDIATE
_RUN_IDS = sa.select(runs.c.id.label("run_id")).order_by(runs.c.id)


@dataclass(frozen=True)
class Row:
    """One row: the job before it, the act, the status after it, and what listeners are told."""

    number: int
    before: Callable[[House], Job]
    act: Callable[[House, Job], object]
    after: JobStatus
    topics: tuple[str, ...]


def standing(status: JobStatus, *, engine: bool = False) -> Callable[[House], Job]:
    """Return what makes a job in ``status``."""
    return lambda house: house.standing(status, engine=engine)


def unannounced(house: House) -> Job:
    """Make a job that is ready, of which nobody was told."""
    return house.make(status=_S.READY)


def behind(house: House, **changes: Any) -> Job:
    """Make a job that waits behind another one, which is being done."""
    return house.make(predecessors=(house.standing(_S.EXECUTING).id,), **changes)


def executed(house: House) -> Job:
    """Make a job that waits and was executed meanwhile."""
    return verbs.execute(house.desk, KEY, behind(house).id)


def offering(house: House) -> Job:
    """Make a complete job whose outcome offers to do it again."""
    job = house.standing(_S.EXECUTING)
    return verbs.complete(house.desk, KEY, job.id, Ending({"next": {"type": "retry"}}))


def delivered(house: House) -> Job:
    """Make a job that is ready, of which a listener has got word."""
    job = house.standing(_S.READY)
    with house.database.transaction() as tx:
        jobs.delivered(tx, job.id, job.run_id, house.clock.now(), house.desk.limits.ack_timeout)
    return house.job(job.id)


def split(house: House) -> Job:
    """Make a job of one part."""
    return parts.split(house.desk, KEY, house.standing(_S.EXECUTING).id, 1)


def execute(house: House, job: Job) -> None:
    """Execute the job."""
    verbs.execute(house.desk, KEY, job.id)


def ack(house: House, job: Job) -> None:
    """Acknowledge the job."""
    verbs.acknowledge(house.desk, KEY, job.id, Sign("busy", 30))


def complete(house: House, job: Job) -> None:
    """Complete the job."""
    verbs.complete(house.desk, KEY, job.id, Ending())


def fail(house: House, job: Job) -> None:
    """Fail the job."""
    verbs.fail(house.desk, KEY, job.id, Ending())


def cancel(house: House, job: Job) -> None:
    """Cancel the job."""
    verbs.cancel(house.desk, KEY, job.id)


def retry(house: House, job: Job) -> None:
    """Retry the job."""
    retrying.retry(house.desk, KEY, job.id)


def first(act: Callable[[House, Job], object]) -> Callable[[House, Job], object]:
    """Return ``act`` on the job's first predecessor."""
    return lambda house, job: act(house, house.job(job.predecessors[0]))


def claim(house: House, job: Job) -> None:
    """Let the engine begin the job."""
    with house.database.transaction() as tx:
        engine_side.claim(tx, house.desk, job.run_id)


def finish(house: House, job: Job) -> None:
    """Let the engine end the job."""
    with house.database.transaction() as tx:
        engine_side.finish(tx, house.desk, job.run_id, result={"records": 1}, outcome=None)


def run_out(house: House, job: Job) -> None:
    """Let the job's time be over."""
    del job
    house.clock.advance(house.desk.limits.heartbeat_timeout + 1)
    assert timekeeping.tick(house.desk)


def made(house: House) -> Job:
    """Return the newest job."""
    with house.database.reading() as tx:
        return jobs.page(tx, KEY.scope, jobs.JobQuery(), 1, 0)[0][0]


def patch(change: JobChange) -> Callable[[House, Job], object]:
    """Return what changes a job."""
    return lambda house, job: verbs.patch(house.desk, KEY, job.id, change)


ROWS = [
    *(
        Row(10, before, execute, _S.READY, ("job:ready",))
        for before in (standing(_S.CREATED), standing(_S.PLANNING, engine=True), unannounced)
    ),
    Row(10, standing(_S.SCHEDULED), execute, _S.READY, ("job:ready",)),
    *(Row(11, standing(status), execute, status, ()) for status in (_S.READY, _S.EXECUTING)),
    Row(12, behind, execute, _S.WAITING, ()),
    *(Row(13, standing(s), ack, _S.EXECUTING, ("job:updated",)) for s in (_S.CREATED, _S.READY, _S.EXECUTING)),
    *(Row(14, standing(status), ack, status, ("job:updated",)) for status in (_S.PLANNING, _S.SCHEDULED, _S.WAITING)),
    *(Row(15, standing(status), ack, status, ()) for status in (_S.COMPLETE, _S.FAILED, _S.CANCELLED)),
    *(Row(15, standing(status, engine=True), ack, status, ()) for status in JobStatus),
    Row(16, standing(_S.READY, engine=True), claim, _S.EXECUTING, ("job:updated",)),
    *(Row(17, standing(status), complete, _S.COMPLETE, ("job:completed",)) for status in (_S.READY, _S.EXECUTING)),
    Row(17, standing(_S.EXECUTING, engine=True), finish, _S.COMPLETE, ("job:completed",)),
    *(Row(18, standing(s), fail, _S.FAILED, ("job:failed",)) for s in JobStatus if not s.is_final),
    *(Row(19, standing(s), cancel, _S.CANCELLED, ("job:updated",)) for s in JobStatus if not s.is_final),
    *(Row(19, standing(s, engine=True), cancel, _S.CANCELLED, ("job:updated",)) for s in JobStatus if not s.is_final),
    *(Row(20, before, run_out, _S.FAILED, ("job:failed",)) for before in (delivered, standing(_S.EXECUTING))),
    *(Row(21, standing(status), retry, _S.READY, ("job:ready",)) for status in (_S.FAILED, _S.CANCELLED)),
    *(Row(21, standing(s, engine=True), retry, _S.READY, ("job:ready",)) for s in (_S.FAILED, _S.CANCELLED)),
    Row(22, offering, retry, _S.READY, ("job:ready",)),
    *(
        Row(
            23,
            standing(status),
            lambda house, job: parts.split(house.desk, KEY, job.id, 2, parallel=True),
            _S.EXECUTING,
            ("job:updated", "job:created", "job:ready", "job:created", "job:ready"),
        )
        for status in (_S.READY, _S.EXECUTING)
    ),
    Row(
        24,
        split,
        lambda house, job: complete(house, house.parts(job.id)[0]),
        _S.EXECUTING,
        ("job:completed", "job:parts-completed"),
    ),
    *(
        Row(
            25,
            standing(status),
            lambda house, job: verbs.acknowledge_outcome(house.desk, KEY, job.id),
            status,
            ("job:outcome-acknowledged",),
        )
        for status in (_S.COMPLETE, _S.FAILED)
    ),
    *(Row(26, standing(s), patch(JobChange(info="i")), s, ("job:updated",)) for s in JobStatus if not s.is_final),
    *(Row(26, standing(s), patch(JobChange(info="i")), s, ()) for s in JobStatus if s.is_final),
    Row(26, standing(_S.FAILED), patch(JobChange(metadata={"a": 1})), _S.FAILED, ("job:updated",)),
    Row(26, standing(_S.CREATED), patch(JobChange(status=_S.READY)), _S.READY, ("job:ready",)),
    Row(26, standing(_S.CREATED), patch(JobChange(status=_S.EXECUTING)), _S.EXECUTING, ("job:updated",)),
    Row(26, standing(_S.EXECUTING), patch(JobChange(status=_S.COMPLETE)), _S.COMPLETE, ("job:completed",)),
    Row(26, standing(_S.EXECUTING), patch(JobChange(status=_S.FAILED)), _S.FAILED, ("job:failed",)),
    Row(26, standing(_S.EXECUTING), patch(JobChange(status=_S.CANCELLED)), _S.CANCELLED, ("job:updated",)),
    Row(
        26,
        standing(_S.COMPLETE),
        patch(JobChange(outcome_acknowledged_at=Instant(5))),
        _S.COMPLETE,
        ("job:outcome-acknowledged",),
    ),
    # What follows for a job that waits; its predecessor's own happening comes first.
    Row(6, lambda house: behind(house, trigger=_NOW), first(complete), _S.READY, ("job:completed", "job:ready")),
    Row(6, executed, first(complete), _S.READY, ("job:completed", "job:ready")),
    Row(7, behind, first(complete), _S.CREATED, ("job:completed", "job:updated")),
    Row(8, behind, first(fail), _S.FAILED, ("job:failed", "job:failed")),
    Row(9, behind, first(cancel), _S.CANCELLED, ("job:updated", "job:updated")),
    Row(
        9,
        behind,
        first(lambda house, job: verbs.delete(house.desk, KEY, job.id)),
        _S.CANCELLED,
        ("job:deleted", "job:updated"),
    ),
]


@pytest.mark.parametrize("number", sorted({row.number for row in ROWS}))
def test_each_row_of_the_table_moves_and_tells_as_the_contract_says(house: House, number: int) -> None:
    """The status after it, the topics in their order, and their status, for each of the row's cases."""
    for row in ROWS:
        if row.number == number:
            job = row.before(house)
            told = house.expect(row.topics, lambda row=row, job=job: row.act(house, job))  # type: ignore[misc]  # bound now
            assert house.job(job.id).status is row.after
            own = [one for one in told if one.job_id == job.id]
            shown = "canceled" if row.after is _S.CANCELLED else row.after.value
            assert {one.payload["status"] for one in own} <= {shown}


@pytest.mark.parametrize(
    ("request_", "status", "topics"),
    [
        (SUBMIT, _S.CREATED, ["job:created"]),
        (replace(SUBMIT, trigger=_NOW), _S.READY, ["job:created", "job:ready"]),
        (replace(SUBMIT, status=_S.READY), _S.READY, ["job:created"]),
        (replace(SUBMIT, status=_S.READY, trigger=_NOW), _S.READY, ["job:created", "job:ready"]),
        (replace(EXPORT, trigger=_NOW), _S.READY, ["job:created", "job:ready"]),
    ],
)
def test_a_job_is_made_as_rows_1_to_3_say(
    house: House, request_: JobRequest, status: JobStatus, topics: list[str]
) -> None:
    """One that is made ready without being immediate is announced by the call that executes it, once (contract 2.2)."""
    house.expect(topics, lambda: making.create(house.desk, KEY, request_))
    job = made(house)
    assert job.status is status
    house.expect([] if job.announced else ["job:ready"], lambda: execute(house, job))
    house.expect([], lambda: execute(house, job))


@pytest.mark.parametrize(
    ("ends", "status", "topics"),
    [
        (complete, _S.READY, ["job:created", "job:ready"]),
        (fail, _S.FAILED, ["job:created", "job:failed"]),
        (cancel, _S.CANCELLED, ["job:created", "job:updated"]),
    ],
)
def test_a_job_behind_one_that_has_ended_is_made_so_and_moves_at_once(
    house: House, ends: Callable[[House, Job], None], status: JobStatus, topics: list[str]
) -> None:
    """Row 4 wins over the others; what had ended before takes effect right after ``job:created`` (contract 6.4)."""
    before = house.standing(_S.EXECUTING)
    ends(house, before)
    told = house.expect(topics, lambda: house.make(predecessors=(before.id,), trigger=_NOW))
    assert made(house).status is status
    assert told[0].payload["status"] == ("ready" if status is _S.READY else "waiting")


def test_the_plan_of_a_map_job_is_built_unless_somebody_was_faster(house: House) -> None:
    """Row 5: a run of its own builds it; the job is then in planning."""
    job = house.make(MAP)
    run_id = max(run_id for run_id in _runs(house) if run_id != job.run_id)
    with house.database.transaction() as tx:
        assert engine_side.job_of_run(tx, run_id).id == job.id
        kept = engine_side.planned(tx, house.desk, run_id, {"fieldMapping": []})
    assert (kept.status, kept.plan) == (_S.PLANNING, {"fieldMapping": []})
    execute(house, job)
    with house.database.transaction() as tx:
        assert engine_side.planned(tx, house.desk, run_id, {"other": 1}).plan == {"fieldMapping": []}


def _runs(house: House) -> list[str]:
    with house.database.reading() as tx:
        return [row["run_id"] for row in tx.rows(_RUN_IDS)]


def test_the_first_acknowledgement_says_when_it_began_and_each_is_a_sign_of_life(house: House) -> None:
    """Progress is rounded half up and clamped; the first one of an attempt counts as its start (row 13)."""
    job = house.standing(_S.READY)
    for given, kept in ((12.5, 13), (-4, 0), (250, 100), (0.4, 0)):
        assert verbs.acknowledge(house.desk, KEY, job.id, Sign(progress=given)).progress == kept
    job = house.job(job.id)
    assert job.started_at is not None
    verbs.acknowledge(house.desk, KEY, job.id, Sign("on", estimated_at=Instant(9)))
    later = house.job(job.id)
    assert (later.started_at, later.info, later.estimated_at) == (job.started_at, "on", 9)
    assert later.deadline_at is not None
    assert job.deadline_at is not None
    assert later.deadline_at > job.deadline_at


def test_of_a_job_that_waits_an_acknowledgement_keeps_word_and_progress_only(house: House) -> None:
    """Row 14: it does not begin it."""
    job = house.standing(_S.WAITING)
    verbs.acknowledge(house.desk, KEY, job.id, Sign("soon", 4, Instant(9)))
    kept = house.job(job.id)
    assert (kept.info, kept.progress, kept.estimated_at, kept.started_at) == ("soon", 4, None, None)


def test_a_change_is_applied_with_the_move_that_it_asks_for(house: House) -> None:
    """Result, metadata and configuration are replaced, and one happening tells of all (contract 4.4)."""
    job = house.standing(_S.EXECUTING)
    change = JobChange(status=_S.COMPLETE, result={"n": 1}, metadata={"m": 2}, config={}, info="done")
    house.expect(["job:completed"], lambda: verbs.patch(house.desk, KEY, job.id, change))
    kept = house.job(job.id)
    assert (kept.result, kept.metadata, kept.config, kept.info) == ({"n": 1}, {"m": 2}, {}, "done")
    assert kept.progress == 100
    ignored = JobChange(info="no", progress=3, config={"x": 1}, metadata={"m": 3})
    verbs.patch(house.desk, KEY, job.id, ignored)
    kept = house.job(job.id)
    assert (kept.metadata, kept.config, kept.info, kept.progress) == ({"m": 3}, {}, "done", 100)


def test_the_first_time_that_an_outcome_is_seen_counts(house: House) -> None:
    """A second call keeps it and is not told of (contract 4.5)."""
    job = house.standing(_S.COMPLETE)
    at = verbs.acknowledge_outcome(house.desk, KEY, job.id).outcome_acknowledged_at
    house.expect([], lambda: verbs.acknowledge_outcome(house.desk, KEY, job.id))
    verbs.patch(house.desk, KEY, job.id, JobChange(outcome_acknowledged_at=Instant(7)))
    assert house.job(job.id).outcome_acknowledged_at == at


def test_a_job_is_deleted_in_any_status_with_its_parts(house: House) -> None:
    """Row 28: what goes on is stopped, and the attempts stay in the ledger."""
    for engine in (False, True):
        for status in JobStatus:
            job = house.standing(status, engine=engine)
            told = house.expect(["job:deleted"], lambda job=job: verbs.delete(house.desk, KEY, job.id))  # type: ignore[misc]  # bound now
            assert told[0].job_id == job.id
    parent = split(house)
    house.expect(["job:deleted", "job:deleted"], lambda: verbs.delete(house.desk, KEY, parent.id))
    assert house.parts(parent.id) == []


def test_what_is_told_of_a_job_has_all_that_listeners_filter_by(house: House) -> None:
    """Payload and context are those of the contract (9.4, 9.5)."""
    told = house.expect(["job:created", "job:ready"], lambda: house.make(trigger=_NOW, input={"region": "eu"}))[1]
    assert told.payload == {
        "job": "workbook:submit",
        "domain": "workbook",
        "operation": "submit",
        "status": "ready",
        "info": None,
        "isPart": False,
        "input": {"region": "eu"},
    }
    assert told.context == {
        "accountId": "us_acc_1",
        "environmentId": "us_env_1",
        "spaceId": "us_sp_1",
        "workbookId": "us_wb_1",
        "jobId": told.job_id,
        "actorId": "us_key_1",
        "namespaces": ["space:crm"],
    }
    assert told.row["domain"] == "job"
    assert "data_url" not in told.row["body"]
    of_sheet = JobRequest(type="sheet", operation="submit", source="us_sh_9", trigger=_NOW)
    created, ready = house.expect(["job:created", "job:ready"], lambda: making.create(house.desk, KEY, of_sheet))
    assert "data_url" not in created.row["body"]
    assert ready.row["body"]["data_url"] == f"v1/sheets/us_sh_9/records?for={ready.row['id']}"
