"""Activities of a run: as lists and timelines show them, and one with its input and output."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from headrace.core.client import Identity
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import (
    MOST_ACTIVITIES,
    ActivityLine,
    ActivityList,
    ActivityView,
    AskActivity,
    ListActivities,
)
from headrace.core.planning import Verdict
from headrace.core.query import Cursor
from headrace.core.run import BODY, ActivityRun, ActivityStatus, Run
from headrace.service.native.advice import reason_of
from headrace.service.native.desk import NativeDesk
from headrace.service.native.masking import LONGEST, shown
from headrace.service.native.reach import run_of
from headrace.service.native.waiting import activity_at, waits_for
from headrace.service.sealing import MASK
from headrace.store import activity_runs, run_activities
from headrace.store.database import Transaction

INPUT = "input"
"""Under this name a row's details have the evaluated input."""
SECURE_INPUT, SECURE_OUTPUT = "secureInput", "secureOutput"
"""And under these whether input and output are for nobody's eyes."""


def of_view(tx: Transaction, run: Run) -> tuple[tuple[ActivityLine, ...], bool]:
    """Return activities for a run's view, at most ``MOST_ACTIVITIES`` and in the plan's order, and whether there are more."""
    within = run_activities.inside(tx, run.id)
    rows, more = run_activities.for_view(tx, run.id, MOST_ACTIVITIES, within)
    return tuple(_lines(run, rows, within.bodies)), more


def list_activities(desk: NativeDesk, caller: Identity, asked: ListActivities) -> ActivityList:
    """Return a page of a run's activities.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the limit or the cursor.
    """
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        run = run_of(tx, caller, asked.run)
        page = run_activities.page(tx, run.id, asked.parent, asked.status, asked.limit, cursor)
        lines = tuple(_lines(run, page.items, {}))
    return ActivityList(items=lines, next=None if page.next is None else page.next.token())


def show_activity(desk: NativeDesk, caller: Identity, asked: AskActivity) -> ActivityView:
    """Return an attempt at an activity with its input and output.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several runs begin so.
    """
    with desk.database.reading() as tx:
        run = run_of(tx, caller, asked.run)
        rows = activity_runs.at_path(tx, run.id, asked.path)
        beside = activity_runs.of_parent(tx, run.id, rows[-1].parent) if _is_open(rows) else []
        bodies = {asked.path: run_activities.bodies_of(tx, run.id, asked.path)} if rows else {}
    found = [row for row in rows if asked.attempt in {None, row.attempt}]
    if not found:
        which = "" if asked.attempt is None else f", attempt {asked.attempt}"
        raise Problem(Code.NOT_FOUND, f"run {run.id} has no activity {asked.path!r}{which}")
    row = found[-1]
    activity = activity_at(run.definition, row.path)
    given, was_cut = _cut(shown(_given(row)))
    output, also = _cut({"secureOutput": MASK} if row.details.get(SECURE_OUTPUT) else shown(row.output))
    settings, too = _cut(shown(activity.settings) if activity is not None else {})
    return ActivityView(
        line=next(iter(_lines(run, [row], bodies, beside))),
        run_id=run.id,
        attempts=len(rows),
        input=given,
        output=output if isinstance(output, Mapping) else {"cut": output},
        settings=settings if isinstance(settings, Mapping) else {"cut": settings},
        is_cut=was_cut or also or too,
    )


def _is_open(rows: Sequence[ActivityRun]) -> bool:
    return bool(rows) and rows[-1].status is ActivityStatus.PENDING and rows[-1].kind != BODY


def _lines(
    run: Run,
    rows: Sequence[ActivityRun],
    bodies: Mapping[str, Mapping[str, int]],
    beside: Sequence[ActivityRun] | None = None,
) -> Iterator[ActivityLine]:
    standing = {(row.parent, _name(row)): row.status for row in (rows if beside is None else beside)}
    for row in rows:
        yield ActivityLine(
            path=row.path,
            name=_name(row),
            kind=row.kind,
            status=row.status,
            attempt=row.attempt,
            parent=row.parent,
            depth=row.path.count("/"),
            verdict=Verdict(row.verdict),
            verdict_reason=row.verdict_reason,
            carried_from=row.carried_from,
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            wakes_at=row.wake_at,
            waits_for=waits_for(row, run, standing),
            worker=row.worker_id,
            figures=row.figures,
            reason=reason_of(row.failure),
            bodies=bodies.get(row.path, {}),
            lost=row.lost,
        )


def _name(row: ActivityRun) -> str:
    return row.path.removeprefix(row.parent + "/") if row.parent else row.path


def _given(row: ActivityRun) -> Json:
    return {SECURE_INPUT: MASK} if row.details.get(SECURE_INPUT) else row.details.get(INPUT)


def _cut(value: Json) -> tuple[Json, bool]:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return (value, False) if len(text) <= LONGEST else (text[:LONGEST] + "…", True)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "runs.activities": list_activities,
    "runs.activity": show_activity,
}
"""By the operation's name."""
