"""Activities of one run for people: the telling ones of very many, pages, and how the runs of bodies stand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.query import Cursor, Order, Page
from headrace.core.run import BODY, ActivityRun, ActivityStatus
from headrace.store.activity_runs import activity_run_of
from headrace.store.database import Transaction
from headrace.store.paging import from_position
from headrace.store.tables import activity_runs as table

_newer = table.alias("newer")
_HAS_NEWER = sa.exists().where(
    _newer.c.run_id == table.c.run_id, _newer.c.path == table.c.path, _newer.c.attempt > table.c.attempt
)
_UNTOLD = ("succeeded", "carried", "skipped", "inactive")


@dataclass(frozen=True, slots=True)
class Inside:
    """What lies in a run's containers: how many runs of its bodies each container has, by status; and whether anything there is telling."""

    bodies: Mapping[str, Mapping[str, int]]
    is_telling: bool
    count: int


def inside(tx: Transaction, run_id: str) -> Inside:
    """Return what lies in the run's containers, counted in one pass."""
    is_body = (table.c.kind == BODY).label("is_body")
    container = sa.case((table.c.kind == BODY, table.c.parent), else_="").label("container")
    counted = (
        sa.select(container, is_body, table.c.status, sa.func.count().label("count"))
        # Not <>: what has a parent is one range of the index.
        .where(table.c.run_id == run_id, table.c.parent > "")
        .group_by(container, is_body, table.c.status)
    )
    found: dict[str, dict[str, int]] = {}
    telling, total = False, 0
    for row in tx.rows(counted):
        total += int(row["count"])
        telling = telling or row["status"] not in _UNTOLD
        if row["is_body"]:
            found.setdefault(row["container"], {})[row["status"]] = int(row["count"])
    return Inside(found, telling, total)


def for_view(tx: Transaction, run_id: str, limit: int, known: Inside | None = None) -> tuple[list[ActivityRun], bool]:
    """Return at most ``limit`` attempts of a run in the order of the plan, and whether there are more.

    The flow's own come first, then what has not ended or has failed, then the rest. ``known``: what ``inside`` has found.
    """
    mine = sa.select(table).where(table.c.run_id == run_id)
    own = tx.rows(mine.where(table.c.parent == "").order_by(table.c.position, table.c.attempt).limit(limit + 1))
    rows = [activity_run_of(row) for row in own]
    if len(rows) > limit:
        return rows[:limit], True
    within = inside(tx, run_id) if known is None else known
    left = limit - len(rows)
    inner = mine.where(table.c.parent > "").order_by(table.c.parent, table.c.position, table.c.attempt)
    found: list[ActivityRun] = []
    if within.is_telling:
        telling = inner.where(table.c.status.not_in(_UNTOLD)).limit(left)
        found = [activity_run_of(row) for row in tx.rows(telling)]
    if within.count and len(found) < left:
        rest = inner.where(table.c.status.in_(_UNTOLD)).limit(left - len(found))
        found += [activity_run_of(row) for row in tx.rows(rest)]
    return _as_in_plan(rows + found), within.count > left


def failed(tx: Transaction, run_id: str, limit: int) -> list[ActivityRun]:
    """Return newest attempts that have failed, by path, at most ``limit``; bodies fail by what is in them, and are left out."""
    statement = sa.select(table).where(
        table.c.run_id == run_id, table.c.kind != BODY, table.c.failure.is_not(None), ~_HAS_NEWER
    )
    return [activity_run_of(row) for row in tx.rows(statement.order_by(table.c.path).limit(limit))]


def bodies_of(tx: Transaction, run_id: str, container: str) -> dict[str, int]:
    """Return how many runs of its bodies the container has, by status."""
    counted = (
        sa.select(table.c.status, sa.func.count().label("count"))
        .where(table.c.run_id == run_id, table.c.parent == container, table.c.kind == BODY)
        .group_by(table.c.status)
    )
    return {row["status"]: int(row["count"]) for row in tx.rows(counted)}


def page(
    tx: Transaction,
    run_id: str,
    parent: str | None,
    statuses: Sequence[ActivityStatus],
    limit: int,
    cursor: Cursor | None = None,
) -> Page[ActivityRun]:
    """Return attempts of a run: right below ``parent`` in the order of the plan, or, with None, all of them by path.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    statement = sa.select(table).where(table.c.run_id == run_id)
    if statuses:
        statement = statement.where(table.c.status.in_([status.value for status in statuses]))
    if parent is None:
        keys = (table.c.path, table.c.attempt)
    else:
        statement = statement.where(table.c.parent == parent)
        keys = (table.c.position, table.c.attempt)
    rows = tx.rows(from_position(statement, keys, Order("path"), cursor, limit))
    found = tuple(activity_run_of(row) for row in rows[:limit])
    if len(rows) <= limit:
        return Page(found)
    last = rows[limit - 1]
    return Page(found, Cursor((last[keys[0].name], last["attempt"])))


def _as_in_plan(rows: list[ActivityRun]) -> list[ActivityRun]:
    """Return attempts with what lies in a container right behind it."""
    below: dict[str, list[ActivityRun]] = {}
    for row in rows:
        below.setdefault(row.parent, []).append(row)
    known = {row.path for row in rows}
    result: list[ActivityRun] = []

    def add(parent: str) -> None:
        found = below.pop(parent, [])
        for number, row in enumerate(found):
            result.append(row)
            if number + 1 == len(found) or found[number + 1].path != row.path:
                add(row.path)

    for parent in ["", *[parent for parent in list(below) if parent and parent not in known]]:
        add(parent)
    return result
