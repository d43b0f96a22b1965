"""What the service's tests work with: a clock that stands still until it is moved, ids that can be foreseen, a flow of two activities."""

from dataclasses import dataclass, field
from itertools import count

import pytest

from headrace.core.clock import Instant
from headrace.core.flow import Activity, Dependency, Flow, Plan
from headrace.core.ids import ulid_of
from headrace.service import flows
from headrace.store.database import Database


@dataclass
class Clock:
    """A clock that a test moves."""

    time: int = 1_700_000_000_000_000

    def now(self) -> Instant:
        """Return the present instant, a microsecond later each time, so that everything made has its place in time."""
        self.time += 1
        return Instant(self.time)


@dataclass
class Ids:
    """Ids in order."""

    numbers: "count[int]" = field(default_factory=lambda: count(1))

    def uuid(self) -> str:
        """Return the next UUID."""
        return f"00000000-0000-4000-8000-{next(self.numbers):012d}"

    def ulid(self) -> str:
        """Return the next ULID."""
        return ulid_of(1_700_000_000_000, next(self.numbers))


@dataclass(frozen=True)
class House:
    """A ledger, time and ids, and how things are called in it."""

    database: Database
    clock: Clock
    ids: Ids
    scope: str = "local"


PLAN = Plan(
    (
        Activity("Copy", "copy", {"source": "s"}),
        Activity("Promote", "promote", {"landing": "Copy"}, (Dependency("Copy"),)),
    )
)


@pytest.fixture
def house(database: Database) -> House:
    """Return a house on a fresh ledger, with the flow ``f1``."""
    made = House(database, Clock(), Ids())
    flows.put_flow(database, Flow("f1", "local", "flights", PLAN, {"day": "monday", "size": 3}), "tester", made.clock)
    return made
