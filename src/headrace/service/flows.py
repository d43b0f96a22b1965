"""Flows: what is to be run, kept under a name in a scope."""

from collections.abc import Callable
from dataclasses import replace

from headrace.core.clock import Clock, Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow, Plan
from headrace.core.ids import derived_uuid
from headrace.core.query import Cursor, Filter, Order, Page
from headrace.core.run import Run, RunKind, RunStatus
from headrace.service.runs import end_run, redefine_run
from headrace.store import audit, flows, runs, schedules
from headrace.store.database import Database, Transaction
from headrace.store.flows import FlowTimes

NEWEST_FIRST = flows.NEWEST_FIRST
"""The order of lists of flows unless a caller asks for another."""

Waiting = Callable[[Run], Plan | None]
"""Says what a run of a changed flow that has not begun is to do now; None: it is cancelled."""

_OPEN = frozenset(status for status in RunStatus if not status.is_final)


Along = Callable[[Transaction, Flow, Instant], None]
"""What a door writes of its own in the transaction that changes a flow: given the flow as it is kept now, and when."""


def put_flow(  # noqa: PLR0913 — the flow, by whom, when, and the two conditions of the change
    database: Database,
    flow: Flow,
    who: str,
    clock: Clock,
    expected: int | None = None,
    *,
    along: Along | None = None,
    waiting: Waiting | None = None,
) -> Flow:
    """Return the flow as it is kept now: new, or the next revision of the one with its id.

    Putting what is there already changes nothing: the revision stays. ``expected`` is the revision that the caller has seen (0: there must be
    none yet); None: whatever it is. In the same transaction ``along`` is done, and, where ``waiting`` is given, runs that have not begun follow
    the flow; without it they keep the definition that they were asked for with.

    Raises:
        Problem: ``STALE``: another revision came first; ``CONFLICT``: another scope has the id.
    """
    now = clock.now()
    with database.transaction() as tx:
        kept = write_flow(tx, flow, who, now, expected)
        if along is not None:
            along(tx, kept, now)
        if waiting is not None:
            _follow(tx, kept, waiting, who, now)
        return kept


def write_flow(tx: Transaction, flow: Flow, who: str, now: Instant, expected: int | None = None) -> Flow:
    """Do what ``put_flow`` does within the caller's transaction; runs that have not begun keep the definition that they were asked for with.

    Raises:
        Problem: as ``put_flow``.
    """
    kept = flows.put(tx, flow, now, expected)
    if kept.revision != flow.revision or kept.revision == 1:
        audit.record(tx, kept.scope, who, "flow.put", kept.id, now)
    return kept


def erase_flow(tx: Transaction, scope: str, flow_id: str, who: str, now: Instant) -> None:
    """Remove the flow and its schedule within the caller's transaction, and leave its runs alone: also those that have not ended go on.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    flows.delete(tx, scope, flow_id)
    schedules.remove(tx, scope, flow_id)
    audit.record(tx, scope, who, "flow.delete", flow_id, now)


def put_named_flow(database: Database, flow: Flow, who: str, clock: Clock) -> Flow:
    """Return the flow as it is kept now in the place of the scope's flow of the same name; ``flow.id`` does not count.

    The id always belongs to scope and name, so a flow file that is run twice at the same moment is one flow.
    """
    return put_flow(database, replace(flow, id=derived_uuid("flow", flow.scope, flow.name)), who, clock)


def get_flow(database: Database, scope: str | None, flow_id: str) -> Flow:
    """Return the flow.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return flows.get(tx, scope, flow_id)


def get_flow_times(database: Database, scope: str, flow_id: str) -> FlowTimes:
    """Return when the flow was made and when it was changed last.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return flows.times(tx, scope, flow_id)


def find_flow(database: Database, scope: str, name: str) -> Flow:
    """Return the scope's newest flow of this name, or with this id.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        found = flows.by_name(tx, scope, name)
        if found is not None:
            return found
        try:
            return flows.get(tx, scope, name)
        except Problem as problem:
            raise Problem(Code.NOT_FOUND, f"there is no flow named {name!r}") from problem


def page_flows(  # noqa: PLR0913 — what a list is asked for, and what of it is read
    database: Database,
    scope: str | None,
    *,
    order: Order = NEWEST_FIRST,
    limit: int = 50,
    cursor: str | None = None,
    where: Filter | None = None,
    plans: bool = True,
) -> Page[Flow]:
    """Return a page of the scope's flows that ``where`` takes; ``cursor`` is the token of the page before. ``plans`` False: with empty plans.

    Raises:
        Problem: ``INVALID``: the order, limit, cursor, or a path of the filter.
    """
    with database.reading() as tx:
        position = None if cursor is None else Cursor.parse(cursor)
        return flows.page(tx, scope, order, limit, position, filter=where, plans=plans)


def count_flows(database: Database, scope: str | None, where: Filter | None = None) -> int:
    """Return how many flows the scope has that ``where`` takes.

    Raises:
        Problem: ``INVALID``: a path of the filter.
    """
    with database.reading() as tx:
        return flows.count(tx, scope, where)


def delete_flow(
    database: Database, scope: str, flow_id: str, who: str, clock: Clock, expected: int | None = None
) -> None:
    """Remove the flow and its schedule; its runs stay, those that have not ended are cancelled, and none can be retried any more.

    Raises:
        Problem: ``NOT_FOUND``; ``STALE``: it has another revision than ``expected``.
    """
    now = clock.now()
    with database.transaction() as tx:
        flows.delete(tx, scope, flow_id, expected)
        schedules.remove(tx, scope, flow_id)
        for run in runs.of_flow(tx, scope, flow_id, _OPEN):
            end_run(tx, run, who, now)
        audit.record(tx, scope, who, "flow.delete", flow_id, now)


def _follow(tx: Transaction, flow: Flow, waiting: Waiting, who: str, now: Instant) -> None:
    for run in runs.of_flow(tx, flow.scope, flow.id, {RunStatus.QUEUED}):
        definition = waiting(run)
        if definition is None:
            end_run(tx, run, who, now)
        elif run.kind is not RunKind.REPLAY and definition != run.definition:
            redefine_run(tx, run, definition)
