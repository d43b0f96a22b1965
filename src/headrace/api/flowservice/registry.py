"""What all resources of the Schema Registry have in common (10): ids, meta fields, Accept headers, lists."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.shelf import all_of, find_or_none, keep, remove
from headrace.api.flowservice.translate.parts import (
    BUILT_IN,
    EVENT,
    PROFILE,
    RECORD,
    SERIES,
    XDM,
    alternative_id,
    find_part,
)
from headrace.api.flowservice.translate.resolving import resolve as resolve_references
from headrace.api.flowservice.translate.resolving import without_texts
from headrace.api.flowservice.translate.schema import read_schema
from headrace.api.flowservice.wire import Item, body_object, integer, list_in, milliseconds, text_in
from headrace.http.bodies import Body

BASE = "/data/foundation/schemaregistry"
MAX_LIMIT = 300
SCHEMAS, FIELD_GROUPS = "schemas", "fieldgroups"
_WORDS = {SCHEMAS: "schemas", FIELD_GROUPS: "mixins"}
"""How the registry calls each collection in ids."""
_KEPT = (
    *("title", "description", "allOf", "properties", "required", "definitions", "additionalProperties"),
    *("meta:immutableTags", "meta:intendedToExtend", "meta:status", "meta:tags", "meta:usageCount", "meta:titleId"),
)
_ACCEPT = re.compile(r"application/vnd\.adobe\.(?:xed|xdm)((?:-[a-z]+)*)\+json(?:\s*;\s*version=(\d+)(?:\.\d+)?)?")
_SUFFIXES = {"full", "notext", "desc", "flat", "deprecated"}
_PROPERTY = re.compile(r"([\w:$./@-]+?)(==|!=|~)(.*)", re.DOTALL)
_SUBJECT = re.compile(
    r"(?:https://ns\.adobe\.com/[\w-]+/(?:schemas|mixins|fieldgroups)/|_[\w-]+\.(?:schemas|mixins|fieldgroups)\.)?([0-9a-f]{48})"
)


@dataclass(frozen=True, slots=True)
class Form:
    """How a resource is asked for: resolved or not, with texts or not, with descriptors or not."""

    full: bool = True
    texts: bool = True
    descriptors: bool = False


def key_of(subject: str) -> str | None:
    """Return the 48 hex digits in a resource's ``$id`` (URL-encoded or not) or ``meta:altId``, or None."""
    match = _SUBJECT.fullmatch(unquote(subject))
    return match[1] if match else None


def tenant_id(tenant: Tenant) -> str:
    """Return the tenant's id: letters and digits of the organisation's name."""
    return re.sub(r"[^a-z0-9]", "", tenant.place.org.partition("@")[0].lower()) or "tenant"


def resource_id(tenant: Tenant, kind: str, key: str) -> str:
    """Return the ``$id`` of a resource of the tenant's."""
    return f"https://ns.adobe.com/{tenant_id(tenant)}/{_WORDS[kind]}/{key}"


def resolve(tenant: Tenant, resource: Mapping[str, object]) -> Item:
    """Return ``resource`` with everything that it refers to among its own ``properties`` and ``required`` (see ``resolving.resolve``).

    Raises:
        Refusal: 400: a reference that leads nowhere.
    """

    def find(reference: str) -> Item | None:
        key = key_of(reference)
        found = None if key is None else find_or_none(tenant, FIELD_GROUPS, key) or find_or_none(tenant, SCHEMAS, key)
        return None if found is None else found.item

    return resolve_references(dict(resource), find)


def read_resource(tenant: Tenant, body: Item) -> Item:
    """Return the stored form of a resource's request; every reference in it leads somewhere, and its fields can be columns.

    Raises:
        Refusal: 400: ``type``, ``title`` or ``allOf`` is missing; an unknown ``$ref`` of the tenant's; a field that cannot be one.
    """
    if body.get("type") != "object":
        raise Refusal(Fault.MISSING, f"type is {body.get('type')!r}; object is expected")
    if not text_in(body, "title").strip():
        raise Refusal(Fault.MISSING, "the field title is missing; a text is expected")
    if not isinstance(body.get("allOf"), list) or not all(isinstance(part, dict) for part in body["allOf"]):
        raise Refusal(Fault.MISSING, "allOf is no list of objects; name the class and the field groups with $ref")
    for name in ("properties", "definitions"):
        if name in body and not isinstance(body[name], dict):
            raise Refusal(Fault.VALUE, f"{name} is no object")
    item = {key: body[key] for key in _KEPT if key in body}
    item = {"type": "object", **item}
    read_schema(resolve(tenant, item))
    return item


def resource_object(tenant: Tenant, kind: str, entity: Entity) -> Item:
    """Return a resource as the registry shows it, its references as they are."""
    namespace, word = tenant_id(tenant), _WORDS[kind]
    references = [text_in(part, "$ref") for part in list_in(entity.item, "allOf") if isinstance(part, dict)]
    item: Item = {
        "$id": resource_id(tenant, kind, entity.id),
        "meta:altId": f"_{namespace}.{word}.{entity.id}",
        "meta:resourceType": word,
        "version": f"1.{entity.revision - 1}",
        "type": "object",
        "allOf": [],
        "description": "",
        **entity.item,
        "imsOrg": tenant.place.org,
        "meta:extensible": False,
        "meta:abstract": kind == FIELD_GROUPS,
        "meta:extends": _extended(references),
        "meta:xdmType": "object",
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
    if kind == SCHEMAS:
        item["meta:class"] = _class_of(references)
    return item


def part_object(subject: str) -> Item:
    """Return a built-in part as the registry shows it."""
    return {
        "$id": subject,
        "meta:altId": alternative_id(subject),
        "version": "1.0",
        "description": "",
        "allOf": [],
        **BUILT_IN[subject],
        "imsOrg": "headrace",
        "meta:extensible": True,
        "meta:xdmType": "object",
        "meta:containerId": "global",
        "meta:tenantNamespace": "_xdm",
    }


def formed(tenant: Tenant, item: Item, form: Form) -> Item:
    """Return a resource in the form that was asked for."""
    if form.full:
        resolved = resolve(tenant, item)
        item = {**{name: value for name, value in item.items() if name not in {"allOf", "definitions"}}, **resolved}
        del item["allOf"]
    if not form.texts:
        item = without_texts(item)
    return {**item, "meta:descriptors": []} if form.descriptors else item


def read_form(request: Request) -> Form:
    """Return the form that the Accept header of a look-up asks for.

    Raises:
        Refusal: XDM-1007-400: no version; XDM-1006-400: a type that there is not; XDM-1012-404: a version other than 1.
    """
    given = request.headers.get("accept", "*/*").strip().lower() or "*/*"
    match = next((found for part in given.split(",") if (found := _ACCEPT.fullmatch(part.strip()))), None)
    if match is None:
        if any(
            part.partition(";")[0].strip() in {"application/json", "*/*", "application/*"} for part in given.split(",")
        ):
            return Form()
        raise _not_usable(given)
    suffixes = set(filter(None, match[1].split("-")))
    if suffixes - _SUFFIXES:
        raise _not_usable(given)
    if match[2] is None:
        what = f"the Accept header {given[:100]!r} names no version; add ; version=1"
        raise Refusal(Fault.ACCEPT_VERSION, what)
    if match[2] != "1":
        raise Refusal(Fault.NOT_FOUND, f"there is no version {match[2]} of this resource")
    full = bool(suffixes & {"full", "flat"})
    return Form(full=full, texts="notext" not in suffixes, descriptors="desc" in suffixes)


def listed(request: Request, items: Sequence[Item], whole: Callable[[Item], Item] = lambda item: item) -> Response:
    """Return the page of ``items`` that the request asks for; ``whole`` makes the long form of one.

    Raises:
        Refusal: XDM-1006-400: an Accept header that is none of a list.
    """
    query = request.query_params
    long = _wants_whole(request)
    found = [item for item in items if all(_matches(item, one) for one in query.getlist("property") if one)]
    order = query.get("orderby", "").strip() or "updated"
    found = _ordered(found, order)
    limit = min(max(integer(query.get("limit", str(MAX_LIMIT))) or MAX_LIMIT, 1), MAX_LIMIT)
    start = max(integer(query.get("start", "0")) or 0, 0)
    page = found[start : start + limit]
    following = str(start + limit) if start + limit < len(found) else None
    shown = [
        whole(item) if long else {key: item[key] for key in ("$id", "meta:altId", "version", "title")} for item in page
    ]
    href = None
    if following is not None:
        href = {"href": f"{request.url.path}?start={following}&limit={limit}&orderby={quote(order, safe='')}"}
    page_object = {"orderby": order, "next": following, "count": len(shown)}
    return JSONResponse({"results": shown, "_page": page_object, "_links": {"next": href}})


def own(tenant: Tenant, kind: str) -> list[Item]:
    """Return the tenant's resources of a kind, newest first."""
    return [resource_object(tenant, kind, entity) for entity in all_of(tenant, kind)]


def built_in(kind: str) -> list[Item]:
    """Return the built-in parts of a kind (``classes``, ``behaviors``, ``mixins``)."""
    return [part_object(subject) for subject, part in BUILT_IN.items() if part["meta:resourceType"] == kind]


def find_own(tenant: Tenant, kind: str, subject: str) -> Entity:
    """Return a resource of the tenant's by its ``$id`` or ``meta:altId``.

    Raises:
        Refusal: XDM-1012-404.
    """
    key = key_of(subject)
    entity = find_or_none(tenant, kind, key) if key else None
    if entity is None:
        raise unknown(kind, unquote(subject)[:200])
    return entity


def find_built_in(subject: str) -> Item:
    """Return a built-in part by its ``$id`` or ``meta:altId``.

    Raises:
        Refusal: XDM-1012-404.
    """
    found = find_part(unquote(subject))
    if found is None:
        raise unknown("resources", unquote(subject)[:200])
    return part_object(found)


def create(tenant: Tenant, kind: str, item: Item) -> Response:
    """Keep a new resource, and answer it whole."""
    key = sha256(tenant.door.ids.uuid().encode()).hexdigest()[:48]
    entity = keep(tenant, kind, key, item["title"], item)
    return JSONResponse(resource_object(tenant, kind, entity), status_code=201)


def replace(tenant: Tenant, kind: str, entity: Entity, item: Item) -> Response:
    """Keep the next version of a resource, and answer it whole."""
    changed = keep(tenant, kind, entity.id, item["title"], item, expected=entity)
    return JSONResponse(resource_object(tenant, kind, changed))


def patched(entity: Entity, body: Body) -> Item:
    """Return a resource's definition with a JSON Patch applied.

    Raises:
        Refusal: 1405, 1434, 1455: as ``patches``.
    """
    return apply_patch({**entity.item, "allOf": list_in(entity.item, "allOf")}, read_patch(body))


def discard(tenant: Tenant, kind: str, entity: Entity, users: Sequence[str]) -> Response:
    """Remove a resource that nothing uses.

    Raises:
        Refusal: 400: ``users`` are what uses it.
    """
    if users:
        names = ", ".join(users[:5]) + (" and others" if len(users) > 5 else "")
        raise Refusal(Fault.VALUE, f"{resource_id(tenant, kind, entity.id)} is in use by {names}")
    remove(tenant, kind, entity)
    return Response(status_code=204)


def whole_body(body: Body) -> Item:
    """Return a resource's request body."""
    return body_object(body)


def _extended(references: Sequence[str]) -> list[str]:
    """Return what a resource extends: what it refers to, and the behaviours of its classes."""
    behaviours = [
        RECORD if reference == PROFILE else SERIES for reference in references if reference in {PROFILE, EVENT}
    ]
    return list(dict.fromkeys([*(one for one in references if one and not one.startswith("#")), *behaviours]))


def _class_of(references: Sequence[str]) -> str:
    classes = [one for one in references if BUILT_IN.get(one, {}).get("meta:resourceType") in {"classes", "behaviors"}]
    return next(iter(classes), next((one for one in references if one.startswith(XDM)), ""))


def _not_usable(given: str) -> Refusal:
    expected = "application/vnd.adobe.xed-full+json; version=1 for one, application/vnd.adobe.xed-id+json for a list"
    return Refusal(Fault.ACCEPT_TYPE, f"the Accept header {given[:100]!r} cannot be used; send {expected}")


def _wants_whole(request: Request) -> bool:
    given = request.headers.get("accept", "*/*").strip().lower() or "*/*"
    for part in (one.strip() for one in given.split(",")):
        if part.partition(";")[0].strip() in {"application/json", "*/*", "application/*"}:
            return False
        match = _ACCEPT.fullmatch(part)
        if match is not None and match[1] in {"", "-id"}:
            return match[1] == ""
    raise _not_usable(given)


def _matches(item: Item, text: str) -> bool:
    match = _PROPERTY.fullmatch(text.strip())
    if match is None:
        return text.strip() in item
    value = item.get(match[1])
    values = [str(one) for one in value] if isinstance(value, list) else [] if value is None else [str(value)]
    if match[2] == "==":
        return match[3] in values
    if match[2] == "!=":
        return match[3] not in values
    return any(match[3].lower() in one.lower() for one in values)


def _ordered(items: list[Item], order: str) -> list[Item]:
    """Return items by the fields of ``orderby``, ``-`` in front for descending; ``updated`` and ``created`` are those of the registry's metadata."""
    names = {"updated": "repo:lastModifiedDate", "created": "repo:createdDate"}
    result = list(items)
    for one in reversed([part.strip() for part in order.split(",") if part.strip(" +-")]):
        name, down = one.lstrip("+-"), one.startswith("-")
        if name in names:
            metadata = names[name]
            result.sort(key=lambda item: item.get("meta:registryMetadata", {}).get(metadata, 0), reverse=not down)
        else:
            result.sort(key=lambda item: str(item.get(name, "")), reverse=down)
    return result
