"""Documents: the doors' own definitions, with optimistic concurrency. Secrets are kept apart from the body, sealed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor, Filter, Order, Page
from headrace.store.columns import searchable
from headrace.store.database import Transaction
from headrace.store.filters import Fields, compile_filter
from headrace.store.paging import column_of, from_position
from headrace.store.tables import documents as table
from headrace.store.upserts import upsert

NEWEST_FIRST = Order("created_at", descending=True)
"""The order of lists of documents unless a caller asks for another."""

_ORDERS = {"created_at": table.c.created_at, "updated_at": table.c.updated_at, "name": table.c.name}
_READ = tuple(column for column in table.c if column.name != "sealed")
_FIND = sa.select(*_READ).where(*(table.c[name] == sa.bindparam(f"its_{name}") for name in ("scope", "kind", "id")))
_HOLD = {share: _FIND.with_for_update(read=share) for share in (False, True)}
FIELDS = Fields(
    columns={name: table.c[name] for name in ("id", "name", "revision", "created_by", "created_at", "updated_at")},
    documents={"body": table.c.body},
)
"""What a filter on documents may name."""


@dataclass(frozen=True, slots=True)
class Document:
    """A definition of a door. ``revision`` grows with each change; the door makes its etag of it. ``kind`` is the door's word."""

    scope: str
    kind: str
    id: str
    name: str
    body: Mapping[str, Json]
    created_at: Instant
    updated_at: Instant
    created_by: str = ""
    revision: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentQuery:
    """Which documents a list has."""

    scope: str
    kind: str
    name: str | None = None
    filter: Filter | None = None
    order: Order = field(default=NEWEST_FIRST)


def put(tx: Transaction, document: Document, *, expected: int | None = None, sealed: bytes | None = None) -> Document:
    """Write a document, new or in the place of the one with its scope, kind and id; return it as it is kept.

    ``expected`` is the revision that the caller has seen (0: there must be none yet); None: whatever it is. ``sealed`` None leaves the
    sealed secrets as they are. ``created_at`` and ``created_by`` of a document that is there are kept.

    Raises:
        Problem: ``STALE``: the document has another revision by now; ``CONFLICT``: ``expected`` is 0 and there is one.
    """
    current = find(tx, document.scope, document.kind, document.id)
    revision = 0 if current is None else current.revision
    if expected is not None and expected != revision:
        raise _stale(document.kind, document.id, expected, revision)
    written = replace(document, revision=revision + 1)
    if current is not None:
        written = replace(written, created_at=current.created_at, created_by=current.created_by)
    values = {column.name: getattr(written, column.name) for column in _READ}
    values["body"] = searchable(document.body, f"the {document.kind}")
    changed = {name: values[name] for name in ("name", "body", "revision", "updated_at")}
    if sealed is not None:
        changed["sealed"] = sealed
    statement = upsert(tx, table).values({**values, "sealed": sealed})
    statement = statement.on_conflict_do_update(
        index_elements=["scope", "kind", "id"], set_=changed, where=table.c.revision == revision
    )
    if tx.execute(statement).rowcount == 0:
        raise _stale(document.kind, document.id, revision, revision + 1)
    return written


def find(
    tx: Transaction, scope: str, kind: str, document_id: str, *, hold: bool = False, share: bool = False
) -> Document | None:
    """Return the document, or None. ``hold``: nobody else changes it until the end of the transaction; ``share``: others may hold it so too."""
    statement = _HOLD[share] if hold or share else _FIND
    row = tx.first(statement, {"its_scope": scope, "its_kind": kind, "its_id": document_id})
    return None if row is None else Document(**row)


def get(tx: Transaction, scope: str, kind: str, document_id: str) -> Document:
    """Return the document.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    document = find(tx, scope, kind, document_id)
    if document is None:
        raise _missing(kind, document_id)
    return document


def of_ids(tx: Transaction, scope: str, kind: str, document_ids: Collection[str]) -> list[Document]:
    """Return those of the documents with these ids that there are, in no order."""
    where = (table.c.scope == scope, table.c.kind == kind, table.c.id.in_(document_ids))
    return [Document(**row) for row in tx.rows(sa.select(*_READ).where(*where))]


def present(tx: Transaction, scope: str, kind: str, document_ids: Collection[str]) -> list[str]:
    """Return those of the ids that documents have, in no order."""
    where = (table.c.scope == scope, table.c.kind == kind, table.c.id.in_(document_ids))
    return [row["id"] for row in tx.rows(sa.select(table.c.id).where(*where))]


def ids(tx: Transaction, scope: str, kind: str, limit: int) -> list[str]:
    """Return the ids of the newest documents of the kind, at most ``limit``."""
    statement = sa.select(table.c.id).where(table.c.scope == scope, table.c.kind == kind)
    return [row["id"] for row in tx.rows(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit))]


def by_name(tx: Transaction, scope: str, kind: str, name: str) -> Document | None:
    """Return the newest document of that kind and name, or None."""
    statement = sa.select(*_READ).where(table.c.scope == scope, table.c.kind == kind, table.c.name == name)
    row = tx.first(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(1))
    return None if row is None else Document(**row)


def sealed(tx: Transaction, scope: str, kind: str, document_id: str) -> bytes | None:
    """Return the sealed secrets of the document; None: it has none.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    row = tx.first(sa.select(table.c.sealed).where(*_key(scope, kind, document_id)))
    if row is None:
        raise _missing(kind, document_id)
    return None if row["sealed"] is None else bytes(row["sealed"])


def delete(tx: Transaction, scope: str, kind: str, document_id: str, expected: int | None = None) -> None:
    """Remove the document and its secrets.

    Raises:
        Problem: ``NOT_FOUND``; ``STALE``: it has another revision than ``expected``.
    """
    current = get(tx, scope, kind, document_id)
    if expected is not None and expected != current.revision:
        raise _stale(kind, document_id, expected, current.revision)
    key = (*_key(scope, kind, document_id), table.c.revision == current.revision)
    if tx.execute(sa.delete(table).where(*key)).rowcount == 0:
        raise _stale(kind, document_id, current.revision, current.revision + 1)


def page(tx: Transaction, query: DocumentQuery, limit: int = 50, cursor: Cursor | None = None) -> Page[Document]:
    """Return the documents of ``query``, after ``cursor``; never their secrets.

    Raises:
        Problem: ``INVALID``: the order (``created_at``, ``updated_at`` or ``name``), limit, cursor, or a path of the filter.
    """
    column = column_of(query.order, _ORDERS)
    statement = sa.select(*_READ).where(*_conditions(query, tx.dialect))
    rows = tx.rows(from_position(statement, (column, table.c.id), query.order, cursor, limit))
    found = tuple(Document(**row) for row in rows[:limit])
    if len(rows) <= limit:
        return Page(found)
    return Page(found, Cursor((rows[limit - 1][query.order.path], found[-1].id)))


def count(tx: Transaction, query: DocumentQuery) -> int:
    """Return how many documents ``query`` has."""
    statement = sa.select(sa.func.count()).select_from(table).where(*_conditions(query, tx.dialect))
    return int(tx.scalar(statement))


def _conditions(query: DocumentQuery, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    yield table.c.scope == query.scope
    yield table.c.kind == query.kind
    if query.name is not None:
        yield table.c.name == query.name
    if query.filter is not None:
        yield compile_filter(query.filter, FIELDS, dialect)


def _key(scope: str, kind: str, document_id: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (table.c.scope == scope, table.c.kind == kind, table.c.id == document_id)


def _missing(kind: str, document_id: str) -> Problem:
    return Problem(Code.NOT_FOUND, f"there is no {kind} {document_id!r}")


def _stale(kind: str, document_id: str, expected: int, current: int) -> Problem:
    if expected == 0:
        return Problem(Code.CONFLICT, f"there is a {kind} {document_id!r} already")
    if current == 0:
        return Problem(Code.STALE, f"the {kind} {document_id!r} is not there any more")
    return Problem(
        Code.STALE,
        f"the {kind} {document_id!r} has revision {current}, not {expected}; read it again and repeat the change",
    )
