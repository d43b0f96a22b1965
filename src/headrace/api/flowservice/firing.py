"""What the clock does in this door's name: it makes runs of scheduled flows (4.3), as no caller, in the flow's own scope."""

from headrace.api.flowservice.door import AUDIENCE, FlowServiceDoor
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.flow_checks import parts_of
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.gateway import Tenant, sandbox_id
from headrace.api.flowservice.translate.batch import Place
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.plan import delta_of, make_plan
from headrace.api.flowservice.translate.schedule import ONCE, SCHEDULER, scheduled_details
from headrace.api.flowservice.wire import list_in
from headrace.core.client import Identity, Role
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow
from headrace.core.run import Run
from headrace.service.schedules import Firing, FiringDesk, Maker, fire


def maker(door: FlowServiceDoor) -> Maker:
    """Return what makes runs of this door's flows when they are due: with today's connection, and the mapping version that the flow names."""

    def make(flow: Flow) -> Firing:
        return _make(nobody(door, flow.scope), flow)

    return make


def fire_at_once(tenant: Tenant, flow_id: str) -> Run | None:
    """Return the run of a flow whose start has come already; None: it is due later, or the clock fires it."""
    door = tenant.door
    desk = FiringDesk(door.database, door.clock, door.ids, {AUDIENCE: maker(door)})
    try:
        return fire(desk, tenant.scope, flow_id)
    except Problem as problem:
        # The flow and its schedule are kept: what cannot be done now, the clock does.
        if problem.code is not Code.UNAVAILABLE:
            raise
        return None


def nobody(door: FlowServiceDoor, scope: str) -> Tenant:
    """Return the tenant of ``scope`` as the service itself acts in it; links begin with the public URL, where there is one."""
    _, org, sandbox = scope.split("/", 2)
    place = Place(org, sandbox, sandbox_id(org, sandbox), (door.public_url or "").rstrip("/"))
    identity = Identity(SCHEDULER, Role.ADMIN, (scope,))
    return Tenant(door, scope, place, identity, SCHEDULER, "", None)


def _make(tenant: Tenant, flow: Flow) -> Firing:
    record = find_flow(tenant, flow.id)
    if record is None:
        raise unknown("flows", flow.id)
    # The one run of a flow that runs once reads everything, also when runs on demand have given it a delta column since (4.5).
    delta = {} if record.frequency == ONCE else delta_of(list_in(record.item, "transformations"))
    plan = make_plan(parts_of(tenant, record.item, record.frozen), delta, check_expression)
    return Firing(plan, scheduled_details(flow))
