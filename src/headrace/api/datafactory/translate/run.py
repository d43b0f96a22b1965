"""Pipeline runs as the wire has them (4.2)."""

import json
from collections.abc import Mapping
from typing import Any

from headrace.api.datafactory.parameters import SECURE
from headrace.api.datafactory.translate.statuses import RUN_WORDS
from headrace.api.datafactory.wire import Item, date
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.run import Run, RunStatus
from headrace.service.secret_values import is_sealed

MASK = "**********"
"""Stands where a secret is."""


def run_object(run: Run, factory_path: str, *, is_latest: bool, returned: Json = None) -> Item:
    """Return the run as clients see it. ``returned`` is what its pipeline has returned."""
    details: Mapping[str, Any] = run.details
    dimensions = details.get("runDimensions") or {}
    return {
        "id": f"{factory_path.upper()}/pipelineruns/{run.id}",
        "runId": run.id,
        "debugRunId": None,
        "runGroupId": run.group_id,
        "pipelineName": details.get("pipeline", run.flow_name),
        "parameters": _parameters(run),
        "invokedBy": details.get("invokedBy") or {},
        "runStart": date(run.created_at),
        "runEnd": None if run.ended_at is None else date(run.ended_at),
        "durationInMs": None if run.ended_at is None else milliseconds(run.created_at, run.ended_at),
        "status": RUN_WORDS[run.status],
        "message": _message(run),
        "lastUpdated": date(run.updated_at or run.created_at),
        "annotations": details.get("annotations") or [],
        "runDimension": dimensions,
        "runDimensions": dimensions,
        "isLatest": is_latest,
        **_reference(details),
        "pipelineReturnValue": returned,
    }


def milliseconds(start: Instant, end: Instant) -> int:
    """Return the ms from ``start`` to ``end``; 0 if the clock was set back meanwhile."""
    return max(0, end - start) // 1000


def _parameters(run: Run) -> dict[str, str]:
    types: Any = run.details.get("parameterTypes") or {}
    return {
        name: _shown(value, secret=is_sealed(value) or str(types.get(name, "")).lower() == SECURE)
        for name, value in run.parameters.items()
    }


def _shown(value: Json, *, secret: bool) -> str:
    if secret:
        return MASK
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _message(run: Run) -> str | None:
    if run.status is RunStatus.QUEUED:
        return None
    if run.status is RunStatus.FAILED and run.reason is not None:
        return run.reason.message
    return ""


def _reference(details: Mapping[str, Any]) -> Item:
    given = details.get("reference") or {}
    names = ("referencePipelineRunId", "isRecovery", "startActivityName", "startFromFailure")
    return {name: given.get(name) for name in names}
