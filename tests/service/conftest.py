"""What the service's tests work with: time and ids that can be foreseen, and a flow of two activities."""

from dataclasses import dataclass

import pytest

from fakes import CountingIds, ManualClock
from headrace.core.clock import Instant
from headrace.core.flow import Activity, Dependency, Flow, Plan
from headrace.service import flows
from headrace.store.database import Database


class TickingClock(ManualClock):
    """A clock that goes on by a microsecond each time it is asked, so that everything made has its own place in time."""

    def now(self) -> Instant:
        """Return the present instant."""
        self._now += 1
        return Instant(self._now)

    def set(self, now: int) -> None:
        """Make ``now`` the next present."""
        self._now = now - 1


@dataclass(frozen=True)
class House:
    """A ledger, time and ids, and how things are called in it."""

    database: Database
    clock: TickingClock
    ids: CountingIds


PLAN = Plan(
    (
        Activity("Copy", "copy", {"source": "s"}),
        Activity("Promote", "promote", {"landing": "Copy"}, (Dependency("Copy"),)),
    )
)


@pytest.fixture
def house(database: Database, ids: CountingIds) -> House:
    """Return a house on a fresh ledger, with the flow ``f1``."""
    made = House(database, TickingClock(), ids)
    flows.put_flow(database, Flow("f1", "local", "flights", PLAN, {"day": "monday", "size": 3}), "tester", made.clock)
    return made
