"""Things of the workspace as clients read them (contract 12): what strict clients require is always there, what is absent is left out."""

from collections.abc import Mapping, Sequence

from headrace.api.jobs.wire import Item, date, date_or_none, present
from headrace.core.codec import Json
from headrace.core.record import RecordCounts
from headrace.core.workspace import Resource, Sheet
from headrace.service.workspace.secrets import OpenSecret
from headrace.store.resources import SpaceFigures


def space_item(
    space: Resource,
    figures: SpaceFigures | None = None,
    *,
    access_token: str | None = None,
    guest_link: str | None = None,
) -> Item:
    """Return a space; ``figures``: what is in it (None: it was just made)."""
    inside = figures or SpaceFigures(workbooks=0, files=0, newest=space.updated_at)
    return present(
        {
            "guestAuthentication": [],
            **space.body,
            "id": space.id,
            "name": space.name,
            "environmentId": _environment(space),
            "namespace": space.slug,
            "workbooksCount": inside.workbooks,
            "filesCount": inside.files,
            "createdAt": date(space.created_at),
            "updatedAt": date(space.updated_at),
            "lastActivityAt": date(max(space.updated_at, inside.newest)),
            "archivedAt": date_or_none(space.archived_at),
            "accessToken": access_token,
            "guestLink": guest_link,
        }
    )


def workbook_item(workbook: Resource, sheets: Sequence[Sheet] | None) -> Item:
    """Return a workbook; ``sheets`` None: without them."""
    return present(
        {
            **workbook.body,
            "id": workbook.id,
            "name": workbook.name,
            "spaceId": workbook.space_id,
            "environmentId": _environment(workbook),
            "namespace": workbook.slug,
            "sheets": None if sheets is None else [sheet_item(sheet) for sheet in sheets],
            "createdAt": date(workbook.created_at),
            "updatedAt": date(workbook.updated_at),
        }
    )


def sheet_item(sheet: Sheet, counts: RecordCounts | None = None) -> Item:
    """Return a sheet; ``counts`` of its records, where they are known."""
    return present(
        {
            "id": sheet.id,
            "workbookId": sheet.workbook_id,
            "name": sheet.name,
            "slug": sheet.slug,
            "config": sheet.blueprint.raw,
            "metadata": sheet.metadata,
            "treatments": sheet.blueprint.raw.get("treatments"),
            "lockedBy": sheet.locked_by,
            "lockedAt": date_or_none(sheet.locked_at),
            "recordCounts": None if counts is None else _counts(counts),
            "createdAt": date(sheet.created_at),
            "updatedAt": date(sheet.updated_at),
        }
    )


def file_item(file: Resource) -> Item:
    """Return a file."""
    return _item(file, name=file.name, mode=file.slug, spaceId=file.space_id)


def document_item(document: Resource) -> Item:
    """Return a document."""
    return _item(document, title=document.name, spaceId=document.space_id, environmentId=_environment(document))


def action_item(action: Resource) -> Item:
    """Return an action."""
    return _item(action, label=action.name, targetId=action.parent_id)


def secret_item(secret: OpenSecret) -> Item:
    """Return a secret with its value."""
    kept = secret.secret
    return present(
        {
            "id": kept.id,
            "name": kept.name,
            "value": secret.value,
            "environmentId": _environment(kept),
            "spaceId": kept.space_id,
            "actorId": kept.slug,
        }
    )


def _item(resource: Resource, **more: Json) -> Item:
    dates = {"createdAt": date(resource.created_at), "updatedAt": date(resource.updated_at)}
    return present({**resource.body, "id": resource.id, **more, **dates})


def _counts(counts: RecordCounts) -> Mapping[str, int]:
    return {"total": counts.total, "valid": counts.valid, "error": counts.error}


def _environment(resource: Resource) -> str:
    return resource.scope.rpartition("/")[2]
