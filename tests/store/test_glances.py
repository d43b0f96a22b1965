"""What lists of doors look at: newest runs of flows, flows without their plans, documents by their ids."""

from headrace.core.clock import Instant
from headrace.core.flow import Plan
from headrace.core.query import Compare, In, Op, Order
from headrace.core.run import RunStatus
from headrace.store import documents, flows, runs
from headrace.store.database import Database
from headrace.store.documents import Document
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_flow, a_run


def test_the_newest_run_that_has_started_is_seen_at_a_glance(database: Database) -> None:
    """A run that waits does not hide what the one before it has become; flows without a run are left out."""
    with database.transaction() as tx:
        for number in range(3):
            runs.insert(tx, a_run(f"run-{number}", created_at=Instant(NOW + number)))
        runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(NOW + 10))
        runs.move(tx, "run-0", {RunStatus.QUEUED}, RunStatus.RUNNING, Instant(NOW + 11))
        found = runs.newest_started(tx, SCOPE, ["flow-1", "flow-2"])
        assert runs.newest_started(tx, OTHER_SCOPE, ["flow-1"]) == {}
    assert {flow: (one.id, one.status, one.started_at) for flow, one in found.items()} == {
        "flow-1": ("run-1", RunStatus.RUNNING, NOW + 10)
    }


def test_flows_are_listed_by_name_and_counted(database: Database) -> None:
    """In an order of their own, without their plans where nobody reads those."""
    with database.transaction() as tx:
        for number, name in enumerate(("b", "a", "c")):
            labels = {"ends": [name, "x"], "n": number}
            flows.put(tx, a_flow(id=f"flow-{number}", name=name, labels=labels), Instant(NOW + number))
        first = flows.page(tx, SCOPE, Order("name"), 2, plans=False)
        second = flows.page(tx, SCOPE, Order("name"), 2, first.next, plans=False)
        assert [flow.name for flow in (*first.items, *second.items)] == ["a", "b", "c"]
        assert {flow.plan for flow in first.items} == {Plan(())}
        assert flows.count(tx, SCOPE, In("labels.ends[]", ("a", "c"))) == 2
        assert flows.count(tx, SCOPE, Compare("labels.ends[]", Op.EQ, "x")) == 3
        assert flows.count(tx, OTHER_SCOPE) == 0


def test_documents_are_found_by_their_ids(database: Database) -> None:
    """In one question, within the scope and the kind."""
    with database.transaction() as tx:
        for number in range(3):
            made = Instant(NOW + number)
            documents.put(tx, Document(SCOPE, "note", f"id-{number}", "n", {}, made, made))
        documents.put(tx, Document(OTHER_SCOPE, "note", "id-0", "n", {}, NOW, NOW))
        assert {one.id for one in documents.of_ids(tx, SCOPE, "note", ["id-0", "id-2", "id-7"])} == {"id-0", "id-2"}
        assert documents.ids(tx, SCOPE, "note", 2) == ["id-2", "id-1"]
