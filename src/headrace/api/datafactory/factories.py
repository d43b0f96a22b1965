"""Factories (contract 3): what everything else is in. Deleting one cancels its runs and removes all that is in it."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of, shown
from headrace.api.datafactory.checks import check_global_parameters
from headrace.api.datafactory.collections import COLLECTIONS
from headrace.api.datafactory.errors import bad_request, missing_factory
from headrace.api.datafactory.etags import check_match, etag_of, is_known
from headrace.api.datafactory.gateway import (
    FACTORY_KIND,
    AtPlace,
    InFactory,
    Place,
    factories_scope,
    factory_id,
    factory_path,
    path_of,
)
from headrace.api.datafactory.names import check_factory, key_of
from headrace.api.datafactory.paging import BY_NAME, gather, given_cursor
from headrace.api.datafactory.paths import FACTORY, PROVIDER, SUBSCRIPTION
from headrace.api.datafactory.pipelines import KIND as PIPELINE
from headrace.api.datafactory.pipelines import erase_pipeline_flow
from headrace.api.datafactory.wire import Item, answer, date, empty
from headrace.core.clock import Clock
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.query import And, Compare, Filter, Op, Order
from headrace.core.run import Run, RunStatus
from headrace.http.links import base_url
from headrace.service.documents import (
    Document,
    DocumentDraft,
    DocumentQuery,
    erase_document,
    put_document,
    write_document,
)
from headrace.service.runs import end_run
from headrace.service.triggers.changes import remove_trigger
from headrace.store import documents, runs, triggers
from headrace.store.database import Database, Transaction
from headrace.store.runs import RunQuery

router = APIRouter()
_OURS = frozenset({"name", "id", "type", "eTag", "etag"})
_SET_BY_US = ("provisioningState", "createTime", "version")
_OPEN = frozenset(status for status in RunStatus if not status.is_final)
_RUNS_AT_ONCE = 100
_DOCUMENTS_AT_ONCE = 500
_LOCATION = "local"
_OLDEST_FIRST = Order("created_at")


@router.get(f"{SUBSCRIPTION}/factories")
@router.get(f"{PROVIDER}/factories")
def list_factories(request: Request, place: AtPlace) -> Response:
    """List the factories of a subscription or a resource group that the caller may see."""
    cursor = given_cursor(request)
    query = DocumentQuery(scope=place.scope, kind=FACTORY_KIND, order=BY_NAME, filter=_in_group(place.group))

    def shown_if(document: Document) -> Item | None:
        return shown_factory(document) if place.identity.reaches(f"{place.scope}/{document.id}") else None

    with place.door.database.reading() as tx:
        found = gather(tx, query, cursor, shown_if)
    return found.linked(request)


@router.get(FACTORY)
def get_factory(request: Request, factory: InFactory) -> Response:
    """Show a factory; 304 if the caller has this version."""
    if is_known(request, factory.document):
        return empty(304, {"etag": f'"{etag_of(factory.document)}"'})
    return _answer(factory.document)


@router.put(FACTORY)
def put_factory(factory: str, request: Request, place: AtPlace, body: DocumentBody) -> Response:
    """Make or replace a factory; what is in it stays."""
    check_factory(factory)
    resource = _checked({key: value for key, value in object_of(body).items() if key not in _OURS})
    target = factory_path(place.subscription, str(place.group), factory)
    now = place.door.clock.now()
    with place.door.database.transaction() as tx:
        current = documents.find(tx, place.scope, FACTORY_KIND, factory_id(str(place.group), factory), hold=True)
        check_match(request, current, target)
        written = write_document(tx, _draft(place, factory, current, resource), now)
    return _answer(written)


@router.patch(FACTORY)
def patch_factory(factory: str, request: Request, place: AtPlace, body: DocumentBody) -> Response:
    """Change tags, identity or public network access of a factory."""
    given = object_of(body)
    now = place.door.clock.now()
    with place.door.database.transaction() as tx:
        current = documents.find(tx, place.scope, FACTORY_KIND, factory_id(str(place.group), factory), hold=True)
        if current is None:
            raise missing_factory(factory, str(place.group))
        check_match(request, current, path_of(current))
        resource = _checked({**_resource(current), **_patched(_resource(current), given)})
        written = write_document(tx, _draft(place, factory, current, resource), now)
    return _answer(written)


@router.delete(FACTORY)
def delete_factory(factory: str, request: Request, place: AtPlace) -> Response:
    """Remove a factory with all that is in it, after its runs were cancelled."""
    database, subject = place.door.database, factory_id(str(place.group), factory)
    with database.reading() as tx:
        current = documents.find(tx, place.scope, FACTORY_KIND, subject)
    check_match(request, current, factory_path(place.subscription, str(place.group), factory))
    if current is None:
        return empty(204)
    # Most runs are cancelled a few at a time; the factory is there until all is gone, so that a DELETE that was broken off can be repeated.
    scope = f"{place.scope}/{subject}"
    while _cancel_some(place, scope):
        pass
    with database.transaction() as tx:
        held = documents.find(tx, place.scope, FACTORY_KIND, subject, hold=True)
        check_match(request, held, path_of(current))
        if held is not None:
            _erase(tx, place, scope, held)
    return empty()


@router.post(f"{FACTORY}/getdataplaneaccess")
def get_data_plane_access(request: Request, factory: InFactory, body: DocumentBody) -> Response:
    """Say that the data plane is this server, and needs no token of its own."""
    del factory
    return answer(
        {"policy": object_of(body, optional=True), "accessToken": "", "dataPlaneUrl": base_url(request, None)}
    )


def ensure_factory(database: Database, clock: Clock, subscription: str, group: str, name: str) -> None:
    """Make a factory that the configuration names, unless it is there."""
    draft = DocumentDraft(
        scope=factories_scope(subscription),
        kind=FACTORY_KIND,
        id=factory_id(group, name),
        name=name,
        body={"subscription": subscription, "group": group, "resource": {"location": _LOCATION, "properties": {}}},
        who="configuration",
    )
    try:
        put_document(database, draft, clock, expected=0)
    except Problem as problem:
        if problem.code not in {Code.CONFLICT, Code.STALE}:
            raise


def shown_factory(document: Document) -> Item:
    """Return a factory as clients see it."""
    resource = _resource(document)
    properties = resource.pop("properties", None) or {}
    ours = {"provisioningState": "Succeeded", "createTime": date(document.created_at), "version": "2018-06-01"}
    identity = resource.get("identity")
    if isinstance(identity, Mapping):
        resource["identity"] = _identity(document, identity)
    return {
        "name": document.name,
        "id": path_of(document),
        "type": "Microsoft.DataFactory/factories",
        "location": _LOCATION,
        "tags": dict[str, str](),
        **resource,
        "properties": {**ours, "publicNetworkAccess": "Enabled", **properties},
        "eTag": f'"{etag_of(document)}"',
    }


def _identity(document: Document, identity: Mapping[str, Any]) -> Item:
    given = {key: value for key, value in identity.items() if key not in {"principalId", "tenantId"}}
    if "systemassigned" not in str(identity.get("type", "")).lower():
        return given
    return {
        **given,
        "principalId": derived_uuid(document.scope, document.id, "principal"),
        "tenantId": derived_uuid(document.scope, "tenant"),
    }


def _answer(document: Document) -> Response:
    return answer(shown_factory(document), headers={"etag": f'"{etag_of(document)}"'})


def _resource(document: Document) -> Item:
    resource = document.body["resource"]
    return dict(resource) if isinstance(resource, Mapping) else {}


def _draft(place: Place, name: str, current: Document | None, resource: Item) -> DocumentDraft:
    body: Item = {"subscription": place.subscription, "group": place.group} if current is None else dict(current.body)
    return DocumentDraft(
        scope=place.scope,
        kind=FACTORY_KIND,
        id=factory_id(str(place.group), name),
        name=name if current is None else current.name,
        body={**body, "resource": resource},
        who=place.identity.client_id,
    )


def _checked(resource: Item) -> Item:
    for key in ("tags", "identity", "properties"):
        if resource.get(key) is not None and not isinstance(resource[key], dict):
            raise bad_request(f"The property '{key}' is {shown(resource[key])}; an object is expected.")
        if key in resource and resource[key] is None:
            del resource[key]
    for name, text in resource.get("tags", {}).items():
        if not isinstance(text, str):
            raise bad_request(f"The tag '{name}' is {shown(text)}; a text is expected.")
    location = resource.get("location", _LOCATION)
    if not isinstance(location, str):
        raise bad_request(f"The property 'location' is {shown(location)}; a text is expected.")
    properties = {key: value for key, value in resource.get("properties", {}).items() if key not in _SET_BY_US}
    check_global_parameters(properties.get("globalParameters"))
    return {**resource, "properties": properties}


def _patched(resource: Item, given: Mapping[str, Any]) -> Item:
    changed = {key: given[key] for key in ("tags", "identity") if given.get(key) is not None}
    properties = given.get("properties")
    if properties is None:
        return changed
    if not isinstance(properties, dict):
        raise bad_request(f"The property 'properties' is {shown(properties)}; an object is expected.")
    access = {key: properties[key] for key in ("publicNetworkAccess",) if key in properties}
    return {**changed, "properties": {**(resource.get("properties") or {}), **access}}


def _in_group(group: str | None) -> Filter | None:
    if group is None:
        return None
    # "0" is the character after "/".
    return And((Compare("id", Op.GE, f"{key_of(group)}/"), Compare("id", Op.LT, f"{key_of(group)}0")))


def _cancel_some(place: Place, scope: str) -> bool:
    with place.door.database.transaction() as tx:
        found = _open_runs(tx, scope)
        for run in found:
            end_run(tx, run, place.identity.client_id, place.door.clock.now())
    return len(found) == _RUNS_AT_ONCE


def _open_runs(tx: Transaction, scope: str) -> tuple[Run, ...]:
    query = RunQuery(scopes=(scope,), statuses=_OPEN - {RunStatus.CANCELLING})
    return runs.page(tx, query, _OLDEST_FIRST, _RUNS_AT_ONCE).items


def _erase(tx: Transaction, place: Place, scope: str, factory: Document) -> None:
    now, who = place.door.clock.now(), place.identity.client_id
    # Before the runs: what a trigger makes at this moment is among them then.
    while fires := triggers.of_scope(tx, scope, _DOCUMENTS_AT_ONCE):
        for trigger in fires:
            remove_trigger(tx, scope, trigger.name, now)
    while found := _open_runs(tx, scope):
        for run in found:
            end_run(tx, run, who, now)
    for collection in COLLECTIONS:
        while subjects := documents.ids(tx, scope, collection.kind, _DOCUMENTS_AT_ONCE):
            for subject in subjects:
                if collection.kind == PIPELINE:
                    erase_pipeline_flow(tx, scope, subject, who, now)
                erase_document(tx, scope, collection.kind, subject, who, now)
    erase_document(tx, place.scope, FACTORY_KIND, factory.id, who, now)
