"""Fields that records bring along, where their sheet allows it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.ids import Ids
from headrace.core.job import Actor
from headrace.core.workspace import Sheet
from headrace.service.happenings.announce import tell
from headrace.service.records.checking import refuse_unknown
from headrace.store import sheets
from headrace.store.database import Transaction
from headrace.store.places import place_of_sheet


def with_fields(tx: Transaction, ids: Ids, sheet: Sheet, keys: Sequence[str], actor: Actor, now: Instant) -> Sheet:
    """Add fields of text to a sheet that is held and allows it, and return it so.

    Raises:
        Problem: ``INVALID``: it does not allow more fields, or a key is none.
    """
    blueprint = sheet.blueprint
    keys = [key for key in keys if key not in blueprint.by_key]
    if not keys:
        return sheet
    if not blueprint.allows_more_fields:
        raise refuse_unknown(keys, blueprint)
    added: list[Mapping[str, Json]] = [{"key": key, "type": "string", "label": key} for key in keys]
    raw = {**blueprint.raw, "fields": [*(spec.raw for spec in blueprint.fields), *added]}
    renewed = sheets.rewrite(tx, replace(sheet, blueprint=read_blueprint(raw), updated_at=now))
    changes: list[Json] = [{"type": "field_added", "details": {"key": key}} for key in keys]
    payload: Mapping[str, Json] = {"sheetId": sheet.id, "workbookId": sheet.workbook_id, "changes": changes}
    tell(tx, ids, now, actor, place_of_sheet(tx, sheet), "sheet:updated", payload)
    return renewed
