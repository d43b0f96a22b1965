"""What the clock does with jobs: deadlines, occurrences that are due, and jobs whose run ended without them (contract 4.3)."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant
from headrace.core.errors import Code, Problem
from headrace.core.job import EndedBy, Job, JobStatus
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.core.workspace import Resource, ResourceKind
from headrace.service.jobs import lists, retrying, scheduling, timekeeping, verbs
from headrace.service.jobs.verbs import Ending, JobChange, Sign
from headrace.service.jobs.words import length, percents
from headrace.store import jobs, resources, runs
from service.jobs.house import KEY, SCOPE, WORKBOOK, House

_S = JobStatus


def deliver(house: House, job: Job) -> None:
    """Let a listener get word that the job is ready."""
    with house.database.transaction() as tx:
        jobs.delivered(tx, job.id, job.run_id, house.clock.now(), house.desk.limits.ack_timeout)


def test_who_got_word_and_does_not_acknowledge_loses_the_job(any_house: House) -> None:
    """From the first delivery on; a job that nobody ever fetched waits without limit."""
    house = any_house
    fetched, unfetched = house.standing(_S.READY), house.standing(_S.READY)
    deliver(house, fetched)
    house.clock.advance(4 * MINUTE)
    deliver(house, fetched)
    assert not timekeeping.tick(house.desk)
    house.clock.advance(MINUTE)
    told = house.expect(["job:failed"], lambda: timekeeping.tick(house.desk))
    assert told[0].context["actorId"] == "system"
    failed = house.job(fetched.id)
    assert (failed.status, failed.info) == (_S.FAILED, "No acknowledgement within 5 minutes.")
    assert failed.outcome == {"acknowledge": True, "message": failed.info}
    assert lists.attempts(house.desk, KEY, fetched.id)[0].ended_by is EndedBy.TIMEOUT
    house.clock.advance(DAY)
    assert not timekeeping.tick(house.desk)
    assert house.job(unfetched.id).status is _S.READY


def test_who_gives_no_sign_of_life_loses_the_job(house: House) -> None:
    """Each acknowledgement and each change is one."""
    job = house.standing(_S.EXECUTING)
    signs: list[Callable[[], object]] = [
        lambda: verbs.acknowledge(house.desk, KEY, job.id, Sign()),
        lambda: verbs.patch(house.desk, KEY, job.id, JobChange(metadata={"a": 1})),
    ]
    for sign in signs:
        house.clock.advance(9 * MINUTE)
        assert not timekeeping.tick(house.desk)
        sign()
    house.clock.advance(10 * MINUTE)
    house.expect(["job:failed"], lambda: timekeeping.tick(house.desk))
    assert house.job(job.id).info == "No progress reported within 10 minutes."


def test_a_word_that_comes_too_late_is_refused_and_noted(house: House) -> None:
    """The ledger keeps that it came, with the attempt that was over."""
    job = house.standing(_S.EXECUTING)
    house.clock.advance(HOUR)
    timekeeping.tick(house.desk)
    late: list[Callable[[], object]] = [
        lambda: verbs.complete(house.desk, KEY, job.id, Ending()),
        lambda: verbs.fail(house.desk, KEY, job.id, Ending()),
        lambda: verbs.patch(house.desk, KEY, job.id, JobChange(status=_S.COMPLETE)),
    ]
    for word in late:
        with pytest.raises(Problem, match='in status "failed"'):
            word()
    notes = lists.attempts(house.desk, KEY, job.id)[0].notes
    said = ("complete", "fail", "complete")
    assert [re.sub(r" at [-0-9]+T[:.0-9]+Z,", ",", note) for note in notes] == [
        f"us_key_1 said {w}, too late" for w in said
    ]
    assert house.job(job.id).status is _S.FAILED


def test_word_of_an_attempt_that_is_over_starts_no_time(house: House) -> None:
    """A happening that is delivered again after a retry is of the attempt before."""
    job = house.standing(_S.READY)
    verbs.cancel(house.desk, KEY, job.id)
    deliver(house, job)
    again = retrying.retry(house.desk, KEY, job.id)
    deliver(house, job)
    assert (house.job(job.id).delivered_at, house.job(job.id).deadline_at) == (None, None)
    deliver(house, again)
    assert house.job(job.id).deadline_at is not None
    deliver(house, replace(again, id="us_jb_gone"))


def test_a_job_of_the_engine_has_no_deadline(house: House) -> None:
    """The engine's own lease keeps it alive."""
    ready, job = house.standing(_S.READY, engine=True), house.standing(_S.EXECUTING, engine=True)
    deliver(house, ready)
    verbs.patch(house.desk, KEY, job.id, JobChange(info="i"))
    house.clock.advance(DAY)
    assert not timekeeping.tick(house.desk)
    assert timekeeping.next_at(house.database, house.clock.now()) is None


@pytest.mark.parametrize(
    ("ends", "status", "by"),
    [(RunStatus.FAILED, _S.FAILED, EndedBy.ENGINE), (RunStatus.CANCELLED, _S.CANCELLED, EndedBy.CANCEL)],
)
def test_a_job_whose_run_ended_without_it_ends_too(
    house: House, ends: RunStatus, status: JobStatus, by: EndedBy
) -> None:
    """A worker was lost too often, or somebody cancelled the run alone: the job says why."""
    job = house.standing(_S.READY, engine=True)
    with house.database.transaction() as tx:
        reason = Failure(Code.WORKER_LOST, "three workers were lost with it")
        runs.move(tx, job.run_id, {RunStatus.QUEUED}, ends, house.clock.now(), reason)
    house.expect(["job:failed" if status is _S.FAILED else "job:updated"], lambda: timekeeping.tick(house.desk))
    ended = house.job(job.id)
    assert (ended.status, ended.info) == (status, "three workers were lost with it")
    assert lists.attempts(house.desk, KEY, job.id)[0].ended_by is by
    assert not timekeeping.tick(house.desk)


def test_a_job_whose_run_is_gone_ends(house: House) -> None:
    """Nobody would end it else."""
    job = house.standing(_S.READY, engine=True)
    with house.database.transaction() as tx:
        runs.move(tx, job.run_id, {RunStatus.QUEUED}, RunStatus.CANCELLED, house.clock.now())
        runs.delete(tx, [job.run_id])
    assert timekeeping.tick(house.desk)
    assert house.job(job.id).status is _S.FAILED
    verbs.delete(house.desk, KEY, job.id)


def action(house: House, schedule: str | None, operation: str = "nightly") -> Resource:
    """Make an Action of the workbook."""
    now = house.clock.now()
    made = Resource(
        scope=SCOPE,
        kind=ResourceKind.ACTION,
        id="us_ac_1",
        name=operation,
        body={"operation": operation, "mode": "background", **({} if schedule is None else {"schedule": schedule})},
        created_by="us_usr_1",
        created_at=now,
        updated_at=now,
        parent_id=WORKBOOK,
    )
    with house.database.transaction() as tx:
        before = resources.find(tx, SCOPE, ResourceKind.ACTION, made.id)
        if before is None:
            resources.insert(tx, made)
        else:
            made = resources.replace(tx, replace(made, revision=before.revision))
        scheduling.arrange(tx, house.desk, KEY, made, now)
    return made


def waiting(house: House) -> list[Job]:
    """Return the jobs that wait for their time."""
    with house.database.transaction() as tx:
        return jobs.scheduled(tx, SCOPE, WORKBOOK)


def test_the_next_occurrence_of_an_action_is_a_job_that_waits_for_its_time(any_house: House) -> None:
    """When it is due it is ready, and the one after it waits; missed ones are one (row 10)."""
    house = any_house
    made = house.expect(["job:created", "job:scheduled"], lambda: action(house, "daily"))
    job = house.job(made[0].job_id)
    assert (job.name, job.mode, job.created_by, job.status) == (
        "workbook:nightly",
        "background",
        "us_usr_1",
        _S.SCHEDULED,
    )
    assert job.due_at is not None
    assert timekeeping.next_at(house.database, house.clock.now()) == job.due_at
    assert not timekeeping.tick(house.desk)
    house.clock.set(job.due_at + 2 * DAY + HOUR)
    told = house.expect(["job:ready", "job:created", "job:scheduled"], lambda: timekeeping.tick(house.desk))
    assert told[0].job_id == job.id
    following = waiting(house)
    assert [one.due_at for one in following] == [job.due_at + 3 * DAY]
    assert not timekeeping.tick(house.desk)


def test_an_occurrence_that_ends_before_its_time_is_followed_by_the_next(house: House) -> None:
    """Executed, cancelled, failed or deleted: the schedule goes on."""
    action(house, "hourly")
    ends: list[Callable[[str], object]] = [
        lambda it: verbs.execute(house.desk, KEY, it),
        lambda it: verbs.cancel(house.desk, KEY, it),
        lambda it: verbs.fail(house.desk, KEY, it, Ending()),
        lambda it: verbs.delete(house.desk, KEY, it),
    ]
    for verb in ends:
        (before,) = waiting(house)
        verb(before.id)
        (after,) = waiting(house)
        assert before.due_at is not None
        assert after.due_at == before.due_at + HOUR


def test_an_action_that_is_changed_or_removed_takes_its_occurrence_along(house: House) -> None:
    """What stays as it was keeps its time."""
    action(house, "weekly")
    (before,) = waiting(house)
    house.expect([], lambda: action(house, "weekly"))
    house.expect(["job:updated", "job:created", "job:scheduled"], lambda: action(house, "weekly", "other"))
    house.expect(["job:updated"], lambda: action(house, None))
    assert waiting(house) == []
    assert house.job(before.id).status is _S.CANCELLED
    made = action(house, "hourly")
    with house.database.transaction() as tx:
        resources.remove(tx, made.id)
        scheduling.forget(tx, house.desk, KEY, made, house.clock.now())
    assert waiting(house) == []


def test_a_space_that_is_deleted_cancels_its_open_jobs(house: House) -> None:
    """Each with its own happening."""
    found = [house.standing(status) for status in (_S.WAITING, _S.EXECUTING, _S.COMPLETE)]
    with house.database.transaction() as tx:
        lists.cancel_of_space(tx, house.desk, KEY, "us_sp_1", house.clock.now())
    assert [house.job(job.id).status for job in found] == [_S.CANCELLED, _S.CANCELLED, _S.COMPLETE]


def test_lengths_and_percents_are_told_as_people_say_them() -> None:
    """Limits may be set to anything."""
    told = [length(value) for value in (5 * MINUTE, MINUTE, 90 * SECOND, 2 * HOUR, SECOND, SECOND // 2)]
    assert told == ["5 minutes", "1 minute", "90 seconds", "2 hours", "1 second", "0.5 seconds"]
    assert [percents(value) for value in (0.5, 99.5, float("nan"), float("inf"), -1, 1e300)] == [1, 100, 0, 100, 0, 100]
    assert Instant(0) == 0
