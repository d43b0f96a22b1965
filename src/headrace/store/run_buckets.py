"""Runs counted by the time of their end."""

from dataclasses import dataclass

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.run import RunStatus
from headrace.store.database import Transaction
from headrace.store.run_pages import scopes
from headrace.store.scopes import within
from headrace.store.tables import runs as table

_OPEN = [status.value for status in RunStatus if not status.is_final]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs are counted: of these scopes and flows (scope and id; None: all), that ended from ``since`` on, in ``count`` buckets.

    ``width``: the microseconds of a bucket.
    """

    patterns: tuple[str, ...] | None
    flows: tuple[tuple[str, str], ...] | None
    since: Instant
    width: int
    count: int


def first_counted(tx: Transaction, wanted: Wanted, most: int) -> int:
    """Return the first bucket that can be counted so that no more than ``most`` runs are looked at; 0: all can.

    The newest bucket is always counted.
    """
    until = wanted.since + wanted.count * wanted.width
    ends = sa.select(table.c.ended_at).where(
        table.c.ended_at.is_not(None), table.c.ended_at >= wanted.since, table.c.ended_at < until
    )
    beyond = tx.scalar(ends.order_by(table.c.ended_at.desc(), table.c.id.desc()).offset(most).limit(1))
    return 0 if beyond is None else min((int(beyond) - wanted.since) // wanted.width + 1, wanted.count - 1)


def ended(tx: Transaction, wanted: Wanted) -> dict[int, dict[str, int]]:
    """Return counts of runs that ended, by the number of their bucket; buckets in which nothing ended are left out."""
    number = ((table.c.ended_at - wanted.since) / wanted.width).label("bucket")
    if tx.dialect != "sqlite":
        number = sa.func.floor((table.c.ended_at - wanted.since) / wanted.width).label("bucket")
    with_rejects = sa.case((table.c.rows_rejected > 0, 1), else_=0)
    statement = (
        sa.select(
            sa.cast(number, sa.Integer).label("bucket"),
            table.c.status,
            sa.func.count().label("count"),
            sa.func.sum(with_rejects).label("with_rejects"),
            sa.func.sum(table.c.rows_accepted).label("rows_accepted"),
            sa.func.sum(table.c.rows_rejected).label("rows_rejected"),
        )
        .where(
            table.c.ended_at.is_not(None),
            table.c.ended_at >= wanted.since,
            table.c.ended_at < wanted.since + wanted.count * wanted.width,
            *_conditions(wanted),
        )
        .group_by(sa.text("1"), table.c.status)
    )
    found: dict[int, dict[str, int]] = {}
    for row in tx.rows(statement):
        bucket = found.setdefault(int(row["bucket"]), {"rows_accepted": 0, "rows_rejected": 0})
        bucket[row["status"]] = bucket.get(row["status"], 0) + int(row["count"])
        if row["status"] == RunStatus.SUCCEEDED.value:
            bucket["with_rejects"] = bucket.get("with_rejects", 0) + int(row["with_rejects"] or 0)
        for name in ("rows_accepted", "rows_rejected"):
            bucket[name] += int(row[name] or 0)
    return found


def open_by_status(tx: Transaction, wanted: Wanted) -> dict[str, int]:
    """Return how many runs have not ended, by status; statuses that none has are left out."""
    counted = sa.select(table.c.status, sa.func.count().label("count")).where(table.c.status.in_(_OPEN))
    found: dict[str, int] = {}
    # Range by range: an index begins with the scope.
    for place in _places(tx, wanted):
        for row in tx.rows(counted.where(*place).group_by(table.c.status)):
            found[row["status"]] = found.get(row["status"], 0) + int(row["count"])
    return found


def _places(tx: Transaction, wanted: Wanted) -> list[list[sa.ColumnElement[bool]]]:
    if wanted.flows is not None:
        return [[table.c.scope == scope, table.c.flow_id == flow_id] for scope, flow_id in wanted.flows]
    return [[table.c.scope == scope] for scope in scopes(tx, wanted.patterns)]


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.patterns is not None:
        conditions.append(within(table.c.scope, wanted.patterns))
    if wanted.flows is not None:
        conditions.append(table.c.flow_id.in_(sorted({flow_id for _, flow_id in wanted.flows})))
        conditions.append(table.c.scope.in_(sorted({scope for scope, _ in wanted.flows})))
    return conditions
