"""Whether a base connection's source can be reached (``GET /connections/{id}/test``)."""

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.specs import LOCAL_FILES
from headrace.api.flowservice.translate.source import read_root
from headrace.core.errors import Problem
from headrace.dataplane.connectors.local import open_store
from headrace.dataplane.limits import Limits


def reaches(tenant: Tenant, entity: Entity) -> str | None:
    """Return None if the source can be reached, else why not."""
    if entity.item["connectionSpec"]["id"] != LOCAL_FILES:
        return None
    try:
        root = read_root(entity.item["auth"]["params"], tenant.door.file_roots)
        open_store(root, tenant.door.file_roots, Limits())
    except Problem as problem:
        return problem.message
    return None
