import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.query import Compare, Op
from headrace.store import flows
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_flow


def test_a_flow_comes_back_as_it_was_written(database: Database) -> None:
    """Plan, parameters, bound and labels of a flow are all kept."""
    flow = a_flow(parameters={"p": [1]}, concurrency=2, labels={"file": "flow.yaml"})
    with database.transaction() as tx:
        assert flows.put(tx, flow, NOW) == flow
        assert flows.get(tx, SCOPE, flow.id) == flow
        assert flows.by_name(tx, SCOPE, "flights") == flow


def test_a_changed_flow_has_the_next_revision(database: Database) -> None:
    """Writing the same again is no change."""
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        assert flows.put(tx, a_flow(), Instant(NOW + 1)).revision == 1
        assert flows.put(tx, a_flow(name="other"), Instant(NOW + 2), expected=1).revision == 2
        times = flows.times(tx, SCOPE, "flow-1")
    assert (times.created_at, times.updated_at) == (NOW, NOW + 2)


def test_a_flow_that_was_changed_meanwhile_is_refused(database: Database) -> None:
    """Whoever has seen an older revision has to look again."""
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        with pytest.raises(Problem) as caught:
            flows.put(tx, a_flow(name="other"), NOW, expected=7)
    assert caught.value.code is Code.STALE


def test_a_flow_of_another_scope_is_neither_found_nor_overwritten(database: Database) -> None:
    """An id that another tenant has tells nothing and changes nothing."""
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        with pytest.raises(Problem) as caught:
            flows.get(tx, OTHER_SCOPE, "flow-1")
        assert caught.value.code is Code.NOT_FOUND
        with pytest.raises(Problem) as caught:
            flows.put(tx, a_flow(scope=OTHER_SCOPE), NOW)
    assert caught.value.code is Code.CONFLICT


def test_flows_are_paged_and_filtered_by_their_labels(database: Database) -> None:
    """A door finds its flows by its own facts."""
    with database.transaction() as tx:
        for number in range(4):
            flows.put(tx, a_flow(id=f"flow-{number}", labels={"n": number}), Instant(NOW + number))
        wanted = Compare("labels.n", Op.GE, 1)
        first = flows.page(tx, SCOPE, limit=2, filter=wanted)
        second = flows.page(tx, SCOPE, limit=2, cursor=first.next, filter=wanted)
    assert [flow.id for flow in (*first.items, *second.items)] == ["flow-3", "flow-2", "flow-1"]
    assert second.next is None


def test_the_bounds_of_flows_are_known(database: Database) -> None:
    """Workers listen to one queue for each bound that a flow has or had: runs may be queued there."""
    with database.transaction() as tx:
        for number, bound in enumerate([3, None, 1, 3]):
            flows.put(tx, a_flow(id=f"flow-{number}", concurrency=bound), NOW)
        flows.put(tx, a_flow(id="flow-2", concurrency=None), NOW)
        assert flows.concurrencies(tx) == [1, 3]
        assert flows.concurrency(tx, SCOPE, "flow-0") == 3
        assert flows.concurrency(tx, OTHER_SCOPE, "flow-0") is None


def test_a_removed_flow_is_gone(database: Database) -> None:
    """A flow can be removed by who has seen its newest revision."""
    with database.transaction() as tx:
        flows.put(tx, a_flow(), NOW)
        with pytest.raises(Problem) as caught:
            flows.delete(tx, SCOPE, "flow-1", expected=2)
        assert caught.value.code is Code.STALE
        flows.delete(tx, SCOPE, "flow-1", expected=1)
        with pytest.raises(Problem) as caught:
            flows.get(tx, SCOPE, "flow-1")
    assert caught.value.code is Code.NOT_FOUND
