"""Split jobs: their parts, whose turn it is, what their parent is told, and what a retry does with them (contract 6, 5.1)."""

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.job import EndedBy, Job, JobAttempt, JobStatus, JobTrigger, PartExecution
from headrace.service.jobs import lists, parts, retrying, timekeeping, verbs
from headrace.service.jobs.verbs import Ending, Sign
from headrace.store import job_attempts, runs
from service.jobs.house import KEY, SPACE, House, ids_of

_S = JobStatus


def split(house: House, count: int = 3, *, parallel: bool = False) -> Job:
    """Make a job that is being done, in so many parts."""
    job = house.make(trigger=JobTrigger.IMMEDIATE, config={"a": 1}, input={"b": 2}, mode="hidden", metadata={"c": 3})
    return parts.split(house.desk, KEY, job.id, count, parallel=parallel)


def statuses(house: House, parent: Job) -> list[str]:
    """Return the statuses of the parts, in their order."""
    return [part.status.value for part in house.parts(parent.id)]


def end(house: House, part: Job, status: JobStatus) -> None:
    """End a part."""
    verb = {_S.COMPLETE: verbs.complete, _S.FAILED: verbs.fail}.get(status)
    if verb is None:
        verbs.cancel(house.desk, KEY, part.id)
    else:
        verb(house.desk, KEY, part.id, Ending())


def test_parts_are_jobs_like_their_parent_with_data_of_their_own(house: House) -> None:
    """A count gives number and total; documents are kept verbatim; the parent shows how its parts are done."""
    parent = split(house, 2, parallel=True)
    assert (parent.status, parent.part_execution) == (_S.EXECUTING, PartExecution.PARALLEL)
    made = house.parts(parent.id)
    assert [part.part_data for part in made] == [{"part": 0, "total": 2}, {"part": 1, "total": 2}]
    for index, part in enumerate(made):
        assert (part.part, part.parent_id, part.status, part.trigger) == (
            index,
            parent.id,
            _S.READY,
            JobTrigger.IMMEDIATE,
        )
        same = (
            "type",
            "operation",
            "source",
            "config",
            "input",
            "mode",
            "metadata",
            "space_id",
            "destination",
            "subject",
        )
        assert part.part_execution is PartExecution.PARALLEL
        assert [getattr(part, name) for name in same] == [getattr(parent, name) for name in same]
    other = parts.split(house.desk, KEY, house.standing(_S.READY).id, [{"x": 1}, {"y": [2]}])
    assert [part.part_data for part in house.parts(other.id)] == [{"x": 1}, {"y": [2]}]


def test_of_parts_in_sequence_one_is_told_of_after_the_other(house: House) -> None:
    """Whatever the end of the one before; every happening of a part says that it is one."""
    topics = ["job:created", "job:ready", "job:updated", "job:created", "job:ready", "job:created", "job:created"]
    told = house.expect(topics, lambda: split(house))
    assert [one.payload["isPart"] for one in told] == [False] * 3 + [True] * 4
    parent = house.job(told[0].job_id)
    assert statuses(house, parent) == ["ready", "waiting", "waiting"]
    house.expect(["job:failed", "job:ready"], lambda: end(house, house.parts(parent.id)[0], _S.FAILED))
    house.expect(["job:updated", "job:ready"], lambda: end(house, house.parts(parent.id)[1], _S.CANCELLED))
    told = house.expect(
        ["job:completed", "job:parts-completed"], lambda: end(house, house.parts(parent.id)[2], _S.COMPLETE)
    )
    assert told[1].job_id == parent.id
    assert told[1].payload["parts"] == {"total": 3, "completed": 1, "failed": 1, "canceled": 1}
    assert (told[1].payload["status"], told[1].payload["isPart"]) == ("executing", False)
    assert house.job(parent.id).status is _S.EXECUTING


def test_parts_go_on_one_after_the_other_where_their_parent_is_complete(house: House) -> None:
    """Completing a parent leaves its parts running (6.3), also those whose turn has not come; nobody is told of their end."""
    parent = split(house)
    verbs.complete(house.desk, KEY, parent.id, Ending())
    house.expect(["job:completed", "job:ready"], lambda: end(house, house.parts(parent.id)[0], _S.COMPLETE))
    end(house, house.parts(parent.id)[1], _S.FAILED)
    house.expect(["job:completed"], lambda: end(house, house.parts(parent.id)[2], _S.COMPLETE))


def test_parts_say_why_they_were_canceled(house: House) -> None:
    """In words that people read: what has become of their parent."""
    parent = split(house)
    verbs.fail(house.desk, KEY, parent.id, Ending())
    assert {part.info for part in house.parts(parent.id)} == {f"Its parent {parent.id} ({parent.name}) failed."}


def test_a_part_that_ends_before_its_turn_lets_nobody_overtake(house: House) -> None:
    """Of parts in sequence one is done at a time."""
    parent = split(house)
    house.expect(["job:updated"], lambda: end(house, house.parts(parent.id)[1], _S.CANCELLED))
    assert statuses(house, parent) == ["ready", "cancelled", "waiting"]
    end(house, house.parts(parent.id)[0], _S.COMPLETE)
    assert statuses(house, parent) == ["complete", "cancelled", "ready"]


def test_the_same_split_again_changes_nothing(house: House) -> None:
    """A client that sends twice gets the parent (contract 6.1)."""
    parent = split(house)
    before = ids_of(house.parts(parent.id))
    house.expect([], lambda: parts.split(house.desk, KEY, parent.id, [{"part": i, "total": 3} for i in range(3)]))
    assert ids_of(house.parts(parent.id)) == before


def test_open_parts_end_with_a_parent_that_fails_and_go_on_with_one_that_is_complete(house: House) -> None:
    """Each says so itself, after the parent; then nobody is told that the parts have ended (contract 6.3)."""
    failed, complete = split(house, 2, parallel=True), split(house, 2, parallel=True)
    told = house.expect(["job:failed", "job:updated", "job:updated"], lambda: end(house, failed, _S.FAILED))
    assert [one.job_id for one in told] == [failed.id, *ids_of(house.parts(failed.id))]
    assert statuses(house, failed) == ["cancelled", "cancelled"]
    house.expect(["job:completed"], lambda: end(house, complete, _S.COMPLETE))
    assert statuses(house, complete) == ["ready", "ready"]
    for part in house.parts(complete.id):
        house.expect(["job:completed"], lambda part=part: end(house, part, _S.COMPLETE))  # type: ignore[misc]  # bound now


def test_a_part_that_is_deleted_is_no_part_any_more(house: House) -> None:
    """The others go on, and the parent hears of the end of those that are left."""
    parent = split(house, 3)
    found = house.parts(parent.id)
    house.expect(["job:deleted", "job:ready"], lambda: verbs.delete(house.desk, KEY, found[0].id))
    end(house, found[1], _S.COMPLETE)
    told = house.expect(["job:deleted", "job:parts-completed"], lambda: verbs.delete(house.desk, KEY, found[2].id))
    assert told[1].payload["parts"] == {"total": 1, "completed": 1, "failed": 0, "canceled": 0}


@pytest.mark.parametrize("parallel", [True, False], ids=["parallel", "sequential"])
def test_a_split_job_that_is_retried_repeats_the_parts_that_did_not_succeed(house: House, *, parallel: bool) -> None:
    """Its own listener is not told that it is ready, since it would split again; then it hears of the end of the parts as before."""
    parent = split(house, 4, parallel=parallel)
    for number, status in enumerate((_S.COMPLETE, _S.FAILED, _S.CANCELLED)):
        end(house, house.parts(parent.id)[number], status)
    end(house, parent, _S.FAILED)
    again = ["job:ready"] * 3 if parallel else ["job:ready"]
    told = house.expect(again, lambda: retrying.retry(house.desk, KEY, parent.id))
    found = house.parts(parent.id)
    assert [one.job_id for one in told] == ids_of(found[1:])[: len(again)]
    assert [part.attempt for part in found] == [1, 2, 2, 2]
    assert statuses(house, parent) == ["complete", *(["ready"] * 3 if parallel else ["ready", "waiting", "waiting"])]
    kept = house.job(parent.id)
    assert (kept.status, kept.attempt, kept.deadline_at) == (_S.READY, 2, None)
    for number in (1, 2, 3):
        end(house, house.parts(parent.id)[number], _S.COMPLETE)
    assert house.told()[-1].payload["parts"] == {"total": 4, "completed": 4, "failed": 0, "canceled": 0}
    # Nobody has acknowledged it, and yet its listener has it in hand: the time for signs of life runs.
    house.clock.advance(house.desk.limits.heartbeat_timeout + 1)
    house.expect(["job:failed"], lambda: timekeeping.tick(house.desk))
    assert house.job(parent.id).info == "No progress reported within 10 minutes."


def test_a_split_job_with_nothing_to_repeat_hears_so_at_once(house: House) -> None:
    """All parts were complete when it failed: its listener only has to finish it."""
    parent = split(house, 1)
    end(house, house.parts(parent.id)[0], _S.COMPLETE)
    end(house, parent, _S.FAILED)
    told = house.expect(["job:parts-completed"], lambda: retrying.retry(house.desk, KEY, parent.id))
    assert told[0].payload["status"] == "ready"
    assert house.job(parent.id).deadline_at is not None
    verbs.complete(house.desk, KEY, parent.id, Ending())


def test_a_single_part_is_retried_while_its_parent_goes_on(house: House) -> None:
    """Then the parent hears once more that its parts have ended; of a parent that has ended it is refused (contract 5.1)."""
    parent = split(house, 1)
    part = house.parts(parent.id)[0]
    end(house, part, _S.FAILED)
    house.expect(["job:ready"], lambda: retrying.retry(house.desk, KEY, part.id))
    assert house.job(parent.id).deadline_at is None
    house.expect(["job:failed", "job:parts-completed"], lambda: end(house, part, _S.FAILED))
    end(house, parent, _S.COMPLETE)
    with pytest.raises(Problem) as refused:
        retrying.retry(house.desk, KEY, part.id)
    assert (refused.value.code, refused.value.fields[0].path) == (Code.INVALID, "parentId")


def test_a_job_without_a_predecessor_may_not_be_repeated(house: House) -> None:
    """One that failed or is gone is refused, an open one is waited for, and the attempt goes on by itself (contract 5.1)."""
    first = house.standing(_S.EXECUTING)
    job = house.make(predecessors=(first.id,))
    verbs.fail(house.desk, KEY, first.id, Ending())
    with pytest.raises(Problem) as refused:
        retrying.retry(house.desk, KEY, job.id)
    assert refused.value.fields[0].path == "predecessorIds"
    retrying.retry(house.desk, KEY, first.id)
    house.expect([], lambda: retrying.retry(house.desk, KEY, job.id))
    assert house.job(job.id).status is _S.WAITING
    house.expect(["job:completed", "job:ready"], lambda: verbs.complete(house.desk, KEY, first.id, Ending()))
    assert house.job(job.id).attempt == 2
    verbs.fail(house.desk, KEY, job.id, Ending())
    verbs.delete(house.desk, KEY, first.id)
    with pytest.raises(Problem, match="is gone"):
        retrying.retry(house.desk, KEY, job.id)


def test_what_follows_from_an_end_reaches_as_far_as_the_chain_does(house: House) -> None:
    """Jobs that wait behind each other end in one transaction, each with its own happening, however many they are."""
    chain = [house.standing(_S.EXECUTING)]
    for _ in range(260):
        chain.append(house.make(predecessors=(chain[-1].id,)))
    told = house.expect(["job:failed"] * 261, lambda: verbs.fail(house.desk, KEY, chain[0].id, Ending(info="no")))
    assert [one.job_id for one in told] == ids_of(chain)
    last = house.job(chain[-1].id)
    assert last.info == f"Predecessor {chain[-2].id} (workbook:submit) failed."
    assert last.outcome == {"message": last.info}


def test_a_sign_of_life_of_a_part_is_none_of_its_parent(house: House) -> None:
    """While parts are open, no time runs for the parent (contract 4.3)."""
    parent = split(house, 2, parallel=True)
    assert parent.deadline_at is None
    verbs.acknowledge(house.desk, KEY, parent.id, Sign("on"))
    assert house.job(parent.id).deadline_at is None
    for part in house.parts(parent.id):
        end(house, part, _S.COMPLETE)
    assert house.job(parent.id).deadline_at is not None


def mixed(house: House, count: int) -> tuple[Job, list[Job], list[Job]]:
    """Make a job in so many parts that stand differently; return it, its parts, and who waits: two behind parts, one behind it, one behind that."""
    parent = split(house, count, parallel=True)
    found = house.parts(parent.id)
    for part in found[3::20]:
        verbs.acknowledge(house.desk, KEY, part.id, Sign("half", 50))
    for first, status in ((7, _S.COMPLETE), (11, _S.FAILED), (15, _S.CANCELLED)):
        for part in found[first::20]:
            end(house, part, status)
    retrying.retry(house.desk, KEY, found[11].id)
    behind = [house.make(predecessors=(other.id,)) for other in (found[9], found[4], parent)]
    return parent, house.parts(parent.id), [*behind, house.make(predecessors=(behind[2].id,))]


def test_hundreds_of_parts_end_with_their_parent_and_each_is_told_of_in_its_turn(any_house: House) -> None:
    """However few statements do it: the parent, its open parts in their order, who waits for the parent, for the parts, and for those (4.1, 6.3)."""
    house = any_house
    parent, before, (behind_9, behind_4, behind, last) = mixed(house, 240)
    still = [part for part in before if not part.status.is_final]
    assert {part.status for part in before} == {_S.READY, _S.EXECUTING, _S.COMPLETE, _S.FAILED, _S.CANCELLED}
    told = len(house.told())
    verbs.cancel(house.desk, KEY, parent.id)
    heard = house.told(told)
    assert [one.job_id for one in heard] == ids_of([parent, *still, behind, behind_4, behind_9, last])
    assert {(one.topic, one.payload["status"]) for one in heard} == {("job:updated", "canceled")}
    for part, after in zip(before, house.parts(parent.id), strict=True):
        if part.status.is_final:
            assert after == part
            continue
        assert (after.status, after.revision, after.progress) == (_S.CANCELLED, part.revision + 1, part.progress)
        assert after.info == f"Its parent {parent.id} ({parent.name}) was canceled."
        frozen = attempts_of(house, after)[-1]
        assert (frozen.number, frozen.status, frozen.ended_by) == (part.attempt, _S.CANCELLED, EndedBy.CANCEL)
        assert frozen.started_at == (part.started_at if part.status is _S.EXECUTING else None)
    assert house.job(behind_4.id).info == f"Predecessor {before[4].id} ({before[4].name}) was canceled."


def test_parts_are_removed_with_their_parent_and_each_is_told_of_in_its_turn(house: House) -> None:
    """The parts first, then the parent, then who waited for one of them; the ledger keeps the attempts, also of what was stopped (row 28)."""
    parent, before, (behind_9, behind_4, behind, last) = mixed(house, 40)
    told = len(house.told())
    verbs.delete(house.desk, KEY, parent.id)
    heard = house.told(told)
    assert [one.job_id for one in heard] == ids_of([*before, parent, behind_4, behind_9, behind, last])
    assert [one.topic for one in heard] == ["job:deleted"] * 41 + ["job:updated"] * 4
    assert house.parts(parent.id) == []
    for part in [*before, parent]:
        assert attempts_of(house, part)[-1].status is (part.status if part.status.is_final else _S.CANCELLED)
        with house.database.reading() as tx:
            assert runs.status(tx, part.run_id).is_final


def test_jobs_of_a_removed_space_end_in_the_order_of_their_making(house: House) -> None:
    """Parts too; of parts in sequence no other one begins, and nobody is told that the parts of a complete job have ended."""
    complete = split(house, 3)
    verbs.complete(house.desk, KEY, complete.id, Ending())
    parent, before, (behind_9, behind_4, behind, last) = mixed(house, 40)
    still = [part for part in before if not part.status.is_final]
    told = len(house.told())
    with house.database.transaction() as tx:
        lists.cancel_of_space(tx, house.desk, KEY, SPACE, house.clock.now())
    ended = [house.job(one.job_id) for one in house.told(told)]
    assert ended == sorted(ended, key=lambda job: (job.created_at, job.id))
    expected = [*house.parts(complete.id), parent, *still, behind_9, behind_4, behind, last]
    assert sorted(ids_of(ended)) == sorted(ids_of(expected))
    assert {(job.status, job.info) for job in ended} == {(_S.CANCELLED, "Its space was deleted.")}


def attempts_of(house: House, job: Job) -> list[JobAttempt]:
    """Return the attempts at a job that have ended, also of one that is gone."""
    with house.database.reading() as tx:
        return job_attempts.of_job(tx, job.id)
