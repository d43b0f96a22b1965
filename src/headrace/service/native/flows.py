"""Flows: with their last runs, run now, paused and resumed."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from headrace.core.client import Identity, Role
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow
from headrace.core.native.flows import (
    HISTORY,
    STRIP,
    AskFlow,
    AskFlowRun,
    FlowLine,
    FlowList,
    FlowView,
    ListFlows,
    Square,
)
from headrace.core.native.runs import RunLine
from headrace.core.query import Cursor
from headrace.core.run import RunStatus
from headrace.service.native import flow_runs, starts
from headrace.service.native.desk import NativeDesk
from headrace.service.native.flow_parameters import parameters_of
from headrace.service.native.masking import shown_definition
from headrace.service.native.reach import patterns
from headrace.service.native.starts import PAUSE, RESUME
from headrace.service.native.switching import switch, switch_flow
from headrace.store import flow_pages, watermarks
from headrace.store.database import Transaction
from headrace.store.flow_pages import KnownFlow, RunSquare
from headrace.store.start_pages import Start

RUN = "run"
_FEW = 6


def list_flows(desk: NativeDesk, caller: Identity, asked: ListFlows) -> FlowList:
    """Return a page of flows, newest first. It may be short and have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor; ``NOT_FOUND``: the scope.
    """
    reached = patterns(caller, asked.scope)
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        page = flow_pages.page(tx, reached, asked.text, asked.limit, cursor)
        items = _lines(tx, page.items, caller, desk.clock.now())
    return FlowList(items=tuple(items), next=None if page.next is None else page.next.token())


def show_flow(desk: NativeDesk, caller: Identity, asked: AskFlow) -> FlowView:
    """Return a flow in full.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several scopes have a flow of that name.
    """
    now = desk.clock.now()
    with desk.database.reading() as tx:
        known = find(tx, caller, asked.flow, asked.scope)
        flow = known.flow
        begun = starts.of_flows(tx, [flow])[flow.id]
        history = flow_pages.newest_runs(tx, [(flow.scope, flow.id)], HISTORY)[flow.scope, flow.id]
        reached = [one.value for one in watermarks.of_flow(tx, flow.scope, flow.id)]
        schedules = starts.lines(tx, begun, caller, now)
        parameters = parameters_of(tx, flow)
    return FlowView(
        line=_line(known, history[-STRIP:], begun, caller, now),
        history=tuple(map(_square, history)),
        parameters=parameters,
        definition=shown_definition(flow.plan),
        watermark=max(reached, default=None),
        created_at=known.times.created_at,
        updated_at=known.times.updated_at,
        schedules=tuple(schedules),
    )


def run_flow(desk: NativeDesk, caller: Identity, asked: AskFlowRun) -> RunLine:
    """Make a run of a flow now, and return it.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it is paused; ``UNSUPPORTED``: a flow of jobs; what the door says.
    """
    with desk.database.reading() as tx:
        flow = find(tx, caller, asked.flow, asked.scope).flow
    return flow_runs.run_now(desk, caller, flow, asked)


def pause(desk: NativeDesk, caller: Identity, asked: AskFlow) -> FlowLine:
    """Let a flow not start by itself, and return it: its schedule or its triggers are paused. Again changes nothing.

    Raises:
        Problem: ``NOT_FOUND``; ``UNSUPPORTED``: nothing starts it, and it cannot be paused.
    """
    return _switched(desk, caller, asked, started=False)


def resume(desk: NativeDesk, caller: Identity, asked: AskFlow) -> FlowLine:
    """Let a flow start by itself again, and return it. Again changes nothing.

    Raises:
        Problem: as ``pause``; what the door says: it lacks something.
    """
    return _switched(desk, caller, asked, started=True)


def find(tx: Transaction, caller: Identity, name: str, scope: str | None) -> KnownFlow:
    """Return the flow with this id or name among those that the caller may see; in one scope, the newest of the name.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several scopes have a flow of that name.
    """
    found = flow_pages.named(tx, patterns(caller, scope), name, _FEW)
    if not found:
        where = "" if scope is None else f" in {scope!r}"
        raise Problem(Code.NOT_FOUND, f"there is no flow {name!r}{where}")
    scopes = sorted({known.flow.scope for known in found})
    if len(scopes) > 1:
        raise Problem(
            Code.INVALID,
            f"several scopes have a flow {name!r}: {', '.join(scopes)}; name one of them, or the flow's id",
        )
    return found[0]


def _switched(desk: NativeDesk, caller: Identity, asked: AskFlow, *, started: bool) -> FlowLine:
    with desk.database.reading() as tx:
        flow = find(tx, caller, asked.flow, asked.scope).flow
        begun = starts.of_flows(tx, [flow])[flow.id]
    if not _can_switch(flow, begun):
        what = "is a flow of jobs" if _is_of_jobs(flow) else "has no trigger" if flow.plan.activities else "is a draft"
        raise Problem(Code.UNSUPPORTED, f"{flow.name!r} {what}: there is nothing that starts it by itself")
    if _has_triggers(begun):
        for start in begun:
            if starts.is_started(start) is not started:
                switch(desk, start, caller.client_id, started=started)
    elif flow.enabled is not started:
        switch_flow(desk, flow, caller.client_id, enabled=started)
    with desk.database.reading() as tx:
        return _lines(tx, [find(tx, caller, flow.id, flow.scope)], caller, desk.clock.now())[0]


def _lines(tx: Transaction, found: Collection[KnownFlow], caller: Identity, now: Instant) -> list[FlowLine]:
    flows = [known.flow for known in found]
    begun = starts.of_flows(tx, flows)
    last = flow_pages.newest_runs(tx, [(flow.scope, flow.id) for flow in flows], STRIP)
    return [_line(known, last[known.flow.scope, known.flow.id], begun[known.flow.id], caller, now) for known in found]


def _line(
    known: KnownFlow, last: Sequence[RunSquare], begun: Sequence[Start], caller: Identity, now: Instant
) -> FlowLine:
    flow = known.flow
    ended = [run for run in last if run.status.is_final]
    succeeded = [run for run in ended if run.status is RunStatus.SUCCEEDED]
    moments = [at for start in begun if (at := starts.next_at(start, now)) is not None]
    active = [starts.is_started(start) for start in begun] if _has_triggers(begun) else [flow.enabled]
    return FlowLine(
        id=flow.id,
        scope=flow.scope,
        name=flow.name,
        enabled=flow.enabled,
        activities=len(flow.plan.activities),
        last=tuple(map(_square, last)),
        success_rate=len(succeeded) / len(ended) if ended else None,
        next_at=min(moments, default=None),
        starts=_starts(begun, now),
        paused=_can_switch(flow, begun) and not any(active),
        verbs=_verbs(flow, begun, active, caller),
    )


def _verbs(flow: Flow, begun: Sequence[Start], active: Sequence[bool], caller: Identity) -> tuple[str, ...]:
    if not caller.role.includes(Role.OPERATOR) or _is_of_jobs(flow):
        return ()
    verbs = [RUN] if flow.enabled else []
    if _can_switch(flow, begun):
        verbs += [PAUSE] * any(active) + [RESUME] * (not all(active))
    return tuple(verbs)


def _starts(begun: Sequence[Start], now: Instant) -> str:
    if len(begun) == 1:
        return starts.words(begun[0], now)
    return f"{len(begun)} triggers" if begun else ""


def _has_triggers(begun: Iterable[Start]) -> bool:
    return any(starts.is_trigger(start) for start in begun)


def _can_switch(flow: Flow, begun: Sequence[Start]) -> bool:
    """Say whether there is something to pause: a pipeline alone is never started by itself, and needs no leave to be run; a draft does nothing."""
    is_pipeline = flow.scope.partition("/")[0] == flow_runs.DATA_FACTORY
    return not _is_of_jobs(flow) and bool(begun or (flow.plan.activities and not is_pipeline))


def _is_of_jobs(flow: Flow) -> bool:
    return flow.scope.partition("/")[0] == flow_runs.JOBS


def _square(run: RunSquare) -> Square:
    return Square(
        run=run.id,
        status=run.status,
        created_at=run.created_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        figures=run.figures,
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "flows.list": list_flows,
    "flows.show": show_flow,
    "flows.run": run_flow,
    "flows.pause": pause,
    "flows.resume": resume,
}
"""By the operation's name."""
