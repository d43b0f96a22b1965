from headrace.store import migrations
from headrace.store.database import Database


def test_a_prepared_ledger_is_as_the_tables_say(database: Database) -> None:
    """The migrations make exactly what the metadata describes, and the queue's tables with it."""
    assert migrations.check(database) == []


def test_upgrading_again_changes_nothing(database: Database) -> None:
    """An upgrade of what is up to date is harmless, so every start may do it."""
    migrations.upgrade(database)
    assert migrations.check(database) == []
