"""Kinds that only wait: ``wait``, a durable timer, and ``external``, which somebody outside completes. They hold no thread meanwhile."""

from collections.abc import Mapping

from headrace.core import codec
from headrace.core.clock import SECOND, Clock
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure, Outcome, Pause
from headrace.core.settings import ExternalSettings, WaitSettings
from headrace.core.task import ActivityFunction, DynamicContext, Task

WAIT = "wait"
EXTERNAL = "external"
ONLY_WAIT = frozenset({WAIT, EXTERNAL})
"""Kinds that do no work when their waiting is over: a run needs no place among those that work for them."""


def waits(clock: Clock) -> Mapping[str, ActivityFunction]:
    """Return what does these kinds, by kind. Both count their time from the attempt's start, whoever goes on with it."""

    def wait(task: Task, context: DynamicContext) -> Outcome | Pause:
        del context
        seconds = codec.decode(WaitSettings, task.settings, what=_settings_of(task)).seconds
        return Outcome() if task.resumed is not None else Pause(_left(task, seconds, clock))

    def external(task: Task, context: DynamicContext) -> Outcome | Pause:
        del context
        seconds = codec.decode(ExternalSettings, task.settings, what=_settings_of(task)).deadline_seconds
        if task.resumed is None:
            return Pause(_left(task, seconds, clock), hears=True)
        if task.resumed.signal is not None:
            return _heard(task.resumed.signal)
        return Outcome(failure=Failure(Code.TIMED_OUT, f"nobody completed it within {seconds:g} s"))

    return {WAIT: wait, EXTERNAL: external}


def _settings_of(task: Task) -> str:
    return f"the settings of {task.path!r}"


def _left(task: Task, seconds: float, clock: Clock) -> float:
    now = clock.now()
    return max(seconds - (now - (task.started_at or now)) / SECOND, 0.0)


def _heard(message: Mapping[str, Json]) -> Outcome:
    """Return what the outside party reported (``core.messages``)."""
    failure = message.get("failure")
    if failure is not None:
        try:
            return Outcome(failure=codec.decode(Failure, failure, what="the reported failure"))
        except Problem:
            unknown = "the outside party reported a failure of unknown form"
            return Outcome(failure=Failure(Code.EXTERNAL_FAILED, unknown))
    output = message.get("output")
    return Outcome(output=output if isinstance(output, Mapping) else {})
