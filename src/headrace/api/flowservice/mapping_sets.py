"""Mapping sets (8.1, 8.2): versions of which source goes where; old versions stay."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import schema_key
from headrace.api.flowservice.shelf import all_of, find, find_or_none, keep
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import Unusable, read_mapping_set, unusable
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.wire import Item, body_object, flag, integer, milliseconds
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/conversion")
KIND = "mappingSets"
MAX_VERSIONS = 200
"""Versions that are kept of one set."""


@router.post("/mappingSets")
def create_mapping_set(
    request: Request, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Make a mapping set; ``validate=True`` refuses one that cannot be used."""
    item = _read(tenant, body_object(body), validate=bool(flag(request.query_params.get("validate"))))
    subject = tenant.door.ids.uuid().replace("-", "")
    entity = keep(tenant, KIND, subject, item["name"] or subject, {"versions": [item]})
    return JSONResponse(_head(entity))


@router.get("/mappingSets")
def list_mapping_sets(request: Request, tenant: NeighbourTenant) -> Response:
    """List the newest versions of mapping sets."""
    query = request.query_params
    limit = min(max(integer(query.get("limit", "10")) or 10, 1), 1000)
    start = max(integer(query.get("start", "0")) or 0, 0)
    found = [mapping_set(entity, None) for entity in all_of(tenant, KIND)]
    named = [item for item in found if query.get("name") in (None, "", item["name"])][start : start + limit]
    return JSONResponse({"data": named, "_page": {"count": len(named), "limit": limit}, "_links": {}})


@router.post("/mappingSets/validate")
def validate_mapping_set(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Say of each mapping whether it can be used."""
    item = read_mapping_set(body_object(body))
    bad = {(one.destination, one.source): one for one in _unusable(tenant, item)}
    answers = []
    for mapping in item["mappings"]:
        one = bad.get((mapping["destination"], mapping["source"]))
        errors = None if one is None else [_error(one, mapping)]
        answers.append({"status": "SUCCESS" if one is None else "FAILED", "errors": errors})
    return JSONResponse({"validationResponse": answers})


@router.get("/mappingSets/{subject}")
def get_mapping_set(subject: str, request: Request, tenant: NeighbourTenant) -> Response:
    """Show a version of a mapping set, else the newest."""
    entity = find(tenant, KIND, subject)
    return JSONResponse(mapping_set(entity, request.query_params.get("version")))


@router.put("/mappingSets/{subject}")
def put_mapping_set(
    subject: str, request: Request, tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]
) -> Response:
    """Keep the next version of a mapping set, and answer the whole set."""
    entity = find(tenant, KIND, subject)
    item = _read(tenant, body_object(body), validate=bool(flag(request.query_params.get("validate"))))
    if len(entity.item["versions"]) >= MAX_VERSIONS:
        raise Refusal(Fault.VALUE, f"the mapping set has {MAX_VERSIONS} versions, the limit; make a new one")
    versions = {"versions": [*entity.item["versions"], item]}
    changed = keep(tenant, KIND, subject, item["name"] or subject, versions, expected=entity)
    return JSONResponse(mapping_set(changed, None))


def mapping_set(entity: Entity, version: object) -> Item:
    """Return a version of a mapping set as the service shows it.

    Raises:
        Refusal: 1412-400: there is no such version.
    """
    number, item = version_of(entity, version)
    return {
        **_head(entity),
        "version": number,
        **item,
        "mappings": [_mapping(entity, number, position, one) for position, one in enumerate(item["mappings"])],
        "status": "PUBLISHED",
        "supportVersion": "1.1",
        "strictMapping": False,
        "allowNullValues": False,
    }


def version_of(entity: Entity, version: object) -> tuple[int, Item]:
    """Return the number and the content of a version; None, or empty: the newest.

    Raises:
        Refusal: 1412-400: there is no such version.
    """
    versions = entity.item["versions"]
    if version is None or version == "":
        return len(versions) - 1, versions[-1]
    number = integer(version)
    if number is None or not 0 <= number < len(versions):
        raise Refusal(Fault.MAPPING_VERSION, f"the mapping set {entity.id} has no version {str(version)[:40]!r}")
    return number, versions[number]


def _read(tenant: Tenant, body: Item, *, validate: bool) -> Item:
    item = read_mapping_set(body)
    bad = _unusable(tenant, item) if validate else []
    if bad:
        texts = "; ".join(f"{one.destination}: {one.message}" for one in bad[:20])
        raise Refusal(Fault.MAPPING_INVALID, f"{len(bad)} mappings cannot be used: {texts}")
    return item


def _unusable(tenant: Tenant, item: Item) -> list[Unusable]:
    key = schema_key(item["xdmSchema"])
    schema = find_or_none(tenant, SCHEMAS, key) if key else None
    columns = None if schema is None else read_schema(schema.item)
    opened = schema is not None and is_open(schema.item)
    return unusable(item["mappings"], columns, check_expression, is_open=opened)


def _head(entity: Entity) -> Item:
    return {
        "id": entity.id,
        "version": len(entity.item["versions"]) - 1,
        "createdDate": milliseconds(entity.created_at),
        "modifiedDate": milliseconds(entity.updated_at),
        "createdBy": entity.maker.created_by,
        "modifiedBy": entity.maker.updated_by,
    }


def _mapping(entity: Entity, version: int, position: int, mapping: Item) -> Item:
    identity = f"{int(entity.id, 16) ^ (version << 32 | position + 1):032x}"
    head: dict[str, Any] = {**_head(entity), "id": identity, "version": 0}
    return {**head, **mapping}


def _error(one: Unusable, mapping: Item) -> Item:
    return {
        "destination": one.destination,
        "exception": one.message,
        "source": one.source,
        "columnName": one.source,
        "sourceType": mapping["sourceType"],
    }
