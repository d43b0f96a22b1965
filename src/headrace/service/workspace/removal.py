"""Removing spaces, workbooks and sheets with everything below them.

What is removed is gone for everybody at once, in one transaction that is short whatever there is: no record is touched in it. Records go after
that, in pieces (``sweep``), and so do the bytes of files. A crash in between leaves what nobody sees, and the next sweep goes on with it.
Listeners are told of the thing that was removed; what went with it is not told of one by one.
"""

from collections.abc import Sequence

from headrace.core.codec import Json
from headrace.core.job import Actor
from headrace.core.workspace import ResourceKind
from headrace.dataplane import space_files as disk
from headrace.service.jobs.lists import cancel_of_space
from headrace.service.records.revalidating import revalidate
from headrace.service.records.writing import hold
from headrace.service.workspace.desk import Hand, WorkspaceDesk, resource_of, sheet_of, space_of
from headrace.store import jobs, resources, sheets
from headrace.store.places import place_of_resource, place_of_sheet

PIECE = 5_000
"""Rows of records that one transaction removes: some tenths of a second at most."""


def remove_space(desk: WorkspaceDesk, actor: Actor, space_id: str) -> None:
    """Remove a space, all that is in it, and cancel its open jobs.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    remove_spaces(desk, actor, [space_id])


def remove_spaces(desk: WorkspaceDesk, actor: Actor, space_ids: Sequence[str]) -> None:
    """Remove several spaces, all of them or, if one is not there, none.

    Raises:
        Problem: ``NOT_FOUND``: one of them.
    """
    now = desk.clock.now()
    files: list[str] = []
    with desk.database.transaction() as tx:
        jobs.hold_environment(tx, actor.scope)
        hand = Hand(tx, desk, actor, now)
        for space_id in sorted(set(space_ids)):
            space = space_of(tx, actor, space_id, hold=True)
            place = place_of_resource(tx, space)
            cancel_of_space(tx, desk.jobs, actor, space.id, now)
            files.extend(resources.ids_of_space(tx, space.id, ResourceKind.FILE))
            # Workbooks before their sheets, as whoever changes a workbook holds them.
            resources.remove_of_space(tx, space.id)
            sheets.remove_of_space(tx, space.id)
            resources.remove(tx, space.id)
            hand.tell(place, "space:deleted", {})
    disk.discard(desk.roots, files)


def remove_workbook(desk: WorkspaceDesk, actor: Actor, workbook_id: str) -> None:
    """Remove a workbook and its sheets.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    with desk.database.transaction() as tx:
        workbook = resource_of(tx, actor, ResourceKind.WORKBOOK, workbook_id, hold=True)
        place = place_of_resource(tx, workbook)
        below = sheets.of_workbook(tx, workbook.id)
        resources.remove_of_parent(tx, [workbook.id, *(sheet.id for sheet in below)])
        resources.remove(tx, workbook.id)
        sheets.remove(tx, below)
        payload: dict[str, Json] = {"workbookId": workbook.id, "spaceId": workbook.space_id}
        Hand(tx, desk, actor, desk.clock.now()).tell(place, "workbook:deleted", payload)


def remove_sheet(desk: WorkspaceDesk, actor: Actor, sheet_id: str) -> None:
    """Remove a sheet and its records.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        sheet = hold(tx, actor.scope, sheet_of(tx, actor, sheet_id).id)
        place = place_of_sheet(tx, sheet)
        resources.remove_of_parent(tx, [sheet.id])
        sheets.remove(tx, [sheet])
        revalidate(tx, desk.records, actor, sheet, None, now)
        payload: dict[str, Json] = {
            "sheetId": sheet.id,
            "workbookId": sheet.workbook_id,
            "name": sheet.name,
            "slug": sheet.slug,
        }
        Hand(tx, desk, actor, now).tell(place, "sheet:deleted", payload)


def sweep(desk: WorkspaceDesk) -> bool:
    """Remove a piece of what removed sheets hold; say whether there may be more to do at once."""
    with desk.database.reading() as tx:
        number = sheets.removed(tx)
    if number is None:
        return False
    with desk.database.transaction() as tx:
        sheets.clear(tx, number, PIECE)
    return True
