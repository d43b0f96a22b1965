"""The state machine, as a table. The docs' picture is generated from it; the store moves statuses by it alone."""

from collections.abc import Mapping

from headrace.core import job_moves
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.trigger import TriggerRunStatus

_R = RunStatus
_A = ActivityStatus
_T = TriggerRunStatus

RUN_MOVES: Mapping[RunStatus, Mapping[RunStatus, str]] = {
    _R.QUEUED: {
        _R.RUNNING: "a worker starts it",
        _R.CANCELLED: "somebody cancels it before it starts",
        _R.FAILED: "it cannot be started (a worker was lost again and again)",
    },
    _R.RUNNING: {
        _R.WAITING: "nothing can go on before a timer, a callback or a predecessor does",
        _R.CANCELLING: "somebody asks for its end",
        _R.SUCCEEDED: "its leaves succeeded",
        _R.FAILED: "a leaf failed, or its worker was lost again and again",
    },
    _R.WAITING: {
        _R.RUNNING: "what it waited for has come",
        _R.CANCELLED: "somebody cancels it while nothing is being done",
        _R.CANCELLING: "somebody asks for its end",
        _R.FAILED: "what it waited for did not come in time",
    },
    _R.CANCELLING: {
        _R.CANCELLED: "all that was running has stopped",
        _R.SUCCEEDED: "a commit was under way already, and nothing else was left to do",
        _R.FAILED: "an activity failed while it was being stopped",
    },
    _R.SUCCEEDED: {},
    _R.FAILED: {},
    _R.CANCELLED: {},
}
"""From a status to the statuses that may follow, each with what makes it so."""

ACTIVITY_MOVES: Mapping[ActivityStatus, Mapping[ActivityStatus, str]] = {
    _A.PENDING: {
        _A.QUEUED: "its dependencies ended as it asks for",
        _A.SKIPPED: "its dependencies ended otherwise",
        _A.INACTIVE: "it is switched off in the plan",
        _A.CARRIED: "an earlier run of the group did it",
        _A.CANCELLED: "the run was cancelled before it",
    },
    _A.QUEUED: {
        _A.RUNNING: "a worker starts it",
        _A.CANCELLED: "the run was cancelled before it started",
        _A.FAILED: "its run failed before it started",
    },
    _A.RUNNING: {
        _A.RUNNING: "another worker takes it over (the epoch grows)",
        _A.WAITING: "a timer or somebody outside has to act",
        _A.SUCCEEDED: "it did its work",
        _A.CARRIED: "an earlier run of the group did it, and variables are made again in it",
        _A.FAILED: "it could not do its work",
        _A.TIMED_OUT: "it did not end by its deadline",
        _A.CANCELLED: "the run was cancelled while it ran",
    },
    _A.WAITING: {
        _A.RUNNING: "what it waited for has come",
        _A.SUCCEEDED: "somebody outside completed it, or its timer ended",
        _A.CARRIED: "an earlier run of the group did it, and variables were made again in it",
        _A.FAILED: "somebody outside failed it",
        _A.TIMED_OUT: "nobody completed it by its deadline",
        _A.CANCELLED: "the run was cancelled while it waited",
    },
    _A.SUCCEEDED: {},
    _A.FAILED: {},
    _A.TIMED_OUT: {},
    _A.CANCELLED: {},
    _A.SKIPPED: {},
    _A.INACTIVE: {},
    _A.CARRIED: {},
}
"""The same for activity runs."""

TRIGGER_RUN_MOVES: Mapping[TriggerRunStatus, Mapping[TriggerRunStatus, str]] = {
    _T.WAITING: {
        _T.BLOCKED: "another window that it depends on has not succeeded",
        _T.RUNNING: "there is a place: its pipeline run is made",
        _T.FAILED: "its pipeline run cannot be made",
        _T.CANCELLED: "somebody cancels it, or its trigger is removed",
    },
    _T.BLOCKED: {
        _T.WAITING: "all windows that it depends on have succeeded",
        _T.FAILED: "it waited for seven days",
        _T.CANCELLED: "somebody cancels it, or its trigger is removed",
    },
    _T.RUNNING: {
        _T.RUNNING: "its pipeline run failed, and is tried again",
        _T.SUCCEEDED: "its pipeline run succeeded",
        _T.FAILED: "its pipeline run failed as often as it may be tried",
        _T.CANCELLED: "its pipeline run was cancelled",
    },
    _T.SUCCEEDED: {},
    _T.FAILED: {
        _T.WAITING: "somebody asks for it again",
        _T.BLOCKED: "somebody asks for it again, and it depends on other windows",
    },
    _T.CANCELLED: {
        _T.WAITING: "somebody asks for it again",
        _T.BLOCKED: "somebody asks for it again, and it depends on other windows",
    },
}
"""The same for trigger runs. Those of schedules and events are written when they have ended; a window can be asked for again."""


def check_run_move(current: RunStatus, to: RunStatus) -> None:
    """Refuse a move that the table does not have.

    Raises:
        Problem: ``ILLEGAL_STATE``, naming what would be legal.
    """
    if to not in RUN_MOVES[current]:
        legal = ", ".join(RUN_MOVES[current]) or "nothing: it has ended"
        raise Problem(Code.ILLEGAL_STATE, f"a run that is {current} cannot become {to}; what may follow is {legal}")


def check_activity_move(current: ActivityStatus, to: ActivityStatus) -> None:
    """Refuse a move that the table does not have.

    Raises:
        Problem: ``ILLEGAL_STATE``, naming what would be legal.
    """
    if to not in ACTIVITY_MOVES[current]:
        legal = ", ".join(ACTIVITY_MOVES[current]) or "nothing: it has ended"
        raise Problem(
            Code.ILLEGAL_STATE, f"an activity that is {current} cannot become {to}; what may follow is {legal}"
        )


def check_trigger_run_move(current: TriggerRunStatus, to: TriggerRunStatus) -> None:
    """Refuse a move that the table does not have.

    Raises:
        Problem: ``ILLEGAL_STATE``, naming what would be legal.
    """
    if to not in TRIGGER_RUN_MOVES[current]:
        legal = ", ".join(TRIGGER_RUN_MOVES[current]) or "nothing: it has ended"
        raise Problem(
            Code.ILLEGAL_STATE, f"a trigger run that is {current} cannot become {to}; what may follow is {legal}"
        )


def runs_that_may_become(to: RunStatus) -> frozenset[RunStatus]:
    """Return every status from which a run may move to ``to``."""
    return frozenset(status for status, moves in RUN_MOVES.items() if to in moves)


def picture(
    moves: Mapping[RunStatus, Mapping[RunStatus, str]]
    | Mapping[ActivityStatus, Mapping[ActivityStatus, str]]
    | Mapping[TriggerRunStatus, Mapping[TriggerRunStatus, str]],
) -> str:
    """Return the table of moves as a Mermaid state diagram; the first status is where everything begins."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(moves))}"]
    for status, followers in moves.items():
        lines += [f"    {status} --> {to}: {why}" for to, why in followers.items()]
        lines += [f"    {status} --> [*]"] if not followers else []
    return "\n".join(lines)


def page() -> str:
    """Return the page docs/internals/state-machine.md: both pictures and what they mean."""
    return f"""# The state machine

This page is generated from the table in `src/headrace/core/transitions.py`; `tests/core/test_transitions.py` keeps it in step.
Write it anew with `python -c "from headrace.core.transitions import page; print(page(), end='')" > docs/internals/state-machine.md`.

Nothing leaves a final status of a run: a retry is a new run. One UPDATE in the code base changes a status, and it compares before it sets, so
a worker that comes late cannot overwrite a newer truth.

## Runs

```mermaid
{picture(RUN_MOVES)}
```

A run that succeeded with rejected rows is `succeeded`, with `rows_rejected > 0`; it is never shown as plain success.

## Activity runs

```mermaid
{picture(ACTIVITY_MOVES)}
```

## Trigger runs

A trigger run of a schedule or an event is written when it has ended: succeeded once its pipeline runs are made, or failed. That of a window goes on:

```mermaid
{picture(TRIGGER_RUN_MOVES)}
```

Which windows there are, and what each waits for, stands in `src/headrace/core/tumbling.py`.

## Jobs

A job is a document with a machine of its own (`src/headrace/core/job_moves.py`); each attempt at it is a run. A retry leads out of an end.

```mermaid
{job_moves.picture()}
```

Which activity may start, which is skipped and how a run ends stands in `src/headrace/core/progress.py`; what a retry runs and what it
carries over in `src/headrace/core/planning.py`.
"""
