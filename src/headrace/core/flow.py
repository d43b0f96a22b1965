"""Flows: what is to be run. A flow has a plan; a plan has activities with their dependencies."""

import graphlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from headrace.core.codec import Json, encode
from headrace.core.errors import Code, FieldError, Problem


class Condition(StrEnum):
    """Which end of an upstream activity lets a downstream one start."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Dependency:
    """``activity`` must have ended in one of ``conditions``."""

    activity: str
    conditions: frozenset[Condition] = frozenset({Condition.SUCCEEDED})


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long an activity is tried.

    ``retries`` further attempts after the first, ``interval_seconds`` before the first retry, times ``backoff`` for each
    further one, at most ``max_interval_seconds``. ``timeout_seconds`` bounds one attempt; None: no bound.
    """

    retries: int = 0
    interval_seconds: float = 30.0
    backoff: float = 1.0
    max_interval_seconds: float = 3600.0
    timeout_seconds: float | None = None

    def pause_before(self, attempt: int) -> float:
        """Return the seconds to wait before ``attempt`` (2 is the first retry)."""
        return min(self.interval_seconds * self.backoff ** (attempt - 2), self.max_interval_seconds)


class Alike(StrEnum):
    """What makes an activity of today's definition the one that an earlier run did."""

    SETTINGS = "settings"
    """The same kind and the same settings."""
    KIND = "kind"
    """The same kind; what its settings are now does not matter."""


class OnRecovery(StrEnum):
    """What a retry does with an activity that an earlier run of the group did, and upstream of which nothing is done again."""

    CARRY = "carry"
    """Nothing: its outcome is reused."""
    REPEAT = "repeat"
    """It is done again since it is cheap and leaves nothing behind (a wait, a filter); what depends on it is carried over all the same."""
    REBUILD = "rebuild"
    """As ``REPEAT``, and even within what is carried over as a whole: it makes what is not kept between runs (variables)."""
    ENTER = "enter"
    """It is looked into: a container (or a run of another flow) in which the same is asked of each activity."""


@dataclass(frozen=True)
class Activity:
    """One node of a plan. ``settings`` are what its kind reads.

    A *container* has ``bodies``: plans by name (``each``, ``true``, ``case:x``), of which it runs some, any number of times. ``inactive_as``: the
    end that an activity that is switched off has for what depends on it (``completed`` is none). ``alike``: what of it must be the same
    for two activities of one name to do the same thing. ``dynamic_policy``: a policy with expressions in it, as its dialect reads them; it
    overrules ``policy``. Without slots, as ``Plan`` is: its fingerprint is found once.
    """

    name: str
    kind: str
    settings: Mapping[str, Json] = field(default_factory=dict)
    depends_on: tuple[Dependency, ...] = ()
    policy: Policy = Policy()
    inactive: bool = False
    inactive_as: Condition = Condition.SUCCEEDED
    bodies: Mapping[str, "Plan"] = field(default_factory=dict)
    on_recovery: OnRecovery = OnRecovery.CARRY
    alike: Alike = Alike.SETTINGS
    dynamic_policy: Mapping[str, Json] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        """Return a digest of kind and settings (or of the kind alone): two activities with the same one do the same thing."""
        same = [self.kind] if self.alike is Alike.KIND else [self.kind, encode(self.settings)]
        text = json.dumps(same, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Plan:
    """Activities and their dependencies: a graph without circles, names unique.

    ``dialect`` names the ``core.dialect.Dialect`` in which settings hold expressions (empty: they hold none); it counts for the bodies too.
    Without slots: its names and its order are found once, and asked for by each of the many runs of a body.
    """

    activities: tuple[Activity, ...]
    dialect: str = ""

    def __post_init__(self) -> None:
        errors = [*_duplicates(self.activities), *_dangling(self.activities)]
        if not errors:
            errors = _circles(self.activities)
        if errors:
            raise Problem.of_fields(Code.INVALID, "the plan", tuple(errors))

    @cached_property
    def by_name(self) -> Mapping[str, Activity]:
        """Return the activities by their names."""
        return MappingProxyType({activity.name: activity for activity in self.activities})

    def in_order(self) -> tuple[Activity, ...]:
        """Return the activities, each after all that it depends on, else in the plan's own order."""
        return self._ordered

    @cached_property
    def _ordered(self) -> tuple[Activity, ...]:
        graph = {a.name: [d.activity for d in a.depends_on] for a in self.activities}
        position = {a.name: number for number, a in enumerate(self.activities)}
        sorter = graphlib.TopologicalSorter(graph)
        sorter.prepare()
        ordered: list[str] = []
        while sorter.is_active():
            ready = sorted(sorter.get_ready(), key=position.__getitem__)
            ordered.extend(ready)
            sorter.done(*ready)
        return tuple(self.by_name[name] for name in ordered)


@dataclass(frozen=True, slots=True)
class Flow:
    """What is to be run. ``revision`` grows with each change; ``concurrency`` bounds its runs that go on at once (None: no bound).

    ``parameters`` are the declared ones with their defaults; null means that a run has to give the parameter. A flow that is not ``enabled``
    takes no new runs; what it has queued goes on.
    """

    id: str
    scope: str
    name: str
    plan: Plan
    parameters: Mapping[str, Json] = field(default_factory=dict)
    concurrency: int | None = None
    revision: int = 1
    labels: Mapping[str, Json] = field(default_factory=dict)
    """The door's own facts about the flow (a flow file's path, ids of connections): nothing in the engine reads them."""
    enabled: bool = True


def _duplicates(activities: tuple[Activity, ...]) -> list[FieldError]:
    first: dict[str, int] = {}
    return [
        FieldError(
            f"activities[{number}].name", f"activity {activity.name!r} occurs twice", "names are unique in a plan"
        )
        for number, activity in enumerate(activities)
        if first.setdefault(activity.name, number) != number
    ]


def _dangling(activities: tuple[Activity, ...]) -> list[FieldError]:
    names = {activity.name for activity in activities}
    return [
        FieldError(f"activities[{number}].depends_on", f"{dependency.activity!r} is no activity of this plan")
        for number, activity in enumerate(activities)
        for dependency in activity.depends_on
        if dependency.activity not in names
    ]


def _circles(activities: tuple[Activity, ...]) -> list[FieldError]:
    graph = {a.name: [d.activity for d in a.depends_on] for a in activities}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [FieldError("activities", "depend on each other in a circle: " + " → ".join(error.args[1]))]
    return []
