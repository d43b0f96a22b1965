"""What the engine writes to the ledger about attempts at activities, one transaction a function.

Each of them can be done twice: it looks first whether it was done, and moves by compare-and-set. Writes carry the worker's claim and
the attempt's epoch, so a worker that was declared dead, or that somebody took over from, writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from headrace.core.carrying import ORIGIN
from headrace.core.clock import SECOND, Instant
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.errors import RETRYABLE, Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import Expansion, Failure, Figures, Outcome, Pause
from headrace.core.planning import PlanMode
from headrace.core.run import ActivityRun, ActivityStatus, RunStatus
from headrace.core.task import Resumed
from headrace.engine.body_ledger import end_body
from headrace.engine.ledger import after_end, end_run
from headrace.engine.records import (
    Claimed,
    Ended,
    Ending,
    Finished,
    Standing,
    Try,
    batch_of,
    ended_of,
    figures_of,
    row_of,
    upstream_of,
)
from headrace.engine.recovering import kept, path_before
from headrace.engine.writer import STOPPING, Writer
from headrace.store import activity_runs, batches, levels, runs, signals, variables
from headrace.store.database import Transaction

_CANCELLED = Failure(Code.CANCELLED, "the run was cancelled")
_CUT_SHORT = Failure(Code.CANCELLED, "the activity around it ran out of time")
_NEVER_AGAIN = frozenset(
    {Code.EXPRESSION_SYNTAX, Code.EXPRESSION_TYPE, Code.UNKNOWN_FUNCTION, Code.CANCELLED, Code.FENCED}
)
"""Failures to which a policy of a plan with a dialect does not apply; it does to every other one."""
_STATUS_OF = {Code.TIMED_OUT: ActivityStatus.TIMED_OUT, Code.CANCELLED: ActivityStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class Result:
    """What one call of an activity's function came to, to be written. ``details`` are what is kept beside the attempt from now on."""

    epoch: int
    outcome: Outcome
    policy: Policy = Policy()
    details: Mapping[str, Json] = field(default_factory=dict)

    @property
    def status(self) -> ActivityStatus:
        """Return how the attempt ends with it."""
        failure = self.outcome.failure
        if failure is None and _origin(self.details) is not None:
            return ActivityStatus.CARRIED
        return ActivityStatus.SUCCEEDED if failure is None else _STATUS_OF.get(failure.code, ActivityStatus.FAILED)


class AttemptLedger:
    """The engine's transactions about attempts, in the name of one worker."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._database = writer.database
        self._clock = writer.clock
        self._claimed_by = writer.claim

    def claim(self, chance: Try) -> Claimed | Ended:
        """Take the attempt up, with an epoch of its own, unless it has ended or the run is being stopped."""
        return self._writer.patiently(self._take_up, chance)

    def finish(self, chance: Try, result: Result, then: Try | Ending | None = None) -> Finished:
        """Write how the attempt ended, its batch, its variables and, where the policy wants one, the next attempt, all at once.

        If it succeeded, ``then`` is done in the same transaction: the next attempt of its line claimed, or its level ended.
        """
        return self._writer.patiently(self._finish, chance, result, then)

    def pause(self, chance: Try, claimed: Claimed, standing: Standing, seconds: float | None) -> Standing | Ended:
        """Let the attempt wait, as ``standing`` says, for at most ``seconds`` from now; return how it stands then."""
        return self._writer.patiently(self._pause, chance, claimed, standing, seconds)

    def expand(self, chance: Try, claimed: Claimed, standing: Standing) -> Standing | Ended:
        """Let the attempt wait for the bodies that ``standing.expansion`` asks for; return how it stands then."""
        return self._writer.patiently(self._expand, chance, claimed, standing)

    def end_container(self, chance: Try, status: ActivityStatus, failure: Failure | None) -> Ended:
        """Write how a container ended whose bodies have all ended, together with what they moved."""
        return self._writer.patiently(self._end_container, chance, status, failure)

    def previous_output(self, chance: Try) -> Mapping[str, Json]:
        """Return the output of the newest earlier try that did not succeed, of this run or of an earlier one of its group; empty: none."""
        return self._writer.patiently(self._previous_output, chance)

    def recovered(self, chance: Try) -> ActivityRun | None:
        """Return the newest attempt at this path in the run whose work inside of the activity is gone on with; None: there is none."""
        return self._writer.patiently(self._recovered, chance)

    def kept(self, chance: Try) -> tuple[Outcome | Expansion, Mapping[str, Json]] | None:
        """Return what a container comes to, and its details, where it is carried over and looked into all the same; None: its function says."""
        repair = chance.level.repair
        if repair is None or repair.mode is not PlanMode.CARRY:
            return None
        return self._writer.patiently(self._kept, chance)

    def progress(
        self, chance: Try, epoch: int, figures: Figures, details: Mapping[str, Json] | None = None
    ) -> None:  # fmt: skip
        """Write the figures so far, and the details where they are given.

        Raises:
            Problem: ``FENCED`` or ``UNAVAILABLE``: not written; it is no loss.
        """
        now = self._clock.now()
        with self._database.transaction() as tx:
            key = (chance.run.id, chance.path, chance.attempt)
            activity_runs.progress(tx, *key, epoch, figures, now, worker=self._claimed_by, details=details)

    def _take_up(self, chance: Try) -> Claimed | Ended:
        with self._database.transaction() as tx:
            claimed = self._claim_row(tx, chance)
        crash_point("attempt-claimed")
        return claimed

    def _claim_row(self, tx: Transaction, chance: Try) -> Claimed | Ended:
        standing, now = chance.standing, self._clock.now()
        key = (chance.run.id, chance.path, chance.attempt)
        status = runs.status(tx, chance.run.id)
        if status in STOPPING or chance.level.bell.is_out_of_time:
            return self._cancel_row(tx, chance, _CANCELLED if status in STOPPING else _CUT_SHORT)
        if status is RunStatus.WAITING:
            moves = {RunStatus.WAITING}, RunStatus.RUNNING
            runs.move(tx, chance.run.id, *moves, now, worker=self._claimed_by)
        if standing.status is ActivityStatus.PENDING:
            pending = {ActivityStatus.PENDING}
            activity_runs.move(tx, *key, pending, ActivityStatus.QUEUED, now, worker=self._claimed_by)
        try:
            epoch = activity_runs.claim(tx, *key, self._claimed_by, now)
        except Problem as problem:
            # The only other way is that it has ended: that is asked for last, since it is rare.
            ended = ended_of(activity_runs.at_path(tx, chance.run.id, chance.path), chance)
            if problem.code is not Code.ILLEGAL_STATE or ended is None:
                raise
            return ended
        return Claimed(
            epoch=epoch,
            started_at=standing.started_at or now,
            inputs=_inputs(tx, chance),
            lost=0 if epoch == 1 else activity_runs.lost(tx, *key),
            resumed=_resumed(tx, chance),
        )

    def _cancel_row(self, tx: Transaction, chance: Try, why: Failure) -> Ended:
        rows = activity_runs.at_path(tx, chance.run.id, chance.path)
        ended = ended_of(rows, chance)
        if ended is not None:
            return ended
        expected, to = {row_of(rows, chance).status}, ActivityStatus.CANCELLED
        key, now = (chance.run.id, chance.path, chance.attempt), self._clock.now()
        outcome = Outcome(failure=why)
        if not activity_runs.move(tx, *key, expected, to, now, worker=self._claimed_by, outcome=outcome):
            # It has just ended in a thread that was left behind, by whoever had the run before.
            return self._found_ended(tx, chance)
        return Ended(to, chance.attempt)

    def _finish(self, chance: Try, result: Result, then: Try | Ending | None) -> Finished:
        run, now = chance.run, self._clock.now()
        key = (run.id, chance.path, chance.attempt)
        with self._database.transaction() as tx:
            result = _bounded(tx, run.id, result)
            status = result.status
            written = self._with_moved(tx, chance, result.outcome)
            moved = activity_runs.move(
                tx,
                *key,
                {ActivityStatus.RUNNING},
                status,
                now,
                epoch=result.epoch,
                worker=self._claimed_by,
                outcome=written,
                details=result.details or None,
                carried_from=_origin(result.details) if status is ActivityStatus.CARRIED else None,
            )
            if not moved:
                return Finished(self._found_ended(tx, chance))
            self._write_effects(tx, chance, written, now)
            again = self._again(tx, chance, result, now)
            goes_on = status is ActivityStatus.SUCCEEDED and not self._writer.hands.leaving
            following = self._claim_row(tx, then) if goes_on and isinstance(then, Try) else None
            level_end = _end_level(tx, self._writer, then) if goes_on and isinstance(then, Ending) else None
        crash_point("attempt-finished")
        if following is not None:
            crash_point("attempt-claimed")
        if level_end is not None and isinstance(then, Ending):
            _after_level(self._writer, then)
        return Finished(Ended(status, chance.attempt, again), following, level_end)

    def _found_ended(self, tx: Transaction, chance: Try) -> Ended:
        ended = ended_of(activity_runs.at_path(tx, chance.run.id, chance.path), chance)
        if ended is None:
            message = f"attempt {chance.attempt} of {chance.path!r} is somebody else's by now"
            raise Problem(Code.FENCED, message)
        return ended

    def _with_moved(self, tx: Transaction, chance: Try, outcome: Outcome) -> Outcome:
        """Return the outcome with the sums of what the activity's bodies moved."""
        if chance.standing.expansion is None:
            return outcome
        below = figures_of(levels.moved(tx, chance.run.id, chance.path))
        return replace(outcome, figures=outcome.figures.plus(below))

    def _write_effects(self, tx: Transaction, chance: Try, outcome: Outcome, now: Instant) -> None:
        """Write all that an activity's end brings with it beside its own row."""
        for change in outcome.changes:
            variables.change(tx, chance.run.scope, chance.run.id, change, now)
        if outcome.batch is not None:
            batches.save(tx, batch_of(chance, outcome.batch, outcome.failure, now), self._claimed_by)
            _resolve_replayed(tx, chance, outcome)
        _mark_reverted(tx, chance, outcome, now)

    def _again(self, tx: Transaction, chance: Try, result: Result, now: Instant) -> Standing | None:
        """Queue the next attempt, if the policy wants one, and return how it stands."""
        failure, standing = result.outcome.failure, chance.standing
        # Bodies are run once: what a container's next attempt would run has its rows already.
        if failure is None or chance.attempt > result.policy.retries or standing.expansion is not None:
            return None
        dynamic = bool(chance.run.definition.dialect)
        mends = failure.code not in _NEVER_AGAIN if dynamic else failure.code in RETRYABLE
        if not mends or result.status is ActivityStatus.CANCELLED or runs.status(tx, chance.run.id) in STOPPING:
            return None
        due = Instant(now + round(result.policy.pause_before(chance.attempt + 1) * SECOND))
        activity_runs.next_attempt(tx, chance.run.id, chance.path, chance.attempt, now, due)
        return Standing(
            ActivityStatus.QUEUED,
            chance.attempt + 1,
            commit_key=standing.commit_key,
            wake_at=due,
            enters=standing.enters,
            previous_from=standing.previous_from,
        )

    def _pause(self, chance: Try, claimed: Claimed, standing: Standing, seconds: float | None) -> Standing | Ended:
        now = self._clock.now()
        key = (chance.run.id, chance.path, chance.attempt)
        with self._database.transaction() as tx:
            if seconds is not None:
                standing = replace(standing, wake_at=Instant(now + round(seconds * SECOND)))
            if standing.pause is not None and standing.pause.hears and not standing.heard and signals.get(tx, *key):
                standing = replace(standing, wake_at=now)
            ended = self._wait(tx, chance, claimed, standing, now)
        crash_point("attempt-paused")
        return standing if ended is None else ended

    def _expand(self, chance: Try, claimed: Claimed, standing: Standing) -> Standing | Ended:
        with self._database.transaction() as tx:
            ended = self._wait(tx, chance, claimed, standing, self._clock.now())
        crash_point("attempt-expanded")
        return standing if ended is None else ended

    def _wait(self, tx: Transaction, chance: Try, claimed: Claimed, standing: Standing, now: Instant) -> Ended | None:
        going_on = standing.pause or standing.expansion or Pause()
        moved = activity_runs.move(
            tx,
            chance.run.id,
            chance.path,
            chance.attempt,
            {ActivityStatus.RUNNING},
            ActivityStatus.WAITING,
            now,
            epoch=claimed.epoch,
            worker=self._claimed_by,
            outcome=Outcome(output=going_on.output),
            state=standing.state(),
            wake_at=standing.wake_at,
            details=standing.details or None,
        )
        return None if moved else self._found_ended(tx, chance)

    def _end_container(self, chance: Try, status: ActivityStatus, failure: Failure | None) -> Ended:
        now, expansion = self._clock.now(), chance.standing.expansion
        key = (chance.run.id, chance.path, chance.attempt)
        origin = _origin(chance.standing.details) if status is ActivityStatus.SUCCEEDED else None
        status = status if origin is None else ActivityStatus.CARRIED
        with self._database.transaction() as tx:
            if runs.status(tx, chance.run.id) is RunStatus.WAITING:
                waiting = {RunStatus.WAITING}
                runs.move(tx, chance.run.id, waiting, RunStatus.RUNNING, now, worker=self._claimed_by)
            output = expansion.output if isinstance(expansion, Expansion) and failure is None else {}
            outcome = self._with_moved(tx, chance, Outcome(output=output, failure=failure))
            expected = {ActivityStatus.WAITING}
            moved = activity_runs.move(
                tx, *key, expected, status, now, worker=self._claimed_by, outcome=outcome, carried_from=origin
            )
            ended = Ended(status, chance.attempt) if moved else self._found_ended(tx, chance)
        crash_point("container-ended")
        return ended

    def _previous_output(self, chance: Try) -> Mapping[str, Json]:
        earlier = chance.standing.previous_from
        if earlier is None and chance.attempt == 1:
            return {}
        with self._database.reading() as tx:
            rows = activity_runs.at_path(tx, chance.run.id, chance.path)
            rows = [row for row in rows if row.attempt < chance.attempt]
            if earlier is not None:
                rows = activity_runs.at_path(tx, earlier, path_before(tx, chance, earlier)) + rows
        outputs = [row.output for row in rows if row.output]
        return outputs[-1] if outputs else {}

    def _kept(self, chance: Try) -> tuple[Outcome | Expansion, Mapping[str, Json]] | None:
        with self._database.reading() as tx:
            return kept(tx, chance)

    def _recovered(self, chance: Try) -> ActivityRun | None:
        if chance.standing.enters is None:
            return None
        with self._database.reading() as tx:
            path = path_before(tx, chance, chance.standing.enters)
            rows = activity_runs.at_path(tx, chance.standing.enters, path)
        return rows[-1] if rows else None


def _origin(details: Mapping[str, Json]) -> str | None:
    """Return the run from which an attempt with these details is carried over, though it is looked into; None: it is not."""
    origin = details.get(ORIGIN)
    return str(origin["run_id"]) if isinstance(origin, Mapping) else None


def _end_level(tx: Transaction, writer: Writer, ending: Ending) -> ActivityStatus:
    """Give the run, or the body, its end in ``tx``."""
    if ending.level.path:
        return end_body(tx, writer, ending)
    return ActivityStatus(end_run(tx, writer, ending).value)


def _after_level(writer: Writer, ending: Ending) -> None:
    if ending.level.path:
        crash_point("body-ended")
    else:
        after_end(writer, ending.level.run)


def _inputs(tx: Transaction, chance: Try) -> Mapping[str, Mapping[str, Json]]:
    upstream = upstream_of(chance.level.plan, chance.activity)
    if not upstream:
        return {}
    paths = {chance.level.path_of(name): name for name in upstream}
    found = activity_runs.outputs(tx, chance.run.id, tuple(paths))
    return {paths[path]: output for path, output in found.items()}


def _resumed(tx: Transaction, chance: Try) -> Resumed | None:
    standing = chance.standing
    if standing.pause is not None:
        signal = None
        if standing.pause.hears and not standing.heard:
            signal = signals.get(tx, chance.run.id, chance.path, chance.attempt)
        return Resumed(standing.pause.state, signal)
    return None if standing.expansion is None else Resumed(standing.expansion.state)


def _bounded(tx: Transaction, run_id: str, result: Result) -> Result:
    """Return the result, as a failure where a variable would become larger than variables may be."""
    large = variables.too_large(tx, run_id, result.outcome.changes)
    if large is None:
        return result
    message = f"The variable '{large.name}' would have more than {variables.MAX_BYTES} bytes as JSON; that is the most that a variable may have."
    failure = Failure(Code.LIMIT_EXCEEDED, message)
    return replace(result, outcome=replace(result.outcome, failure=failure, changes=(), output={}))


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
