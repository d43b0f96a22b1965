"""Lists of runs (2.2, 2.3): what the ledger can select it selects; the rest is matched against run objects, a bounded number at a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.queries import (
    MAX_LIMIT,
    Filter,
    ListRequest,
    envelope,
    fold,
    match,
    page,
    project,
)
from headrace.api.flowservice.run_records import records_of, told_of
from headrace.api.flowservice.selection import Kept, compiled
from headrace.api.flowservice.translate.run import STATES, run_object
from headrace.api.flowservice.wire import Item, number, object_in, text_in
from headrace.core.errors import Problem
from headrace.core.query import And, Compare, Cursor, In, Op, Or, Order, Value
from headrace.core.query import Filter as LedgerFilter
from headrace.core.run import Run, RunStatus
from headrace.core.upload import OF_UPLOADS
from headrace.service.runs import page_runs
from headrace.store import runs
from headrace.store.runs import RunQuery

MAX_SCANNED = 2_000
"""Runs that one request looks at when the ledger cannot select by its filter; the answer's link goes on from there."""
MAX_SORTED = 2_000
"""Newest runs among which an order is kept that the ledger has no index for."""

_ORDERS = {"createdAt": "created_at", "updatedAt": "updated_at"}
_STATE = "metrics.statusSummary.status"
_PARTIAL = "partialsuccess"
_CHUNK = 200
_KEPT = Kept(
    texts={"id": "id", "flowId": "flow_id", "parentFlowRunId": "retry_of"},
    times={
        "createdAt": "created_at",
        "updatedAt": "updated_at",
        "metrics.durationSummary.startedAtUTC": "started_at",
        "metrics.durationSummary.completedAtUTC": "ended_at",
    },
    within="details",
    roots=frozenset({"params"}),
)
"""What the ledger keeps of runs as they are shown."""


@dataclass(frozen=True, slots=True)
class _Selection:
    """What the ledger is asked for; ``exact``: it selects all that the filters say."""

    query: RunQuery
    exact: bool


def list_runs(tenant: Tenant, listed: ListRequest) -> Item:
    """Return the list, or the count, that ``listed`` asks for.

    Raises:
        Refusal: 1451-400: the continuation token is of another list.
    """
    selection = _select(tenant, listed)
    if selection is None:
        return {"count": 0} if listed.count else envelope("runs", [], None)
    if listed.count:
        return {"count": _count(tenant, listed, selection)}
    if listed.order[0] not in _ORDERS:
        return _sorted(tenant, listed, selection)
    items, position = _page(tenant, listed, selection)
    token = None if position is None else listed.next_token(position)
    return envelope("runs", [project(item, listed.projection) for item in items], token)


def matches_run(item: Item, filters: tuple[Filter, ...]) -> bool:
    """Say whether a run object satisfies the filters; ``state`` is its status, and ``partialSuccess`` a success with rejected rows."""
    return all(_has_state(item, one) if _is_of_state(one) else match(item, [one]) for one in filters)


def _is_of_state(one: Filter) -> bool:
    return one.dotted in {"state", _STATE} and one.op in {Op.EQ, Op.NE} and not one.has_arrays


def _has_state(item: Item, one: Filter) -> bool:
    metrics = object_in(item, "metrics")
    states = {fold(text_in(object_in(metrics, "statusSummary"), "status"))}
    if states == {"success"} and (number(object_in(metrics, "recordSummary").get("failedRecordCount")) or 0) > 0:
        states.add(_PARTIAL)
    wanted = {fold(value) for value in one.values}
    return not (states & wanted) if one.op is Op.NE else bool(states & wanted)


def _select(tenant: Tenant, listed: ListRequest) -> _Selection | None:
    """Return the ledger's share of the filters; None: nothing can match."""
    flow: str | None = None
    statuses = frozenset(RunStatus)
    partial = False
    others: list[Filter] = []
    exact = True
    for one in listed.filters:
        if _is_of_state(one):
            statuses &= _statuses(one)
            has_partial = _PARTIAL in map(fold, one.values)
            partial = partial or (has_partial and one.op is Op.EQ and len(one.values) == 1)
            exact = exact and not has_partial
        elif one.dotted == "flowId" and one.op is Op.EQ and len(one.values) == 1 and not one.null and flow is None:
            flow = one.values[0]
        else:
            others.append(one)
    where, left = compiled(others, _KEPT)
    query = RunQuery(
        scopes=(tenant.scope,),
        flow_id=flow,
        statuses=frozenset[RunStatus]() if statuses == frozenset(RunStatus) else statuses,
        has_rejects=True if partial else None,
        filter=where,
    )
    told = told_of(tenant)
    if told:
        return _Selection(_of_flows(_with_told(query, statuses, told)), exact=False)
    return _Selection(_of_flows(query), exact and not left) if statuses else None


def _of_flows(query: RunQuery) -> RunQuery:
    """Return ``query`` without the runs that no flow has made: those of uploads (12)."""
    if query.flow_id is not None and query.flow_id != OF_UPLOADS:
        return query
    others = Compare("flow_id", Op.NE, OF_UPLOADS)
    return replace(query, filter=others if query.filter is None else And((query.filter, others)))


def _with_told(query: RunQuery, statuses: frozenset[RunStatus], told: list[str]) -> RunQuery:
    """Return ``query`` with the runs of which services have said something: what the ledger says of them is not what is shown."""
    parts: list[LedgerFilter] = [In("status", tuple(sorted(statuses)))]
    if query.flow_id is not None:
        parts.append(In("flow_id", (query.flow_id,)))
    if query.filter is not None:
        parts.append(query.filter)
    return RunQuery(scopes=query.scopes, filter=Or((And(tuple(parts)), In("id", tuple(told)))))


def _statuses(one: Filter) -> frozenset[RunStatus]:
    """Return the ledger's statuses that may satisfy a filter on the state."""
    wanted = {fold(value) for value in one.values}
    if one.op is Op.NE:
        # Among successes there may be some with rejected rows, and some without.
        return frozenset(status for status, name in STATES.items() if fold(name) not in wanted)
    wanted |= {"success"} if _PARTIAL in wanted else set()
    return frozenset(status for status, name in STATES.items() if fold(name) in wanted)


def _page(tenant: Tenant, listed: ListRequest, selection: _Selection) -> tuple[list[Item], tuple[Value, ...] | None]:
    items: list[Item] = []
    for scanned, (run, item, is_last) in enumerate(_walk(tenant, listed, selection), 1):
        if matches_run(item, listed.filters):
            items.append(item)
        full = len(items) == listed.limit or scanned >= MAX_SCANNED
        if full and not is_last:
            return items, (getattr(run, _ORDERS[listed.order[0]]), run.id)
        if full:
            break
    return items, None


def _walk(tenant: Tenant, listed: ListRequest, selection: _Selection) -> Iterator[tuple[Run, Item, bool]]:
    """Yield runs with their objects, and whether each is the last one there is."""
    order = Order(_ORDERS.get(listed.order[0], "created_at"), descending=listed.order[1])
    chunk = min(listed.limit if selection.exact else max(listed.limit, _CHUNK), MAX_LIMIT)
    cursor = None if listed.position is None else Cursor(listed.position).token()
    while True:
        try:
            found = page_runs(tenant.door.database, selection.query, order, chunk, cursor)
        except Problem as problem:
            if cursor is None:
                raise
            raise Refusal(Fault.QUERY_PARAMETER, f"continuationToken belongs to another list: {problem}") from problem
        for position, record in enumerate(records_of(tenant, found.items), 1):
            is_last = position == len(found.items) and found.next is None
            yield record.run, run_object(record, tenant.place), is_last
        if found.next is None:
            return
        cursor = found.next.token()


def _count(tenant: Tenant, listed: ListRequest, selection: _Selection) -> int:
    if not selection.exact:
        return sum(matches_run(item, listed.filters) for _, item, _ in _walk(tenant, listed, selection))
    with tenant.door.database.reading() as tx:
        return runs.count(tx, selection.query)


def _sorted(tenant: Tenant, listed: ListRequest, selection: _Selection) -> Item:
    newest = ListRequest(limit=MAX_SORTED, filters=listed.filters)
    items, _ = _page(tenant, newest, selection)
    # Their states were matched above; what is left to do is the order and the position.
    chosen, token = page(items, replace(listed, filters=()))
    return envelope("runs", chosen, token)
