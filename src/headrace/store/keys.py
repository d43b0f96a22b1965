"""Keys of the workspace (secret, publishable, personal), found by the digest of the token; and in whose scope an id lies."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.workspace import Resource, ResourceKind
from headrace.store.database import Transaction
from headrace.store.job_tables import happenings, jobs
from headrace.store.job_tables import resources as table
from headrace.store.sheet_tables import sheet_commits, sheets, snapshots

_READ = tuple(column for column in table.c if column.name != "sealed")
_IS_KEY = table.c.kind == ResourceKind.KEY.value
_BY_DIGEST = sa.select(*_READ).where(_IS_KEY, table.c.name == sa.bindparam("digest"))
_SHEET_OF = {"ss": snapshots, "vr": sheet_commits}
_SCOPED = {"jb": jobs, "sh": sheets, "evt": happenings}


def find(tx: Transaction, digest: str) -> Resource | None:
    """Return the key whose token has this digest, revoked ones included, or None."""
    row = tx.first(_BY_DIGEST, {"digest": digest})
    return None if row is None else _key(row)


def of_scope(tx: Transaction, scope: str, *, revoked: bool = False) -> list[Resource]:
    """Return the keys of ``scope`` itself, oldest first; ``revoked``: those too that are worth nothing any more."""
    statement = sa.select(*_READ).where(_IS_KEY, table.c.scope == scope)
    if not revoked:
        statement = statement.where(table.c.archived_at.is_(None))
    return [_key(row) for row in tx.rows(statement.order_by(table.c.created_at, table.c.id))]


def revoke(tx: Transaction, scopes: Sequence[str], key_id: str, now: Instant) -> bool:
    """Make a key of one of ``scopes`` worthless; say whether there was one that was worth something."""
    statement = sa.update(table).where(
        _IS_KEY, table.c.scope.in_(scopes), table.c.id == key_id, table.c.archived_at.is_(None)
    )
    return tx.execute(statement.values(archived_at=now, updated_at=now)).rowcount == 1


def is_revoked(tx: Transaction, key_id: str) -> bool:
    """Say whether there was such a key and it is worth nothing any more."""
    row = tx.first(sa.select(table.c.archived_at).where(_IS_KEY, table.c.id == key_id))
    return row is not None and row["archived_at"] is not None


def touch(tx: Transaction, key_id: str, now: Instant) -> None:
    """Note that a key was used."""
    tx.execute(sa.update(table).where(_IS_KEY, table.c.id == key_id).values(updated_at=now))


def scope_of(tx: Transaction, identity: str) -> str | None:
    """Return the scope that the thing with this id (``us_<kind>_…``) lies in; None: there is none such, or it was removed."""
    kind = identity.split("_")[1] if identity.count("_") > 1 else ""
    if kind in _SHEET_OF:
        of = _SHEET_OF[kind]
        statement = sa.select(sheets.c.scope).join(of, of.c.sheet == sheets.c.number).where(of.c.id == identity)
    else:
        of = _SCOPED.get(kind, table)
        statement = sa.select(of.c.scope).where(of.c.id == identity)
    # The scope of a removed sheet is empty until it has been cleared.
    return tx.scalar(statement) or None


def has_space(tx: Transaction, scope: str) -> bool:
    """Say whether there is a space in the scope."""
    of = (table.c.scope == scope, table.c.kind == ResourceKind.SPACE.value)
    return tx.first(sa.select(table.c.id).where(*of).limit(1)) is not None


def remove_scope(tx: Transaction, scope: str) -> None:
    """Remove every resource of an environment that has no spaces: itself, its keys and secrets."""
    tx.execute(sa.delete(table).where(table.c.scope == scope))


def exists(tx: Transaction, scope: str, identity: str) -> bool:
    """Say whether a resource of ``scope`` with this id is there."""
    return tx.first(sa.select(table.c.id).where(table.c.id == identity, table.c.scope == scope)) is not None


def _key(row: Mapping[str, Any]) -> Resource:
    values = dict(row)
    return Resource(**{**values, "kind": ResourceKind(values["kind"])})
