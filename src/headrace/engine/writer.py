"""How the engine writes to the ledger: in the name of one worker, and again and again while the ledger cannot be reached."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

import structlog

from headrace.core.clock import Clock
from headrace.core.dialect import Dialect
from headrace.core.errors import Code, Problem
from headrace.core.flow import Plan
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.engine.hands import Halted, Hands
from headrace.store.database import Database
from headrace.store.workers import WorkerClaim

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)

STOPPING = frozenset({RunStatus.CANCELLING, RunStatus.CANCELLED, RunStatus.FAILED})
"""Statuses of a run in which nothing may begin."""

Culprits = Sequence[tuple[str, Failure]]


@dataclass(frozen=True, slots=True)
class Writer:
    """What every transaction of the engine needs."""

    database: Database
    clock: Clock
    hands: Hands
    claim: WorkerClaim
    dialects: Mapping[str, Dialect] = field(default_factory=dict)

    def patiently(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do ``write``, again and again while the ledger cannot be reached.

        Raises:
            Halted: this worker was declared dead, or somebody else has the attempt.
        """
        pause = 0.05
        while True:
            try:
                return write(*args, **kwargs)
            except Problem as problem:
                if problem.code is Code.FENCED:
                    raise Halted(problem.message) from problem
                if problem.code not in {Code.UNAVAILABLE, Code.DISK_FULL}:
                    raise
                _log.warning("the ledger cannot be reached", problem=problem.message)
            self.hands.check()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def dialect_of(self, plan: Plan) -> Dialect | None:
        """Return the dialect of a run's plan; None: it has none, or one that is not known here."""
        return self.dialects.get(plan.dialect) if plan.dialect else None
