"""Connections of all doors over many scopes: documents of some kinds, newest first; and what names them."""

from collections.abc import Collection

import sqlalchemy as sa

from headrace.core.query import Cursor, Page
from headrace.store import scanning, scopes
from headrace.store.database import Transaction
from headrace.store.documents import Document
from headrace.store.scanning import Scan
from headrace.store.tables import documents as table

MOST = 2000
"""Documents that one page looks at in a scope and of a kind, if nothing else is said."""
_READ = tuple(column for column in table.c if column.name != "sealed")


def page(
    tx: Transaction,
    kinds: Collection[str],
    patterns: Collection[str] | None,
    text: str | None = None,
    limit: int = 50,
    cursor: Cursor | None = None,
) -> Page[Document]:
    """Return documents of ``kinds`` in scopes of ``patterns`` (None: in every one), newest first, after ``cursor``. A page may be short.

    ``text``: part of the name, or the beginning of the id.

    Raises:
        Problem: ``INVALID``: the limit or the cursor.
    """
    # The order of an index needs the scope and the kind: so each of them is a branch, however many there are.
    paths = scopes.present(tx, table.c.scope, patterns)

    def wanted(looked: sa.Subquery) -> list[sa.ColumnElement[bool]]:
        if not text:
            return []
        name = sa.func.lower(looked.c.name).contains(text.lower(), autoescape=True)
        return [sa.or_(looked.c.id.startswith(text, autoescape=True), name)]

    selected = [
        sa.select(*_READ).where(table.c.scope == scope, table.c.kind == kind)
        for scope in paths
        for kind in sorted(kinds)
    ]
    rows, following = scanning.page(tx, Scan(selected, (table.c.created_at, table.c.id), wanted, MOST), limit, cursor)
    return Page(tuple(Document(**row) for row in rows), following)


def mentioning(tx: Transaction, scope: str, kind: str, text: str, limit: int) -> list[Document]:
    """Return documents of the scope and kind whose bodies have ``text`` in them, in any case, at most ``limit``, by name."""
    body = sa.func.lower(sa.type_coerce(table.c.body, sa.Text))
    statement = sa.select(*_READ).where(
        table.c.scope == scope, table.c.kind == kind, body.contains(text.lower(), autoescape=True)
    )
    return [Document(**row) for row in tx.rows(statement.order_by(table.c.name, table.c.id).limit(limit))]
