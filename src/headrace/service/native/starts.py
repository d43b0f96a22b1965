"""What starts flows by itself, as people see it: schedules of flows, and triggers with the pipelines that they run."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from headrace.core.client import Identity, Role
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.flow import Flow
from headrace.core.native.flows import ScheduleLine
from headrace.core.trigger import Trigger, TriggerKind, TriggerRun, TriggerRunStatus
from headrace.service.native import start_words
from headrace.service.triggers.windows import tumbling_of
from headrace.store import documents, flow_pages, start_pages
from headrace.store.database import Transaction
from headrace.store.documents import DocumentQuery
from headrace.store.schedules import Scheduled
from headrace.store.start_pages import MadeRun, Start
from headrace.store.triggers import named

SCHEDULE = "schedule"
"""The kind of what is no trigger."""
STARTED, PAUSED = "started", "paused"
PAUSE, RESUME = "pause", "resume"
TRIGGER = "trigger"
"""The kind of the documents of triggers."""
MOST_TRIGGERS = 1000
"""Triggers of one factory that are looked at for those that start a pipeline."""


@dataclass(frozen=True, slots=True)
class Started:
    """One of them, with the names of the flows that it starts, and what it did last."""

    start: Start
    flows: tuple[str, ...]
    last_run: MadeRun | None = None
    last_firing: TriggerRun | None = None


def lines(tx: Transaction, found: Collection[Start], caller: Identity, now: Instant) -> list[ScheduleLine]:
    """Return what lists show of schedules and triggers."""
    return [_line(one, caller, now) for one in _known(tx, found)]


def of_flows(tx: Transaction, flows: Collection[Flow]) -> dict[str, list[Start]]:
    """Return what starts each of these flows, by the flow's id."""
    found: dict[str, list[Start]] = {flow.id: [] for flow in flows}
    for (_, flow_id), scheduled in start_pages.schedules_of(tx, {(flow.scope, flow.id) for flow in flows}).items():
        found[flow_id].append(Start(scheduled))
    pipelines = [flow for flow in flows if "pipeline" in flow.labels]
    for scope in {flow.scope for flow in pipelines}:
        of_names = _triggers_of(tx, scope)
        for flow in pipelines:
            if flow.scope == scope:
                found[flow.id] += of_names.get(flow.name.lower(), [])
    return found


def pipelines_in(body: Mapping[str, Json]) -> Iterator[str]:
    """Yield the names of the pipelines that a trigger's document runs."""
    properties = body.get("properties")
    given = properties if isinstance(properties, Mapping) else {}
    several = given.get("pipelines")
    entries = [*(several if isinstance(several, list | tuple) else ()), given.get("pipeline")]
    for entry in entries:
        reference = entry.get("pipelineReference") if isinstance(entry, Mapping) else None
        name = reference.get("referenceName") if isinstance(reference, Mapping) else None
        if isinstance(name, str):
            yield name


def next_at(start: Start, now: Instant) -> Instant | None:
    """Return when a flow is started next by ``start``; None: not by the clock, or it is paused."""
    of = start.of
    if isinstance(of, Scheduled) or of.kind is TriggerKind.SCHEDULE:
        return start_pages.next_at_of(start)
    if of.kind is not TriggerKind.TUMBLING or not of.is_started:
        return None
    # The clock looks at windows more often than they end.
    tumbling = tumbling_of(of)
    window = tumbling.window(max(0, tumbling.number_at(now - tumbling.delay)))
    return tumbling.due_at(window) if tumbling.is_there(window) else None


def is_started(start: Start) -> bool:
    """Say whether it is not paused."""
    return start.of.enabled if isinstance(start.of, Scheduled) else start.of.is_started


def words(start: Start, now: Instant) -> str:
    """Return when it starts flows, for people."""
    of = start.of
    return start_words.of_schedule(of.schedule) if isinstance(of, Scheduled) else start_words.of_trigger(of, now)


def _triggers_of(tx: Transaction, scope: str) -> dict[str, list[Start]]:
    """Return the triggers of a factory by the pipelines (in lower case) that they run."""
    page = documents.page(tx, DocumentQuery(scope=scope, kind=TRIGGER), MOST_TRIGGERS)
    by_trigger = {document.name.lower(): list(pipelines_in(document.body)) for document in page.items}
    kept = named(tx, scope, by_trigger) if by_trigger else {}
    found: dict[str, list[Start]] = {}
    for key, trigger in sorted(kept.items()):
        for name in dict.fromkeys(name.lower() for name in by_trigger[key]):
            found.setdefault(name, []).append(Start(trigger))
    return found


def _known(tx: Transaction, found: Collection[Start]) -> Iterator[Started]:
    scheduled = [start.of for start in found if isinstance(start.of, Scheduled)]
    triggers = [start.of for start in found if isinstance(start.of, Trigger)]
    names = flow_pages.names(tx, [one.flow_id for one in scheduled])
    made = start_pages.made_runs(tx, [one.run_id for one in scheduled if one.run_id is not None])
    firings = start_pages.newest_runs(tx, triggers)
    for start in found:
        if isinstance(start.of, Scheduled):
            flow_id = start.of.flow_id
            yield Started(start, (names.get(flow_id, flow_id),), last_run=made.get(start.of.run_id or ""))
        else:
            document = documents.find(tx, start.of.scope, TRIGGER, start.of.name.lower())
            flows = () if document is None else tuple(pipelines_in(document.body))
            yield Started(start, flows, last_firing=firings.get(start.of.id))


def _line(one: Started, caller: Identity, now: Instant) -> ScheduleLine:
    start, of = one.start, one.start.of
    is_schedule = isinstance(of, Scheduled)
    state = STARTED if is_started(start) else PAUSED
    verb = PAUSE if state == STARTED else RESUME
    return ScheduleLine(
        id=start.id,
        scope=of.scope,
        name=one.flows[0] if isinstance(of, Scheduled) else of.name,
        kind=SCHEDULE if isinstance(of, Scheduled) else of.type,
        words=words(start, now),
        state=state,
        flows=one.flows,
        next_at=next_at(start, now),
        last_run=_last_run(one, is_schedule=is_schedule),
        problem=_problem(one),
        verbs=(verb,) if caller.role.includes(Role.OPERATOR) else (),
    )


def _last_run(one: Started, *, is_schedule: bool) -> str | None:
    if is_schedule:
        return None if one.last_run is None else one.last_run.id
    firing = one.last_firing
    if firing is None:
        return None
    return firing.run_id or next(iter(firing.pipelines.values()), None)


def _problem(one: Started) -> str:
    """Return why the last firing made no run that could begin."""
    run, firing = one.last_run, one.last_firing
    if run is not None:
        return run.problem
    if firing is not None and firing.status is TriggerRunStatus.FAILED and not _made(firing):
        return firing.message
    return ""


def _made(firing: TriggerRun) -> Iterable[str]:
    return firing.pipelines.values() or ([firing.run_id] if firing.run_id else [])


def is_trigger(start: Start) -> bool:
    """Say whether it is a trigger, which may start several flows."""
    return isinstance(start.of, Trigger)
