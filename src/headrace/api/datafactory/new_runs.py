"""What a run of a pipeline is made of, whoever asks for it: a request, or an activity of another run."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.api.datafactory.compiled import Pipeline
from headrace.api.datafactory.errors import Refusal, bad_request
from headrace.api.datafactory.parameters import Parameters
from headrace.api.datafactory.wire import Item
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.run import Caller, Run, RunKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """By whom a run was brought about: ``invokedBy`` as it is shown, what ``pipeline().Trigger…`` gives, who is written down, and who waits."""

    invoked_by: Item
    trigger: Item
    who: str
    caller: Caller | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a run was asked for with about an earlier run; None: nothing was said."""

    run_id: str | None = None
    is_recovery: bool | None = None
    start_activity: str | None = None
    from_failure: bool | None = None

    def shown(self) -> Item:
        """Return it in the words of the wire."""
        return {
            "referencePipelineRunId": self.run_id,
            "isRecovery": self.is_recovery,
            "startActivityName": self.start_activity,
            "startFromFailure": self.from_failure,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDraft:
    """A run that is asked for. ``depth``: how many runs, made by one another, it stands below; ``root``: the id of the first of them."""

    run_id: str
    pipeline: Pipeline
    parameters: Parameters
    global_parameters: Mapping[str, Json]
    factory: str
    origin: Origin
    reference: Reference = field(default_factory=Reference)
    request: str = ""
    depth: int = 0
    root: str = ""


def check_definition(pipeline: Pipeline, run_id: str) -> None:
    """Check that the pipeline's expressions can be read and name what is there (4.1, 4).

    Raises:
        Refusal: 400.
    """
    if pipeline.fault:
        raise invalid_template(pipeline.fault, pipeline, run_id)


def invalid_template(text: str, pipeline: Pipeline, run_id: str) -> Refusal:
    """Return 400 for a definition that no run can be made of."""
    return bad_request(f"ErrorCode=InvalidTemplate, ErrorMessage={text}", f"{pipeline.target}/runid/{run_id}")


def run_of(draft: RunDraft, now: Instant) -> Run:
    """Return the run that a draft asks for: a first run, which nothing is carried over to."""
    pipeline = draft.pipeline
    return Run(
        id=draft.run_id,
        scope=pipeline.scope,
        flow_id=pipeline.flow_id,
        flow_name=pipeline.name,
        kind=RunKind.ON_DEMAND,
        group_id=draft.run_id,
        definition=pipeline.plan,
        created_at=now,
        parameters=draft.parameters.values,
        created_by=draft.origin.who,
        details=details_of(draft),
        updated_at=now,
        caller=draft.origin.caller,
        exclusive=False,
    )


def details_of(draft: RunDraft) -> Item:
    """Return the door's facts about a run; ``activities/datafactory`` and ``translate/run.py`` read them."""
    properties = draft.pipeline.properties
    annotations, dimensions = properties.get("annotations"), properties.get("runDimensions")
    return {
        "pipeline": draft.pipeline.name,
        "factory": draft.factory,
        "invokedBy": draft.origin.invoked_by,
        "trigger": draft.origin.trigger,
        "globalParameters": draft.global_parameters,
        "parameterTypes": draft.parameters.types,
        "variables": _variables(properties.get("variables")),
        "annotations": annotations if isinstance(annotations, list) else [],
        "runDimensions": dimensions if isinstance(dimensions, dict) else {},
        "reference": draft.reference.shown(),
        "recovers": draft.reference.run_id if draft.reference.is_recovery else None,
        "request": draft.request,
        "depth": draft.depth,
        "root": draft.root,
    }


def _variables(written: object) -> Item:
    if not isinstance(written, dict):
        return {}
    return {name: _variable(entry if isinstance(entry, dict) else {}) for name, entry in written.items()}


def _variable(entry: Item) -> Item:
    kind = entry.get("type") if isinstance(entry.get("type"), str) else "String"
    return {"type": kind, "default": entry.get("defaultValue", [] if str(kind).lower() == "array" else None)}
