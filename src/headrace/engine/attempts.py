"""Attempts at activities: claimed, done in this thread, and written down."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias, TypeVar

import structlog

from headrace.core.clock import SECOND, Clock
from headrace.core.codec import Json
from headrace.core.crashpoints import crash_point
from headrace.core.dialect import Surroundings
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import Expansion, Failure, Figures, Outcome, Pause
from headrace.core.run import ActivityStatus
from headrace.core.task import ActivityFunction, Cancellation, Task
from headrace.engine import telling
from headrace.engine.attempt_ledger import AttemptLedger, Result
from headrace.engine.hands import Halted, Hands, Timeout
from headrace.engine.lines import Done, Line
from headrace.engine.records import Claimed, Ended, Finished, Standing, Try
from headrace.engine.run_lines import RunLines
from headrace.engine.surroundings import LedgerSurroundings
from headrace.engine.waits import waits
from headrace.engine.writer import Writer
from headrace.store.database import LedgerAway

T = TypeVar("T")

Ends: TypeAlias = Sequence[tuple[str, Ended | Standing]]
Abandon: TypeAlias = Callable[[Callable[[], Done]], None]
"""Told that an activity does not stop; given what writes that down."""

_log = structlog.get_logger(__name__)

_NOTHING = "noop"


@dataclass(frozen=True, slots=True)
class _Called:
    """What an attempt came to this time, under which policy, and what was noted beside it."""

    result: Outcome | Pause | Expansion
    policy: Policy
    details: Mapping[str, Json]


class Attempts:
    """Does attempts at activities of every kind."""

    def __init__(
        self,
        writer: Writer,
        ledger: AttemptLedger,
        activities: Mapping[str, ActivityFunction],
        takeovers: int,
        lines: RunLines,
    ) -> None:
        self._writer = writer
        self._lines = lines
        self._ledger = ledger
        self._hands: Hands = writer.hands
        self._clock: Clock = writer.clock
        self._activities = {_NOTHING: _do_nothing, **waits(writer.clock), **activities}
        self._takeovers = takeovers

    def perform(self, line: Line, abandon: Abandon, following: Claimed | Ended | None = None) -> Done:
        """Return how the attempts of the line ended, up to the first that did not succeed, or that stands open since it waits.

        It may be done any number of times, and has the effect of once. ``following``: the first attempt was claimed already.

        ``abandon`` is called from another thread when an activity does not stop although it was told to, with what then gives it up.
        """
        ends: list[tuple[str, Ended | Standing]] = []
        following = following or self._ledger.claim(line.tries[0])
        level_end = None
        for number, chance in enumerate(line.tries):
            if following is None:
                break
            if isinstance(following, Ended):
                ends.append((chance.activity.name, following))
                break
            with self._lines.at(chance.run.id, chance.path, chance.attempt):
                called = self._call(chance, following, abandon, tuple(ends))
                crash_point("activity-done")
                written = self._write(chance, following, called, line.after(number))
                telling.attempt_came_to(following, called.result, written, self._clock.now())
            if not isinstance(written, Finished):
                ends.append((chance.activity.name, written))
                break
            ends.append((chance.activity.name, written.ended))
            following, level_end = written.following, written.level_end
        return Done(tuple(ends), level_end)

    def _call(self, chance: Try, claimed: Claimed, abandon: Abandon, before: Ends) -> _Called:
        standing = chance.standing
        context = _Context(self._writer, self._ledger, chance, claimed)
        if claimed.lost >= self._takeovers:
            message = f"its worker was lost {claimed.lost} times while it ran this; it is not tried again"
            return _Called(_failed(Problem(Code.WORKER_LOST, message)), chance.activity.policy, context.details)
        kept = self._ledger.kept(chance)
        if kept is not None:
            return _Called(kept[0], chance.activity.policy, kept[1])
        try:
            policy = standing.policy or self._once_reachable(chance, partial(self._policy, chance))
        except Problem as problem:
            return _Called(_failed(problem), chance.activity.policy, context.details)
        function = self._activities.get(chance.activity.kind)
        if function is None:
            kinds = ", ".join(sorted(self._activities))
            message = f"activities of kind {chance.activity.kind!r} are not known here; known are {kinds}"
            return _Called(_failed(Problem(Code.UNSUPPORTED, message)), policy, context.details)
        timeout = self._time_left(policy, claimed)
        if timeout is not None and timeout.left <= 0:
            return _Called(_failed(Problem(Code.TIMED_OUT, timeout.message)), policy, context.details)
        cancellation = context.cancellation
        left = partial(abandon, partial(self._give_up, chance, claimed, policy, before, context))
        with self._hands.work(chance.run.id, chance.path, cancellation, timeout, left):
            if chance.level.bell.is_out_of_time:
                cancellation.stop(Code.CANCELLED, "the activity around it ran out of time")
            telling.attempt_begun(chance.activity.kind, claimed)
            call = partial(function, self._task(chance, claimed, policy), context)
            result = _do(partial(self._once_reachable, chance, call, cancellation), chance, context)
        failure = result.failure if isinstance(result, Outcome) else None
        if failure is not None and failure.code is Code.FENCED:
            raise Halted(failure.message)
        return _Called(result, policy, context.details)

    def _once_reachable(self, chance: Try, call: Callable[[], T], cancellation: Cancellation | None = None) -> T:
        """Return what ``call`` returns; in a pipeline it is called again while the ledger, of which expressions ask much, cannot be reached.

        A pipeline's activities are not tried again unless its author says so: our own outage must not be their failure.
        """
        pause = 0.05
        while True:
            try:
                return call()
            except LedgerAway as problem:
                if not chance.run.definition.dialect:
                    raise
                _log.warning("the ledger cannot be reached", problem=problem.message)
            self._hands.check()
            if cancellation is not None:
                cancellation.check()
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def _policy(self, chance: Try) -> Policy:
        if not chance.activity.dynamic_policy:
            return chance.activity.policy
        dialect = self._writer.dialect_of(chance.run.definition)
        if dialect is None:
            raise _no_dialect(chance)
        return dialect.policy(chance.activity, LedgerSurroundings(self._writer.database, chance.level, chance.path))

    def _time_left(self, policy: Policy, claimed: Claimed) -> Timeout | None:
        """Return what is left of the attempt's time, which runs from its start through pauses and take-overs; None: it is not bounded."""
        seconds = policy.timeout_seconds
        if seconds is None:
            return None
        return Timeout(seconds, seconds - (self._clock.now() - claimed.started_at) / SECOND)

    def _write(self, chance: Try, claimed: Claimed, called: _Called, then: object) -> Finished | Ended | Standing:
        """Write what the call came to."""
        result, standing = called.result, chance.standing
        if isinstance(result, Outcome):
            ending = Result(claimed.epoch, result, called.policy, called.details)
            return self._ledger.finish(chance, ending, then)  # type: ignore[arg-type]  # what follows in the line
        heard = standing.heard or (claimed.resumed is not None and claimed.resumed.signal is not None)
        kept = chance.activity.dynamic_policy or called.policy != chance.activity.policy
        waiting = replace(
            standing,
            status=ActivityStatus.WAITING,
            started_at=claimed.started_at,
            wake_at=None,
            details=called.details,
            policy=called.policy if kept else None,
            pause=result if isinstance(result, Pause) else None,
            heard=heard,
            bodies_ended=False,
        )
        if isinstance(result, Pause):
            return self._ledger.pause(chance, claimed, waiting, result.seconds)
        return self._ledger.expand(chance, claimed, replace(waiting, expansion=result))

    def _give_up(self, chance: Try, claimed: Claimed, policy: Policy, before: Ends, context: "_Context") -> Done:
        """Write down that an activity did not stop in time; what it still does does not count."""
        problem = context.cancellation.problem or Problem(Code.CANCELLED, "the run was cancelled")
        if problem.code is Code.FENCED:
            raise Halted(problem.message)
        result = Result(claimed.epoch, _failed(problem), policy, dict(context.details))
        finished = self._ledger.finish(chance, result)
        with self._lines.at(chance.run.id, chance.path, chance.attempt):
            telling.attempt_came_to(claimed, result.outcome, finished, self._clock.now())
        return Done((*before, (chance.activity.name, finished.ended)))

    def _task(self, chance: Try, claimed: Claimed, policy: Policy) -> Task:
        run, activity = chance.run, chance.activity
        return Task(
            scope=run.scope,
            flow_id=run.flow_id,
            run_id=run.id,
            group_id=run.group_id,
            path=chance.path,
            attempt=chance.attempt,
            epoch=claimed.epoch,
            kind=activity.kind,
            settings=activity.settings,
            commit_key=chance.standing.commit_key,
            parameters=run.parameters,
            window=run.window,
            inputs=claimed.inputs,
            previous=self._ledger.previous_output(chance),
            policy=policy,
            resumed=claimed.resumed,
            recovers=self._ledger.recovered(chance),
            started_at=claimed.started_at,
        )


class _Context:
    """What an activity may ask of the engine."""

    def __init__(self, writer: Writer, ledger: AttemptLedger, chance: Try, claimed: Claimed) -> None:
        self._cancellation = Cancellation()
        self._writer = writer
        self._ledger = ledger
        self._chance = chance
        self._epoch = claimed.epoch
        self._told_at: int | None = None
        self.details: dict[str, Json] = dict(chance.standing.details)
        self._written = dict(self.details)

    @property
    def cancellation(self) -> Cancellation:
        """Return the request to stop."""
        return self._cancellation

    def progress(self, figures: Figures) -> None:
        """Write the figures so far, at most once a second; what was noted meanwhile goes with them."""
        now = self._writer.clock.now()
        if self._told_at is not None and now - self._told_at < SECOND:
            return
        self._told_at = now
        noted = dict(self.details)
        try:
            self._ledger.progress(self._chance, self._epoch, figures, None if noted == self._written else noted)
            self._written = noted
        except Problem as problem:
            if problem.code is Code.FENCED:
                self._cancellation.stop(problem.code, problem.message)
            _log.info("progress could not be written", problem=problem.message)

    def evaluate(self, template: Json, *items: Json) -> Json:
        """Return ``template`` with its expressions evaluated in the plan's dialect; ``items`` (at most one) stands for the loop's item."""
        dialect = self._writer.dialect_of(self._chance.run.definition)
        if dialect is None:
            raise _no_dialect(self._chance)
        chance = self._chance
        around: Surroundings = LedgerSurroundings(self._writer.database, chance.level, chance.path, items[:1])
        return dialect.evaluate(template, around)

    def note(self, details: Mapping[str, Json]) -> None:
        """Keep ``details`` beside the attempt, over those noted before."""
        self.details |= details


def _do(call: Callable[[], Outcome | Pause | Expansion], chance: Try, context: _Context) -> Outcome | Pause | Expansion:
    try:
        return call()
    except Problem as problem:
        return _failed(problem)
    except Exception as error:  # noqa: BLE001 — the outermost edge of an activity: anything else is a bug, and fails this attempt only
        stopped = context.cancellation.problem
        if stopped is not None:
            # An interrupted library call raises what it likes; the reason is ours.
            return _failed(stopped)
        trace = "".join(
            traceback.format_exception(error)
        )  # without the values of variables, which may be rows or secrets
        _log.error("an activity raised", run=chance.run.id, path=chance.path, attempt=chance.attempt, trace=trace)
        return _failed(Problem(Code.INTERNAL, f"{chance.activity.kind} broke down: {type(error).__name__}"))


def _failed(problem: Problem) -> Outcome:
    return Outcome(failure=Failure.of(problem))


def _no_dialect(chance: Try) -> Problem:
    name = chance.run.definition.dialect
    what = f"the dialect {name!r} is not known here" if name else "its plan has no dialect"
    return Problem(Code.UNSUPPORTED, f"expressions of {chance.path!r} cannot be evaluated: {what}")


def _do_nothing(task: Task, context: object) -> Outcome:  # noqa: ARG001 — the shape of every activity
    return Outcome()
