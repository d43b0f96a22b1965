"""A machine that was asleep: its one worker goes on."""

from engine_desk import Desk
from headrace.core.clock import Instant
from headrace.engine.hands import Hands
from headrace.engine.ledger import Ledger
from headrace.store import workers


def test_a_worker_that_wakes_before_anybody_missed_it_does_not_declare_itself_dead(desk: Desk) -> None:
    """Who looks for the dead is alive; else a run on a laptop that was closed for a while would stay open, in nobody's hands."""
    long_ago = Instant(desk.clock.now() - 3_600_000_000)
    with desk.database.transaction() as tx:
        mine = workers.register(tx, "mine", "here", 1, long_ago)
        workers.register(tx, "other", "elsewhere", 1, long_ago)
    ledger = Ledger(desk.database, desk.clock, Hands(stop_seconds=1), mine)
    assert ledger.declare_dead(6) == ["other"]
    ledger.heartbeat()
