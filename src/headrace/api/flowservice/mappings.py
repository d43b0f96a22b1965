"""Single mappings of a mapping set (8.1): every change makes a new version of the set."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.mapping_sets import (
    KIND,
    check_usable,
    keep_version,
    shown_mapping,
    version_of,
    with_ids,
)
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.translate.mapping import read_mapping_set
from headrace.api.flowservice.wire import Item, body_object, flag
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/conversion/mappingSets/{subject}/mappings")


@router.get("")
def list_mappings(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """List the mappings of a version, else of the newest."""
    entity = find(tenant, KIND, subject)
    number, item = version_of(entity, request.query_params.get("version"))
    found = [shown_mapping(entity, one) for one in with_ids(entity, number, item)]
    return JSONResponse({"data": found, "_page": {"count": len(found), "limit": len(found)}, "_links": {}})


@router.post("")
def create_mapping(
    subject: str, request: Request, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Add a mapping, behind those that are there."""
    entity = find(tenant, KIND, subject)
    mapping = {**_read(body), "id": tenant.door.ids.uuid().replace("-", "")}
    return _changed(tenant, request, entity, [*_newest(entity), mapping], mapping)


@router.get("/{identity}")
def get_mapping(subject: str, identity: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a mapping of a version, else of the newest."""
    entity = find(tenant, KIND, subject)
    number, item = version_of(entity, request.query_params.get("version"))
    return JSONResponse(shown_mapping(entity, _find(with_ids(entity, number, item), identity)))


@router.put("/{identity}")
def put_mapping(
    subject: str,
    identity: str,
    request: Request,
    tenant: NeighbourTenant,
    body: Annotated[Body, Depends(json_body)],
) -> Response:
    """Change a mapping in its place."""
    entity = find(tenant, KIND, subject)
    found = _newest(entity)
    _find(found, identity)
    mapping = {**_read(body), "id": identity}
    return _changed(tenant, request, entity, [mapping if one["id"] == identity else one for one in found], mapping)


@router.delete("/{identity}")
def delete_mapping(subject: str, identity: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Remove a mapping; earlier versions keep it."""
    entity = find(tenant, KIND, subject)
    found = _newest(entity)
    mapping = _find(found, identity)
    return _changed(tenant, request, entity, [one for one in found if one["id"] != identity], mapping)


def _read(body: Body) -> Item:
    mapping: Item = read_mapping_set({"mappings": [body_object(body)]})["mappings"][0]
    return mapping


def _newest(entity: Entity) -> list[Item]:
    number, item = version_of(entity, None)
    return with_ids(entity, number, item)


def _find(mappings: list[Item], identity: str) -> Item:
    found = next((one for one in mappings if one["id"] == identity), None)
    if found is None:
        raise unknown("mappings", identity[:200])
    return found


def _changed(tenant: Tenant, request: Request, entity: Entity, mappings: list[Item], mapping: Item) -> Response:
    """Keep ``mappings`` as the next version of the set, and answer the one that it is about."""
    _, item = version_of(entity, None)
    changed = {**item, "mappings": mappings}
    if flag(request.query_params.get("validate")):
        check_usable(tenant, changed)
    return JSONResponse(shown_mapping(keep_version(tenant, entity, changed), mapping))
