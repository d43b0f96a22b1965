"""What source and target connections have in common: both are ends of flows, and stay while a flow uses them."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.actions import FINALIZE, finalize_refusal, read_action
from headrace.api.flowservice.entities import Entity, check_writable, shown, wants_draft
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, check_query, read_list, read_search
from headrace.api.flowservice.shelf import find, keep, listing, remove
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object
from headrace.http.bodies import Body

DRAFT = "draft"
_WRITABLE = ("/name", "/description", "/data", "/params")
_WRITABLE_DRAFT = (*_WRITABLE, "/connectionSpec", "/baseConnectionId")


@dataclass(frozen=True, slots=True)
class End:
    """One kind of end.

    ``used_in`` is the field of flows that names it. ``read`` checks a body, whole or as it is after a patch, and returns what is kept;
    ``read_draft`` asks only that what is named exists.
    """

    collection: Collection
    used_in: str
    noun: str
    read: Callable[[Tenant, Item], Item]
    read_draft: Callable[[Tenant, Item], Item]

    @property
    def kind(self) -> str:
        """Return the collection's name."""
        return self.collection.name

    def listed(self, request: Request, tenant: Tenant) -> Response:
        """Answer a list."""
        return listing(tenant, self.kind, read_list(request, self.collection))

    def searched(self, request: Request, tenant: Tenant, body: Body) -> Response:
        """Answer a list that a body asks for."""
        return listing(tenant, self.kind, read_search(request, body, self.collection))

    def created(self, request: Request, tenant: Tenant, body: Body) -> Response:
        """Keep a new one, or a draft."""
        check_query(request, "mode")
        read = self.read_draft if wants_draft(request) else self.read
        item = read(tenant, body_object(body))
        entity = keep(tenant, self.kind, tenant.door.ids.uuid(), item["name"], item)
        return answers.created(self.kind, entity.id, entity.etag)

    def one(self, subject: str, request: Request, tenant: Tenant) -> Response:
        """Answer with one."""
        check_query(request)
        return answers.one(shown(tenant, find(tenant, self.kind, subject)))

    def patched(self, subject: str, request: Request, tenant: Tenant, body: Body) -> Response:
        """Change one; flows that use it keep the definition of their creation."""
        check_query(request)
        entity = find(tenant, self.kind, subject)
        operations = read_patch(body)
        check_etag(request, entity.etag, required=True)
        is_draft = entity.item["state"] == DRAFT
        for operation in operations:
            check_writable(operation, _WRITABLE_DRAFT if is_draft else _WRITABLE)
        item = apply_patch(entity.item, operations)
        changed = self._kept(tenant, entity, self.read_draft(tenant, item) if is_draft else self.read(tenant, item))
        headers = {"etag": changed.etag}
        return JSONResponse({"id": subject, "etag": changed.etag, "items": [shown(tenant, changed)]}, headers=headers)

    def acted(self, subject: str, request: Request, tenant: Tenant, body: Body) -> Response:
        """Publish a draft."""
        entity = find(tenant, self.kind, subject)
        action = read_action(request, body, {"publish", *FINALIZE}).op
        check_etag(request, entity.etag, required=False)
        if action in FINALIZE:
            raise finalize_refusal(tenant.identity)
        if entity.item["state"] != DRAFT:
            raise Refusal(Fault.ACTION_STATE, f"the {self.noun} {subject} is {entity.item['state']}, no draft")
        return answers.changed(subject, self._kept(tenant, entity, self.read(tenant, entity.item)).etag)

    def removed(self, subject: str, request: Request, tenant: Tenant) -> Response:
        """Remove one that no flow uses."""
        check_query(request)
        entity = find(tenant, self.kind, subject)
        check_etag(request, entity.etag, required=False)
        if is_used(tenant, self.used_in, subject):
            raise Refusal(Fault.END_USED, f"the {self.noun} {subject} is used by a flow")
        remove(tenant, self.kind, entity)
        return answers.gone()

    def _kept(self, tenant: Tenant, entity: Entity, item: Item) -> Entity:
        return keep(tenant, self.kind, entity.id, item["name"], item, expected=entity)
