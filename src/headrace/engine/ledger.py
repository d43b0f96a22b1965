"""What the engine writes to the ledger, one transaction a function.

Each of them can be done twice: it looks first whether it was done, and moves by compare-and-set. Writes about activities carry the
worker's claim and the attempt's epoch, so a worker that was declared dead, or that somebody took over from, writes nothing.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

import structlog

from headrace.core.clock import SECOND, Clock, Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import RETRYABLE, Code, Problem
from headrace.core.outcome import Failure, Figures, Outcome
from headrace.core.planning import PlannedActivity, Verdict
from headrace.core.progress import outcome
from headrace.core.run import ActivityStatus, Run, RunStatus
from headrace.engine.hands import Halted, Hands
from headrace.engine.neighbours import gone
from headrace.engine.records import (
    Begun,
    Claimed,
    Ended,
    Ending,
    Finished,
    Try,
    advance_watermark,
    batch_of,
    ended_of,
    figures_of,
    newest_rows,
    reason_of,
    row_of,
    upstream_of,
)
from headrace.store import activity_runs, batches, flows, runs, workers
from headrace.store.database import Database, Transaction

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)

_STOPPING = frozenset({RunStatus.CANCELLING, RunStatus.CANCELLED, RunStatus.FAILED})
_AT_WORK = frozenset({RunStatus.RUNNING, RunStatus.CANCELLING})
_CANCELLED = Failure(Code.CANCELLED, "the run was cancelled")


class Ledger:
    """The engine's transactions, in the name of one worker."""

    def __init__(self, database: Database, clock: Clock, hands: Hands, claim: workers.WorkerClaim) -> None:
        self.database = database
        self._clock = clock
        self._hands = hands
        self._claim = claim

    def begin(self, run_id: str) -> Begun | None:
        """Return the run that is to be gone on with, running from now; None: it has ended."""
        return self._patiently(self._begin, run_id)

    def mark(self, run: Run, marks: Mapping[str, ActivityStatus]) -> None:
        """Give pending activities a final status that follows from what they depend on."""
        self._patiently(self._mark, run, marks)

    def rest(self, run_id: str) -> None:
        """Say that the run waits, unless something works in it."""
        self._patiently(self._rest, run_id)

    def due_at(self, chance: Try) -> Instant | None:
        """Return when this further attempt may start; None: it has begun already."""
        return self._patiently(self._due_at, chance)

    def ended(self, chance: Try) -> Ended | None:
        """Return how the attempt ended; None: it has not."""
        return self._patiently(self._ended, chance)

    def claim(self, chance: Try) -> Claimed | Ended:
        """Take the attempt up, with an epoch of its own, unless it has ended or the run is being stopped."""
        return self._patiently(self._take_up, chance)

    def finish(
        self, chance: Try, epoch: int, status: ActivityStatus, result: Outcome, then: Try | Ending | None = None
    ) -> Finished:
        """Write how the attempt ended, its batch and, where the policy wants one, the next attempt, all at once.

        If it succeeded, ``then`` is done in the same transaction: the next attempt of its line claimed, or the run ended.
        """
        return self._patiently(self._finish, chance, epoch, status, result, then)

    def begin_waiting(self, chance: Try, seconds: float) -> Instant | Ended:
        """Let the activity wait; return until when, which is the same however often this is done."""
        return self._patiently(self._begin_waiting, chance, seconds)

    def end_waiting(self, chance: Try, status: ActivityStatus, result: Outcome) -> Ended:
        """Write how the waiting ended; cancelled if the run is being stopped and nothing else ended it."""
        return self._patiently(self._end_waiting, chance, status, result)

    def refuse(self, chance: Try, result: Outcome) -> Ended:
        """Let an attempt fail that cannot even begin."""
        claimed = self.claim(chance)
        if isinstance(claimed, Ended):
            return claimed
        return self.finish(chance, claimed.epoch, ActivityStatus.FAILED, result).ended

    def is_stopping(self, run_id: str) -> bool:
        """Say whether the run is being stopped, or has ended."""
        return self._patiently(self._is_stopping, run_id)

    def previous_output(self, chance: Try, planned: PlannedActivity | None) -> Mapping[str, Json]:
        """Return the output of the newest earlier try that did not succeed, of this run or of an earlier one of its group; empty: none."""
        return self._patiently(self._previous_output, chance, planned)

    def progress(self, chance: Try, epoch: int, figures: Figures) -> None:
        """Write the figures so far.

        Raises:
            Problem: ``FENCED`` or ``UNAVAILABLE``: not written; it is no loss.
        """
        with self.database.transaction() as tx:
            activity_runs.progress(
                tx,
                chance.run.id,
                chance.activity.name,
                chance.attempt,
                epoch,
                figures,
                self._clock.now(),
                worker=self._claim,
            )

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

    def end(self, run: Run, statuses: Mapping[str, ActivityStatus]) -> RunStatus:
        """Give the run its final status, the sums of its figures and, if it asks for it, the watermark, all at once."""
        return self._patiently(self._end, Ending(run, statuses))

    def abandon(self, run_id: str, failure: Failure) -> None:
        """Let a run fail that cannot be gone on with; what had not ended ends with it."""
        self._patiently(self._abandon, run_id, failure)

    def _patiently(self, write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
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
            self._hands.check()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

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
            rows = newest_rows(activity_runs.of_run(tx, run_id))
        crash_point("run-begun")
        settled = {path: row.status for path, row in rows.items() if row.verdict == Verdict.CARRY_OVER}
        return Begun(run, settled, first)

    def _mark(self, run: Run, marks: Mapping[str, ActivityStatus]) -> None:
        with self.database.transaction() as tx:
            for path, status in marks.items():
                expected = {ActivityStatus.PENDING}
                activity_runs.move(tx, run.id, path, 1, expected, status, self._clock.now(), worker=self._claim)
        crash_point("activities-marked")

    def _rest(self, run_id: str) -> None:
        with self.database.transaction() as tx:
            if any(row.status is ActivityStatus.RUNNING for row in activity_runs.of_run(tx, run_id)):
                return
            runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.WAITING, self._clock.now(), worker=self._claim)
        crash_point("run-rests")

    def _due_at(self, chance: Try) -> Instant | None:
        with self.database.reading() as tx:
            rows = activity_runs.of_run(tx, chance.run.id)
        row = row_of(rows, chance)
        if row.status is not ActivityStatus.QUEUED:
            return None
        before = row_of(rows, replace(chance, attempt=chance.attempt - 1))
        pause = chance.activity.policy.pause_before(chance.attempt)
        return Instant((before.ended_at or self._clock.now()) + round(pause * SECOND))

    def _ended(self, chance: Try) -> Ended | None:
        with self.database.reading() as tx:
            rows = activity_runs.of_run(tx, chance.run.id)
        return ended_of(rows, chance)

    def _is_stopping(self, run_id: str) -> bool:
        with self.database.reading() as tx:
            return runs.status(tx, run_id) in _STOPPING

    def _previous_output(self, chance: Try, planned: PlannedActivity | None) -> Mapping[str, Json]:
        earlier = planned.previous_from if planned is not None else None
        if earlier is None and chance.attempt == 1:
            return {}
        with self.database.reading() as tx:
            rows = [row for row in activity_runs.of_run(tx, chance.run.id) if row.attempt < chance.attempt]
            rows = activity_runs.of_run(tx, earlier) + rows if earlier is not None else rows
        outputs = [row.output for row in rows if row.path == chance.activity.name and row.output]
        return outputs[-1] if outputs else {}

    def _take_up(self, chance: Try) -> Claimed | Ended:
        with self.database.transaction() as tx:
            claimed = self._claim_row(tx, chance)
        crash_point("attempt-claimed")
        return claimed

    def _claim_row(self, tx: Transaction, chance: Try) -> Claimed | Ended:
        run_id, path, attempt, now = chance.run.id, chance.activity.name, chance.attempt, self._clock.now()
        status = runs.status(tx, run_id)
        if status in _STOPPING:
            return self._cancel_row(tx, chance)
        if status is RunStatus.WAITING:
            runs.move(tx, run_id, {RunStatus.WAITING}, RunStatus.RUNNING, now, worker=self._claim)
        if attempt == 1:
            pending = {ActivityStatus.PENDING}
            activity_runs.move(tx, run_id, path, attempt, pending, ActivityStatus.QUEUED, now, worker=self._claim)
        try:
            epoch = activity_runs.claim(tx, run_id, path, attempt, self._claim, now)
        except Problem as problem:
            # The only other way is that it has ended: that is asked for last, since it is rare.
            ended = ended_of(activity_runs.of_run(tx, run_id), chance)
            if problem.code is not Code.ILLEGAL_STATE or ended is None:
                raise
            return ended
        upstream = upstream_of(chance.run.definition, chance.activity)
        inputs = activity_runs.outputs(tx, run_id, upstream) if upstream else {}
        return Claimed(epoch, inputs, 0 if epoch == 1 else activity_runs.lost(tx, run_id, path, attempt))

    def _cancel_row(self, tx: Transaction, chance: Try) -> Ended:
        rows = activity_runs.of_run(tx, chance.run.id)
        ended = ended_of(rows, chance)
        if ended is not None:
            return ended
        expected, to = {row_of(rows, chance).status}, ActivityStatus.CANCELLED
        run_id, path, now = chance.run.id, chance.activity.name, self._clock.now()
        outcome = Outcome(failure=_CANCELLED)
        activity_runs.move(tx, run_id, path, chance.attempt, expected, to, now, worker=self._claim, outcome=outcome)
        return Ended(to, chance.attempt)

    def _finish(
        self, chance: Try, epoch: int, status: ActivityStatus, result: Outcome, then: Try | Ending | None
    ) -> Finished:
        run, path, attempt, now = chance.run, chance.activity.name, chance.attempt, self._clock.now()
        with self.database.transaction() as tx:
            moved = activity_runs.move(
                tx,
                run.id,
                path,
                attempt,
                {ActivityStatus.RUNNING},
                status,
                now,
                epoch=epoch,
                worker=self._claim,
                outcome=result,
            )
            if not moved:
                ended = ended_of(activity_runs.of_run(tx, run.id), chance)
                if ended is None:
                    raise Problem(Code.FENCED, f"attempt {attempt} of {path!r} is somebody else's by now")
                return Finished(ended)
            if result.batch is not None:
                batches.save(tx, batch_of(chance, result.batch, result.failure, now), self._claim)
                _resolve_replayed(tx, chance, result)
            _mark_reverted(tx, chance, result, now)
            again = self._wants_more(tx, chance, status, result)
            if again:
                activity_runs.next_attempt(tx, run.id, path, attempt, now)
            goes_on = status is ActivityStatus.SUCCEEDED and not self._hands.leaving
            following = self._claim_row(tx, then) if goes_on and isinstance(then, Try) else None
            run_ended = goes_on and isinstance(then, Ending)
            if isinstance(then, Ending) and run_ended:
                self._end_rows(tx, then, now)
        crash_point("attempt-finished")
        if following is not None:
            crash_point("attempt-claimed")
        if run_ended:
            crash_point("run-ended")
        return Finished(Ended(status, attempt, again), following, run_ended)

    def _wants_more(self, tx: Transaction, chance: Try, status: ActivityStatus, result: Outcome) -> bool:
        if status not in {ActivityStatus.FAILED, ActivityStatus.TIMED_OUT} or result.failure is None:
            return False
        left = chance.attempt <= chance.activity.policy.retries
        return left and result.failure.code in RETRYABLE and runs.status(tx, chance.run.id) not in _STOPPING

    def _begin_waiting(self, chance: Try, seconds: float) -> Instant | Ended:
        run_id, path, attempt, now = chance.run.id, chance.activity.name, chance.attempt, self._clock.now()
        with self.database.transaction() as tx:
            rows = activity_runs.of_run(tx, run_id)
            row = row_of(rows, chance)
            if row.status is not ActivityStatus.WAITING:
                claimed = self._claim_row(tx, chance)
                if isinstance(claimed, Ended):
                    return claimed
                activity_runs.move(
                    tx,
                    run_id,
                    path,
                    attempt,
                    {ActivityStatus.RUNNING},
                    ActivityStatus.WAITING,
                    now,
                    epoch=claimed.epoch,
                    worker=self._claim,
                )
        crash_point("waiting-begun")
        return Instant((row.started_at or now) + round(seconds * SECOND))

    def _end_waiting(self, chance: Try, status: ActivityStatus, result: Outcome) -> Ended:
        run_id, path, attempt, now = chance.run.id, chance.activity.name, chance.attempt, self._clock.now()
        with self.database.transaction() as tx:
            rows = activity_runs.of_run(tx, run_id)
            ended = ended_of(rows, chance)
            if ended is not None:
                return ended
            if runs.status(tx, run_id) is RunStatus.WAITING:
                runs.move(tx, run_id, {RunStatus.WAITING}, RunStatus.RUNNING, now, worker=self._claim)
            row = row_of(rows, chance)
            activity_runs.move(
                tx,
                run_id,
                path,
                attempt,
                {row.status},
                status,
                now,
                epoch=row.epoch,
                worker=self._claim,
                outcome=result,
            )
            again = self._wants_more(tx, chance, status, result)
            if again:
                activity_runs.next_attempt(tx, run_id, path, attempt, now)
        crash_point("waiting-ended")
        return Ended(status, attempt, again)

    def _end(self, ending: Ending) -> RunStatus:
        with self.database.transaction() as tx:
            status = self._end_rows(tx, ending, self._clock.now())
        crash_point("run-ended")
        return status

    def _end_rows(self, tx: Transaction, ending: Ending, now: Instant) -> RunStatus:
        run, statuses = ending.run, ending.statuses
        current, to = runs.status(tx, run.id), outcome(run.definition, statuses)
        if current.is_final:
            return current
        rows = newest_rows(activity_runs.of_run(tx, run.id))
        if current is RunStatus.WAITING:
            runs.move(tx, run.id, {RunStatus.WAITING}, RunStatus.RUNNING, now, worker=self._claim)
        if to is RunStatus.CANCELLED and current is not RunStatus.CANCELLING:
            runs.move(tx, run.id, {RunStatus.RUNNING}, RunStatus.CANCELLING, now, worker=self._claim)
        reason = reason_of(run, statuses, rows) if to is RunStatus.FAILED else None
        runs.add_figures(tx, run.id, figures_of(rows.values()))
        runs.move(tx, run.id, _AT_WORK, to, now, reason=reason, worker=self._claim)
        if to is RunStatus.SUCCEEDED:
            advance_watermark(tx, run, rows.values(), now)
        return to

    def _abandon(self, run_id: str, failure: Failure) -> None:
        now = self._clock.now()
        with self.database.transaction() as tx:
            run = runs.get(tx, None, run_id)
            if run.status.is_final:
                return
            ends = {ActivityStatus.PENDING: ActivityStatus.CANCELLED}
            for row in newest_rows(activity_runs.of_run(tx, run_id)).values():
                if row.status.is_final:
                    continue
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


def _mark_reverted(tx: Transaction, chance: Try, result: Outcome, now: Instant) -> None:
    """Write down which batches an activity took back out of their table."""
    if chance.activity.kind != "revert":
        # What somebody outside says in an output of the same name has taken nothing back.
        return
    reverted = result.output.get("reverted")
    if result.failure is None and isinstance(reverted, Sequence) and not isinstance(reverted, str):
        batches.mark_reverted(tx, chance.run.scope, [one for one in reverted if isinstance(one, str)], now)


def _resolve_replayed(tx: Transaction, chance: Try, result: Outcome) -> None:
    """Count the rejects that a replay has accepted as resolved, together with its batch."""
    replay_of, numbers = chance.run.details.get("replay_of"), result.output.get("resolved")
    if isinstance(replay_of, str) and isinstance(numbers, Sequence) and result.batch is not None:
        accepted = [number for number in numbers if isinstance(number, int)]
        batches.resolve_rejects(tx, replay_of, accepted, result.batch.batch_id)
