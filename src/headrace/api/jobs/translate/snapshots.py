"""Snapshots on the wire (contract 12.8, 3.4)."""

from collections.abc import Mapping

from headrace.api.jobs.translate.records import message_item
from headrace.api.jobs.wire import Item, date, present
from headrace.core.record import Level, Message
from headrace.core.workspace import Sheet, Snapshot
from headrace.service.records.snapshots import Change, Difference, Summary

CHANGES: Mapping[str, Change] = {
    "createdSince": Change.CREATED,
    "updatedSince": Change.UPDATED,
    "deletedSince": Change.DELETED,
}
"""Values of ``changeType``."""


def snapshot_item(snapshot: Snapshot, sheet: Sheet | None = None, summary: Summary | None = None) -> Item:
    """Return a snapshot as clients see it, with a summary where there is one (of ``sheet``)."""
    item = present(
        {
            "id": snapshot.id,
            "sheetId": snapshot.sheet_id,
            "label": snapshot.label,
            "createdAt": date(snapshot.created_at),
            "createdBy": snapshot.created_by,
        }
    )
    if sheet is not None and summary is not None:
        item["summary"] = {
            "createdSince": {"total": summary.created},
            "updatedSince": {"total": summary.updated, "byField": dict(summary.updated_by_field)},
            "deletedSince": {"total": summary.deleted},
            "schemaDiff": dict(summary.schema),
            "config": {**sheet.blueprint.raw, "name": sheet.name, "slug": sheet.slug, "fields": list(snapshot.fields)},
        }
    return item


def difference_item(difference: Difference, sheet: Sheet) -> Item:
    """Return a record that differs as a DiffRecord: its values of now, and of then where they are others."""
    old, now = difference.old, difference.now
    values: Item = {}
    for key in sheet.blueprint.by_key:
        messages: tuple[Message, ...] = () if now is None else now.messages.get(key, ())
        cell: Item = {
            "value": None if now is None else now.values.get(key),
            "messages": [message_item(message) for message in messages],
            "valid": not any(message.level is Level.ERROR for message in messages),
        }
        if old is not None and (now is None or old.values.get(key) != now.values.get(key)):
            cell["snapshotValue"] = old.values.get(key)
        values[key] = cell
    source = now if now is not None else old
    return {
        "id": "" if source is None else source.id,
        "values": values,
        "valid": now is None or now.valid,
        "metadata": {} if source is None else dict(source.metadata),
        "config": {} if source is None else dict(source.config),
    }
