"""Attempts: what a retry clears and keeps, what the ledger freezes, and that it outlives the job (contract 5)."""

from dataclasses import replace

from headrace.core.job import EndedBy, JobStatus, JobTrigger
from headrace.core.run import RunKind, RunStatus
from headrace.service.jobs import engine_side, lists, retrying, verbs
from headrace.service.jobs.verbs import Ending, JobChange, Sign
from headrace.store import job_attempts, runs
from service.jobs.house import EXPORT, KEY, SCOPE, House

_S = JobStatus


def test_a_retry_clears_what_was_said_of_the_end_and_keeps_what_is_to_be_done(house: House) -> None:
    """Start, making and result stay until the next attempt says otherwise."""
    job = house.make(trigger=JobTrigger.IMMEDIATE, config={"c": 1}, input={"i": 1}, metadata={"m": 1}, subject={"s": 1})
    verbs.acknowledge(house.desk, KEY, job.id, Sign("on", 40))
    verbs.patch(house.desk, KEY, job.id, JobChange(result={"r": 1}))
    verbs.fail(house.desk, KEY, job.id, Ending({"message": "no"}, "refused"))
    verbs.acknowledge_outcome(house.desk, KEY, job.id)
    before = house.job(job.id)
    first, again = (house.told()[1], house.expect(["job:ready"], lambda: retrying.retry(house.desk, KEY, job.id))[0])
    assert first.payload == again.payload
    assert first.row["id"] != again.row["id"]
    kept = house.job(job.id)
    cleared = (
        kept.progress,
        kept.outcome,
        kept.info,
        kept.finished_at,
        kept.outcome_acknowledged_at,
        kept.estimated_at,
    )
    assert cleared == (0, None, None, None, None, None)
    same = ("config", "input", "subject", "metadata", "result", "started_at", "created_at", "created_by")
    assert [getattr(kept, name) for name in same] == [getattr(before, name) for name in same]
    frozen, going_on = lists.attempts(house.desk, KEY, job.id)
    assert (frozen.number, frozen.status, frozen.progress, frozen.info) == (1, _S.FAILED, 40, "refused")
    assert (frozen.config, frozen.input, frozen.result, frozen.outcome) == (
        {"c": 1},
        {"i": 1},
        {"r": 1},
        {"message": "no"},
    )
    assert (frozen.ended_by, frozen.actor_id) == (EndedBy.CLIENT, "us_key_1")
    assert (frozen.started_at, frozen.finished_at) == (before.started_at, before.finished_at)
    assert (going_on.number, going_on.status, going_on.progress, going_on.ended_by) == (2, _S.READY, 0, None)
    assert going_on.started_at is None


def test_the_attempts_of_a_job_are_one_group_of_runs(any_house: House) -> None:
    """Each is a run of the ledger; the one before stays as it ended, and all stay when the job is deleted."""
    house = any_house
    job = house.standing(_S.FAILED)
    retried = retrying.retry(house.desk, KEY, job.id)
    verbs.delete(house.desk, KEY, job.id)
    with house.database.reading() as tx:
        first, second = runs.get(tx, SCOPE, job.run_id), runs.get(tx, SCOPE, retried.run_id)
        kept = job_attempts.of_job(tx, job.id)
    assert (first.kind, first.status, first.attempt) == (RunKind.ON_DEMAND, RunStatus.FAILED, 1)
    assert (second.kind, second.status, second.attempt) == (RunKind.RETRY, RunStatus.CANCELLED, 2)
    assert (second.group_id, second.retry_of) == (first.id, first.id)
    assert [(attempt.number, attempt.ended_by) for attempt in kept] == [(1, EndedBy.CLIENT), (2, EndedBy.CANCEL)]


def test_a_job_whose_first_runs_were_removed_can_be_retried(house: House) -> None:
    """Retention removes old groups of runs; the next attempt begins one."""
    job = house.standing(_S.FAILED)
    with house.database.transaction() as tx:
        runs.delete(tx, [job.run_id])
    again = retrying.retry(house.desk, KEY, job.id)
    with house.database.reading() as tx:
        run = runs.get(tx, SCOPE, again.run_id)
    assert (run.attempt, run.group_id, again.attempt) == (1, run.id, 2)


def test_who_ended_an_attempt_is_kept(house: House) -> None:
    """A client, the engine, a cancellation or a predecessor; the clock's is in its own test (contract 5.2)."""
    before = house.standing(_S.EXECUTING)
    behind = house.make(predecessors=(before.id,))
    verbs.cancel(house.desk, KEY, before.id)
    of_engine = house.standing(_S.COMPLETE, engine=True)
    ended = [lists.attempts(house.desk, KEY, job.id)[0].ended_by for job in (before, behind, of_engine)]
    assert ended == [EndedBy.CANCEL, EndedBy.PREDECESSOR, EndedBy.ENGINE]


def test_the_next_attempt_of_the_engine_may_begin_while_the_one_before_still_stops(house: House) -> None:
    """The run that is being stopped is refused; what its attempt had reached is handed on."""
    job = house.make(replace(EXPORT, trigger=JobTrigger.IMMEDIATE))
    with house.database.transaction() as tx:
        runs.move(tx, job.run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, house.clock.now())
        engine_side.claim(tx, house.desk, job.run_id)
        engine_side.chunk(tx, house.desk, job.run_id, position={"at": 5})
    verbs.cancel(house.desk, KEY, job.id)
    again = retrying.retry(house.desk, KEY, job.id)
    assert again.position == {"earlier": {"at": 5}}
    with house.database.reading() as tx:
        assert runs.get(tx, SCOPE, job.run_id).status is RunStatus.CANCELLING
        assert runs.get(tx, SCOPE, again.run_id).status is RunStatus.QUEUED
