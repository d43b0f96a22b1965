"""What the engine says of its jobs: every word can be said twice, and none of an attempt that is over counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.job import Job, JobStatus, JobTrigger
from headrace.service.jobs import engine_side, retrying, verbs
from headrace.store import queue
from headrace.store.database import Transaction
from service.jobs.house import EXPORT, KEY, SUBMIT, House

_S = JobStatus
_NOW = JobTrigger.IMMEDIATE


def say(house: House, word: Callable[[Transaction], Job]) -> Job:
    """Say something in a transaction of its own."""
    with house.database.transaction() as tx:
        return word(tx)


def test_a_job_of_the_engine_is_queued_when_it_is_ready_and_not_before(house: House) -> None:
    """In the transaction that says so; a listener's run is never queued."""

    def queued(job: Job) -> bool:
        with house.database.reading() as tx:
            return queue.name_of(tx, job.run_id) is not None

    job = house.make(EXPORT)
    assert not queued(job)
    verbs.execute(house.desk, KEY, job.id)
    assert queued(job)
    verbs.cancel(house.desk, KEY, job.id)
    assert queued(retrying.retry(house.desk, KEY, job.id))
    assert not queued(house.make(SUBMIT, trigger=_NOW))
    assert not queued(house.make(replace(EXPORT, status=_S.READY)))


def test_every_word_of_the_engine_can_be_said_twice(house: House) -> None:
    """A worker that takes over says again what the dead one said; listeners hear it once."""
    job = house.make(replace(EXPORT, trigger=_NOW))
    desk, run_id = house.desk, job.run_id
    for topics in (["job:updated"], []):
        house.expect(topics, lambda: say(house, lambda tx: engine_side.claim(tx, desk, run_id)))
    for topics in (["job:updated"], []):
        progress = lambda tx: engine_side.chunk(tx, desk, run_id, position={"at": 1}, progress=12.5, info="on")  # noqa: E731 — said twice
        house.expect(topics, lambda: say(house, progress))  # noqa: B023 — called at once
    assert house.job(job.id).position == {"at": 1}
    for topics in (["job:completed"], []):
        finish = lambda tx: engine_side.finish(tx, desk, run_id, result={"n": 1}, outcome={"message": "m"})  # noqa: E731 — said twice
        house.expect(topics, lambda: say(house, finish))  # noqa: B023 — called at once
    ended = house.job(job.id)
    assert (ended.status, ended.progress, ended.result, ended.outcome) == (_S.COMPLETE, 100, {"n": 1}, {"message": "m"})
    house.expect([], lambda: say(house, lambda tx: engine_side.claim(tx, desk, run_id)))
    house.expect([], lambda: say(house, lambda tx: engine_side.fail(tx, desk, run_id, message="late")))


def test_a_failure_of_the_engine_says_why(house: House) -> None:
    """In words, and in an outcome that wants to be seen."""
    job = house.standing(_S.EXECUTING, engine=True)
    failed = say(house, lambda tx: engine_side.fail(tx, house.desk, job.run_id, message="row 7 is too long"))
    assert (failed.status, failed.info) == (_S.FAILED, "row 7 is too long")
    assert failed.outcome == {"acknowledge": True, "message": "row 7 is too long"}


def _again(house: House, job: Job) -> None:
    verbs.cancel(house.desk, KEY, job.id)
    retrying.retry(house.desk, KEY, job.id)


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (lambda house, job: verbs.cancel(house.desk, KEY, job.id), Code.CANCELLED),
        (lambda house, job: verbs.delete(house.desk, KEY, job.id), Code.CANCELLED),
        (_again, Code.FENCED),
    ],
)
def test_who_works_on_what_is_over_is_refused_before_it_writes(
    house: House, ends: Callable[[House, Job], object], code: Code
) -> None:
    """Cancelled, deleted, or at another attempt by now: nothing of the chunk's transaction is kept."""
    job = house.standing(_S.EXECUTING, engine=True)
    ends(house, job)
    words: list[Callable[[Transaction], Job]] = [
        lambda tx: engine_side.claim(tx, house.desk, job.run_id),
        lambda tx: engine_side.chunk(tx, house.desk, job.run_id),
        lambda tx: engine_side.finish(tx, house.desk, job.run_id, result=None, outcome=None),
        lambda tx: engine_side.fail(tx, house.desk, job.run_id, message="no"),
    ]
    for word in words:
        with pytest.raises(Problem) as refused:
            say(house, word)
        assert refused.value.code is code


def test_a_job_that_was_not_announced_is_not_begun(house: House) -> None:
    """Nor is one that has failed gone on with."""
    job = house.make(replace(EXPORT, status=_S.READY))
    with pytest.raises(Problem, match="not to be done now"):
        say(house, lambda tx: engine_side.claim(tx, house.desk, job.run_id))
    failed = house.standing(_S.FAILED, engine=True)
    with pytest.raises(Problem, match="this attempt at it has ended"):
        say(house, lambda tx: engine_side.chunk(tx, house.desk, failed.run_id))
