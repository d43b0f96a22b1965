"""Activity runs as the wire has them (4.3)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.datafactory.translate.copy_output import running_output
from headrace.api.datafactory.translate.failures import error_code, failure_type
from headrace.api.datafactory.translate.run import milliseconds
from headrace.api.datafactory.translate.statuses import ACTIVITY_WORDS
from headrace.api.datafactory.wire import Item, date
from headrace.core.clock import Instant
from headrace.core.flow import Activity, Plan
from headrace.core.ids import derived_uuid
from headrace.core.run import ActivityRun, ActivityStatus, Run

_FAILED = frozenset({ActivityStatus.FAILED, ActivityStatus.TIMED_OUT})
_LOOPS = frozenset({"for_each", "until"})
_CONTROL = frozenset(
    {
        *("for_each", "until", "if", "switch", "filter", "pipeline_wait", "set_variable", "append_variable"),
        *("execute_pipeline", "fail", "validation", "web_hook"),
    }
)
"""Kinds that an integration runtime has no part in."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in a definition the activity at a path is.

    ``activity`` None: the definition does not have it. ``container`` is the path of what it is in (``""``: nothing), ``loop`` that of the innermost
    loop around it, ``index`` the iteration there.
    """

    activity: Activity | None
    name: str
    container: str = ""
    loop: str = ""
    index: int | None = None


def spot_of(definition: Plan, path: str) -> Spot:
    """Return where the activity at ``path`` of a run of ``definition`` is."""
    spot = Spot(None, path)
    plan: Plan | None = definition
    rest, done = path, ""
    while True:
        name, _, rest = rest.partition("/")
        activity = None if plan is None else _named(plan, name)
        spot = Spot(activity, name, spot.container, spot.loop, spot.index)
        done = f"{done}/{name}" if done else name
        if not rest:
            return spot
        body, rest, plan = _into(activity, rest)
        in_loop = body.isdecimal() and (activity is None or activity.kind in _LOOPS)
        spot = Spot(activity, name, done, done if in_loop else spot.loop, int(body) if in_loop else spot.index)
        done = f"{done}/{body}"


def activity_run_id(run_id: str, path: str, attempt: int) -> str:
    """Return the ``activityRunId`` of an attempt."""
    return derived_uuid(run_id, path, str(attempt))


def activity_object(row: ActivityRun, run: Run, factory_path: str) -> Item:
    """Return an attempt at an activity of ``run`` as clients see it."""
    spot = spot_of(run.definition, row.path)
    settings: Mapping[str, Any] = {} if spot.activity is None else spot.activity.settings
    details: Mapping[str, Any] = row.details
    begin, end = _times(row)
    own_id = activity_run_id(row.run_id, row.path, row.attempt)
    return {
        "id": f"{factory_path.upper()}/pipelineruns/{run.id}/activityruns/{own_id}",
        "activityRunId": own_id,
        "activityName": spot.name,
        "activityType": settings.get("type") or row.kind,
        "pipelineName": run.details.get("pipeline", run.flow_name),
        "pipelineRunId": run.id,
        "linkedServiceName": _reference_name(settings.get("linkedServiceName")),
        "status": ACTIVITY_WORDS[row.status],
        "activityRunStart": date(begin),
        "activityRunEnd": None if end is None else date(end),
        "durationInMs": None if end is None else milliseconds(begin, end),
        "input": {} if details.get("secureInput") else details.get("input") or {},
        "output": {} if details.get("secureOutput") else running_output(row) or row.output,
        "error": _error(row, spot.name),
        "retryAttempt": row.attempt - 1,
        "iterationHash": _iteration_hash(spot),
        "iterationIndex": spot.index,
        "recoveryStatus": "Skipped" if row.status is ActivityStatus.CARRIED else "None",
        "userProperties": details.get("userProperties") or {},
        **_integration_runtime(row.kind),
        "parentActivityRunId": activity_run_id(row.run_id, spot.container, 1) if spot.container else None,
        "carriedOverFrom": _origin(row),
    }


def _named(plan: Plan, name: str) -> Activity | None:
    return next((activity for activity in plan.activities if activity.name == name), None)


def _into(activity: Activity | None, rest: str) -> tuple[str, str, Plan | None]:
    """Return the body that ``rest`` begins with, what follows, and the body's plan. The values of cases may have slashes."""
    bodies = {} if activity is None else activity.bodies
    if activity is not None and activity.kind not in _LOOPS:
        for name in sorted(bodies, key=len, reverse=True):
            if rest == name or rest.startswith(f"{name}/"):
                return name, rest[len(name) + 1 :], bodies[name]
    body, _, further = rest.partition("/")
    # The one body of a loop is run under a number each time.
    return body, further, next(iter(bodies.values()), None)


def _times(row: ActivityRun) -> tuple[Instant, Instant | None]:
    """Return when the attempt began and ended; what never did anything began and ended when that was decided."""
    begin = row.started_at or row.ended_at or row.updated_at or row.created_at or Instant(0)
    if row.status in {ActivityStatus.SKIPPED, ActivityStatus.INACTIVE, ActivityStatus.CARRIED}:
        moment = row.ended_at or begin
        return moment, moment
    return begin, row.ended_at


def _error(row: ActivityRun, name: str) -> Item:
    failure = row.failure if row.status in _FAILED else None
    if failure is None:
        return {"errorCode": "", "message": "", "failureType": "", "target": name, "details": ""}
    return {
        "errorCode": error_code(failure),
        "message": failure.message,
        "failureType": failure_type(failure),
        "target": name,
        "details": "",
    }


def _iteration_hash(spot: Spot) -> str:
    if spot.index is None:
        return ""
    return hashlib.md5(f"{spot.loop}/{spot.index}".encode(), usedforsecurity=False).hexdigest()


def _integration_runtime(kind: str) -> Item:
    if kind in _CONTROL:
        return {"integrationRuntimeNames": [], "executionDetails": {}}
    runtime = {"name": "DefaultIntegrationRuntime", "type": "Managed", "location": "Local"}
    return {
        "integrationRuntimeNames": ["defaultintegrationruntime"],
        "executionDetails": {"integrationRuntime": [runtime]},
    }


def _reference_name(reference: object) -> str:
    name = reference.get("referenceName") if isinstance(reference, Mapping) else None
    return name if isinstance(name, str) else ""


def _origin(row: ActivityRun) -> str | None:
    carried: Any = row.details.get("carried")
    if row.status is not ActivityStatus.CARRIED:
        return None
    if isinstance(carried, Mapping):
        return activity_run_id(str(carried["run_id"]), str(carried["path"]), int(carried["attempt"]))
    return None if row.carried_from is None else activity_run_id(row.carried_from, row.path, 1)
