"""Two callers at the same moment, on both databases: one wins, the other gets the answer for the new status, and listeners hear it once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from headrace.core.clock import HOUR
from headrace.core.errors import Code, Problem
from headrace.core.job import Job, JobStatus, JobTrigger
from headrace.service.jobs import engine_side, parts, retrying, timekeeping, verbs
from headrace.service.jobs.verbs import Ending, Sign
from headrace.store import jobs
from service.jobs.house import KEY, House

_S = JobStatus


def at_once(*works: Callable[[], object]) -> list[object]:
    """Do all of it in threads that start together, and return what each gave or was refused with."""
    barrier = Barrier(len(works))

    def one(work: Callable[[], object]) -> object:
        barrier.wait(timeout=30)
        try:
            return work()
        except Problem as problem:
            return problem

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(one, works))


def refused(answers: list[object]) -> list[Code]:
    """Return the codes of what was refused."""
    return [answer.code for answer in answers if isinstance(answer, Problem)]


def test_of_two_ends_one_counts(any_house: House) -> None:
    """One event ends an attempt, whoever else tries at the same moment."""
    house = any_house
    for _ in range(3):
        job = house.standing(_S.EXECUTING)
        before = len(house.told())
        answers = at_once(
            lambda it=job.id: verbs.complete(house.desk, KEY, it, Ending()),  # type: ignore[misc]  # bound now
            lambda it=job.id: verbs.cancel(house.desk, KEY, it),  # type: ignore[misc]  # bound now
            lambda it=job.id: verbs.fail(house.desk, KEY, it, Ending()),  # type: ignore[misc]  # bound now
        )
        assert refused(answers) == [Code.ILLEGAL_STATE] * 2
        assert len(house.topics(before)) == 1


def test_of_two_executions_one_is_told_of(any_house: House) -> None:
    """``job:ready`` is told once in an attempt; so it is with two retries of which one is refused."""
    house = any_house
    job = house.make()
    before = len(house.told())
    assert refused(at_once(*[lambda: verbs.execute(house.desk, KEY, job.id)] * 3)) == []
    verbs.cancel(house.desk, KEY, job.id)
    assert refused(at_once(*[lambda: retrying.retry(house.desk, KEY, job.id)] * 2)) == [Code.ILLEGAL_STATE]
    assert house.topics(before) == ["job:ready", "job:updated", "job:ready"]
    assert house.job(job.id).attempt == 2


def test_the_last_of_parts_that_end_together_tells_their_parent_once(any_house: House) -> None:
    """And two equal splits at once make the parts once."""
    house = any_house
    parent = house.standing(_S.READY)
    at_once(*[lambda: parts.split(house.desk, KEY, parent.id, 4, parallel=True)] * 2)
    found = house.parts(parent.id)
    assert len(found) == 4
    before = len(house.told())
    ends = [lambda it=part.id: verbs.complete(house.desk, KEY, it, Ending()) for part in found]
    assert refused(at_once(*ends)) == []
    assert sorted(house.topics(before)) == ["job:completed"] * 4 + ["job:parts-completed"]
    assert house.topics(before)[-1] == "job:parts-completed"


def test_a_job_that_is_made_behind_one_that_ends_just_now_does_not_wait_for_ever(any_house: House) -> None:
    """Whichever comes first: it is ready in the end."""
    house = any_house
    for _ in range(3):
        first = house.standing(_S.EXECUTING)
        _, made = at_once(
            lambda it=first.id: verbs.complete(house.desk, KEY, it, Ending()),  # type: ignore[misc]  # bound now
            lambda it=first.id: house.make(predecessors=(it,), trigger=JobTrigger.IMMEDIATE),  # type: ignore[misc]  # bound now
        )
        assert isinstance(made, Job)
        assert house.job(made.id).status is _S.READY


def test_a_chunk_and_a_cancellation_do_not_overlap(any_house: House) -> None:
    """What a chunk has written is kept or not there at all; after the cancellation none is."""
    house = any_house
    job = house.standing(_S.EXECUTING, engine=True)
    inside = Barrier(2)

    def chunk() -> object:
        with house.database.transaction() as tx:
            engine_side.chunk(tx, house.desk, job.run_id)
            inside.wait(timeout=30)
            return engine_side.chunk(tx, house.desk, job.run_id, position={"at": 1})

    def cancel() -> object:
        inside.wait(timeout=30)
        return verbs.cancel(house.desk, KEY, job.id)

    assert refused(at_once(chunk, cancel)) == []
    ended = house.job(job.id)
    assert (ended.status, ended.position) == (_S.CANCELLED, {"at": 1})


def test_word_that_is_delivered_while_it_is_acknowledged_leaves_no_deadline_behind(any_house: House) -> None:
    """The deadline of a job that is being done is that of its signs of life, and two timekeepers end a job once."""
    house = any_house
    for _ in range(3):
        job = house.standing(_S.READY)

        def deliver(job: Job = job) -> None:
            with house.database.transaction() as tx:
                jobs.delivered(tx, job.id, job.run_id, house.clock.now(), house.desk.limits.ack_timeout)

        answers = at_once(deliver, lambda it=job.id: verbs.acknowledge(house.desk, KEY, it, Sign()))  # type: ignore[misc]  # bound now
        assert refused(answers) == []
        kept = house.job(job.id)
        assert kept.deadline_at is not None
        assert kept.deadline_at > house.clock.now() + house.desk.limits.ack_timeout
    house.clock.advance(HOUR)
    before = len(house.told())
    at_once(*[lambda: timekeeping.tick(house.desk)] * 2)
    assert house.topics(before) == ["job:failed"] * 3
