"""Flows of this door, enabled and disabled by somebody who did not come through it: as its actions do it, its documents with it."""

from dataclasses import replace

from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.firing import nobody
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.flows import KIND, switch_flow
from headrace.core.client import Identity, Role
from headrace.core.flow import Flow
from headrace.service.native.desk import FlowSwitch


def switch(door: FlowServiceDoor) -> FlowSwitch:
    """Return what enables and disables this door's flows."""

    def set_enabled(flow: Flow, enabled: bool, who: str) -> None:
        identity = Identity(who, Role.OPERATOR, (flow.scope,))
        tenant = replace(nobody(door, flow.scope), identity=identity)
        record = find_flow(tenant, flow.id)
        if record is None:
            raise unknown(KIND, flow.id)
        switch_flow(tenant, record, "enable" if enabled else "disable")

    return set_enabled
