"""The table of moves of jobs: whole, and of one mind with the table of refusals."""

import pytest

from headrace.core.job import Job, JobStatus, Verb
from headrace.core.job_moves import ENDED, MOVES, OPEN, REFUSED, Act, check, is_refused, may_be_repeated, picture

_ACTS = {
    Verb.EXECUTE: Act.EXECUTE,
    Verb.ACKNOWLEDGE: Act.ACKNOWLEDGE,
    Verb.COMPLETE: Act.COMPLETE,
    Verb.FAIL: Act.FAIL,
    Verb.CANCEL: Act.CANCEL,
    Verb.RETRY: Act.RETRY,
    Verb.SPLIT: Act.SPLIT,
}


def a_job(status: JobStatus, *, engine: bool = False, outcome: dict[str, object] | None = None) -> Job:
    """Return a job in ``status``."""
    return Job(
        id="us_jb_1",
        scope="jobs/a/e",
        type="workbook",
        operation="submit",
        source="us_wb_1",
        status=status,
        created_by="us_key_1",
        created_at=1,  # type: ignore[arg-type]  # any moment
        updated_at=1,  # type: ignore[arg-type]  # any moment
        engine=engine,
        outcome=outcome,  # type: ignore[arg-type]  # any object
    )


def test_what_is_not_refused_has_a_move_and_what_is_refused_has_none() -> None:
    """Both tables say the same of a listener's job, but for the retry of a complete one, whose outcome decides."""
    assert set(REFUSED) == set(Verb)
    for verb, act in _ACTS.items():
        for status in JobStatus:
            legal = status in MOVES[act]
            if verb is Verb.RETRY and status is JobStatus.COMPLETE:
                continue
            assert legal != is_refused(verb, a_job(status)), (verb, status)


def test_a_status_that_has_ended_is_left_by_a_retry_alone() -> None:
    """Nothing else leads out of it, and every status but the scheduler's own and the first ones is led to."""
    for act, moves in MOVES.items():
        for before, after in moves.items():
            assert before in OPEN or after == {before} or act is Act.RETRY
    led_to = {after for moves in MOVES.values() for followers in moves.values() for after in followers}
    assert led_to == set(JobStatus)
    assert set(JobStatus) == ENDED | OPEN


@pytest.mark.parametrize(
    ("outcome", "repeated"),
    [
        (None, False),
        ({}, False),
        ({"next": "retry"}, False),
        ({"next": {"type": "url"}}, False),
        ({"next": {"type": "retry"}}, True),
    ],
)
def test_a_complete_job_is_repeated_if_its_outcome_offers_it(
    outcome: dict[str, object] | None, *, repeated: bool
) -> None:
    """Whatever else somebody has put there."""
    job = a_job(JobStatus.COMPLETE, outcome=outcome)
    assert may_be_repeated(job) is repeated
    assert is_refused(Verb.RETRY, job) is not repeated


def test_only_the_engine_ends_its_jobs() -> None:
    """Nobody else completes, fails or splits them; what can be asked for of them is the rest."""
    job = a_job(JobStatus.EXECUTING, engine=True)
    refused = {verb for verb in Verb if is_refused(verb, job)}
    assert refused == {Verb.COMPLETE, Verb.FAIL, Verb.SPLIT, Verb.RETRY, Verb.ACKNOWLEDGE_OUTCOME, Verb.CHANGE_PLAN}


def test_a_move_that_the_table_does_not_have_is_a_bug() -> None:
    """Verbs are refused before; the picture has every move that leads somewhere."""
    check(Act.COMPLETE, JobStatus.READY, JobStatus.COMPLETE)
    with pytest.raises(ValueError, match="a job that is created cannot become complete by complete"):
        check(Act.COMPLETE, JobStatus.CREATED, JobStatus.COMPLETE)
    assert "    waiting --> ready: release" in picture()
