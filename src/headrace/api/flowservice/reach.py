"""Whether a base connection's source can be reached (``GET /connections/{id}/test``)."""

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.gateway import Tenant
from headrace.core.errors import Code, Problem
from headrace.core.explore import Check, Connected


def reaches(tenant: Tenant, entity: Entity) -> str | None:
    """Return None if the source can be reached and lets us in, else why not.

    Raises:
        Problem: ``UNAVAILABLE``, ``INTERNAL``: the source was not even asked.
    """
    try:
        tenant.door.explore(Check(Connected(tenant.scope, entity.id)))
    except Problem as problem:
        if problem.code in {Code.UNAVAILABLE, Code.INTERNAL}:
            raise
        return problem.message
    return None
