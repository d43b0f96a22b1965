"""Retention: what has become old is removed, and never what somebody may still need.

A group of runs lives and dies as one: nothing of it is removed before its newest run has been ended for long enough, so what a carried-over
outcome refers to is there as long as the group is worth a retry. Files go before rows: a sweep that dies half-way is done again by the next one.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from headrace.core.clock import DAY, Clock, Instant
from headrace.core.crashpoints import crash_point
from headrace.engine.handback import HandBack
from headrace.engine.hands import Hands
from headrace.store import batches, runs, workers
from headrace.store.database import Database

_log = structlog.get_logger(__name__)

_GROUPS_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the data plane does for retention. All of it can be done twice; what is gone already is no failure."""

    landed: Callable[[], Iterable[str]]
    """Returns the ids of the runs that have something landed."""
    remove_landing: Callable[[str], object]
    """Removes what the run with this id has landed."""
    remove_diagnostics: Callable[[str], object]
    """Removes the files of the batch with this id from the quarantine."""
    remove_orphans: Callable[[Callable[[str], bool]], object] = lambda _: None
    """Removes files that belong to no outcome and no commit; given what says whether a run (its id) still goes on."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a sweep has removed."""

    runs: int = 0
    landings: int = 0


class Retention:
    """Removes what is older than ``run_days`` (runs, their batches and diagnostics) and ``landing_days`` (landed data)."""

    def __init__(
        self, database: Database, files: Files, clock: Clock, *, run_days: float = 45, landing_days: float = 7
    ) -> None:
        self._database = database
        self._files = files
        self._clock = clock
        self._run_days = run_days
        self._landing_days = landing_days

    def sweep(self) -> Removed:
        """Remove what is old by now, and return how much that was. Safe while runs go on, and when two do it at once."""
        landings = self._remove_landings(self._before(self._landing_days))
        removed = self._remove_runs(self._before(self._run_days))
        self._files.remove_orphans(self._is_live)
        with self._database.transaction() as tx:
            workers.forget(tx, self._before(self._run_days))
        if removed or landings:
            _log.info("old runs were removed", runs=removed, landings=landings)
        return Removed(removed, landings)

    def _before(self, days: float) -> Instant:
        return Instant(self._clock.now() - round(days * DAY))

    def _remove_landings(self, before: Instant) -> int:
        count = 0
        for run_id in self._files.landed():
            if self._is_old(run_id, before):
                self._files.remove_landing(run_id)
                crash_point("landing-removed")
                count += 1
        return count

    def _is_old(self, run_id: str, before: Instant) -> bool:
        with self._database.reading() as tx:
            return runs.is_over(tx, run_id, before)

    def _remove_runs(self, before: Instant) -> int:
        removed = 0
        hand_back = HandBack(self._database, Hands(stop_seconds=0))
        while True:
            with self._database.reading() as tx:
                run_ids = runs.expired(tx, before, _GROUPS_AT_ONCE)
                of_runs = batches.of_runs(tx, run_ids)
            if not run_ids:
                return removed
            for run_id in run_ids:
                self._files.remove_landing(run_id)
                for batch in of_runs[run_id]:
                    self._files.remove_diagnostics(batch.id)
            crash_point("expired-files-removed")
            hand_back.forget(run_ids)
            crash_point("expired-workflows-removed")
            with self._database.transaction() as tx:
                removed += runs.delete(tx, run_ids)

    def _is_live(self, run_id: str) -> bool:
        with self._database.reading() as tx:
            status = runs.statuses(tx, [run_id]).get(run_id)
        return status is not None and not status.is_final
