"""What an expression of a pipeline sees: system variables (contract 12), variables, and activities that have ended (11.7)."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from headrace.activities.datafactory.words import error_code, failure_type
from headrace.core.clock import Clock, Instant, to_datetime
from headrace.core.codec import Json
from headrace.core.dialect import Surroundings
from headrace.core.ids import derived_uuid
from headrace.core.run import ActivityRun, ActivityStatus, Run
from headrace.language.datafactory.state import Object, named
from headrace.service.sealing import Sealer
from headrace.service.secret_values import open_value

_STATUSES: Mapping[ActivityStatus, str] = MappingProxyType(
    {
        ActivityStatus.SUCCEEDED: "Succeeded",
        ActivityStatus.CARRIED: "Succeeded",
        ActivityStatus.FAILED: "Failed",
        ActivityStatus.TIMED_OUT: "TimedOut",
        ActivityStatus.CANCELLED: "Cancelled",
        ActivityStatus.SKIPPED: "Skipped",
        ActivityStatus.INACTIVE: "Inactive",
    }
)
_WITHOUT_OUTPUT = frozenset({ActivityStatus.SKIPPED, ActivityStatus.INACTIVE})
_CHANCE = random.SystemRandom()


@dataclass(frozen=True, slots=True)
class RunState:
    """The ``State`` of one evaluation within a run."""

    surroundings: Surroundings
    clock: Clock
    sealer: Sealer

    def pipeline(self) -> Object:
        """Return the system values, with ``parameters`` and ``globalParameters`` as objects among them."""
        return system_values(self.surroundings.run, self.sealer)

    def variable(self, name: str) -> Json:
        """Return a variable's value: the one that was set, or else its default.

        Raises:
            LookupError: it is not declared.
        """
        declared = declared_variable(self.surroundings.run, name)
        try:
            return self.surroundings.variable(name)
        except LookupError:
            return initial_value(declared)

    def activity(self, name: str) -> Object:
        """Return what is known of an activity that has ended.

        Raises:
            LookupError: there is none in scope.
        """
        return ended_activity(self.surroundings.ended(name))

    def item(self) -> Json:
        """Return the item of the innermost loop.

        Raises:
            LookupError: there is no loop around.
        """
        return self.surroundings.item()

    def dataset(self) -> Object | None:
        """Return None: a pipeline is no dataset."""
        return None

    def linked_service(self) -> Object | None:
        """Return None: a pipeline is no linked service."""
        return None

    def trigger(self) -> Object | None:
        """Return None: in a pipeline, values of a trigger travel through parameters."""
        return None

    def trigger_body(self) -> Object | None:
        """Return None, as ``trigger``."""
        return None

    def now(self) -> Instant:
        """Return the present instant."""
        return self.clock.now()

    def random(self) -> random.Random:
        """Return the machine's randomness."""
        return _CHANCE


def system_values(run: Run, sealer: Sealer) -> Object:
    """Return what ``pipeline()`` gives in ``run``, in the order in which messages list it; SecureStrings are opened.

    Raises:
        Problem: ``UNAVAILABLE``: the key that sealed them is not here.
    """
    details = run.details
    trigger, invoked_by = _object(details.get("trigger")), _object(details.get("invokedBy"))
    values: dict[str, Json] = {
        "DataFactory": details.get("factory", ""),
        "Pipeline": details.get("pipeline", run.flow_name),
        "RunId": run.id,
        "GroupId": run.group_id,
        "TriggerType": trigger.get("type", "Manual"),
        "TriggerId": trigger.get("id"),
        "TriggerName": trigger.get("name", "Manual"),
        "TriggerTime": _time(trigger.get("time"), run.created_at),
    }
    if invoked_by.get("pipelineRunId"):
        values["TriggeredByPipelineName"] = invoked_by.get("pipelineName")
        values["TriggeredByPipelineRunId"] = invoked_by["pipelineRunId"]
    values["parameters"] = {name: open_value(sealer, run.scope, value) for name, value in run.parameters.items()}
    values["globalParameters"] = dict(_object(details.get("globalParameters")))
    return values


def ended_activity(row: ActivityRun) -> Object:
    """Return what ``activity('…')`` gives for an attempt that has ended."""
    started, ended = row.started_at or row.ended_at or row.created_at, row.ended_at or row.updated_at
    begin, end = started or Instant(0), ended or started or Instant(0)
    return {
        "output": None if row.status in _WITHOUT_OUTPUT else dict(row.output),
        "error": _error(row),
        "Status": _STATUSES.get(row.status, "InProgress"),
        "Duration": duration(max(0, end - begin)),
        "ActivityRunId": activity_run_id(row.run_id, row.path, row.attempt),
        "ActivityRunStart": instant_text(begin),
        "ActivityRunEnd": instant_text(end),
    }


def declared_variable(run: Run, name: str) -> Object:
    """Return the declaration of a variable, ``{"name", "type", "default"}``.

    Raises:
        LookupError: the pipeline declares none of that name.
    """
    variables = _object(run.details.get("variables"))
    declared = _object(named(name, variables))
    return {**declared, "name": next(each for each in variables if each.upper() == name.upper())}


def initial_value(declared: Object) -> Json:
    """Return the value that a variable has before anything sets it; an array without a default is empty."""
    default = declared.get("default")
    if default is None and str(declared.get("type", "")).lower() == "array":
        return []
    return default


def activity_run_id(run_id: str, path: str, attempt: int) -> str:
    """Return the ``activityRunId`` of an attempt."""
    return derived_uuid(run_id, path, str(attempt))


def instant_text(instant: Instant) -> str:
    """Return ``instant`` as ISO 8601 in UTC with seven digits and ``Z``."""
    return to_datetime(instant).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def duration(microseconds: int) -> str:
    """Return a span of time as ``[d.]hh:mm:ss.fffffff``."""
    seconds, rest = divmod(microseconds, 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    text = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:06d}0"
    return f"{days}.{text}" if days else text


def _error(row: ActivityRun) -> Json:
    failure = row.failure
    if failure is None or row.status not in {ActivityStatus.FAILED, ActivityStatus.TIMED_OUT}:
        return None
    return {
        "errorCode": error_code(failure),
        "message": failure.message,
        "failureType": failure_type(failure),
        "target": row.path.rpartition("/")[2],
        "details": "",
    }


def _time(given: Json, created_at: Instant) -> Json:
    if isinstance(given, int):
        return instant_text(Instant(given))
    return given if isinstance(given, str) else instant_text(created_at)


def _object(value: Json) -> Object:
    return value if isinstance(value, Mapping) else {}
