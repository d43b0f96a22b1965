from headrace.core.clock import Instant
from headrace.store import watermarks
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE


def test_a_watermark_never_goes_back(database: Database) -> None:
    """A run that ends late does not move the watermark behind rows that were delivered since."""
    with database.transaction() as tx:
        assert watermarks.advance(tx, SCOPE, "flow-1", "orders", Instant(10), "run-1", NOW)
        assert not watermarks.advance(tx, SCOPE, "flow-1", "orders", Instant(10), "run-2", NOW)
        assert not watermarks.advance(tx, SCOPE, "flow-1", "orders", Instant(9), "run-2", NOW)
        assert watermarks.advance(tx, SCOPE, "flow-1", "orders", Instant(11), "run-3", NOW)
        mark = watermarks.get(tx, SCOPE, "flow-1", "orders")
    assert mark is not None
    assert (mark.value, mark.run_id, mark.revision) == (11, "run-3", 2)


def test_each_key_has_a_watermark_of_its_own(database: Database) -> None:
    """Flows with several sources move several watermarks; other tenants have theirs."""
    with database.transaction() as tx:
        watermarks.advance(tx, SCOPE, "flow-1", "orders", Instant(10), "run-1", NOW)
        watermarks.advance(tx, SCOPE, "flow-1", "lines", Instant(5), "run-1", NOW)
        assert [(mark.key, mark.value) for mark in watermarks.of_flow(tx, SCOPE, "flow-1")] == [
            ("lines", 5),
            ("orders", 10),
        ]
        assert watermarks.get(tx, OTHER_SCOPE, "flow-1", "orders") is None
