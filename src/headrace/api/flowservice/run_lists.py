"""Lists of runs (2.2, 2.3): what the ledger can select it selects; the rest is matched against run objects, a bounded number at a time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.queries import MAX_LIMIT, Filter, ListRequest, envelope, match, page, project
from headrace.api.flowservice.run_records import records_of
from headrace.api.flowservice.translate.run import STATES, run_object
from headrace.api.flowservice.wire import MS, Item, integer
from headrace.core.errors import Problem
from headrace.core.query import And, Compare, Cursor, In, Op, Order, Value
from headrace.core.query import Filter as LedgerFilter
from headrace.core.run import Run, RunStatus
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
_LAST_MS = 10**15
"""A time in ms that no run has."""
_IDS = {"id": "id", "flowId": "flow_id"}
_TIMES = {
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "metrics.durationSummary.startedAtUTC": "started_at",
    "metrics.durationSummary.completedAtUTC": "ended_at",
}
"""Times of runs, and the ledger's columns that they are made of."""


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
    for one in filters:
        if one.dotted not in {"state", _STATE}:
            if not match(item, [one]):
                return False
        elif not _has_state(item, one):
            return False
    return True


def _has_state(item: Item, one: Filter) -> bool:
    states = {_fold(item["metrics"]["statusSummary"]["status"])}
    if states == {"success"} and item["metrics"]["recordSummary"].get("failedRecordCount", 0) > 0:
        states.add(_PARTIAL)
    wanted = {_fold(value) for value in one.values}
    return not (states & wanted) if one.op is Op.NE else bool(states & wanted)


def _select(tenant: Tenant, listed: ListRequest) -> _Selection | None:
    """Return the ledger's share of the filters; None: nothing can match."""
    flow: str | None = None
    statuses = frozenset(RunStatus)
    where: list[LedgerFilter] = []
    exact = True
    for one in listed.filters:
        asked = _states_asked(one)
        if asked is not None:
            statuses &= _statuses(asked)
            exact = exact and _PARTIAL not in map(_fold, asked)
        elif one.dotted == "flowId" and _is_choice(one) and len(one.values) == 1 and flow is None:
            flow = one.values[0]
        else:
            share = _share(one)
            where += share
            exact = exact and bool(share)
    if not statuses:
        return None
    query = RunQuery(
        scopes=(tenant.scope,),
        flow_id=flow,
        statuses=frozenset[RunStatus]() if statuses == frozenset(RunStatus) else statuses,
        filter=And(tuple(where)) if where else None,
    )
    return _Selection(query, exact)


def _states_asked(one: Filter) -> tuple[str, ...] | None:
    return one.values if one.dotted in {"state", _STATE} and _is_choice(one) else None


def _is_choice(one: Filter) -> bool:
    return one.op is Op.EQ and "null" not in one.values


def _share(one: Filter) -> list[LedgerFilter]:
    """Return what the ledger can select by for this filter, all that it says; nothing: the ledger cannot."""
    if one.dotted in _IDS:
        return [In(_IDS[one.dotted], one.values)] if _is_choice(one) else []
    column, wanted = _TIMES.get(one.dotted), integer(one.values[0])
    if column is None or wanted is None or len(one.values) > 1:
        return []
    # The dialect's times are whole milliseconds of the ledger's microseconds.
    first = Compare(column, Op.GE, min(max(wanted, 0), _LAST_MS) * MS)
    after = Compare(column, Op.GE, min(max(wanted + 1, 0), _LAST_MS) * MS)
    before, until = replace(first, op=Op.LT), replace(after, op=Op.LT)
    shares: Mapping[Op, list[LedgerFilter]] = {
        Op.GE: [first],
        Op.GT: [after],
        Op.LT: [before],
        Op.LE: [until],
        Op.EQ: [first, until],
    }
    return shares.get(one.op, [])


def _statuses(states: tuple[str, ...]) -> frozenset[RunStatus]:
    wanted = {"success" if _fold(state) == _PARTIAL else _fold(state) for state in states}
    return frozenset(status for status, name in STATES.items() if _fold(name) in wanted)


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
        for number, record in enumerate(records_of(tenant, found.items), 1):
            is_last = number == len(found.items) and found.next is None
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
    plain = ListRequest((), listed.projection, listed.limit, listed.order, False, listed.position, listed.texts)
    chosen, token = page(items, plain)
    return envelope("runs", chosen, token)


def _fold(text: str) -> str:
    return text.lower().replace("_", "").replace("-", "")
