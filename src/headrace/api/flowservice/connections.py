"""Base connections (3.2): where sources are. Secrets in them are sealed and never returned."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice import answers
from headrace.api.flowservice.entities import ENTITY_ROOTS, Entity, check_no_draft, check_writable, shown
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.etags import check_etag
from headrace.api.flowservice.gateway import FlowTenant, Tenant
from headrace.api.flowservice.patches import Operation, apply_patch, read_patch
from headrace.api.flowservice.queries import Collection, read_list
from headrace.api.flowservice.reach import reaches
from headrace.api.flowservice.shelf import all_of, find, keep, remove
from headrace.api.flowservice.specs import LOCAL_FILES, SECRET, SOURCES, Spec
from headrace.api.flowservice.translate.source import read_connection_string, read_root
from headrace.api.flowservice.usage import is_used
from headrace.api.flowservice.wire import Item, body_object, object_in, required_text, text_in
from headrace.http.bodies import Body, json_body
from headrace.service.connections import ConnectionDraft, put_connection

router = APIRouter(prefix=answers.BASE)
KIND = "connections"

_COLLECTION = Collection(KIND, ENTITY_ROOTS | {"auth", "connectionSpec"})
_PATCHABLE = ("/name", "/description", "/auth/params", "/state")
_STATES = {"enabled": "enabled", "disabled": "disabled", "initializing": "disabled"}


@router.get("/connections")
def list_connections(request: Request, tenant: FlowTenant) -> Response:
    """List base connections."""
    listed = read_list(request, _COLLECTION)
    return answers.listed(KIND, [shown(tenant, entity) for entity in all_of(tenant, KIND)], listed)


@router.post("/connections")
def create_connection(request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a base connection; the source is not contacted."""
    check_no_draft(request)
    item = _read(tenant, body_object(body))
    subject = tenant.door.ids.uuid()
    _seal(tenant, subject, item)
    entity = keep(tenant, KIND, subject, item["name"], {**item, "auth": _masked(item)})
    return answers.created(KIND, subject, entity.etag)


@router.get("/connections/{subject}")
def get_connection(subject: str, tenant: FlowTenant) -> Response:
    """Show a base connection, its secrets masked."""
    return answers.one(shown(tenant, find(tenant, KIND, subject)))


@router.patch("/connections/{subject}")
def patch_connection(
    subject: str, request: Request, tenant: FlowTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Change name, description, parameters or state; a parameter that is sent masked stays as it is."""
    entity = find(tenant, KIND, subject)
    operations = read_patch(body)
    check_etag(request, entity.etag, required=True)
    item = _patched(tenant, entity, operations)
    if _reveals(item):
        _seal(tenant, subject, item)
    changed = keep(tenant, KIND, subject, item["name"], {**item, "auth": _masked(item)}, expected=entity)
    return answers.changed(subject, changed.etag)


@router.delete("/connections/{subject}")
def delete_connection(subject: str, request: Request, tenant: FlowTenant) -> Response:
    """Remove a base connection that no flow uses."""
    entity = find(tenant, KIND, subject)
    check_etag(request, entity.etag, required=False)
    if is_used(tenant, "baseConnectionIds", subject):
        raise Refusal(Fault.CONNECTION_USED, f"the connection {subject} is used by a flow")
    remove(tenant, KIND, entity)
    return answers.gone()


@router.get("/connections/{subject}/test")
def test_connection(subject: str, tenant: FlowTenant) -> Response:
    """Say whether the source can be reached with what the connection says."""
    entity = find(tenant, KIND, subject)
    message = reaches(tenant, entity)
    return JSONResponse({"result": True} if message is None else {"result": False, "message": message})


def _read(tenant: Tenant, body: Item) -> Item:
    name = required_text(body, "name")
    if not isinstance(body.get("auth"), Mapping):
        raise Refusal(Fault.MISSING, "the field auth is missing; an object with specName and params is expected")
    auth = object_in(body, "auth")
    reference = object_in(body, "connectionSpec")
    spec = _spec(tenant, reference)
    if text_in(auth, "specName").lower() != spec.auth.lower():
        raise Refusal(Fault.AUTH_SPEC, f"auth.specName is {auth.get('specName')!r}; {spec.auth!r} is expected")
    item: Item = {
        "name": name,
        "description": text_in(body, "description"),
        "auth": {"specName": spec.auth, "params": object_in(auth, "params")},
        "connectionSpec": {"id": spec.id, "version": "1.0"},
        "state": "enabled",
    }
    _check_parameters(tenant, spec, item["auth"]["params"])
    return item


def _spec(tenant: Tenant, reference: Mapping[str, Any]) -> Spec:
    spec = SOURCES.get(text_in(reference, "id"))
    if spec is None or (spec.id == LOCAL_FILES and not tenant.door.file_roots):
        raise Refusal(Fault.SPEC, f"connectionSpec.id {reference.get('id')!r} is no connection spec of this server")
    if str(reference.get("version", "1.0")) not in {"1", "1.0"}:
        raise Refusal(Fault.SPEC, f"connectionSpec.version is {reference['version']!r}; 1.0 is expected")
    return spec


def _check_parameters(tenant: Tenant, spec: Spec, params: Mapping[str, Any]) -> None:
    for parameter in spec.parameters:
        value = params.get(parameter.name)
        if value is None and parameter.required:
            raise Refusal(Fault.MISSING, f"auth.params.{parameter.name} is missing")
        if not isinstance(value, str) or not value.strip():
            raise Refusal(Fault.AUTH_EMPTY, f"auth.params.{parameter.name} is empty; a text is expected")
    if spec.id == LOCAL_FILES:
        read_root(params, tenant.door.file_roots)
    elif params["connectionString"] != SECRET:
        read_connection_string(params["connectionString"])


def _patched(tenant: Tenant, entity: Entity, operations: tuple[Operation, ...]) -> Item:
    for operation in operations:
        if operation.path[0] == "connectionSpec":
            raise Refusal(Fault.SPEC_CHANGED, "the connection spec of a connection cannot be changed")
        check_writable(operation, _PATCHABLE)
    item = apply_patch(entity.item, operations)
    state = item.get("state")
    if not isinstance(state, str) or state.lower() not in _STATES:
        raise Refusal(Fault.STATE_VALUE, f"state is {state!r}; enabled or disabled is expected")
    required_text(item, "name")
    spec = SOURCES[item["connectionSpec"]["id"]]
    params = object_in(object_in(item, "auth"), "params")
    _check_parameters(tenant, spec, params)
    return {**item, "state": _STATES[state.lower()], "auth": {"specName": spec.auth, "params": params}}


def _masked(item: Item) -> Item:
    secret = {parameter.name for parameter in SOURCES[item["connectionSpec"]["id"]].parameters if parameter.secret}
    params = {key: SECRET if key in secret else value for key, value in item["auth"]["params"].items()}
    return {**item["auth"], "params": params}


def _reveals(item: Item) -> bool:
    return any(value != shown for value, shown in zip(
        item["auth"]["params"].values(), _masked(item)["params"].values(), strict=True
    ))  # fmt: skip


def _seal(tenant: Tenant, subject: str, item: Item) -> None:
    """Keep what the data plane needs to connect, with its password sealed; directories need nothing."""
    if item["connectionSpec"]["id"] == LOCAL_FILES:
        return
    draft = ConnectionDraft(
        id=subject,
        scope=tenant.scope,
        name=f"{item['name']} ({subject})",
        kind="postgres",
        url=read_connection_string(item["auth"]["params"]["connectionString"]),
    )
    door = tenant.door
    put_connection(door.database, draft, tenant.user, door.sealer, door.clock)
