"""Whether a flow uses a thing: what is used cannot be removed."""

from headrace.api.flowservice.flow_records import all_flows
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.wire import list_in


def is_used(tenant: Tenant, field: str, subject: str) -> bool:
    """Say whether a flow's ``field`` (``sourceConnectionIds``, ``targetConnectionIds``, ``baseConnectionIds``) names ``subject``."""
    return any(
        subject in list_in(record.frozen if field == "baseConnectionIds" else record.item, field)
        for record in all_flows(tenant)
    )
