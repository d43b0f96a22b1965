"""Whether a flow uses a thing: what is used cannot be removed."""

from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.translate.schedule import LABEL
from headrace.core.query import In
from headrace.service.flows import page_flows


def is_used(tenant: Tenant, field: str, subject: str) -> bool:
    """Say whether a flow's ``field`` (``sourceConnectionIds``, ``targetConnectionIds``, ``baseConnectionIds``) names ``subject``; drafts count."""
    place = "frozen" if field == "baseConnectionIds" else "item"
    where = In(f"labels.{LABEL}.{place}.{field}[]", (subject,))
    return bool(page_flows(tenant.door.database, tenant.scope, limit=1, where=where).items)
