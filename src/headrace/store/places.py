"""Where the things of a workspace are: what every happening says of its subject."""

from dataclasses import replace

import sqlalchemy as sa

from headrace.core.happening import Place
from headrace.core.workspace import Resource, ResourceKind, Sheet
from headrace.store import resources, sheets
from headrace.store.database import Transaction
from headrace.store.job_tables import resources as table

_SHEET = "us_sh_"


def place_of(tx: Transaction, scope: str, thing_id: str) -> Place | None:
    """Return where a space, workbook, sheet, file, document or environment is; None: the scope has no such thing.

    What belongs to another thing without a place of its own (an action, a secret) is where that is.
    """
    if thing_id.startswith(_SHEET):
        sheet = sheets.find(tx, scope, thing_id)
        return None if sheet is None else place_of_sheet(tx, sheet)
    resource = resources.find(tx, scope, None, thing_id)
    return None if resource is None else place_of_resource(tx, resource)


def place_of_sheet(tx: Transaction, sheet: Sheet) -> Place:
    """Return where a sheet is."""
    return Place(
        scope=sheet.scope,
        space_id=sheet.space_id,
        workbook_id=sheet.workbook_id,
        sheet_id=sheet.id,
        sheet_slug=sheet.slug,
        namespaces=_namespaces(tx, sheet.space_id, sheet.workbook_id),
    )


def place_of_resource(tx: Transaction, resource: Resource) -> Place:
    """Return where a resource is."""
    match resource.kind:
        case ResourceKind.ENVIRONMENT | ResourceKind.ACCOUNT | ResourceKind.KEY:
            return Place(scope=resource.scope)
        case ResourceKind.SPACE:
            return Place(scope=resource.scope, space_id=resource.id, namespaces=_namespace("space", resource.slug))
        case ResourceKind.ACTION | ResourceKind.SECRET:
            parent = resource.parent_id
            found = None if parent in {None, resource.id} else place_of(tx, resource.scope, str(parent))
            return Place(scope=resource.scope, space_id=resource.space_id) if found is None else found
    place = Place(scope=resource.scope, space_id=resource.space_id, namespaces=_namespaces(tx, resource.space_id, None))
    match resource.kind:
        case ResourceKind.WORKBOOK:
            own = _namespace("workbook", resource.slug)
            return replace(place, workbook_id=resource.id, namespaces=(*place.namespaces, *own))
        case ResourceKind.FILE:
            return replace(place, file_id=resource.id)
        case ResourceKind.DOCUMENT:
            return replace(place, document_id=resource.id)


def _namespaces(tx: Transaction, space_id: str | None, workbook_id: str | None) -> tuple[str, ...]:
    ids = [one for one in (space_id, workbook_id) if one is not None]
    rows = tx.rows(sa.select(table.c.kind, table.c.slug).where(table.c.id.in_(ids)).order_by(table.c.kind))
    return tuple(name for row in rows for name in _namespace(row["kind"], row["slug"]))


def _namespace(kind: str, slug: str | None) -> tuple[str, ...]:
    return () if not slug else (f"{kind}:{slug}",)
