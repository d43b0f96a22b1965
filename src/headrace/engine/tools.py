"""What everything that goes on in a run works with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from headrace.core.clock import Clock, Instant
from headrace.core.run import ActivityStatus
from headrace.engine.attempt_ledger import AttemptLedger
from headrace.engine.attempts import Attempts
from headrace.engine.body_ledger import BodyLedger
from headrace.engine.configuration import EngineConfig
from headrace.engine.hands import Hands
from headrace.engine.ledger import Ledger
from headrace.engine.places import Places
from headrace.engine.run_lines import RunLines


@dataclass(frozen=True, slots=True)
class Tools:
    """One for all executions of a worker."""

    ledger: Ledger
    trials: AttemptLedger
    bodies: BodyLedger
    attempts: Attempts
    hands: Hands
    lines: RunLines
    places: Places
    config: EngineConfig
    clock: Clock
    in_thread: Callable[..., Any]
    """Does a short transaction."""
    at_work: Callable[..., Any]
    """Does an activity."""


class Goes(Protocol):
    """Goes through the activities of a level."""

    async def carry_out(self) -> ActivityStatus | None:
        """Do all that is to be done in the level; return how it ended, None: nobody has begun it."""
        ...

    def rests_until(self) -> Instant | None:
        """Return until when all that is open in it rests; None: something goes on."""
        ...
