"""``INSERT … ON CONFLICT`` for both databases."""

from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from headrace.store.database import Transaction

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert


def upsert(tx: Transaction, table: sa.Table) -> Upsert:
    """Return an insert into ``table`` that can say what happens on a conflict."""
    return upsert_on(tx.dialect, table)


def upsert_on(dialect: str, table: sa.Table) -> Upsert:
    """Return the same for a kind of database, so that a statement can be built once and kept."""
    insert = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    # Without it, SQLAlchemy forgets the count of a single row's insert on PostgreSQL (-1), and callers ask for it.
    return insert.execution_options(preserve_rowcount=True)
