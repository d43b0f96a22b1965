"""The Data Landing Zone's folder of a sandbox (7.9)."""

from pathlib import Path

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.dataplane.landing_zone import folder_of


def landing_folder(tenant: Tenant) -> Path:
    """Return the caller's folder, which is there.

    Raises:
        Refusal: 1103-503: it cannot be made.
    """
    folder = folder_of(tenant.door.landing_zone, tenant.scope)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(Fault.UNAVAILABLE, f"the landing zone cannot be used: {error.strerror}") from error
    return folder
