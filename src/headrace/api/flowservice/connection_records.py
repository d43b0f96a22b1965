"""Base connections as they are kept: checked against their auth spec, secrets masked on the outside and sealed on the inside."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.shelf import find
from headrace.api.flowservice.specs import LOCAL_FILES, SECRET, SOURCES, AuthSpec, Spec, is_secret, masked
from headrace.api.flowservice.specs_custom import connector_of
from headrace.api.flowservice.translate.connection import check_parameters, read_address
from headrace.api.flowservice.wire import Item, object_in, required_text, text_in
from headrace.service.connections import (
    PARAMETERS,
    ConnectionDraft,
    erase_connection,
    open_parameters,
    write_connection,
    write_parameters,
)
from headrace.service.documents import Along, DocumentDraft
from headrace.store.database import Transaction

KIND = "connections"
DRAFT = "draft"
STATES = {"enabled": "enabled", "disabled": "disabled", "initializing": "disabled"}
"""What the values of ``/state`` mean."""


def read_connection(tenant: Tenant, body: Mapping[str, Any]) -> Item:
    """Return a base connection as it comes in, checked, its secrets still in it.

    Raises:
        Refusal: 1304, 1413, 1415, 1393, 1394, 1312: the first check of 3.2 that fails.
    """
    name = required_text(body, "name")
    if not isinstance(body.get("auth"), Mapping):
        raise Refusal(Fault.MISSING, "the field auth is missing; an object with specName and params is expected")
    spec = spec_of_reference(tenant, object_in(body, "connectionSpec"))
    auth, params = _auth_of(spec, object_in(body, "auth"))
    _refuse_masks(auth, params)
    check_parameters(auth, params)
    read_address(spec, auth, params, tenant.door.file_roots)
    return {
        "name": name,
        "description": text_in(body, "description"),
        "auth": {"specName": auth.name, "params": params},
        "connectionSpec": {"id": spec.id, "version": "1.0"},
        "state": "enabled",
    }


def read_draft(tenant: Tenant, body: Mapping[str, Any]) -> Item:
    """Return a draft: a name, and whatever else is there; only what it names must exist.

    Raises:
        Refusal: 1304-400: no name; 1413-400: an unknown spec.
    """
    item: Item = {"name": required_text(body, "name"), "description": text_in(body, "description"), "state": DRAFT}
    if isinstance(body.get("connectionSpec"), Mapping):
        spec = spec_of_reference(tenant, object_in(body, "connectionSpec"))
        item["connectionSpec"] = {"id": spec.id, "version": "1.0"}
    if isinstance(body.get("auth"), Mapping):
        auth = object_in(body, "auth")
        item["auth"] = {"specName": text_in(auth, "specName"), "params": object_in(auth, "params")}
    return item


def spec_of_reference(tenant: Tenant, reference: Mapping[str, Any]) -> Spec:
    """Return the spec that ``connectionSpec`` names and that base connections can have.

    Raises:
        Refusal: 1413-400: the id or the version.
    """
    spec = connector_of(tenant, text_in(reference, "id"))
    if spec is None or not spec.auth or (spec.id == LOCAL_FILES and not tenant.door.file_roots):
        raise Refusal(
            Fault.SPEC, f"connectionSpec.id {reference.get('id')!r} is no connection spec with base connections here"
        )
    if str(reference.get("version", "1.0")) not in {"1", "1.0"}:
        raise Refusal(Fault.SPEC, f"connectionSpec.version is {reference['version']!r}; 1.0 is expected")
    return spec


def revealed(tenant: Tenant, subject: str, item: Item) -> Item:
    """Return ``item`` with the secrets that are kept for ``subject`` in the places that hold ``******``."""
    if not isinstance(item.get("auth"), Mapping):
        return item
    door = tenant.door
    kept = object_in(open_parameters(door.database, tenant.scope, subject, door.sealer), "params")
    params = object_in(item["auth"], "params")
    opened = {name: kept.get(name, value) if value == SECRET else value for name, value in params.items()}
    return {**item, "auth": {**item["auth"], "params": opened}}


def on_the_outside(item: Item) -> Item:
    """Return ``item`` as it is kept and shown, with ``******`` in the place of every secret."""
    if not isinstance(item.get("auth"), Mapping):
        return item
    spec = SOURCES.get(text_in(object_in(item, "connectionSpec"), "id"))
    auth = None if spec is None else spec.auth_spec(text_in(item["auth"], "specName"))
    return {**item, "auth": {**item["auth"], "params": masked(auth, object_in(item["auth"], "params"))}}


def sealing(tenant: Tenant, subject: str, item: Item) -> Along:
    """Return what keeps, with the connection's document, all that ``item`` (with its secrets) says.

    That are its parameters, and, unless it is a draft, what the data plane connects to.
    """
    door, params = tenant.door, object_in(object_in(item, "auth"), "params")
    name = f"{item['name'][:100]} ({subject})"
    kept = DocumentDraft(
        scope=tenant.scope, kind=PARAMETERS, id=subject, name=name, body={"params": params}, who=tenant.user
    )
    draft = None if item["state"] == DRAFT else _connection(tenant, subject, name, item)

    def seal(tx: Transaction) -> None:
        now = door.clock.now()
        write_parameters(tx, kept, door.sealer, now)
        if draft is not None:
            write_connection(tx, draft, tenant.user, door.sealer, now)

    return seal


def unsealing(tenant: Tenant, subject: str) -> Along:
    """Return what removes everything that ``sealing`` keeps for ``subject``."""
    door = tenant.door
    return lambda tx: erase_connection(tx, tenant.scope, subject, tenant.user, door.clock.now())


def _connection(tenant: Tenant, subject: str, name: str, item: Item) -> ConnectionDraft:
    auth, params = _auth_of(SOURCES[item["connectionSpec"]["id"]], item["auth"])
    address = read_address(SOURCES[item["connectionSpec"]["id"]], auth, params, tenant.door.file_roots)
    return ConnectionDraft(
        id=subject,
        scope=tenant.scope,
        name=name,
        kind=address.kind,
        url=address.url,
        options=address.options,
        enabled=item["state"] == "enabled",
    )


def find_usable(tenant: Tenant, subject: str) -> Entity:
    """Return a base connection that is no draft.

    Raises:
        Refusal: 1439-404: there is none; 1422-400: it is a draft.
    """
    entity = find(tenant, KIND, subject)
    if entity.item["state"] == DRAFT:
        raise Refusal(Fault.ACTION_STATE, f"the connection {subject} is a draft; publish it first")
    return entity


def _auth_of(spec: Spec, auth: Mapping[str, Any]) -> tuple[AuthSpec, Item]:
    chosen = spec.auth_spec(text_in(auth, "specName"))
    if chosen is None:
        names = " or ".join(repr(one.name) for one in spec.auth)
        raise Refusal(Fault.AUTH_SPEC, f"auth.specName is {auth.get('specName')!r}; {names} is expected")
    return chosen, object_in(auth, "params")


def _refuse_masks(auth: AuthSpec, params: Mapping[str, Any]) -> None:
    for name, value in params.items():
        if value == SECRET and is_secret(auth, name):
            raise Refusal(
                Fault.AUTH_EMPTY, f"auth.params.{name} is {SECRET}, which stands for a secret that is kept; none is"
            )
