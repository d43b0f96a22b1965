"""Whether a base connection's source can be reached (``GET /connections/{id}/test``)."""

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.specs import LOCAL_FILES
from headrace.api.flowservice.translate.source import read_root
from headrace.core.errors import Problem
from headrace.dataplane.connectors.databases.probe import probe
from headrace.dataplane.connectors.local import open_store
from headrace.dataplane.limits import Limits
from headrace.service.connections import resolve

PATIENCE_SECONDS = 30.0
"""How long a test waits for a source (7.8)."""


def reaches(tenant: Tenant, entity: Entity) -> str | None:
    """Return None if the source can be reached and lets us in, else why not."""
    try:
        if entity.item["connectionSpec"]["id"] == LOCAL_FILES:
            root = read_root(entity.item["auth"]["params"], tenant.door.file_roots)
            open_store(root, tenant.door.file_roots, Limits())
        else:
            _reach_database(tenant, entity.id)
    except Problem as problem:
        return problem.message
    return None


def _reach_database(tenant: Tenant, subject: str) -> None:
    info = tenant.door.egress.pin(resolve(tenant.door.database, tenant.scope, subject, tenant.door.sealer))
    probe(info, Limits(connect_timeout_seconds=PATIENCE_SECONDS))
