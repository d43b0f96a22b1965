"""Schemas (10): the least of the registry that flows need. Tenant schemas only; nested objects become dotted columns."""

import re
from hashlib import sha256
from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.shelf import all_of, find_or_none, keep
from headrace.api.flowservice.translate.schema import read_schema, unknown_reference
from headrace.api.flowservice.wire import Item, body_object, integer, list_in, milliseconds, object_in, text_in
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/schemaregistry")
KIND = "schemas"
_KEPT = ("title", "description", "allOf", "properties", "required", "definitions", "meta:immutableTags")


@router.get("/tenant/schemas")
def list_schemas(request: Request, tenant: NeighbourTenant) -> Response:
    """List the tenant's schemas by id, version and title."""
    limit = min(max(integer(request.query_params.get("limit", "300")) or 300, 1), 300)
    found = [
        {key: resource[key] for key in ("$id", "meta:altId", "version", "title")}
        for resource in (schema_object(tenant, entity) for entity in all_of(tenant, KIND))
    ][:limit]
    page = {"orderby": "updated", "next": None, "count": len(found)}
    return JSONResponse({"results": found, "_page": page, "_links": {"next": None}})


@router.post("/tenant/schemas")
def create_schema(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Make a schema; properties may stand in it directly."""
    item = _read(body_object(body))
    key = sha256(tenant.door.ids.uuid().encode()).hexdigest()[:48]
    entity = keep(tenant, KIND, key, item["title"], item)
    return JSONResponse(schema_object(tenant, entity), status_code=201)


@router.get("/tenant/schemas/{subject:path}")
def get_schema(subject: str, tenant: NeighbourTenant) -> Response:
    """Show a schema by its URL-encoded ``$id`` or its ``meta:altId``."""
    key = schema_key(subject)
    entity = find_or_none(tenant, KIND, key) if key else None
    if entity is None:
        raise unknown("schemas", subject[:200])
    return JSONResponse(schema_object(tenant, entity))


def schema_key(subject: str) -> str | None:
    """Return the 48 hex digits in a schema's ``$id`` or ``meta:altId``, or None."""
    match = re.fullmatch(
        r"(?:https://ns\.adobe\.com/[\w-]+/schemas/|_[\w-]+\.schemas\.)?([0-9a-f]{48})", unquote(subject)
    )
    return match[1] if match else None


def schema_id(tenant: Tenant, key: str) -> str:
    """Return the ``$id`` of a schema."""
    return f"https://ns.adobe.com/{tenant_id(tenant)}/schemas/{key}"


def tenant_id(tenant: Tenant) -> str:
    """Return the tenant's id: letters and digits of the organisation's name."""
    return re.sub(r"[^a-z0-9]", "", tenant.place.org.partition("@")[0].lower()) or "tenant"


def schema_object(tenant: Tenant, entity: Entity) -> Item:
    """Return a schema as the registry shows it."""
    namespace = tenant_id(tenant)
    return {
        "$id": schema_id(tenant, entity.id),
        "meta:altId": f"_{namespace}.schemas.{entity.id}",
        "meta:resourceType": "schemas",
        "version": f"1.{entity.revision - 1}",
        "type": "object",
        "allOf": [],
        **entity.item,
        "imsOrg": tenant.place.org,
        "meta:extensible": False,
        "meta:abstract": False,
        "meta:extends": [text_in(part, "$ref") for part in list_in(entity.item, "allOf") if isinstance(part, dict)],
        "meta:xdmType": "object",
        "meta:class": next((text_in(part, "$ref") for part in list_in(entity.item, "allOf")), ""),
        "meta:containerId": "tenant",
        "meta:sandboxId": tenant.place.sandbox_id,
        "meta:sandboxType": "production",
        "meta:tenantNamespace": f"_{namespace}",
        "meta:registryMetadata": {
            "repo:createdDate": milliseconds(entity.created_at),
            "repo:lastModifiedDate": milliseconds(entity.updated_at),
            "xdm:createdClientId": entity.maker.created_client,
            "xdm:lastModifiedClientId": entity.maker.updated_client,
            "xdm:createdUserId": entity.maker.created_by,
            "xdm:lastModifiedUserId": entity.maker.updated_by,
            "eTag": sha256(entity.etag.encode()).hexdigest(),
            "meta:globalLibVersion": "1.0",
        },
    }


def _read(body: Item) -> Item:
    if body.get("type") != "object":
        raise Refusal(Fault.MISSING, f"type is {body.get('type')!r}; object is expected")
    if not text_in(body, "title").strip():
        raise Refusal(Fault.MISSING, "the field title is missing; a text is expected")
    if "allOf" in body and not all(isinstance(part, dict) for part in list_in(body, "allOf")):
        raise Refusal(Fault.VALUE, "allOf is no list of objects")
    reference = unknown_reference(body)
    if reference is not None:
        raise Refusal(Fault.VALUE, f"allOf refers to {reference[:200]!r}, which is not known here")
    item = {key: body[key] for key in _KEPT if key in body}
    item["allOf"] = list_in(body, "allOf")
    item["properties"] = object_in(body, "properties")
    read_schema(item)
    return {"type": "object", **item}
