"""Connections: where databases are and how to log in there. What is secret in them is sealed, and never given back to a caller."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import cast
from urllib.parse import SplitResult, quote, urlsplit

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.ids import derived_uuid
from headrace.core.query import Page
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.service.documents import (
    Document,
    DocumentDraft,
    DocumentQuery,
    erase_document,
    find_document,
    get_document,
    open_document,
    page_documents,
    read_opened,
    write_document,
)
from headrace.service.sealing import MASK, Sealer
from headrace.store.database import Database, Transaction

KIND = "connection"
"""The kind of connection documents in the ledger."""
PARAMETERS = "connection.parameters"
"""The kind of the documents that hold what a door was given for a connection, all of it sealed."""
_HTTP = ("https", "http")
SCHEMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "postgres": ("postgresql", "postgres"),
        "mysql": ("mysql",),
        "sqlserver": ("mssql",),
        "snowflake": ("snowflake",),
        "bigquery": ("bigquery",),
        "s3": _HTTP,
        "azure": _HTTP,
        "gcs": _HTTP,
        "sftp": ("sftp",),
        "ftp": ("ftp",),
        "local": ("file",),
    }
)
"""The schemes of URLs that each kind of connection takes. ``local`` is a folder of this machine, which the data plane's roots bound."""

_SECRETS = frozenset({"url", "options"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionDraft:
    """A connection as it comes in.

    ``url`` may carry a password; ``options`` are sealed whole. ``******`` in the place of a password or an option's value stands for the
    one that is kept. ``id`` None: the id that always belongs to scope and name. One that is not ``enabled`` is kept, and opens for nobody.
    """

    scope: str
    name: str
    kind: str
    url: str = field(repr=False)
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    id: str | None = None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connection as callers see it: the password in ``url`` and the values of ``options`` are ``******``."""

    id: str
    scope: str
    name: str
    kind: str
    url: str
    options: Mapping[str, str]
    revision: int


def put_connection(database: Database, draft: ConnectionDraft, who: str, sealer: Sealer, clock: Clock) -> Connection:
    """Return the connection as it is kept now, new or in the place of the one with its id.

    Raises:
        Problem: ``UNSUPPORTED``: the kind; ``INVALID``: the URL has another form than its kind's. No message repeats the URL.
    """
    with database.transaction() as tx:
        return write_connection(tx, draft, who, sealer, clock.now())


def write_connection(tx: Transaction, draft: ConnectionDraft, who: str, sealer: Sealer, now: Instant) -> Connection:
    """Do what ``put_connection`` does within the caller's transaction.

    Raises:
        Problem: as ``put_connection``.
    """
    connection_id = draft.id or derived_uuid(KIND, draft.scope, draft.name)
    url = _parse(draft)
    if url.password == MASK:
        kept = read_opened(tx, draft.scope, KIND, connection_id, sealer).body
        url = _with_password(url, urlsplit(str(kept["url"])).password)
    # What follows the "?" may hold secrets too (sslpassword), so callers do not see it.
    address = url._replace(query="", fragment="")
    body: dict[str, Json] = {
        "kind": draft.kind,
        "address": (address if url.password is None else _with_password(address, MASK)).geturl(),
        "url": url.geturl(),
        "options": dict(draft.options),
        "enabled": draft.enabled,
    }
    document = DocumentDraft(scope=draft.scope, kind=KIND, id=connection_id, name=draft.name, body=body, who=who)
    return _shown(write_document(tx, document, now, sealer=sealer, is_secret=_SECRETS.__contains__))


def get_connection(database: Database, scope: str, connection_id: str) -> Connection:
    """Return the connection, masked.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    return _shown(get_document(database, scope, KIND, connection_id))


def find_connection(database: Database, scope: str, name: str) -> Connection | None:
    """Return the scope's newest connection of this name, masked, or None."""
    found = find_document(database, scope, KIND, name)
    return None if found is None else _shown(found)


def page_connections(database: Database, scope: str, limit: int = 50, cursor: str | None = None) -> Page[Connection]:
    """Return a page of the scope's connections, masked, newest first; ``cursor`` is the token of the page before."""
    return page_documents(database, DocumentQuery(scope=scope, kind=KIND), limit, cursor).map(_shown)


def resolve(database: Database, scope: str, connection_id: str, sealer: Sealer) -> ConnectionInfo:
    """Return the connection with its secrets, for the data plane only.

    Raises:
        Problem: ``NOT_FOUND``; ``UNAVAILABLE``: the key that sealed it is not here; ``SOURCE_DENIED``: it is disabled.
    """
    body = open_document(database, scope, KIND, connection_id, sealer).body
    if body.get("enabled") is False:
        raise Problem(
            Code.SOURCE_DENIED, f"the connection {connection_id} is disabled; enable it to read from its source"
        )
    return ConnectionInfo(str(body["kind"]), str(body["url"]), cast("Mapping[str, str]", body["options"]))


def erase_connection(tx: Transaction, scope: str, connection_id: str, who: str, now: Instant) -> None:
    """Remove the connection, its secrets, and what ``write_parameters`` kept for it; what is not there is left as it is."""
    for kind in (KIND, PARAMETERS):
        try:
            erase_document(tx, scope, kind, connection_id, who, now)
        except Problem as problem:
            if problem.code is not Code.NOT_FOUND:
                raise


def write_parameters(tx: Transaction, draft: DocumentDraft, sealer: Sealer, now: Instant) -> None:
    """Keep what a door was given for a connection, so that a change of one part of it can be read with all others.

    ``draft`` has the connection's scope and id and the kind ``PARAMETERS``; every text and number in its body is sealed.
    """
    write_document(tx, draft, now, sealer=sealer, is_secret=lambda _key: True)


def open_parameters(database: Database, scope: str, connection_id: str, sealer: Sealer) -> Mapping[str, Json]:
    """Return what ``write_parameters`` was given (numbers as texts), for the door that gave it; nothing was: an empty object.

    Raises:
        Problem: ``UNAVAILABLE``: the key that sealed it is not here.
    """
    try:
        return open_document(database, scope, PARAMETERS, connection_id, sealer).body
    except Problem as problem:
        if problem.code is Code.NOT_FOUND:
            return {}
        raise


def _parse(draft: ConnectionDraft) -> SplitResult:
    schemes = SCHEMES.get(draft.kind)
    if schemes is None:
        error = FieldError("kind", f"{draft.kind!r} is no kind of connection", "one of " + ", ".join(SCHEMES))
        raise Problem(Code.UNSUPPORTED, str(error), (error,))
    form = f"{schemes[0]}://user:password@host:port/database"
    try:
        url = urlsplit(draft.url)
        usable = url.scheme in schemes and (url.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or not draft.url.isprintable():
        error = FieldError("url", f"is no URL of a {draft.kind} connection", form)
        raise Problem(Code.INVALID, str(error), (error,))
    return urlsplit(draft.url)


def _with_password(url: SplitResult, password: str | None) -> SplitResult:
    """Return ``url`` with another password, which is as it stands in a URL; None: without one."""
    login, _, place = url.netloc.rpartition("@")
    user = login.partition(":")[0]
    secret = "" if password is None else ":" + quote(password, safe="%*~!$&'()+,;=.-_")
    return url._replace(netloc=f"{user}{secret}@{place}")


def _shown(document: Document) -> Connection:
    options = cast("Mapping[str, str]", document.body["options"])
    return Connection(
        id=document.id,
        scope=document.scope,
        name=document.name,
        kind=str(document.body["kind"]),
        url=str(document.body["address"]),
        options=options,
        revision=document.revision,
    )
