import re
from typing import Any

import pytest
import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Figures
from headrace.core.query import And, Compare, Cursor, In, Not, Op, Or, Order
from headrace.core.run import RunKind, RunStatus
from headrace.core.window import Window
from headrace.store import run_pages, runs
from headrace.store.database import Database, Transaction
from headrace.store.runs import RunQuery
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_run

NEWEST = Order("created_at", descending=True)
MINE = (SCOPE,)


@pytest.mark.parametrize(
    "order", [NEWEST, Order("created_at"), Order("updated_at"), Order("updated_at", descending=True)]
)
def test_every_run_is_on_exactly_one_page(database: Database, order: Order) -> None:
    """Runs of the same instant included: ties are broken by id, in the same direction."""
    _fill(database, 7)
    with database.reading() as tx:
        seen = _walk(tx, RunQuery(scopes=MINE), order, 3)
    expected = [f"run-{number}" for number in range(7)]
    assert seen == (expected[::-1] if order.descending else expected)


def test_a_page_is_not_shifted_by_new_runs(database: Database) -> None:
    """Runs that come between two pages cause neither gaps nor repetitions."""
    _fill(database, 4)
    with database.transaction() as tx:
        first = runs.page(tx, RunQuery(scopes=MINE), NEWEST, 2)
        runs.insert(tx, a_run("newest", created_at=Instant(NOW + 99)))
        second = runs.page(tx, RunQuery(scopes=MINE), NEWEST, 2, first.next)
    assert [run.id for run in (*first.items, *second.items)] == ["run-3", "run-2", "run-1", "run-0"]
    assert second.next is None


def test_a_list_stays_in_its_scopes(database: Database) -> None:
    """A scope stands for itself and what lies below it, by whole segments; no scope stands for all."""
    for number, scope in enumerate(["a", "a/b", "a/b/c", "ab", "b"]):
        with database.transaction() as tx:
            runs.insert(tx, a_run(f"run-{number}", scope=scope))
    with database.reading() as tx:
        assert _ids(tx, RunQuery(scopes=("a",))) == ["run-0", "run-1", "run-2"]
        assert _ids(tx, RunQuery(scopes=("a/b", "b"))) == ["run-1", "run-2", "run-4"]
        assert _ids(tx, RunQuery(scopes=("nothing",))) == _ids(tx, RunQuery(scopes=())) == []
        assert len(_ids(tx, RunQuery())) == len(_ids(tx, RunQuery(scopes=("*",)))) == 5
        assert runs.scopes(tx, ("a/b",)) == ["a/b", "a/b/c"]


def test_several_scopes_and_statuses_are_merged_in_order(database: Database) -> None:
    """A list over branches is in order and pages like any other."""
    _fill(database, 6, scopes=[SCOPE, OTHER_SCOPE])
    with database.transaction() as tx:
        for number in (1, 2, 5):
            runs.move(tx, f"run-{number}", {RunStatus.QUEUED}, RunStatus.CANCELLED, NOW)
        both = RunQuery(scopes=(SCOPE, OTHER_SCOPE), statuses=frozenset({RunStatus.QUEUED, RunStatus.CANCELLED}))
        one = RunQuery(statuses=frozenset({RunStatus.CANCELLED}))
        assert _walk(tx, both, NEWEST, 2) == [f"run-{number}" for number in (5, 4, 3, 2, 1, 0)]
        assert _walk(tx, one, NEWEST, 2) == ["run-5", "run-2", "run-1"]


def test_more_scopes_than_branches_are_read_in_one_pass(database: Database) -> None:
    """A person who may see hundreds of scopes gets the same list."""
    scopes = [f"s{number:03}" for number in range(run_pages.MAX_BRANCHES + 2)]
    _fill(database, len(scopes), scopes=scopes)
    with database.reading() as tx:
        assert len(_walk(tx, RunQuery(scopes=tuple(scopes[1:])), NEWEST, 20)) == len(scopes) - 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RunQuery(flow_id="flow-2"), ["b"]),
        (RunQuery(kind=RunKind.SCHEDULED), ["b"]),
        (RunQuery(group_id="a"), ["a"]),
        (RunQuery(created=Window(Instant(NOW), Instant(NOW + 1))), ["a"]),
        (RunQuery(has_rejects=True), ["b"]),
        (RunQuery(scopes=MINE, has_rejects=True, flow_id="flow-2"), ["b"]),
        (RunQuery(has_rejects=False), ["a"]),
        (RunQuery(text="NÄCHT"), ["b"]),
        (RunQuery(text="a"), ["a"]),
        (RunQuery(text="100%"), []),
        (RunQuery(filter=Compare("rows_rejected", Op.GT, 2)), ["b"]),
        (RunQuery(filter=Not(Compare("rows_rejected", Op.GT, 2))), ["a"]),
        (RunQuery(filter=Compare("rows_rejected", Op.NE, 3)), ["a"]),
        (RunQuery(filter=Compare("rows_rejected", Op.EQ, None)), ["a"]),
        (RunQuery(filter=And((In("status", ("queued",)), Compare("flow_id", Op.NE, "flow-2")))), ["a"]),
        (RunQuery(filter=Or((Compare("id", Op.EQ, "a"), Compare("id", Op.EQ, "b")))), ["a", "b"]),
        (RunQuery(filter=And(())), ["a", "b"]),
        (RunQuery(filter=Or(())), []),
        (RunQuery(filter=In("status", ())), []),
        (RunQuery(filter=Compare("details.n", Op.EQ, 5)), ["b"]),
        (RunQuery(filter=Compare("details.n", Op.EQ, "5")), []),
        (RunQuery(filter=Compare("details.n", Op.LT, 10)), ["b"]),
        (RunQuery(filter=Compare("details.flag", Op.EQ, value=True)), ["b"]),
        (RunQuery(filter=Compare("details.n", Op.EQ, value=True)), []),
        (RunQuery(filter=Compare("details.deep.text", Op.CONTAINS, "wÖR")), ["b"]),
        (RunQuery(filter=Compare("details.deep.text", Op.GE, "words")), []),
        (RunQuery(filter=Compare("details.deep.text", Op.NE, "x")), ["a", "b"]),
        (RunQuery(filter=Compare("details.none", Op.EQ, None)), ["a", "b"]),
        (RunQuery(filter=Compare("details.n", Op.NE, None)), ["b"]),
        (RunQuery(filter=Compare('details.o"dd', Op.EQ, 1)), []),
        (RunQuery(filter=Not(In("details.n", (5, 6)))), ["a"]),
    ],
)
def test_a_filter_means_the_same_on_both_databases(database: Database, query: RunQuery, expected: list[str]) -> None:
    """Absent values, types and letters beyond ASCII are treated as the query language says, whatever the database."""
    details = {"n": 5, "flag": True, "deep": {"text": "some Wörd"}, "none": None}
    with database.transaction() as tx:
        runs.insert(tx, a_run("a"))
        runs.insert(
            tx,
            a_run(
                "b",
                created_at=Instant(NOW + 1),
                flow_id="flow-2",
                flow_name="Übernächtlich",
                kind=RunKind.SCHEDULED,
                figures=Figures(rows_rejected=3),
                details=details,
            ),
        )
        assert _ids(tx, query) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": Order("flow_name")}, "cannot be ordered by"),
        ({"limit": 0}, "no page size"),
        ({"cursor": Cursor(("text", "id"))}, "another list"),
        ({"cursor": Cursor((1,))}, "another list"),
        ({"query": RunQuery(filter=Compare("secret", Op.EQ, 1))}, "cannot be filtered by"),
        ({"query": RunQuery(filter=Compare("details", Op.EQ, 1))}, "cannot be filtered by"),
        ({"query": RunQuery(filter=Compare("created_at", Op.EQ, "yesterday"))}, "wrong type"),
        ({"query": RunQuery(filter=Compare("details.n", Op.EQ, 2**70))}, "64 bits"),
    ],
)
def test_what_cannot_be_asked_is_refused(database: Database, changes: dict[str, Any], message: str) -> None:
    """A wrong order, size, position or path is the caller's mistake, and the message says which."""
    asked = {"query": RunQuery(), "order": NEWEST, "limit": 10, "cursor": None, **changes}
    with database.reading() as tx, pytest.raises(Problem, match=message) as caught:
        runs.page(tx, asked["query"], asked["order"], asked["limit"], asked["cursor"])
    assert caught.value.code is Code.INVALID


QUERIES = {
    "everything": RunQuery(),
    "scope": RunQuery(scopes=MINE),
    "flow": RunQuery(scopes=MINE, flow_id="flow-1"),
    "status": RunQuery(scopes=MINE, statuses=frozenset({RunStatus.FAILED})),
    "kind": RunQuery(scopes=MINE, kind=RunKind.REPLAY),
    "flow and status": RunQuery(scopes=MINE, flow_id="flow-1", statuses=frozenset({RunStatus.FAILED})),
    "rejects": RunQuery(scopes=MINE, has_rejects=True),
    "group": RunQuery(scopes=MINE, group_id="run-1"),
    "window": RunQuery(scopes=MINE, created=Window(Instant(NOW), Instant(NOW + 9))),
    "filtered": RunQuery(scopes=MINE, filter=Compare("flow_id", Op.EQ, "flow-1")),
}


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("cursor", [None, Cursor((NOW, "run-1"))], ids=["first", "deep"])
def test_a_page_is_one_range_of_one_index(sqlite_database: Database, name: str, cursor: Cursor | None) -> None:
    """SQLite reads a page out of an index in its order: no table is scanned and nothing is sorted, at any depth."""
    _fill(sqlite_database, 3)
    plan = _explain(sqlite_database, QUERIES[name], cursor)
    assert re.search(r"USING INDEX (ix|uq)_runs_", plan), plan
    assert name in {"everything", "group"} or "SEARCH" in plan, plan
    assert name == "group" or "TEMP B-TREE" not in plan, plan
    assert name != "rejects" or "ix_runs_scope_rejected" in plan, plan


@pytest.mark.postgres
@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("cursor", [None, Cursor((NOW, "run-1"))], ids=["first", "deep"])
def test_a_page_is_one_range_of_one_index_on_postgresql(
    postgres_database: Database, name: str, cursor: Cursor | None
) -> None:
    """The same there, where the planner is told that scans and sorts cost too much, and finds a way without."""
    _fill(postgres_database, 3)
    plan = _explain(postgres_database, QUERIES[name], cursor)
    assert "Seq Scan" not in plan, plan
    assert name == "group" or "Sort" not in plan, plan


def _explain(database: Database, query: RunQuery, cursor: Cursor | None) -> str:
    with database.reading() as tx:
        statement = run_pages.statement_of(tx, query, NEWEST, 50, cursor)
        compiled = statement.compile(tx.connection, compile_kwargs={"literal_binds": True})
        if database.dialect == "sqlite":
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}").all()
            return "\n".join(str(row[-1]) for row in rows)
        for way in ("seqscan", "sort", "bitmapscan"):
            tx.connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        text = str(compiled).replace("%%", "%")
        return "\n".join(str(row[0]) for row in tx.connection.execute(sa.text(f"EXPLAIN {text}".replace(":", r"\:"))))


def _fill(database: Database, count: int, scopes: list[str] | None = None) -> None:
    places = scopes or [SCOPE]
    with database.transaction() as tx:
        for number in range(count):
            created = Instant(NOW + number // 2)
            runs.insert(tx, a_run(f"run-{number}", scope=places[number % len(places)], created_at=created))


def _walk(tx: Transaction, query: RunQuery, order: Order, limit: int) -> list[str]:
    seen: list[str] = []
    cursor = None
    while True:
        page = runs.page(tx, query, order, limit, cursor)
        seen += [run.id for run in page.items]
        if page.next is None:
            return seen
        cursor = Cursor.parse(page.next.token())


def _ids(tx: Transaction, query: RunQuery) -> list[str]:
    return [run.id for run in runs.page(tx, query, Order("created_at"), 100).items]
