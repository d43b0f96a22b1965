"""What answering operations needs of an installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.explore import Explorer
from headrace.core.ids import Ids
from headrace.core.planning import PlanMode, RunPlan
from headrace.core.run import Run
from headrace.dataplane.storage import Roots
from headrace.service.jobs.desk import JobDesk
from headrace.service.outcomes import OutcomeLost
from headrace.service.quarantine import ReplayDesk
from headrace.service.schedules import Maker
from headrace.service.sealing import Sealer
from headrace.service.webhooks import WebhookDesk
from headrace.store.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineWish:
    """A run of a pipeline that is asked for, or the recovery of ``recovers``. ``parameters`` None: those of the run that is recovered."""

    scope: str
    pipeline: str
    who: str
    parameters: Mapping[str, Json] | None = None
    recovers: Run | None = None
    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str | None = None


@dataclass(frozen=True, slots=True)
class Pipelines:
    """What only the Data Factory door can do: make a run of what a pipeline's definition says now, or say what a recovery would do."""

    run: Callable[[PipelineWish], Run]
    plan: Callable[[PipelineWish], RunPlan]


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeDesk:
    """What the functions of this package need.

    ``makers``: how a flow of a door is run now, by the first segment of its scope (as for schedules). ``public_url``: where clients reach this
    server, if that is known. ``explore``: looks into sources.
    """

    database: Database
    clock: Clock
    ids: Ids
    sealer: Sealer
    roots: Roots
    outcome_lost: OutcomeLost
    jobs: JobDesk
    replays: ReplayDesk
    webhooks: WebhookDesk
    pipelines: Pipelines
    explore: Explorer
    version: str
    makers: Mapping[str, Maker] = field(default_factory=dict)
    public_url: str | None = None
