"""What source and target connections have in common: both are ends of flows, and stay while a flow uses them."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.entities import check_no_draft, check_writable, shown
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, read_list
from headrace.api.flowservice.shelf import all_of, find, keep, remove
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object
from headrace.http.bodies import Body

_WRITABLE = ("/name", "/description", "/data", "/params")


@dataclass(frozen=True, slots=True)
class End:
    """One kind of end.

    ``used_in`` is the field of flows that names it. ``read`` checks a body and returns what is kept; ``check`` does so after a patch.
    """

    collection: Collection
    used_in: str
    noun: str
    read: Callable[[Tenant, Item], Item]
    check: Callable[[Tenant, Item], Item]

    @property
    def kind(self) -> str:
        """Return the collection's name."""
        return self.collection.name

    def listed(self, request: Request, tenant: Tenant) -> Response:
        """Answer a list."""
        listed = read_list(request, self.collection)
        return answers.listed(self.kind, [shown(tenant, entity) for entity in all_of(tenant, self.kind)], listed)

    def created(self, request: Request, tenant: Tenant, body: Body) -> Response:
        """Keep a new one."""
        check_no_draft(request)
        item = self.read(tenant, body_object(body))
        entity = keep(tenant, self.kind, tenant.door.ids.uuid(), item["name"], item)
        return answers.created(self.kind, entity.id, entity.etag)

    def one(self, subject: str, tenant: Tenant) -> Response:
        """Answer with one."""
        return answers.one(shown(tenant, find(tenant, self.kind, subject)))

    def patched(self, subject: str, request: Request, tenant: Tenant, body: Body) -> Response:
        """Change one; flows that use it keep the definition of their creation."""
        entity = find(tenant, self.kind, subject)
        operations = read_patch(body)
        check_etag(request, entity.etag, required=True)
        for operation in operations:
            check_writable(operation, _WRITABLE)
        item = self.check(tenant, apply_patch(entity.item, operations))
        changed = keep(tenant, self.kind, subject, item["name"], item, expected=entity)
        return JSONResponse({"id": subject, "etag": changed.etag, "items": [shown(tenant, changed)]})

    def removed(self, subject: str, request: Request, tenant: Tenant) -> Response:
        """Remove one that no flow uses."""
        entity = find(tenant, self.kind, subject)
        check_etag(request, entity.etag, required=False)
        if is_used(tenant, self.used_in, subject):
            raise Refusal(Fault.END_USED, f"the {self.noun} {subject} is used by a flow")
        remove(tenant, self.kind, entity)
        return answers.gone()
