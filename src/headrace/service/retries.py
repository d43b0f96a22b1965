"""Retries: a new run in the group of a run that has ended, which does what is left to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.core.clock import DAY, Clock
from headrace.core.codec import Json
from headrace.core.flow import Plan
from headrace.core.ids import Ids
from headrace.core.planning import PlanMode, RunPlan
from headrace.core.run import ActivityRun, Run
from headrace.core.window import Window
from headrace.store.database import Database

OutcomeLost = Callable[[ActivityRun], str]
"""Says why the outcome of a succeeded activity run can no longer be reused (its landing was cleaned up), or ``""`` if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRequest:
    """How a run is retried.

    ``mode`` and ``activity`` are the planner's. ``definition`` overrules the flow's present plan, ``parameters`` and ``window`` those of the run that is
    retried. ``request_key`` as for ``RunRequest``.
    """

    created_by: str
    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str | None = None
    definition: Plan | None = None
    parameters: Mapping[str, Json] | None = None
    window: Window | None = None
    priority: int = 100
    request_key: str | None = None
    request_key_lifetime: int = 7 * DAY
    details: Mapping[str, Json] | None = None
    """None: those of the run that is retried."""


def preview_retry(
    database: Database, scope: str | None, run_id: str, request: RetryRequest, lost: OutcomeLost
) -> RunPlan:
    """Return what ``retry_run`` would do now, activity by activity with the reason; nothing is changed.

    Raises:
        Problem: as ``retry_run``.
    """
    ...


def retry_run(
    database: Database,
    scope: str | None,
    run_id: str,
    request: RetryRequest,
    lost: OutcomeLost,
    *,
    clock: Clock,
    ids: Ids,
) -> Run:
    """Return the new run that repairs the run ``run_id``: queued, in the same group, one attempt further.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: the run has not ended, or another retry of its group has not (the message names it);
            ``INVALID``: no such activity.
    """
    ...
