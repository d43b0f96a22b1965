"""Resources of the workspace: environments, spaces, workbooks, files and what belongs to them, one table for all kinds.

Whoever changes one holds its row (``get(…, hold=True)``), then writes it with ``replace``.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.workspace import Resource, ResourceKind
from headrace.store.columns import searchable
from headrace.store.database import Transaction
from headrace.store.job_tables import resources as table

_READ = tuple(column for column in table.c if column.name != "sealed")
_FIND = sa.select(*_READ).where(table.c.id == sa.bindparam("its_id"))
_HOLD = _FIND.with_for_update()
_BELOW = table.alias("below")


def _count_below(kind: ResourceKind) -> sa.ColumnElement[int]:
    count = sa.select(sa.func.count()).where(_BELOW.c.space_id == table.c.id, _BELOW.c.kind == kind.value)
    return count.correlate(table).scalar_subquery()


_ORDERS: dict[str, sa.ColumnElement[Any]] = {
    "created_at": table.c.created_at,
    "updated_at": table.c.updated_at,
    "created_by": table.c.created_by,
    "name": table.c.name,
    "workbooks": _count_below(ResourceKind.WORKBOOK),
    "files": _count_below(ResourceKind.FILE),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceQuery:
    """Which resources a list has, and in which order.

    ``search``: a case-insensitive substring of the name. ``archived``: only those that are, or are not (None: both). ``name_not``, ``slug_not``:
    others than that. ``order``: ``created_at``, ``updated_at``, ``created_by``, ``name``, or how many ``workbooks`` or ``files`` a space has;
    ties by id.
    """

    scope: str
    kind: ResourceKind
    parent_id: str | None = None
    space_id: str | None = None
    name: str | None = None
    name_not: str | None = None
    slug: str | None = None
    slug_not: str | None = None
    search: str | None = None
    archived: bool | None = None
    ids: tuple[str, ...] | None = None
    order: str = "created_at"
    descending: bool = False


@dataclass(frozen=True, slots=True)
class SpaceFigures:
    """How many workbooks and files a space has, and when something in it was changed last (0: there is nothing)."""

    workbooks: int
    files: int
    newest: Instant


def insert(tx: Transaction, resource: Resource, sealed: bytes | None = None) -> None:
    """Write a new resource, with secrets that the service has sealed."""
    tx.execute(sa.insert(table).values(**_values(resource), sealed=sealed))


def find(
    tx: Transaction, scope: str | None, kind: ResourceKind | None, resource_id: str, *, hold: bool = False
) -> Resource | None:
    """Return the resource, or None. ``scope``, ``kind`` None: whichever it is of. ``hold``: nobody else changes it until the transaction ends."""
    row = tx.first(_HOLD if hold else _FIND, {"its_id": resource_id})
    if row is None or (scope is not None and row["scope"] != scope) or (kind is not None and row["kind"] != kind.value):
        return None
    return _resource(row)


def get(tx: Transaction, scope: str | None, kind: ResourceKind, resource_id: str, *, hold: bool = False) -> Resource:
    """Return the resource as ``find`` does.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    found = find(tx, scope, kind, resource_id, hold=hold)
    if found is None:
        raise missing(kind)
    return found


def missing(kind: ResourceKind) -> Problem:
    """Return the problem ``NOT_FOUND`` for a resource."""
    message = f"{kind.value.capitalize()} not found"
    return Problem(Code.NOT_FOUND, message, (FieldError(f"{kind.value}Id", message),))


def named(tx: Transaction, kind: ResourceKind, name: str, scope: str | None = None) -> Resource | None:
    """Return the newest resource of that name, of one scope or of any, or None."""
    statement = sa.select(*_READ).where(table.c.kind == kind.value, table.c.name == name)
    if scope is not None:
        statement = statement.where(table.c.scope == scope)
    row = tx.first(statement.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(1))
    return None if row is None else _resource(row)


def sealed_of(tx: Transaction, resource_ids: Collection[str]) -> dict[str, bytes]:
    """Return the sealed secrets of those of the resources that have some, by id."""
    statement = sa.select(table.c.id, table.c.sealed).where(table.c.id.in_(resource_ids), table.c.sealed.is_not(None))
    return {row["id"]: bytes(row["sealed"]) for row in tx.rows(statement)}


def replace(tx: Transaction, resource: Resource, sealed: bytes | None = None) -> Resource:
    """Write a resource that was read in the place of what is there, and return it with its new revision. ``sealed`` None: it stays.

    Raises:
        Problem: ``STALE``: somebody else has changed or removed it (never, when its row was held).
    """
    written = changed(resource, revision=resource.revision + 1)
    values = _values(written)
    if sealed is not None:
        values["sealed"] = sealed
    seen = (table.c.id == resource.id, table.c.revision == resource.revision)
    if tx.execute(sa.update(table).where(*seen).values(values)).rowcount == 0:
        raise Problem(Code.STALE, f"{resource.kind.value} {resource.id} was changed by somebody else; try again")
    return written


def page(tx: Transaction, query: ResourceQuery, limit: int, page_number: int = 1) -> tuple[list[Resource], int]:
    """Return one page of resources (numbered from 1; beyond the end it is empty), and how many there are in all."""
    where = tuple(_conditions(query))
    total = int(tx.scalar(sa.select(sa.func.count()).select_from(table).where(*where)))
    keys = (_ORDERS[query.order], table.c.id)
    statement = sa.select(*_READ).where(*where).order_by(*(key.desc() if query.descending else key for key in keys))
    # Beyond what a database counts with there is no page either.
    offset = min((page_number - 1) * limit, total)
    return [_resource(row) for row in tx.rows(statement.limit(limit).offset(offset))], total


def of_parent(tx: Transaction, parent_id: str, kind: ResourceKind | None = None) -> list[Resource]:
    """Return what belongs to ``parent_id``, the oldest first."""
    where = [table.c.parent_id == parent_id]
    if kind is not None:
        where.append(table.c.kind == kind.value)
    return [
        _resource(row)
        for row in tx.rows(sa.select(*_READ).where(*where).order_by(table.c.kind, table.c.created_at, table.c.id))
    ]


def of_space(tx: Transaction, space_id: str, kind: ResourceKind) -> list[Resource]:
    """Return what is of one kind in a space, the oldest first."""
    where = (table.c.space_id == space_id, table.c.kind == kind.value)
    return [_resource(row) for row in tx.rows(sa.select(*_READ).where(*where).order_by(table.c.created_at, table.c.id))]


def of_ids(tx: Transaction, scope: str, kind: ResourceKind, resource_ids: Collection[str]) -> dict[str, Resource]:
    """Return those of the resources that there are, by id."""
    where = (table.c.scope == scope, table.c.kind == kind.value, table.c.id.in_(resource_ids))
    return {row["id"]: _resource(row) for row in tx.rows(sa.select(*_READ).where(*where))}


def present(tx: Transaction, resource_ids: Collection[str]) -> set[str]:
    """Return those of the ids that resources have, of any scope."""
    return {row["id"] for row in tx.rows(sa.select(table.c.id).where(table.c.id.in_(resource_ids)))}


def ids_of_space(tx: Transaction, space_id: str, kind: ResourceKind) -> list[str]:
    """Return the ids of all resources of one kind in a space."""
    statement = sa.select(table.c.id).where(table.c.space_id == space_id, table.c.kind == kind.value)
    return [row["id"] for row in tx.rows(statement)]


def figures_of_spaces(tx: Transaction, space_ids: Collection[str]) -> dict[str, SpaceFigures]:
    """Return what is in each of these spaces."""
    statement = (
        sa.select(
            table.c.space_id,
            table.c.kind,
            sa.func.count().label("count"),
            sa.func.max(table.c.updated_at).label("newest"),
        )
        .where(table.c.space_id.in_(space_ids))
        .group_by(table.c.space_id, table.c.kind)
    )
    found: dict[str, dict[str, tuple[int, int]]] = {space_id: {} for space_id in space_ids}
    for row in tx.rows(statement):
        found[row["space_id"]][row["kind"]] = (int(row["count"]), int(row["newest"]))
    return {
        space_id: SpaceFigures(
            workbooks=kinds.get(ResourceKind.WORKBOOK, (0, 0))[0],
            files=kinds.get(ResourceKind.FILE, (0, 0))[0],
            newest=Instant(max((newest for _, newest in kinds.values()), default=0)),
        )
        for space_id, kinds in found.items()
    }


def remove(tx: Transaction, resource_id: str) -> bool:
    """Remove the resource, and say whether it was there."""
    return tx.execute(sa.delete(table).where(table.c.id == resource_id)).rowcount == 1


def remove_of_parent(tx: Transaction, parent_ids: Collection[str]) -> int:
    """Remove what belongs to these, and return how many that were."""
    return tx.execute(sa.delete(table).where(table.c.parent_id.in_(parent_ids))).rowcount


def remove_of_space(tx: Transaction, space_id: str) -> int:
    """Remove everything in a space, but not the space, and return how many that were."""
    return tx.execute(sa.delete(table).where(table.c.space_id == space_id, table.c.id != space_id)).rowcount


def _conditions(query: ResourceQuery) -> Iterator[sa.ColumnElement[bool]]:
    yield table.c.scope == query.scope
    yield table.c.kind == query.kind.value
    for column in ("parent_id", "space_id", "name", "slug"):
        if (value := getattr(query, column)) is not None:
            yield table.c[column] == value
    if query.name_not is not None:
        yield table.c.name != query.name_not
    if query.slug_not is not None:
        yield sa.func.coalesce(table.c.slug, "") != query.slug_not
    if query.search is not None:
        yield sa.func.lower(table.c.name).contains(query.search.lower(), autoescape=True)
    if query.archived is not None:
        yield table.c.archived_at.is_not(None) if query.archived else table.c.archived_at.is_(None)
    if query.ids is not None:
        yield table.c.id.in_(query.ids)


def _values(resource: Resource) -> dict[str, Any]:
    values = {column.name: getattr(resource, column.name) for column in _READ}
    values["kind"] = resource.kind.value
    values["body"] = searchable(resource.body, f"the {resource.kind.value}")
    return values


def _resource(row: Mapping[str, Any]) -> Resource:
    return Resource(**{**row, "kind": ResourceKind(row["kind"])})
