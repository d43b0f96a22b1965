"""Sheets held for a write: with those whose records depend on it, in one order for all."""

from collections.abc import Sequence

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.workspace import Sheet
from headrace.store import sheets
from headrace.store.database import Transaction


def hold(tx: Transaction, scope: str | None, sheet_id: str) -> Sheet:
    """Return a sheet whose records are going to be written, held with those that refer to it or that it refers to.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    sheet = sheets.get(tx, scope, sheet_id)
    held: dict[str, Sheet] = {}
    # What refers to what may have changed until the sheet was held; then more are held, and from then on it cannot.
    while not (linked := linked_ids(sheet, sheets.of_workbook(tx, sheet.workbook_id))) <= held.keys():
        held |= {one.id: one for one in sheets.hold_several(tx, None, linked)}
        sheet = held[sheet_id] if sheet_id in held else sheets.hold(tx, scope, sheet_id)
    return sheet


def linked_ids(sheet: Sheet, siblings: Sequence[Sheet]) -> set[str]:
    """Return the ids of ``sheet`` and of the sheets that refer to it, or that it refers to."""
    named = {spec.reference.sheet for spec in sheet.blueprint.fields if spec.reference is not None}
    return {sheet.id} | {
        other.id
        for other in siblings
        if other.slug in named
        or any(spec.reference is not None and spec.reference.sheet == sheet.slug for spec in other.blueprint.fields)
    }


def reachable(sheet: Sheet, actor: Actor) -> Sheet:
    """Return ``sheet``, if it is in the space that ``actor`` is bound to, or ``actor`` to none.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    if actor.space_id not in {None, sheet.space_id}:
        raise Problem(Code.NOT_FOUND, "Sheet not found", (FieldError("sheetId", "Sheet not found"),))
    return sheet
