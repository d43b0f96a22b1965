"""Looks at a ledger from outside end in time, change nothing, and show no password."""

import pytest
import sqlalchemy as sa

from headrace.core.errors import Code, Problem
from headrace.store import inspection
from headrace.store.database import Database

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"


def test_a_look_that_takes_too_long_is_ended(database: Database) -> None:
    """By the database itself: nothing goes on behind it, and the next look is answered."""
    with pytest.raises(Problem, match=r"no answer within 0\.1 s") as caught, inspection.looking(database, 0.1) as tx:
        tx.scalar(sa.text(ENDLESS))
    assert caught.value.code is Code.TIMED_OUT
    with inspection.looking(database, 5) as tx:
        assert tx.scalar(sa.text("SELECT 1")) == 1


def test_a_look_changes_nothing(database: Database) -> None:
    """Even a statement that is to write is refused by the database."""
    with pytest.raises(Problem) as caught, inspection.looking(database, 5) as tx:
        tx.connection.exec_driver_sql("DELETE FROM runs")
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.parametrize("name", ["password", "sslpassword"])
def test_a_url_is_shown_without_what_is_secret_in_it(name: str) -> None:
    """The password, and whatever stands behind the question mark."""
    shown = inspection.masked(Database(f"postgresql://me:s3cret@db.example:5433/ledger?{name}=s3cret"))
    assert shown == f"postgresql://me:***@db.example:5433/ledger?{name}=***"
