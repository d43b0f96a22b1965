"""What answering operations needs of an installation."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.explore import Explorer
from headrace.core.flow import Flow
from headrace.core.ids import Ids
from headrace.core.planning import PlanMode, RunPlan
from headrace.core.run import Run
from headrace.core.traffic import Traffic
from headrace.core.trigger import Trigger
from headrace.dataplane.storage import Roots
from headrace.service.jobs.desk import JobDesk
from headrace.service.outcomes import OutcomeLost
from headrace.service.quarantine import ReplayDesk
from headrace.service.schedules import Firing, Maker
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
    request_key: str | None = None


@dataclass(frozen=True, slots=True)
class Pipelines:
    """What only the Data Factory door can do: make a run of what a pipeline's definition says now, or say what a recovery would do."""

    run: Callable[[PipelineWish], Run]
    plan: Callable[[PipelineWish], RunPlan]


Remaker = Callable[[Run], Firing]
"""Returns what a retry of a run executes, as its door makes it of the flow's present definition, and the door's own facts that are others now.

Raises a ``Problem`` when nothing can be made of it (its mapping is gone).
"""
FlowSwitch = Callable[[Flow, bool, str], None]
"""Enables a flow of a door, or disables it, in the name of who is given, as the door itself does it. Raises a ``Problem`` when it cannot be."""
TriggerSwitch = Callable[[Trigger, bool, str], None]
"""Starts a trigger of a door, or stops it, in the name of who is given, as the door itself does it. Raises a ``Problem`` when it cannot be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeDesk:
    """What the functions of this package need.

    ``makers``: how a flow of a door is run now, by the first segment of its scope (as for schedules). ``public_url``: where clients reach this
    server, if that is known. ``explore``: looks into sources. ``flow_switches``, ``trigger_switches``: likewise by the first segment of scopes; what
    lies in others is switched in the ledger alone. ``dead_after_seconds``: how old a heartbeat may be.
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
    traffic: Traffic = field(default_factory=Traffic)
    """The requests that this process has answered."""
    remakers: Mapping[str, Remaker] = field(default_factory=dict)
    """How a run of a door is done again, by the first segment of its scope; runs of others by the plan that their flow has."""
    flow_switches: Mapping[str, FlowSwitch] = field(default_factory=dict)
    trigger_switches: Mapping[str, TriggerSwitch] = field(default_factory=dict)
    dead_after_seconds: float = 6.0
