"""Telling others of runs that have ended: traces for a collector, lineage for a catalog.

What is told is read from the ledger, some seconds after a run's end, by whichever worker looks first; a crash or an outage delays it, and loses
nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from headrace.core.clock import Clock
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityRun, Batch, Run
from headrace.store import activity_runs, batches, report_cursors, runs
from headrace.store.database import Database, Transaction

AT_ONCE = 50
"""Runs that are told of at a time."""
MAX_ACTIVITIES = 2000
"""Attempts of a run that are told of; a loop may have a hundred thousand."""
_MAX_CALLERS = 20

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Report:
    """A run that has ended: attempts at its activities, at most ``MAX_ACTIVITIES``, its batches, and the id of the run at the top of its callers."""

    run: Run
    activities: Sequence[ActivityRun]
    batches: Sequence[Batch]
    top: str


Reporter = Callable[[Sequence[Report]], None]
"""Tells of runs. It raises a ``Problem`` when that has to be done again."""


@dataclass(frozen=True, slots=True)
class ReportDesk:
    """What telling needs. ``reporters``: who is told, by the name under which the ledger keeps how far it was."""

    database: Database
    clock: Clock
    reporters: Mapping[str, Reporter]


def report_due(desk: ReportDesk) -> bool:
    """Tell everybody of the runs that have ended since the last time; say whether there may be more at once.

    Raises:
        Problem: ``UNAVAILABLE``: the ledger cannot be reached.
    """
    told = [_report(desk, name, reporter) for name, reporter in desk.reporters.items()]
    return any(told)


def _report(desk: ReportDesk, name: str, reporter: Reporter) -> bool:
    with desk.database.transaction() as tx:
        due = report_cursors.take(tx, name, desk.clock.now(), AT_ONCE)
    if due is None:
        return False
    with desk.database.reading() as tx:
        reports = [report for run_id in due.run_ids if (report := _look_up(tx, run_id)) is not None]
    try:
        reporter(reports)
    except Problem as problem:
        _log.warning(
            "runs could not be told of; it is tried again", to=name, runs=len(reports), problem=problem.message
        )
        return False
    with desk.database.transaction() as tx:
        report_cursors.advance(tx, name, due, desk.clock.now())
    return len(due.run_ids) == AT_ONCE


def _look_up(tx: Transaction, run_id: str) -> Report | None:
    try:
        run = runs.get(tx, None, run_id)
        return Report(
            run, activity_runs.first_of_run(tx, run_id, MAX_ACTIVITIES), batches.of_run(tx, run_id), _top(tx, run)
        )
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            # It was removed since.
            return None
        raise


def _top(tx: Transaction, run: Run) -> str:
    """Return the id of the run that has called the run, or called who did, and so on; its own, if nobody has."""
    for _ in range(_MAX_CALLERS):
        caller = run.caller
        if caller is None:
            break
        try:
            run = runs.get(tx, None, caller.run_id)
        except Problem as problem:
            if problem.code is not Code.NOT_FOUND:
                raise
            return caller.run_id
    return run.id
