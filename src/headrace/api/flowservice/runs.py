"""Runs (3.5, 5, 6): asked for on demand, watched, re-triggered, cancelled."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.actions import read_action
from headrace.api.flowservice.entities import ENTITY_ROOTS
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.flow_checks import parts_of
from headrace.api.flowservice.flow_records import FlowRecord, find_flow, keep_flow
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.queries import Collection, check_query, read_list, read_search
from headrace.api.flowservice.retries import retry
from headrace.api.flowservice.run_changes import read_told
from headrace.api.flowservice.run_lists import list_runs as listed_runs
from headrace.api.flowservice.run_records import etag_now, find_run, request_key, run_details, tell
from headrace.api.flowservice.specs import SourceKind
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.plan import delta_of, make_plan
from headrace.api.flowservice.translate.run import run_object
from headrace.api.flowservice.translate.schedule import ONCE
from headrace.api.flowservice.translate.source import read_delta, spec_of
from headrace.api.flowservice.wire import Item, body_object, instant, list_in, object_in, text_in
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.run import Run
from headrace.core.window import Window
from headrace.http.bodies import Body, json_body
from headrace.service.runs import RunRequest, cancel_run, create_run
from headrace.store import runs

router = APIRouter(prefix=answers.BASE)
KIND = "runs"

COLLECTION = Collection(
    KIND,
    ENTITY_ROOTS
    | {
        *("flowId", "flowSpec", "providerRefId", "eTag", "parentFlowRunId", "childFlowRunIds", "params", "metrics"),
        *("activities", "predecessors", "recordTypes"),
    },
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What ``params`` ask for."""

    start: Instant
    window: Window
    delta: Item


@router.get("/runs")
def list_runs(request: Request, tenant: FlowTenant) -> Response:
    """List runs."""
    return JSONResponse(listed_runs(tenant, read_list(request, COLLECTION)))


@router.get("/flows/{subject}/runs")
def list_runs_of_flow(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """List a flow's runs: the same as the list of runs with a filter on ``flowId``."""
    quoted = subject.replace("\\", "\\\\").replace('"', '\\"')
    return JSONResponse(listed_runs(tenant, read_list(request, COLLECTION, f'flowId=="{quoted}"')))


@router.post("/runs/search")
def search_runs(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """List runs as a body asks for them."""
    return JSONResponse(listed_runs(tenant, read_search(request, body, COLLECTION)))


@router.post("/runs")
def create(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a run on demand; the same request again within a minute answers with the first run."""
    check_query(request)
    given = body_object(body)
    run = _made_before(tenant, given) or _make(tenant, given)
    etag = etag_now(tenant, run)
    entity = {"id": run.id, "etag": etag}
    location = f"{answers.BASE}/runs/{run.id}"
    return JSONResponse({**entity, "items": [entity]}, status_code=201, headers={"location": location, "etag": etag})


@router.get("/runs/{subject}")
def get(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Show a run."""
    check_query(request)
    return answers.one(run_object(find_run(tenant, subject), tenant.place))


@router.put("/runs/{subject}")
def put(subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Let a service say what is shown of a run; what the ledger knows of it stays."""
    check_query(request)
    if not tenant.identity.service:
        raise Refusal(
            Fault.RUN_SERVICE, "runs are changed by services only; ask for a client with the service permission"
        )
    record = find_run(tenant, subject)
    check_etag(request, record.etag, required=True)
    changed = tell(tenant, record, read_told(tenant, body_object(body)))
    location = f"{answers.BASE}/runs/{subject}"
    return JSONResponse(run_object(changed, tenant.place), headers={"location": location, "etag": changed.etag})


@router.post("/runs/{subject}/action")
def act(subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Re-trigger or cancel a run."""
    action = read_action(request, body, {"re_trigger", "cancel"}, Fault.RUN_ACTION).op
    record = find_run(tenant, subject)
    check_etag(request, record.etag, required=False)
    if action == "re_trigger":
        made = retry(tenant, record)
        return answers.changed(made.id, etag_now(tenant, made))
    return _cancel(tenant, subject)


def _cancel(tenant: Tenant, subject: str) -> Response:
    door = tenant.door
    try:
        run = cancel_run(door.database, tenant.scope, subject, tenant.user, door.clock)
    except Problem as problem:
        if problem.code is not Code.ILLEGAL_STATE:
            raise
        raise Refusal(Fault.CANCEL_FINAL, f"the run {subject} has ended; there is nothing to cancel") from problem
    return answers.changed(subject, etag_now(tenant, run))


def _made_before(tenant: Tenant, given: Item) -> Run | None:
    """Return the run that the same request made a moment ago; asked for first, since what it asks for may be refused by now."""
    key, lifetime = request_key(tenant, "run", given)
    with tenant.door.database.reading() as tx:
        return runs.find_by_request_key(tx, tenant.scope, key, Instant(tenant.door.clock.now() - lifetime))


def _make(tenant: Tenant, given: Item) -> Run:
    record = _flow(tenant, given)
    asked = _asked(given.get("params"))
    record, delta = _with_delta(tenant, record, asked.delta)
    return _create(tenant, record, given, asked, delta)


def _flow(tenant: Tenant, given: Item) -> FlowRecord:
    """Return the flow that a run is asked of; checks 1 to 5 of 5.1."""
    subject = text_in(given, "flowId").strip()
    if not subject:
        raise Refusal(Fault.RUN_FLOW_EMPTY, "flowId is missing or empty; name the flow that is to be run")
    record = find_flow(tenant, subject)
    if record is None:
        raise Refusal(Fault.RUN_FLOW_UNKNOWN, f"the flow {subject[:200]} does not exist")
    if record.frequency not in {ONCE, ""}:
        what = f"the flow {subject} runs every {record.frequency}"
        raise Refusal(Fault.RUN_NOT_ONCE, f"{what}; runs on demand need a flow with the frequency once")
    if record.item["state"] != "enabled":
        raise Refusal(Fault.RUN_REFUSED, f"the flow {subject} is {record.item['state']}; enable it to run it")
    return record


def _asked(params: Any) -> _Asked:
    """Return what ``params`` ask for; checks 6 and 7 of 5.1."""
    if not isinstance(params, Mapping) or not params:
        expected = "an object with startTime, windowStartTime and windowEndTime is expected"
        raise Refusal(Fault.RUN_PARAMS, f"params is missing or empty; {expected}")
    times: dict[str, Instant] = {}
    for name in ("startTime", "windowStartTime", "windowEndTime"):
        moment = instant(params.get(name))
        if moment is None:
            shown = str(params.get(name))[:40]
            raise Refusal(Fault.RUN_PARAMS, f"params.{name} is {shown!r}; epoch seconds are expected")
        times[name] = moment
    if times["windowEndTime"] < times["windowStartTime"]:
        raise Refusal(Fault.RUN_WINDOW, "params.windowEndTime lies before params.windowStartTime")
    # A window that starts at 0 has no lower bound, and includes rows whose delta value is null (4.5).
    start = times["windowStartTime"] or None
    return _Asked(times["startTime"], Window(start, times["windowEndTime"]), object_in(params, "deltaColumn"))


def _with_delta(tenant: Tenant, record: FlowRecord, given: Item) -> tuple[FlowRecord, Item]:
    """Return the flow with its delta column written into its Copy transformation, and that column; check 8 of 5.1 and 4.5."""
    if spec_of(object_in(record.frozen, "source")).kind is not SourceKind.TABLES:
        return record, {}
    known = delta_of(list_in(record.item, "transformations"))
    if known:
        if given and given.get("name") != known["name"]:
            what = f"params.deltaColumn.name is {given.get('name')!r}; the flow's is {known['name']!r}"
            raise Refusal(Fault.RUN_DELTA_OTHER, what)
        return record, known
    if not given:
        what = "params.deltaColumn is missing; the first run of a table flow has to name it"
        raise Refusal(Fault.RUN_NO_DELTA, what)
    read_delta(given)
    item = {**record.item, "transformations": _with_copy(list_in(record.item, "transformations"), given)}
    frozen = {
        **record.frozen,
        "deltaAdded": True,
        "ops": [{"op": "replace", "path": "/transformations", "value": item["transformations"]}],
    }
    plan = make_plan(parts_of(tenant, item, frozen), given, check_expression)
    return keep_flow(tenant, record.flow.id, item, frozen, plan, expected=record), given


def _with_copy(transformations: list[Any], delta: Item) -> list[Any]:
    kept = [one for one in transformations if one["name"] != "Copy"]
    copy: Item = next((one for one in transformations if one["name"] == "Copy"), {"name": "Copy", "params": {}})
    return [{**copy, "params": {**copy["params"], "deltaColumn": delta}}, *kept]


def _create(tenant: Tenant, record: FlowRecord, given: Item, asked: _Asked, delta: Item) -> Run:
    door = tenant.door
    record = _refreshed(tenant, record, delta)
    key, lifetime = request_key(tenant, "run", given)
    request = RunRequest(
        scope=tenant.scope,
        flow_id=record.flow.id,
        created_by=tenant.user,
        window=asked.window,
        due_at=asked.start if asked.start > door.clock.now() else None,
        request_key=key,
        request_key_lifetime=lifetime,
        details=run_details(tenant, object_in(given, "params"), record.for_runs, delta),
    )
    try:
        return create_run(door.database, request, door.clock, door.ids)
    except Problem as problem:
        if problem.code is Code.ILLEGAL_STATE:
            raise Refusal(Fault.RUN_REFUSED, problem.message) from problem
        raise


def _refreshed(tenant: Tenant, record: FlowRecord, delta: Item) -> FlowRecord:
    """Return the flow with its plan as it is made of today's base connection, so that a corrected one counts."""
    plan = make_plan(parts_of(tenant, record.item, record.frozen), delta, check_expression)
    if plan == record.flow.plan:
        return record
    return keep_flow(tenant, record.flow.id, record.item, record.frozen, plan, expected=record)
