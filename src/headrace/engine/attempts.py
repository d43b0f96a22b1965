"""Attempts at activities: claimed, done in this thread, and written down."""

import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import structlog

from headrace.core.clock import SECOND, Clock
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure, Figures, Outcome
from headrace.core.run import ActivityStatus
from headrace.core.task import ActivityFunction, Cancellation, Task
from headrace.engine.hands import Halted, Hands
from headrace.engine.ledger import Ledger
from headrace.engine.lines import Done, Line
from headrace.engine.records import Claimed, Ended, Try, planned_of

Ends: TypeAlias = Sequence[tuple[str, Ended]]
Abandon: TypeAlias = Callable[[Callable[[], Done]], None]
"""Told that an activity does not stop; given what writes that down."""

_log = structlog.get_logger(__name__)

_STATUS_OF = {Code.TIMED_OUT: ActivityStatus.TIMED_OUT, Code.CANCELLED: ActivityStatus.CANCELLED}
_NOTHING = "noop"


class Attempts:
    """Does attempts at activities of every kind that a function does."""

    def __init__(
        self,
        ledger: Ledger,
        hands: Hands,
        clock: Clock,
        activities: Mapping[str, ActivityFunction],
        takeovers: int,
    ) -> None:
        self._ledger = ledger
        self._hands = hands
        self._clock = clock
        self._activities = {_NOTHING: _do_nothing, **activities}
        self._takeovers = takeovers

    def perform(self, line: Line, abandon: Abandon) -> Done:
        """Return how the attempts of the line ended, up to the first that did not succeed.

        It may be done any number of times, and has the effect of once.

        ``abandon`` is called from another thread when an activity does not stop although it was told to, with what then gives it up.
        """
        ends: list[tuple[str, Ended]] = []
        following: Claimed | Ended | None = self._ledger.claim(line.tries[0])
        run_ended = False
        for number, chance in enumerate(line.tries):
            if following is None:
                break
            if isinstance(following, Ended):
                ends.append((chance.activity.name, following))
                break
            result = self._result(chance, following, abandon, tuple(ends))
            crash_point("activity-done")
            finished = self._ledger.finish(chance, following.epoch, _status_of(result), result, line.after(number))
            ends.append((chance.activity.name, finished.ended))
            following, run_ended = finished.following, finished.run_ended
        return Done(tuple(ends), run_ended)

    def _result(self, chance: Try, claimed: Claimed, abandon: Abandon, before: Ends) -> Outcome:
        if claimed.lost >= self._takeovers:
            message = f"its worker was lost {claimed.lost} times while it ran this; it is not tried again"
            return _failed(Problem(Code.WORKER_LOST, message))
        function = self._activities.get(chance.activity.kind)
        if function is None:
            kinds = ", ".join(sorted(self._activities))
            message = f"activities of kind {chance.activity.kind!r} are not known here; known are {kinds}"
            return _failed(Problem(Code.UNSUPPORTED, message))
        cancellation = Cancellation()
        context = _Context(cancellation, self._ledger, chance, claimed.epoch, self._clock)
        timeout = chance.activity.policy.timeout_seconds
        left = partial(abandon, partial(self._give_up, chance, claimed.epoch, before, cancellation))
        with self._hands.work(chance.run.id, chance.activity.name, cancellation, timeout, left):
            result = _call(function, self._task(chance, claimed), context)
        if result.failure is not None and result.failure.code is Code.FENCED:
            raise Halted(result.failure.message)
        return result

    def _give_up(self, chance: Try, epoch: int, before: Ends, cancellation: Cancellation) -> Done:
        """Write down that an activity did not stop in time; what it still does does not count."""
        problem = cancellation.problem or Problem(Code.CANCELLED, "the run was cancelled")
        if problem.code is Code.FENCED:
            raise Halted(problem.message)
        result = _failed(problem)
        finished = self._ledger.finish(chance, epoch, _status_of(result), result)
        return Done((*before, (chance.activity.name, finished.ended)))

    def _task(self, chance: Try, claimed: Claimed) -> Task:
        run, activity = chance.run, chance.activity
        planned = planned_of(chance)
        return Task(
            scope=run.scope,
            flow_id=run.flow_id,
            run_id=run.id,
            group_id=run.group_id,
            path=activity.name,
            attempt=chance.attempt,
            epoch=claimed.epoch,
            kind=activity.kind,
            settings=activity.settings,
            commit_key=planned.commit_key if planned is not None else "",
            parameters=run.parameters,
            window=run.window,
            inputs=claimed.inputs,
            previous=self._ledger.previous_output(chance, planned),
            policy=activity.policy,
        )


class _Context:
    """What an activity may ask of the engine."""

    def __init__(self, cancellation: Cancellation, ledger: Ledger, chance: Try, epoch: int, clock: Clock) -> None:
        self._cancellation = cancellation
        self._ledger = ledger
        self._chance = chance
        self._epoch = epoch
        self._clock = clock
        self._told_at: int | None = None

    @property
    def cancellation(self) -> Cancellation:
        """Return the request to stop."""
        return self._cancellation

    def progress(self, figures: Figures) -> None:
        """Write the figures so far, at most once a second."""
        now = self._clock.now()
        if self._told_at is not None and now - self._told_at < SECOND:
            return
        self._told_at = now
        try:
            self._ledger.progress(self._chance, self._epoch, figures)
        except Problem as problem:
            if problem.code is Code.FENCED:
                self._cancellation.stop(problem.code, problem.message)
            _log.info("progress could not be written", problem=problem.message)


def _call(function: ActivityFunction, task: Task, context: _Context) -> Outcome:
    try:
        return function(task, context)
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
        _log.error("an activity raised", run=task.run_id, path=task.path, attempt=task.attempt, trace=trace)
        return _failed(Problem(Code.INTERNAL, f"{task.kind} broke down: {type(error).__name__}"))


def _failed(problem: Problem) -> Outcome:
    return Outcome(failure=Failure.of(problem))


def _status_of(result: Outcome) -> ActivityStatus:
    if result.failure is None:
        return ActivityStatus.SUCCEEDED
    return _STATUS_OF.get(result.failure.code, ActivityStatus.FAILED)


def _do_nothing(task: Task, context: object) -> Outcome:  # noqa: ARG001 — the shape of every activity
    return Outcome()
