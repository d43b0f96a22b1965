"""What the engine writes to the ledger about runs and about its worker, one transaction a function.

Each of them can be done twice: it looks first whether it was done, and moves by compare-and-set. All that is written carries the
worker's claim, so a worker that was declared dead writes nothing. Attempts and bodies: ``attempt_ledger``, ``body_ledger``.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.crashpoints import crash_point
from headrace.core.dialect import Dialect
from headrace.core.outcome import Failure, Outcome
from headrace.core.progress import run_outcome
from headrace.core.run import ActivityStatus, Run, RunStatus
from headrace.engine.hands import Hands
from headrace.engine.neighbours import gone
from headrace.engine.records import (
    Begun,
    Ending,
    Level,
    advance_watermark,
    by_end,
    culprits_of,
    figures_of,
    newest_rows,
    repair_of,
    standings_of,
)
from headrace.engine.writer import Writer
from headrace.store import activity_runs, flows, levels, runs, signals, workers
from headrace.store.database import Database, Transaction

_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.CANCELLING})


class Ledger:
    """The engine's transactions about runs, in the name of one worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        hands: Hands,
        claim: workers.WorkerClaim,
        dialects: Mapping[str, Dialect] | None = None,
    ) -> None:
        self.writer = Writer(database, clock, hands, claim, dialects or {})
        self.database = database
        self._clock = clock
        self._claim = claim

    def begin(self, run_id: str) -> Begun | None:
        """Return the run that is to be gone on with, running from now; None: it has ended."""
        return self.writer.patiently(self._begin, run_id)

    def rest(self, run_id: str) -> bool:
        """Say that the run waits, unless something works in it; return whether it waits."""
        return self.writer.patiently(self._rest, run_id)

    def end(self, ending: Ending) -> RunStatus:
        """Give the run its final status, the sums of its figures and, if it asks for it, the watermark, all at once."""
        return self.writer.patiently(self._end, ending)

    def abandon(self, run_id: str, failure: Failure) -> None:
        """Let a run fail that cannot be gone on with; what had not ended ends with it."""
        self.writer.patiently(self._abandon, run_id, failure)

    def heartbeat(self) -> None:
        """Say that this worker is alive.

        Raises:
            Problem: ``FENCED``: it was declared dead; ``UNAVAILABLE``.
        """
        with self.database.transaction() as tx:
            workers.heartbeat(tx, self._claim, self._clock.now())

    def declare_dead(self, silent_seconds: float) -> list[str]:
        """Declare dead every worker that was silent for so long, and neighbours whose process is gone; return their ids.

        Raises:
            Problem: ``FENCED``: this one was; ``UNAVAILABLE``.
        """
        now = self._clock.now()
        with self.database.transaction() as tx:
            # Who looks is alive, however long its machine was asleep: nobody declares itself dead.
            workers.heartbeat(tx, self._claim, now)
            dead = workers.declare_dead(tx, now, Instant(now - round(silent_seconds * SECOND)))
            for worker in gone(workers.living(tx)):
                workers.bury(tx, workers.WorkerClaim(worker.id, worker.generation), now)
                dead.append(worker.id)
            return dead

    def is_eldest(self) -> bool:
        """Say whether this is the one living worker that does what only one should do.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        with self.database.reading() as tx:
            living = [worker.id for worker in workers.living(tx)]
        return min(living, default="") == self._claim.worker_id

    def bounds(self) -> list[int]:
        """Return every bound that some flow has on its runs that go on at once.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        with self.database.reading() as tx:
            return flows.concurrencies(tx)

    def statuses(self, run_ids: Collection[str]) -> Mapping[str, RunStatus]:
        """Return the statuses of those of the runs that there are.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        with self.database.reading() as tx:
            return runs.statuses(tx, run_ids)

    def signalled(self, run_ids: Collection[str]) -> list[tuple[str, str, int]]:
        """Return the attempts (run, path, number) in these runs that wait and have a signal.

        Raises:
            Problem: ``UNAVAILABLE``.
        """
        with self.database.reading() as tx:
            return signals.waiting(tx, run_ids)

    def _begin(self, run_id: str) -> Begun | None:
        with self.database.transaction() as tx:
            # Held, since until it begins its flow's change may give it another definition: what is read here is what is executed.
            run = runs.get(tx, None, run_id, hold=True)
            if run.status.is_final:
                return None
            first = run.status is RunStatus.QUEUED
            if first and not runs.move(
                tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, self._clock.now(), worker=self._claim
            ):
                return None
            rows = activity_runs.of_parent(tx, run_id, "")
            waiting = [] if first else signals.waiting(tx, [run_id])
        crash_point("run-begun")
        level = Level(run, run.definition, repair=repair_of(run))
        signalled = frozenset((path, attempt) for _, path, attempt in waiting)
        return Begun(level, standings_of(level, rows), first, signalled)

    def _rest(self, run_id: str) -> bool:
        with self.database.transaction() as tx:
            if levels.is_at_work(tx, run_id):
                return False
            runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.WAITING, self._clock.now(), worker=self._claim)
        crash_point("run-rests")
        return True

    def _end(self, ending: Ending) -> RunStatus:
        with self.database.transaction() as tx:
            status = end_run(tx, self.writer, ending)
        after_end(self.writer, ending.level.run)
        return status

    def _abandon(self, run_id: str, failure: Failure) -> None:
        now = self._clock.now()
        with self.database.transaction() as tx:
            run = runs.get(tx, None, run_id)
            if run.status.is_final:
                return
            ends = {ActivityStatus.PENDING: ActivityStatus.CANCELLED}
            for row in levels.open_attempts(tx, run_id):
                activity_runs.move(
                    tx,
                    run_id,
                    row.path,
                    row.attempt,
                    {row.status},
                    ends.get(row.status, ActivityStatus.FAILED),
                    now,
                    epoch=row.epoch,
                    worker=self._claim,
                    outcome=Outcome(failure=failure),
                )
            runs.move(tx, run_id, {run.status}, RunStatus.FAILED, now, reason=failure, worker=self._claim)
        after_end(self.writer, run)


def end_run(tx: Transaction, writer: Writer, ending: Ending) -> RunStatus:
    """Give the run its end in ``tx``, and return it; ``after_end`` is to be called when that is committed."""
    level, now = ending.level, writer.clock.now()
    run = level.run
    current = runs.status(tx, run.id)
    if current.is_final:
        return current
    to = run_outcome(replace(run, status=current), ending.statuses)
    rows = activity_runs.of_parent(tx, run.id, "")
    newest = newest_rows(rows).values()
    if current is RunStatus.WAITING:
        runs.move(tx, run.id, {RunStatus.WAITING}, RunStatus.RUNNING, now, worker=writer.claim)
    if to is RunStatus.CANCELLED and current is not RunStatus.CANCELLING:
        runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.CANCELLING, now, worker=writer.claim)
    reason = None
    if to is RunStatus.FAILED:
        failures = culprits_of(level, ending.statuses, rows)
        reason = failures[0][1].failure if failures else None
        dialect = writer.dialect_of(run.definition)
        if dialect is not None:
            reason = dialect.run_failed(by_end(failures))
    if not runs.move(tx, run.id, _AT_WORK, to, now, reason=reason, worker=writer.claim):
        # Somebody else has just given it its end, and the figures with it.
        return runs.status(tx, run.id)
    runs.add_figures(tx, run.id, figures_of((row.status, row.figures) for row in newest))
    if to is RunStatus.SUCCEEDED:
        advance_watermark(tx, run, newest, now)
    return to


def after_end(writer: Writer, run: Run) -> None:
    """Tell who in this process waits for the end of ``run``, which is committed; in other processes they look for it."""
    crash_point("run-ended")
    if run.caller is not None:
        writer.hands.signal(run.caller.run_id, run.caller.path, run.caller.attempt)
