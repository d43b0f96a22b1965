"""Statuses in the words of the wire (4.6)."""

from collections.abc import Mapping
from typing import TypeVar

from headrace.api.datafactory.translate.filters import Comparison
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.trigger import TriggerRunStatus

S = TypeVar("S", RunStatus, ActivityStatus, TriggerRunStatus)

RUN_WORDS: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: "Queued",
    RunStatus.RUNNING: "InProgress",
    RunStatus.WAITING: "InProgress",
    RunStatus.CANCELLING: "Canceling",
    RunStatus.SUCCEEDED: "Succeeded",
    RunStatus.FAILED: "Failed",
    RunStatus.CANCELLED: "Cancelled",
}
"""What a pipeline run's status is called."""

ACTIVITY_WORDS: Mapping[ActivityStatus, str] = {
    ActivityStatus.PENDING: "Queued",
    ActivityStatus.QUEUED: "Queued",
    ActivityStatus.RUNNING: "InProgress",
    ActivityStatus.WAITING: "InProgress",
    ActivityStatus.SUCCEEDED: "Succeeded",
    ActivityStatus.FAILED: "Failed",
    ActivityStatus.TIMED_OUT: "TimedOut",
    ActivityStatus.CANCELLED: "Cancelled",
    ActivityStatus.SKIPPED: "Skipped",
    ActivityStatus.INACTIVE: "Inactive",
    ActivityStatus.CARRIED: "Skipped",
}
"""What an activity run's status is called; those that are not begun are not shown."""

TRIGGER_WORDS: Mapping[TriggerRunStatus, str] = {
    TriggerRunStatus.WAITING: "Waiting",
    TriggerRunStatus.BLOCKED: "WaitingOnDependency",
    TriggerRunStatus.RUNNING: "Inprogress",
    TriggerRunStatus.SUCCEEDED: "Succeeded",
    TriggerRunStatus.FAILED: "Failed",
    TriggerRunStatus.CANCELLED: "Cancelled",
}
"""What a trigger run's status is called."""


def statuses_of(words: Mapping[S, str], comparisons: tuple[Comparison, ...]) -> frozenset[S] | None:
    """Return the statuses that all ``comparisons`` let through; None: there are none, so all are."""
    if not comparisons:
        return None
    return frozenset(
        status
        for status, word in words.items()
        if all((word.lower() in one.texts) is not one.negated for one in comparisons)
    )
