"""Documents: the definitions that doors keep in their own words, in revisions, with secrets taken out and sealed.

A document's body comes in as the door's caller wrote it. What ``is_secret`` says is secret is taken out, sealed for this one document and replaced by
``******``; it never leaves again but through ``open_document``, which is for the data plane.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import cast

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json, JsonObject
from headrace.core.query import Cursor, Page
from headrace.service.sealing import Sealer, put_back, take_out
from headrace.store import audit, documents
from headrace.store.database import Database, Transaction
from headrace.store.documents import Document, DocumentQuery

__all__ = [
    "Along",
    "Document",
    "DocumentDraft",
    "DocumentQuery",
    "count_documents",
    "delete_document",
    "erase_document",
    "find_document",
    "get_document",
    "open_document",
    "page_documents",
    "put_document",
    "read_opened",
    "write_document",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDraft:
    """A document as it comes in. ``kind`` is the door's word, ``who`` its caller."""

    scope: str
    kind: str
    id: str
    name: str
    body: Mapping[str, Json]
    who: str


Along = Callable[[Transaction], None]
"""What else is written in the transaction that changes a document."""


def put_document(  # noqa: PLR0913 — the document, when, the condition of the change, how secrets are kept, and what goes with it
    database: Database,
    draft: DocumentDraft,
    clock: Clock,
    *,
    expected: int | None = None,
    sealer: Sealer | None = None,
    is_secret: Callable[[str], bool] = lambda _key: False,
    along: Along = lambda _tx: None,
) -> Document:
    """Return the document as it is kept now: new, or the next revision of the one with its scope, kind and id.

    ``expected`` is the revision that the caller has seen (0: there must be none yet; None: whatever it is). ``is_secret`` says of a key whether
    all texts below it are secrets; they are sealed with ``sealer``. A secret that comes in as ``******`` stays what it was. ``along`` is done in
    the same transaction, after the document was written.

    Raises:
        Problem: ``STALE``: the document has another revision by now; ``CONFLICT``: ``expected`` is 0 and there is one.
    """
    with database.transaction() as tx:
        written = write_document(tx, draft, clock.now(), expected=expected, sealer=sealer, is_secret=is_secret)
        along(tx)
        return written


def write_document(
    tx: Transaction,
    draft: DocumentDraft,
    now: Instant,
    *,
    expected: int | None = None,
    sealer: Sealer | None = None,
    is_secret: Callable[[str], bool] = lambda _key: False,
) -> Document:
    """Do what ``put_document`` does within the caller's transaction.

    Raises:
        Problem: as ``put_document``.
    """
    body, taken = take_out(draft.body, is_secret)
    document = Document(
        draft.scope, draft.kind, draft.id, draft.name, cast("JsonObject", body), now, now, created_by=draft.who
    )
    sealed = None
    if sealer is not None:
        kept = _opened(tx, document.scope, document.kind, document.id, sealer)
        secrets = {**_still_there(body, kept), **taken}
        sealed = sealer.seal(json.dumps(secrets), draft.scope, draft.kind, draft.id).encode()
    written = documents.put(tx, document, expected=expected, sealed=sealed)
    audit.record(tx, draft.scope, draft.who, f"{draft.kind}.put", draft.id, now)
    return written


def get_document(database: Database, scope: str, kind: str, document_id: str) -> Document:
    """Return the document, its secrets masked.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with database.reading() as tx:
        return documents.get(tx, scope, kind, document_id)


def find_document(database: Database, scope: str, kind: str, name: str) -> Document | None:
    """Return the newest document of the kind with this name, its secrets masked, or None."""
    with database.reading() as tx:
        return documents.by_name(tx, scope, kind, name)


def open_document(database: Database, scope: str, kind: str, document_id: str, sealer: Sealer) -> Document:
    """Return the document with its secrets in their places: for the data plane, never for a caller.

    Raises:
        Problem: ``NOT_FOUND``; ``UNAVAILABLE``: the key that sealed them is not here.
    """
    with database.reading() as tx:
        return read_opened(tx, scope, kind, document_id, sealer)


def read_opened(tx: Transaction, scope: str, kind: str, document_id: str, sealer: Sealer) -> Document:
    """Do what ``open_document`` does within the caller's transaction.

    Raises:
        Problem: as ``open_document``.
    """
    document = documents.get(tx, scope, kind, document_id)
    secrets = _opened(tx, scope, kind, document_id, sealer)
    return replace(document, body=cast("JsonObject", put_back(document.body, secrets)))


def page_documents(
    database: Database, query: DocumentQuery, limit: int = 50, cursor: str | None = None
) -> Page[Document]:
    """Return a page of the documents of ``query``, their secrets masked; ``cursor`` is the token of the page before.

    Raises:
        Problem: ``INVALID``: the order, limit, cursor, or a path of the filter.
    """
    with database.reading() as tx:
        return documents.page(tx, query, limit, None if cursor is None else Cursor.parse(cursor))


def count_documents(database: Database, query: DocumentQuery) -> int:
    """Return how many documents ``query`` has."""
    with database.reading() as tx:
        return documents.count(tx, query)


def delete_document(
    database: Database,
    document: Document,
    who: str,
    clock: Clock,
    *,
    expected: int | None = None,
    along: Along = lambda _tx: None,
) -> None:
    """Remove ``document`` (the one with its scope, kind and id) and its secrets; ``along`` is done in the same transaction.

    Raises:
        Problem: ``NOT_FOUND``; ``STALE``: it has another revision than ``expected``.
    """
    with database.transaction() as tx:
        erase_document(tx, document.scope, document.kind, document.id, who, clock.now(), expected=expected)
        along(tx)


def erase_document(  # noqa: PLR0913 — as ``delete_document``
    tx: Transaction, scope: str, kind: str, document_id: str, who: str, now: Instant, *, expected: int | None = None
) -> None:
    """Do what ``delete_document`` does within the caller's transaction.

    Raises:
        Problem: as ``delete_document``.
    """
    documents.delete(tx, scope, kind, document_id, expected)
    audit.record(tx, scope, who, f"{kind}.delete", document_id, now)


def _opened(tx: Transaction, scope: str, kind: str, document_id: str, sealer: Sealer) -> dict[str, str]:
    if documents.find(tx, scope, kind, document_id) is None:
        return {}
    sealed = documents.sealed(tx, scope, kind, document_id)
    if sealed is None:
        return {}
    return cast("dict[str, str]", json.loads(sealer.open(sealed.decode(), scope, kind, document_id)))


def _still_there(body: Json, kept: Mapping[str, str]) -> dict[str, str]:
    """Return the kept secrets whose places in the new body hold the mask."""
    # The mask is put back only where it stands, so what comes out again as a secret was there before.
    with_kept = put_back(body, kept)
    return {
        path: secret for path, secret in kept.items() if _at(with_kept, path) == secret and _at(body, path) != secret
    }


def _at(body: Json, path: str) -> Json:
    value = body
    for step in path.split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value
