"""Lists of runs by when they changed: the same rows, whichever index they are read by."""

from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Plan
from headrace.core.run import Run, RunKind, RunStatus
from headrace.store import run_history, runs
from headrace.store.database import Database
from headrace.store.run_history import Among, By, HistoryQuery

SCOPE = "datafactory/s/g/f"
WORDS = {status: status.value.title() for status in RunStatus}


def _fill(database: Database) -> None:
    """Write 24 runs of three flows in four statuses, and one of another scope."""
    with database.transaction() as tx:
        for number in range(24):
            status = [RunStatus.QUEUED, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED][number % 4]
            run = Run(
                id=f"run-{number:02d}",
                scope=SCOPE if number else "elsewhere",
                flow_id=f"flow-{number % 3}",
                flow_name=f"Flow {number % 3}",
                kind=RunKind.ON_DEMAND,
                group_id=f"run-{number:02d}",
                definition=Plan(()),
                created_at=Instant(100 + number // 2),
                updated_at=Instant(200 + number),
                status=status,
                ended_at=Instant(200 + number) if status.is_final else None,
                exclusive=False,
            )
            runs.insert(tx, run)


@pytest.mark.parametrize("descending", [False, True])
def test_both_ways_of_reading_give_the_same_pages(database: Database, *, descending: bool) -> None:
    """Sorting a few changes, and passing over what lies outside of the span, find the same runs in the same order."""
    _fill(database)
    statuses = frozenset({RunStatus.QUEUED, RunStatus.FAILED})
    queries = [
        HistoryQuery(
            scope=SCOPE,
            since=Instant(204),
            until=Instant(220),
            statuses=some,
            among=among,
            order=(By("created_at", descending),),
        )
        for some, among in product(
            (None, statuses),
            (
                (),
                (Among("flow_id", frozenset({"flow-0", "flow-2"})),),
                (Among("flow_id", frozenset({"flow-1"}), negated=True),),
            ),
        )
    ]
    for query in queries:
        seen = [_paged(database, query, few) for few in (0, 1000)]
        assert seen[0] == seen[1]
        assert seen[0] == sorted(seen[0], reverse=descending)
        assert set(seen[0]) == _expected(query)


def test_keys_of_several_directions_are_kept_over_pages(database: Database) -> None:
    """A page goes on behind the last row in all keys."""
    _fill(database)
    order = (By("status"), By("flow_name", descending=True), By("ended_at"))
    query = HistoryQuery(scope=SCOPE, since=Instant(0), until=Instant(999), order=order, status_words=WORDS)
    found = _paged(database, query, 1000)
    assert len(found) == len(set(found)) == 23
    with database.reading() as tx:
        whole, behind = run_history.page(tx, query, 100)
        assert behind is None
        with pytest.raises(Problem) as refusal:
            run_history.page(tx, query, 5, (1, 2))
    assert found == [one.run.id for one in whole]
    assert refusal.value.code is Code.INVALID


def _paged(database: Database, query: HistoryQuery, few: int) -> list[str]:
    found: list[str] = []
    position = None
    with database.reading() as tx:
        while True:
            page, position = run_history.page(tx, query, 3, position, few=few)
            found += [one.run.id for one in page]
            if position is None:
                return found


def _expected(query: HistoryQuery) -> set[str]:
    found = set()
    for number in range(1, 24):
        status = [RunStatus.QUEUED, RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELLED][number % 4]
        flow = all((f"flow-{number % 3}" in one.values) is not one.negated for one in query.among)
        if query.since <= 200 + number <= query.until and flow and status in (query.statuses or RunStatus):
            found.add(f"run-{number:02d}")
    return found


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "ix_runs_scope_created"),
        ({"statuses": frozenset({RunStatus.RUNNING, RunStatus.WAITING})}, "ix_runs_scope_status_created"),
        ({"among": (Among("flow_id", frozenset({"a", "b"})),)}, "ix_runs_scope_flow_created"),
        (
            {"statuses": frozenset({RunStatus.FAILED}), "among": (Among("flow_id", frozenset({"a"})),)},
            "ix_runs_scope_flow_status_created",
        ),
    ],
)
def test_a_page_of_a_long_span_is_a_range_of_the_index_that_fits(
    sqlite_database: Database, asked: dict[str, Any], index: str
) -> None:
    """What is not asked for is not read; nothing is sorted."""
    query = HistoryQuery(scope=SCOPE, since=Instant(0), until=Instant(999), **asked)
    statement = run_history.by_creation(query, 100, None)
    text = statement.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with sqlite_database.reading() as tx:
        plan = [str(row["detail"]) for row in tx.rows(sa.text(f"EXPLAIN QUERY PLAN {text}"))]
    searches = [step for step in plan if "runs" in step]
    assert searches
    assert all(f"INDEX {index} (" in step for step in searches), plan
    assert not [step for step in plan if "B-TREE" in step]
