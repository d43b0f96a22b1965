"""Kinds that the engine does by itself: ``wait``, a durable timer, and ``external``, which somebody outside completes."""

from collections.abc import Mapping

from headrace.core import codec
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity
from headrace.core.outcome import Failure, Outcome
from headrace.core.run import ActivityStatus
from headrace.core.settings import ExternalSettings, WaitSettings
from headrace.engine.ledger import Ledger
from headrace.engine.records import Ended, Try

WAIT = "wait"
EXTERNAL = "external"


def is_timer(activity: Activity) -> bool:
    """Say whether the activity is a durable timer."""
    return activity.kind == WAIT


def is_external(activity: Activity) -> bool:
    """Say whether somebody outside completes the activity."""
    return activity.kind == EXTERNAL


def deadline_of(activity: Activity) -> float:
    """Return the seconds within which an external activity has to be completed; 0 when its settings cannot be read (it fails then)."""
    try:
        return _seconds(activity)
    except Problem:
        return 0.0


class Waits:
    """The steps of activities that only wait. Each can be done twice."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def begin(self, chance: Try) -> Instant | None:
        """Let the activity wait, and return until when; None: it has ended, or cannot wait at all."""
        try:
            seconds = _seconds(chance.activity)
        except Problem:
            return None
        begun = self._ledger.begin_waiting(chance, seconds)
        return None if isinstance(begun, Ended) else begun

    def end(self, chance: Try) -> Ended:
        """Return how the timer ended."""
        broken = _broken(chance.activity)
        if broken is not None:
            return self._fail(chance, broken)
        if self._ledger.is_stopping(chance.run.id):
            return self._cancel(chance)
        return self._ledger.end_waiting(chance, ActivityStatus.SUCCEEDED, Outcome())

    def complete(self, chance: Try, message: Json) -> Ended:
        """Return how the external activity ended; ``message`` None: nobody completed it."""
        broken = _broken(chance.activity)
        if broken is not None:
            return self._fail(chance, broken)
        if message is not None:
            result = _heard(message)
            status = ActivityStatus.SUCCEEDED if result.failure is None else ActivityStatus.FAILED
            return self._ledger.end_waiting(chance, status, result)
        if self._ledger.is_stopping(chance.run.id):
            return self._cancel(chance)
        seconds = _seconds(chance.activity)
        late = Failure(Code.TIMED_OUT, f"nobody completed it within {seconds:g} s")
        return self._ledger.end_waiting(chance, ActivityStatus.TIMED_OUT, Outcome(failure=late))

    def _cancel(self, chance: Try) -> Ended:
        result = Outcome(failure=Failure(Code.CANCELLED, "the run was cancelled"))
        return self._ledger.end_waiting(chance, ActivityStatus.CANCELLED, result)

    def _fail(self, chance: Try, problem: Problem) -> Ended:
        return self._ledger.refuse(chance, Outcome(failure=Failure.of(problem)))


def _seconds(activity: Activity) -> float:
    what = f"the settings of {activity.name!r}"
    if is_timer(activity):
        return codec.decode(WaitSettings, activity.settings, what=what).seconds
    return codec.decode(ExternalSettings, activity.settings, what=what).deadline_seconds


def _broken(activity: Activity) -> Problem | None:
    try:
        _seconds(activity)
    except Problem as problem:
        return problem
    return None


def _heard(message: Json) -> Outcome:
    """Return what the outside party reported (``core.messages``)."""
    if not isinstance(message, Mapping):
        return Outcome(failure=Failure(Code.EXTERNAL_FAILED, "the completion was no object"))
    failure = message.get("failure")
    if failure is not None:
        try:
            return Outcome(failure=codec.decode(Failure, failure, what="the reported failure"))
        except Problem:
            return Outcome(
                failure=Failure(Code.EXTERNAL_FAILED, "the outside party reported a failure of unknown form")
            )
    output = message.get("output")
    return Outcome(output=output if isinstance(output, Mapping) else {})
