"""Runs: lists, one in full, its errors."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.errors import Problem
from headrace.core.native.runs import (
    AskRun,
    ListRuns,
    RunErrors,
    RunList,
    RunProblem,
    RunView,
)
from headrace.core.query import Cursor
from headrace.core.window import Window
from headrace.service.native import activity_lines, diffing, throughput
from headrace.service.native.advice import reason_of
from headrace.service.native.batch_lines import batch_line
from headrace.service.native.desk import NativeDesk
from headrace.service.native.masking import LONGEST, shortened, shown_definition, shown_object
from headrace.service.native.reach import patterns, run_of
from headrace.service.native.run_lines import run_line, run_lines
from headrace.service.native.searching import search
from headrace.service.runs import NEWEST_FIRST, summed
from headrace.store import batches, flows, revisions, run_activities, run_groups, runs
from headrace.store.database import Transaction
from headrace.store.run_pages import RunQuery

MOST_FAILURES = 500
MOST_OF_GROUP = 200
"""Runs of a group, and runs that a run has made, that a view has at most."""


def list_runs(desk: NativeDesk, caller: Identity, asked: ListRuns) -> RunList:
    """Return a page of runs, newest first; with a text, those that it is found in (``searching.search``).

    Raises:
        Problem: ``INVALID``: the limit, the cursor or the text; ``NOT_FOUND``: the scope.
    """
    with desk.database.reading() as tx:
        query = _query(tx, caller, asked)
        cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
        text = (asked.text or "").strip()
        if text:
            found, behind, until = search(tx, query, text, asked.limit, cursor)
        else:
            page = runs.page(tx, query, NEWEST_FIRST, asked.limit, cursor, light=True)
            found, behind, until = page.items, page.next, None
        lines = run_lines(tx, caller, found)
    return RunList(items=lines, next=None if behind is None else behind.token(), searched_until=until)


def show_run(desk: NativeDesk, caller: Identity, asked: AskRun) -> RunView:
    """Return a run with what belongs to it.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several runs begin so.
    """
    with desk.database.reading() as tx:
        run = run_of(tx, caller, asked.run)
        activities, more = activity_lines.of_view(tx, run)
        group = run_groups.of_group(tx, run.group_id, MOST_OF_GROUP)
        parts = [part for part in run_groups.made_by(tx, run.id, MOST_OF_GROUP) if caller.reaches(part.scope)]
        return RunView(
            run=run_line(tx, caller, run),
            activities=activities,
            batches=tuple(batch_line(batch) for batch in batches.of_run(tx, run.id)),
            group=run_lines(tx, caller, group),
            parts=run_lines(tx, caller, parts),
            definition=shown_definition(run.definition),
            details=shortened(shown_object(run.details), LONGEST),
            more_activities=more,
            revision=revisions.of_run(tx, run.id),
        )


def show_errors(desk: NativeDesk, caller: Identity, asked: AskRun) -> RunErrors:
    """Return why a run did not succeed, or not wholly: at most ``MOST_FAILURES`` activities, in the order of the plan.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several runs begin so.
    """
    with desk.database.reading() as tx:
        run = run_of(tx, caller, asked.run)
        line = run_line(tx, caller, run)
        rows = run_activities.failed(tx, run.id, MOST_FAILURES)
        its_batches = batches.of_run(tx, run.id)
    place = {activity.name: number for number, activity in enumerate(run.definition.in_order())}
    rows.sort(key=lambda row: place.get(row.path.partition("/")[0], len(place)))
    failures = [
        RunProblem(activity=row.path, attempt=row.attempt, reason=reason)
        for row in rows
        if (reason := reason_of(row.failure)) is not None
    ]
    return RunErrors(
        run=line,
        failures=tuple(failures),
        rejects=summed(reason for batch in its_batches for reason in batch.rejects),
        warnings=summed(reason for batch in its_batches for reason in batch.warnings),
    )


def _query(tx: Transaction, caller: Identity, asked: ListRuns) -> RunQuery:
    reached = patterns(caller, asked.scope)
    found = None if asked.flow is None else flows.named(tx, reached, asked.flow)
    return RunQuery(
        scopes=reached,
        flows=found or None,
        # Of a flow that was removed there are runs still, by its id.
        flow_id=None if found else asked.flow,
        statuses=frozenset(asked.status),
        kind=asked.kind,
        group_id=asked.group,
        created=_between(asked),
        has_rejects=asked.rejects,
    )


def _between(asked: ListRuns) -> Window | None:
    if asked.since is None and asked.until is None:
        return None
    try:
        return Window(asked.since, asked.until)
    except Problem as problem:
        raise Problem(problem.code, f"since and until: {problem.message}") from problem


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "runs.list": list_runs,
    "runs.show": show_run,
    "runs.errors": show_errors,
    **activity_lines.FUNCTIONS,
    **throughput.FUNCTIONS,
    **diffing.FUNCTIONS,
}
"""By the operation's name."""
