"""The state machine of jobs, as a table (contract 4.1, 4.2); ``service.jobs`` moves statuses by it alone.

The moves of a job have more to them than a run's: who asks, whether it was announced, whether the engine does it. So the table has acts, each
with the statuses that it leads to; where a choice between two of them depends on more than the status, ``Act`` has both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.job import Job, JobStatus, Verb

_S = JobStatus

OPEN = frozenset(status for status in JobStatus if not status.is_final)
"""The statuses that a job goes on from by itself."""
ENDED = frozenset(JobStatus) - OPEN
STARTED = frozenset({_S.READY, _S.EXECUTING})
"""The statuses in which a listener or the engine has it in hand, or may take it."""
RESTING = OPEN - STARTED
"""The statuses in which it waits for something."""


class Act(StrEnum):
    """What moves a job."""

    EXECUTE = "execute"
    ACKNOWLEDGE = "acknowledge"
    COMPLETE = "complete"
    FAIL = "fail"
    CANCEL = "cancel"
    RETRY = "retry"
    SPLIT = "split"
    PLAN = "plan"
    """Its plan was built."""
    RELEASE = "release"
    """What it waited for has come: its predecessors are complete, or it is its turn among the parts."""
    CLAIM = "claim"
    """The engine begins it."""
    EXPIRE = "expire"
    """Nobody acknowledged it, or told of progress, in time."""
    PREDECESSOR_FAILED = "predecessor failed"
    PREDECESSOR_CANCELLED = "predecessor cancelled"


MOVES: Mapping[Act, Mapping[JobStatus, frozenset[JobStatus]]] = {
    # rows 10 to 12
    Act.EXECUTE: {
        **{status: frozenset({_S.READY}) for status in (_S.CREATED, _S.PLANNING, _S.SCHEDULED, _S.READY)},
        _S.EXECUTING: frozenset({_S.EXECUTING}),
        _S.WAITING: frozenset({_S.WAITING}),
    },
    # rows 13 to 15
    Act.ACKNOWLEDGE: {
        **{status: frozenset({_S.EXECUTING}) for status in (_S.CREATED, _S.READY, _S.EXECUTING)},
        **{status: frozenset({status}) for status in (_S.PLANNING, _S.SCHEDULED, _S.WAITING)},
        **{status: frozenset({status}) for status in ENDED},
    },
    # row 17
    Act.COMPLETE: {status: frozenset({_S.COMPLETE}) for status in STARTED},
    # row 18
    Act.FAIL: {status: frozenset({_S.FAILED}) for status in OPEN},
    # row 19
    Act.CANCEL: {status: frozenset({_S.CANCELLED}) for status in OPEN},
    # rows 21 and 22; waiting: a predecessor is open again, or it is the turn of another part
    Act.RETRY: {status: frozenset({_S.READY, _S.WAITING}) for status in ENDED},
    # row 23
    Act.SPLIT: {status: frozenset({_S.EXECUTING}) for status in STARTED},
    # row 5
    Act.PLAN: {_S.CREATED: frozenset({_S.PLANNING})},
    # rows 6 and 7
    Act.RELEASE: {_S.WAITING: frozenset({_S.READY, _S.CREATED})},
    # row 16
    Act.CLAIM: {_S.READY: frozenset({_S.EXECUTING})},
    # row 20
    Act.EXPIRE: {status: frozenset({_S.FAILED}) for status in STARTED},
    # rows 8 and 9
    Act.PREDECESSOR_FAILED: {_S.WAITING: frozenset({_S.FAILED})},
    Act.PREDECESSOR_CANCELLED: {_S.WAITING: frozenset({_S.CANCELLED})},
}
"""From each status in which an act is legal to the statuses that it may lead to."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Where a verb is refused: in which statuses, and whether it always is for a job that the engine does."""

    statuses: frozenset[JobStatus]
    of_engine: bool = False


REFUSED: Mapping[Verb, Refused] = {
    Verb.EXECUTE: Refused(ENDED),
    Verb.ACKNOWLEDGE: Refused(frozenset()),
    Verb.COMPLETE: Refused(RESTING | ENDED, of_engine=True),
    Verb.FAIL: Refused(ENDED, of_engine=True),
    Verb.CANCEL: Refused(ENDED),
    # Of a complete job its outcome decides: ``may_be_repeated``.
    Verb.RETRY: Refused(OPEN),
    Verb.SPLIT: Refused(RESTING | ENDED, of_engine=True),
    Verb.ACKNOWLEDGE_OUTCOME: Refused(frozenset(JobStatus) - {_S.COMPLETE, _S.FAILED}),
    Verb.CHANGE_PLAN: Refused(frozenset(JobStatus) - {_S.CREATED, _S.PLANNING}),
}
"""Where each verb is refused (contract 4.2)."""


def is_refused(verb: Verb, job: Job) -> bool:
    """Say whether ``verb`` may not be asked of ``job`` as it is now."""
    refused = REFUSED[verb]
    if job.status in refused.statuses or (refused.of_engine and job.engine):
        return True
    return verb is Verb.RETRY and job.status is JobStatus.COMPLETE and not may_be_repeated(job)


def may_be_repeated(job: Job) -> bool:
    """Say whether the outcome of a complete job offers to do it again."""
    following = None if job.outcome is None else job.outcome.get("next")
    return isinstance(following, Mapping) and following.get("type") == "retry"


def check(act: Act, before: JobStatus, after: JobStatus) -> None:
    """Refuse a move that the table does not have: it is a bug, since verbs are refused before.

    Raises:
        ValueError: there is no such move.
    """
    if after not in MOVES[act].get(before, frozenset()):
        message = f"a job that is {before} cannot become {after} by {act}"
        raise ValueError(message)


def picture() -> str:
    """Return the table as a Mermaid state diagram; moves that lead nowhere else are left out."""
    lines = ["stateDiagram-v2", *(f"    [*] --> {status}" for status in ("created", "ready", "waiting", "scheduled"))]
    words: dict[tuple[JobStatus, JobStatus], list[str]] = {}
    for act, moves in MOVES.items():
        for before in (status for status in JobStatus if status in moves):
            for after in sorted(moves[before] - {before}):
                words.setdefault((before, after), []).append(act.value)
    lines += [f"    {before} --> {after}: {', '.join(acts)}" for (before, after), acts in words.items()]
    return "\n".join(lines)
