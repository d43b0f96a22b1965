"""Lists over many scopes have those that were asked for, whole segments of paths, at a price that hangs on these alone."""

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.query import Cursor
from headrace.store import audit, flow_pages, flows, scopes
from headrace.store.audit import AuditQuery
from headrace.store.database import Database
from headrace.store.tables import flows as table
from ledger_rows import NOW, a_flow

ALIKE = ("a", "a!b", "a-x", "a/b", "a/b/c", "a/bc", "a0", "ab", "b")


def fill(database: Database, *names: str) -> None:
    """Write a flow in each of these scopes."""
    with database.transaction() as tx:
        for number, scope in enumerate(names):
            flows.put(tx, a_flow(id=f"flow-{number:03d}", scope=scope, name=scope), Instant(NOW + number))


def test_scopes_are_found_by_whole_segments(database: Database) -> None:
    """What only begins alike is another one; a path and what lies below it are found once."""
    fill(database, *ALIKE)
    with database.reading() as tx:
        assert flow_pages.scopes(tx, None) == list(ALIKE)
        assert flow_pages.scopes(tx, ("a",)) == ["a", "a/b", "a/b/c", "a/bc"]
        assert flow_pages.scopes(tx, ("a/b", "a/b/c", "b/")) == ["a/b", "a/b/c", "b"]
        assert flow_pages.scopes(tx, ("c",)) == []
        assert flow_pages.scopes(tx, ()) == []
        selected = sa.select(table.c.scope).where(scopes.within(table.c.scope, ("a/b", "ab"))).order_by(table.c.scope)
        assert [row["scope"] for row in tx.rows(selected)] == ["a/b", "a/b/c", "ab"]


def test_more_scopes_than_branches_are_read_in_one_pass(database: Database) -> None:
    """The list is the same."""
    fill(database, *(f"many/{number:03d}" for number in range(scopes.MAX_BRANCHES + 5)), "other")
    found, cursor = [], None
    for _ in range(3):
        with database.reading() as tx:
            page = flow_pages.page(tx, ("many",), None, 25, cursor)
        found += [known.flow.scope for known in page.items]
        cursor = page.next
    assert found == [f"many/{number:03d}" for number in reversed(range(scopes.MAX_BRANCHES + 5))]
    assert cursor is None


def test_entries_of_one_moment_are_on_exactly_one_page(database: Database) -> None:
    """Ties are broken by the id, also where the branches of several scopes meet."""
    with database.transaction() as tx:
        for number in range(9):
            audit.record(tx, f"s/{number % 2}", "ann", "run.create", str(number), NOW)
    found: list[str] = []
    cursor: Cursor | None = None
    for _ in range(9):
        with database.reading() as tx:
            page = audit.search(tx, AuditQuery(patterns=("s",)), 2, cursor, most=3)
        found += [entry.object for entry in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == [str(number) for number in reversed(range(9))]
