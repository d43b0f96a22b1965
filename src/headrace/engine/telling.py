"""What the engine says in the logs of runs: one function for each thing that happens, so that it is said in the same words everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import fields

import structlog

from headrace.core.clock import SECOND, Instant
from headrace.core.outcome import BatchReport, Expansion, Failure, Figures, Outcome, Pause
from headrace.core.run import ActivityStatus
from headrace.engine.records import Begun, Claimed, Ended, Finished, Level, Standing

_log = structlog.get_logger("headrace.engine")

_MOST_NAMED = 20
_WORDS: Mapping[ActivityStatus, str] = {
    ActivityStatus.SUCCEEDED: "succeeded",
    ActivityStatus.CARRIED: "is carried over",
    ActivityStatus.FAILED: "failed",
    ActivityStatus.TIMED_OUT: "ran out of time",
    ActivityStatus.CANCELLED: "was cancelled",
    ActivityStatus.SKIPPED: "is skipped",
    ActivityStatus.INACTIVE: "is inactive",
}


def run_begun(begun: Begun) -> None:
    """Say that a run begins here, with what of it is carried over, or is gone on with."""
    run = begun.level.run
    if not begun.first:
        _log.info("the run goes on")
        return
    _log.info("the run began", flow=run.flow_name, kind=run.kind.value)
    carried = [name for name, standing in begun.standings.items() if standing.status is ActivityStatus.CARRIED]
    if carried:
        _log.info("activities are carried over", count=len(carried), activities=_some(carried))


def run_waits() -> None:
    """Say that all that is open in a run waits."""
    _log.info("the run waits")


def run_ended(status: ActivityStatus) -> None:
    """Say how a run ended."""
    if status is ActivityStatus.FAILED:
        _log.error("the run failed")
    else:
        _log.info(f"the run {_WORDS[status]}")


def marked(level: Level, marks: Mapping[str, ActivityStatus]) -> None:
    """Say which activities will not be done."""
    for status in sorted(set(marks.values())):
        names = [level.path_of(name) for name, mark in marks.items() if mark is status]
        if len(names) == 1:
            _log.info(f"an activity {_WORDS[status]}", name=names[0])
        else:
            _log.info(f"activities: each {_WORDS[status]}", count=len(names), activities=_some(names))


def attempt_begun(kind: str, claimed: Claimed) -> None:
    """Say that an attempt begins, or is gone on with."""
    if claimed.resumed is not None:
        _log.info("the activity goes on", kind=kind)
    elif claimed.lost:
        _log.warning("the activity begins again: its worker was lost", kind=kind, lost=claimed.lost)
    else:
        _log.info("the activity began", kind=kind)


def attempt_came_to(
    claimed: Claimed, result: Outcome | Pause | Expansion, written: Finished | Ended | Standing, now: Instant
) -> None:
    """Say what a call of an activity's function came to, as it was written."""
    if isinstance(written, Standing):
        _stands_open(result, written, now)
        return
    ended = written.ended if isinstance(written, Finished) else written
    took = round((now - claimed.started_at) / SECOND, 3)
    outcome = result if isinstance(result, Outcome) else Outcome()
    if outcome.batch is not None:
        _batch(outcome.batch)
    if outcome.failure is None or ended.status in {ActivityStatus.SUCCEEDED, ActivityStatus.CARRIED}:
        _log.info(f"the activity {_WORDS[ended.status]}", seconds=took, **_figures(outcome.figures))
    else:
        _failed(ended, outcome.failure, took, now)


def container_ended(status: ActivityStatus, failure: Failure | None) -> None:
    """Say how a container ended whose bodies have ended."""
    if failure is None:
        _log.info(f"the activity {_WORDS[status]}")
    else:
        _log.error(f"the activity {_WORDS[status]}: {failure.message}", code=failure.code.value)


def _stands_open(result: Outcome | Pause | Expansion, standing: Standing, now: Instant) -> None:
    if isinstance(result, Expansion):
        count = 1 if result.items is None else len(result.items)
        _log.info("the activity runs its bodies", body=result.body, count=count, lanes=result.lanes)
        return
    due = {} if standing.wake_at is None else {"in_seconds": round(max(standing.wake_at - now, 0) / SECOND, 3)}
    hears = isinstance(result, Pause) and result.hears
    _log.info(f"the activity waits{' for a signal' if hears else ''}", **due)


def _failed(ended: Ended, failure: Failure, took: float, now: Instant) -> None:
    said = f"the activity {_WORDS[ended.status]}: {failure.message}"
    facts = {"code": failure.code.value, "blame": failure.blame.value, "seconds": took}
    facts |= {"label": failure.label} if failure.label else {}
    if ended.again is None:
        _log.error(said, **facts)
        return
    due = ended.again.wake_at or now
    again = {"next_attempt": ended.again.attempt, "in_seconds": round(max(due - now, 0) / SECOND, 3)}
    _log.warning(said, **facts, **again)


def _batch(batch: BatchReport) -> None:
    said = "nothing was committed" if batch.version is None else "a batch was committed"
    version = {} if batch.version is None else {"version": batch.version}
    _log.info(said, batch=batch.batch_id, table=batch.table, **_figures(batch.figures), **version)
    for reason in batch.rejects[:_MOST_NAMED]:
        column = {"column": reason.column} if reason.column else {}
        _log.warning("rows were rejected", code=reason.code, rows=reason.count, **column)


def _figures(figures: Figures) -> dict[str, int]:
    named = {one.name: getattr(figures, one.name) for one in fields(figures)}
    return {name: value for name, value in named.items() if value is not None}


def _some(names: Sequence[str]) -> list[str]:
    return [*names[:_MOST_NAMED], *(["…"] if len(names) > _MOST_NAMED else [])]
