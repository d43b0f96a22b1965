"""What goes wrong again and again (an extension of ours): errors by code, message and column over the runs of a flow or of the sandbox."""

from datetime import datetime

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import DEFAULT_LIMIT, MAX_LIMIT, check_query, envelope
from headrace.api.flowservice.translate.batch import is_mapped
from headrace.api.flowservice.translate.codes import cause_code, reject_code, run_code
from headrace.api.flowservice.translate.plan import COPY
from headrace.api.flowservice.wire import Item, instant, integer, milliseconds, text_in
from headrace.core.clock import DAY, Instant, from_datetime
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor
from headrace.core.run import RejectCode
from headrace.service.errors_report import MAX_DAYS, ErrorGroup, ErrorKind, Troubled, period_of, report_errors
from headrace.service.runs import get_run

router = APIRouter(prefix=answers.BASE)

DEFAULT_PERIOD = "24h"
_TYPES = {ErrorKind.FAILURE: "Failure", ErrorKind.REJECT: "Error", ErrorKind.WARNING: "Warning"}


@router.get("/errors")
def list_errors(request: Request, tenant: FlowTenant) -> Response:
    """List what went wrong in the runs of all flows since ``since`` (default 24h), what concerns most runs first."""
    return _listed(request, tenant, None)


@router.get("/flows/{subject}/errors")
def list_errors_of_flow(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """List what went wrong in the runs of one flow since ``since`` (default 24h), what concerns most runs first."""
    if find_flow(tenant, subject) is None:
        raise unknown("flows", subject[:200])
    return _listed(request, tenant, subject)


def _listed(request: Request, tenant: Tenant, flow_id: str | None) -> Response:
    check_query(request, "since", "until", "limit", "continuationToken")
    given = dict(request.query_params)
    first = 0
    if "continuationToken" in given:
        first, given = _continued(given["continuationToken"])
    now = tenant.door.clock.now()
    # The period stays that of the first page, so that the next one goes on in the same report.
    until = _moment("until", text_in(given, "until"), now) or now
    since = _moment("since", text_in(given, "since") or DEFAULT_PERIOD, until) or until
    limit = _limit(given.get("limit"))
    query = Troubled(scope=tenant.scope, flow_id=flow_id, since=since, until=until)
    groups = report_errors(tenant.door.database, query)
    chosen = groups[first : first + limit]
    token = None
    if len(groups) > first + limit:
        facts: dict[str, Json] = {"since": str(since // 1000), "until": str(until // 1000), "limit": str(limit)}
        token = Cursor((first + limit,), facts).token()
    path = "errors" if flow_id is None else f"flows/{flow_id}/errors"
    return JSONResponse(envelope(path, [_item(tenant, group) for group in chosen], token))


def _item(tenant: Tenant, group: ErrorGroup) -> Item:
    item: Item = {
        "type": _TYPES[group.kind],
        "code": _code(tenant, group),
        "reason": group.code,
        "message": group.message,
        "runCount": group.runs,
        "firstSeen": milliseconds(group.first_seen),
        "lastSeen": milliseconds(group.last_seen),
        "flowRunId": group.run_id,
    }
    if group.kind is not ErrorKind.FAILURE:
        item["recordCount"] = group.rows
    failed = group.kind is ErrorKind.FAILURE
    cause = cause_code(Code(group.code), copying=group.place == COPY) if failed else None
    optional = {
        "cause": cause,
        "activity" if group.kind is ErrorKind.FAILURE else "column": group.place,
        "batchId": group.batch_id,
    }
    return {**item, **{name: value for name, value in optional.items() if value is not None}}


def _code(tenant: Tenant, group: ErrorGroup) -> str:
    if group.kind is ErrorKind.FAILURE:
        return run_code(Code(group.code), copying=group.place in {COPY, None})
    if group.code not in set(RejectCode):
        return group.code
    code = RejectCode(group.code)
    # Only a wrong type has two names; which one depends on whether the rows went through a mapping.
    mapped = code is not RejectCode.TYPE or is_mapped(get_run(tenant.door.database, tenant.scope, group.run_id).run)
    return reject_code(code, mapped=mapped)


def _moment(name: str, text: str, now: Instant) -> Instant | None:
    if not text:
        return None
    try:
        found = period_of(text, now) or instant(text)
        if found is None:
            # A plus sign in a query is a space.
            moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
            found = from_datetime(moment)
    except (ValueError, OverflowError, Problem):
        found = None
    if found is None or found < now - MAX_DAYS * DAY:
        forms = "24h, 7d, epoch seconds, or ISO 8601 with a zone such as 2024-05-20T00:00:00Z"
        raise Refusal(Fault.VALUE, f"{name} is {text[:40]!r}; expected is {forms}, at most 366 days back")
    return found


def _limit(text: object) -> int:
    limit = DEFAULT_LIMIT if text is None else integer(text)
    if limit is None or limit < 1:
        raise Refusal(Fault.NUMBER, f"limit is {str(text)[:40]!r}; a whole number of 1 or more is expected")
    return min(limit, MAX_LIMIT)


def _continued(token: str) -> tuple[int, Item]:
    try:
        cursor = Cursor.parse(token)
    except Problem as problem:
        raise Refusal(Fault.VALUE, f"continuationToken {problem.message}") from problem
    position = cursor.position[0] if cursor.position else None
    if not isinstance(position, int) or isinstance(position, bool) or position < 0:
        raise Refusal(Fault.VALUE, "continuationToken belongs to another list")
    return position, dict(cursor.query)
