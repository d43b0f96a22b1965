"""Specs of one's own (3.1): other names for connectors and flow specs that are there, made by services, the same in all sandboxes.

A custom connection spec names its connector (``attributes.connectorName``, else ``name``: a name or label of 7.2). It is listed with what it says of
itself; connections that are made with it are kept under the connector's own spec id.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from headrace.api.flowservice.door import AUDIENCE
from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal, unknown
from headrace.api.flowservice.flow_specs_shapes import flow_specs
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.shelf import all_of, find_or_none, keep
from headrace.api.flowservice.specs import PROVIDER_ID, SOURCES, Spec, is_flow_spec
from headrace.api.flowservice.specs_shapes import source_spec
from headrace.api.flowservice.wire import Item, list_in, object_in, required_text, text_in

CONNECTION_SPECS = "connectionSpecs"
FLOW_SPECS = "flowSpecs"
_OWN = ("id", "version", "providerId", "basis")


def connector_of(tenant: Tenant, subject: str) -> Spec | None:
    """Return the connector behind a connection spec's id, ours or a custom one; None: there is no such spec."""
    found = SOURCES.get(subject)
    return found or SOURCES.get(_basis(tenant, CONNECTION_SPECS, subject))


def flow_spec_of(tenant: Tenant, subject: str) -> str:
    """Return the id of our flow spec behind a flow spec's id, ours or a custom one; ``""``: there is no such spec."""
    return subject if is_flow_spec(subject) else _basis(tenant, FLOW_SPECS, subject)


def custom_specs(tenant: Tenant, collection: str) -> list[Item]:
    """Return the custom specs of a collection as they are shown, oldest first."""
    return [_shown(collection, entity) for entity in reversed(all_of(_everywhere(tenant), collection))]


def put_spec(tenant: Tenant, collection: str, body: Item, subject: str | None = None) -> Item:
    """Return the custom spec that ``body`` makes, new (``subject`` None), or in the place of ``subject``.

    Raises:
        Refusal: 1426-400: no service; 1304-400: no ``name`` or ``providerId``; 1312-400: it names nothing that is here, or changes one of ours;
            1439-404: there is no ``subject``.
    """
    if not tenant.identity.service:
        raise Refusal(Fault.SPEC_SERVICE, f"{collection} are made and changed by services only")
    if required_text(body, "name") and required_text(body, "providerId") != PROVIDER_ID:
        raise Refusal(Fault.VALUE, f"providerId {body['providerId']!r} is unknown; {PROVIDER_ID} is expected")
    given = subject or text_in(body, "id").strip() or tenant.door.ids.uuid()
    if given in SOURCES or is_flow_spec(given):
        raise Refusal(Fault.VALUE, f"the spec {given} is built in, and cannot be changed")
    place = _everywhere(tenant)
    expected = find_or_none(place, collection, given)
    if subject is not None and expected is None:
        raise unknown(collection, subject[:200])
    basis = _connector_named(body) if collection == CONNECTION_SPECS else _flow_spec_named(tenant, body)
    entity = keep(place, collection, given, body["name"], {**body, "basis": basis}, expected=expected)
    return _shown(collection, entity)


def _everywhere(tenant: Tenant) -> Tenant:
    """Return the tenant in the place where the organisation keeps what belongs to all of its sandboxes."""
    return replace(tenant, scope=f"{AUDIENCE}/{tenant.place.org}")


def _basis(tenant: Tenant, collection: str, subject: str) -> str:
    entity = find_or_none(_everywhere(tenant), collection, subject) if subject else None
    return "" if entity is None else text_in(entity.item, "basis")


def _connector_named(body: Mapping[str, Any]) -> str:
    words = {text_in(object_in(body, "attributes"), "connectorName").lower(), text_in(body, "name").lower()}
    for spec in SOURCES.values():
        if words & {spec.name, spec.label.lower()}:
            return spec.id
    names = ", ".join(spec.name for spec in SOURCES.values())
    raise Refusal(
        Fault.VALUE, f"attributes.connectorName names no connector of this server; one of {names} is expected"
    )


def _flow_spec_named(tenant: Tenant, body: Mapping[str, Any]) -> str:
    sources = [connector_of(tenant, subject) for subject in list_in(body, "sourceConnectionSpecIds")]
    kinds = {None if source is None else source.kind for source in sources}
    for spec in flow_specs():
        taken = {SOURCES[source].kind for source in spec["sourceConnectionSpecIds"]}
        if (kinds and kinds == taken) or (not kinds and spec["name"] == body["name"]):
            return str(spec["id"])
    raise Refusal(Fault.VALUE, "sourceConnectionSpecIds must list connection specs of files only, or of tables only")


def _shown(collection: str, entity: Entity) -> Item:
    basis = text_in(entity.item, "basis")
    ours = {spec["id"]: spec for spec in flow_specs()}
    shape = source_spec(SOURCES[basis]) if collection == CONNECTION_SPECS else ours[basis]
    given = {key: value for key, value in entity.item.items() if key not in _OWN}
    return {**shape, **given, "id": entity.id}
