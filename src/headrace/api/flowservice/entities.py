"""What all stored things of the dialect have in common: ids, times, makers, sandbox, etag (1.5, 1.7)."""

from dataclasses import dataclass

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import etag_of
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.patches import Operation
from headrace.api.flowservice.wire import Item, milliseconds
from headrace.core.clock import Instant

ENTITY_ROOTS = frozenset(
    {
        *("id", "name", "description", "state", "version", "etag", "createdAt", "updatedAt", "createdBy", "updatedBy"),
        *("createdClient", "updatedClient", "sandboxId", "sandboxName", "imsOrgId", "inheritedAttributes", "labels"),
    }
)
"""Root fields that every list can be filtered and ordered by."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Who made a thing, and who changed it last."""

    created_by: str
    created_client: str
    updated_by: str
    updated_client: str


@dataclass(frozen=True, slots=True)
class Entity:
    """A stored thing: its own fields, and what the ledger knows about it."""

    id: str
    item: Item
    revision: int
    created_at: Instant
    updated_at: Instant
    maker: Maker

    @property
    def etag(self) -> str:
        """Return the etag of this revision."""
        return etag_of(self.id, self.revision, self.updated_at)


def shown(tenant: Tenant, entity: Entity) -> Item:
    """Return a thing as Flow Service shows it."""
    return {
        "id": entity.id,
        "createdAt": milliseconds(entity.created_at),
        "updatedAt": milliseconds(entity.updated_at),
        "createdBy": entity.maker.created_by,
        "updatedBy": entity.maker.updated_by,
        "createdClient": entity.maker.created_client,
        "updatedClient": entity.maker.updated_client,
        "sandboxId": tenant.place.sandbox_id,
        "sandboxName": tenant.place.sandbox,
        "imsOrgId": tenant.place.org,
        **entity.item,
        "version": entity.etag,
        "etag": entity.etag,
    }


def wants_draft(request: Request) -> bool:
    """Say whether ``mode`` asks for a draft (``mode=draft``, in any case); without it, or with an empty one, it does not.

    Raises:
        Refusal: 1312-400: another mode.
    """
    mode = request.query_params.get("mode", "").strip()
    if mode and mode.lower() != "draft":
        raise Refusal(Fault.VALUE, f"the mode {mode[:40]!r} is unknown; draft is expected, or none")
    return bool(mode)


def check_writable(operation: Operation, paths: tuple[str, ...]) -> None:
    """Refuse a patch of anything but ``paths`` and what is below them.

    Raises:
        Refusal: 1365-400.
    """
    if not any(operation.pointer == path or operation.pointer.startswith(path + "/") for path in paths):
        allowed = ", ".join(paths)
        raise Refusal(Fault.PATCH_READ_ONLY, f"{operation.pointer} cannot be changed; what can is {allowed}")
    if operation.op == "remove" and operation.pointer in {"/name", "/state"}:
        raise Refusal(Fault.PATCH_READ_ONLY, f"{operation.pointer} cannot be removed")
