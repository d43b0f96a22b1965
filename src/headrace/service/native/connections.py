"""Connections of all doors: of flow files and the Flow Service, and linked services of the Data Factory; never with a secret."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from headrace.core.client import Identity, Role
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.explore import Check, Connected
from headrace.core.native.places import (
    AskConnection,
    ConnectionLine,
    ConnectionList,
    ConnectionTested,
    ConnectionView,
    ListConnections,
)
from headrace.core.query import Cursor
from headrace.service.connections import KIND
from headrace.service.native.desk import NativeDesk
from headrace.service.native.masking import is_secret, shown_text
from headrace.service.native.reach import patterns
from headrace.service.sealing import MASK
from headrace.store import documents, flow_pages, place_pages
from headrace.store.database import Transaction
from headrace.store.documents import Document

LINKED_SERVICE, DATASET, PIPELINE = "linked_service", "dataset", "pipeline"
"""The kinds of documents of the Data Factory door that name one another."""
BASE_CONNECTION = "connections"
"""The kind of the documents in which the Flow Service door keeps its own words for a connection."""
TEST = "test"
MOST_FLOWS = 200
"""Flows that are told of as using a connection, at most."""
_ADDRESSES = (
    "url",
    "baseUrl",
    "host",
    "server",
    "serviceEndpoint",
    "serviceUri",
    "accountName",
    "account",
    "bucketName",
)
_SECRET_WORDS = (
    "encryptedcredential",
    "password",
    "secret",
    "token",
    "key",
    "credential",
    "sas",
    "connectionstring",
    "passphrase",
)


def list_connections(desk: NativeDesk, caller: Identity, asked: ListConnections) -> ConnectionList:
    """Return a page of connections, newest first. It may be short and have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor; ``NOT_FOUND``: the scope.
    """
    reached = patterns(caller, asked.scope)
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        page = place_pages.page(tx, (KIND, LINKED_SERVICE), reached, asked.text, asked.limit, cursor)
        names = _names(tx, page.items)
    items = tuple(_line(document, names.get((document.scope, document.id)), caller) for document in page.items)
    return ConnectionList(items=items, next=None if page.next is None else page.next.token())


def show_connection(desk: NativeDesk, caller: Identity, asked: AskConnection) -> ConnectionView:
    """Return a connection in full, what is secret masked.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.reading() as tx:
        document = _find(tx, caller, asked)
        names = _names(tx, [document])
        flows = tuple(_flows(tx, document))
    options = document.body.get("options") if document.kind == KIND else _properties(document)
    return ConnectionView(
        line=_line(document, names.get((document.scope, document.id)), caller),
        options=_masked(options) if isinstance(options, Mapping) else {},
        flows=flows,
    )


def test_connection(desk: NativeDesk, caller: Identity, asked: AskConnection) -> ConnectionTested:
    """Return whether a connection can be reached now, or why it cannot.

    Raises:
        Problem: ``NOT_FOUND``; ``UNSUPPORTED``: a linked service.
    """
    with desk.database.reading() as tx:
        document = _find(tx, caller, asked)
    if document.kind != KIND:
        what = f"{document.name!r} is a linked service: its connection is made by the activities that use it"
        raise Problem(
            Code.UNSUPPORTED, f"{what}; run a pipeline with a Lookup or a Get Metadata activity on it to try it"
        )
    try:
        desk.explore(Check(Connected(document.scope, document.id)))
    except Problem as problem:
        return ConnectionTested(good=False, message=problem.message)
    return ConnectionTested(good=True)


def _find(tx: Transaction, caller: Identity, asked: AskConnection) -> Document:
    if caller.reaches(asked.scope):
        for kind, name in ((KIND, asked.connection), (LINKED_SERVICE, asked.connection.lower())):
            found = documents.find(tx, asked.scope, kind, name)
            if found is not None:
                return found
    raise Problem(Code.NOT_FOUND, f"there is no connection {asked.connection!r} in {asked.scope!r}")


def _names(tx: Transaction, found: Collection[Document]) -> dict[tuple[str, str], str]:
    """Return the names that the Flow Service door has for connections, by scope and id."""
    names: dict[tuple[str, str], str] = {}
    for scope in {document.scope for document in found if document.kind == KIND}:
        ids = [document.id for document in found if document.scope == scope]
        names |= {(scope, one.id): one.name for one in documents.of_ids(tx, scope, BASE_CONNECTION, ids)}
    return names


def _line(document: Document, name: str | None, caller: Identity) -> ConnectionLine:
    is_linked = document.kind == LINKED_SERVICE
    can_test = not is_linked and caller.role.includes(Role.OPERATOR)
    properties = _properties(document)
    return ConnectionLine(
        id=document.id,
        scope=document.scope,
        name=name or document.name,
        kind=str(properties.get("type") or "") if is_linked else str(document.body.get("kind") or ""),
        address=_address(properties) if is_linked else str(document.body.get("address") or ""),
        enabled=document.body.get("enabled") is not False,
        created_at=document.created_at,
        updated_at=document.updated_at,
        verbs=(TEST,) if can_test else (),
    )


def _properties(document: Document) -> Mapping[str, Json]:
    properties = document.body.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _address(properties: Mapping[str, Json]) -> str:
    """Return where a linked service leads: the first of what such documents name places by."""
    given = properties.get("typeProperties")
    for name in _ADDRESSES:
        value = given.get(name) if isinstance(given, Mapping) else None
        if isinstance(value, str) and value:
            return _without_login(value)
    return ""


def _without_login(address: str) -> str:
    try:
        url = urlsplit(address)
        return url._replace(netloc=url.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return ""


def _masked(value: Mapping[str, Json]) -> dict[str, Json]:
    """Return options or properties with what may be secret masked: whatever stands under a name that sounds like it."""
    # A pair: what it is called stands beside its value.
    name = value.get("name", value.get("key"))
    beside = name if isinstance(name, str) and is_secret(name) else ""
    return {key: _masked_value(beside if key == "value" and beside else key, item) for key, item in value.items()}


def _masked_value(key: str, value: Json) -> Json:
    if isinstance(value, Mapping):
        return _masked(value)
    if isinstance(value, list | tuple):
        return [_masked_value(key, item) for item in value]
    if not isinstance(value, str) or not value:
        return value
    if any(word in key.lower() for word in _SECRET_WORDS) or is_secret(key):
        return MASK
    # What follows the "?" of an address may be a signature.
    return shown_text(_without_login(value) if "://" in value else value)


def _flows(tx: Transaction, document: Document) -> Iterator[str]:
    """Yield names of flows that use the connection, as far as their plans and documents say so."""
    if document.kind == KIND:
        yield from flow_pages.mentioning(tx, document.scope, document.id, MOST_FLOWS)
        return
    names = {(LINKED_SERVICE, document.name.lower())}
    for dataset in _naming(tx, document.scope, DATASET, document.name):
        if _refers(dataset.body, names):
            names.add((DATASET, dataset.name.lower()))
    found: dict[str, None] = {}
    for _, name in sorted(names):
        for pipeline in _naming(tx, document.scope, PIPELINE, name):
            if _refers(pipeline.body, names):
                found[pipeline.name] = None
    yield from sorted(found)[:MOST_FLOWS]


def _naming(tx: Transaction, scope: str, kind: str, name: str) -> list[Document]:
    return place_pages.mentioning(tx, scope, kind, f'"referencename":"{name}"', MOST_FLOWS)


def _refers(value: Json, names: Collection[tuple[str, str]]) -> bool:
    """Say whether there is a reference to one of ``names`` (kinds and names in lower case) somewhere in a document."""
    if isinstance(value, Mapping):
        name, kind = value.get("referenceName"), str(value.get("type") or "").lower().removesuffix("reference")
        kinds = {"linkedservice": LINKED_SERVICE, "dataset": DATASET}
        if isinstance(name, str) and (kinds.get(kind, ""), name.lower()) in names:
            return True
        return any(_refers(item, names) for item in value.values())
    return isinstance(value, list | tuple) and any(_refers(item, names) for item in value)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "connections.list": list_connections,
    "connections.show": show_connection,
    "connections.test": test_connection,
}
"""By the operation's name."""
