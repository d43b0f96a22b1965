"""What a script would change of the first records of a selection, without changing anything (contract 8)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.job_limits import ScriptLimits
from headrace.core.record import Level, Message, Messages, MessageSource, Record, RecordChange
from headrace.core.scripts import ScriptRunner, check_changes
from headrace.core.workspace import Sheet
from headrace.service.records.cells import check_column
from headrace.service.records.reading import reachable
from headrace.service.records.selecting import asked_of, selection_of
from headrace.store import record_pages
from headrace.store.database import Database


@dataclass(frozen=True, slots=True)
class Difference:
    """A record that would be another one. ``record``: how it would be; ``before``: what the changed cells have now."""

    record: Record
    before: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Differences:
    """The records that would be others, and the fields of their sheet in order."""

    keys: tuple[str, ...]
    records: tuple[Difference, ...]


def preview_mutation(
    database: Database, actor: Actor, scripts: ScriptRunner, limits: ScriptLimits, config: Mapping[str, Json]
) -> Differences:
    """Return what the script of a configuration would change of the first ``limits.preview_records`` records that it selects.

    Cells are read as their types, and judged by themselves: whether a value is unique, or is found elsewhere, is not looked up.

    Raises:
        Problem: ``NOT_FOUND``: the sheet; ``INVALID``: the configuration, or the script (the message has the record's id).
    """
    sheet_id, script = _text(config, "sheetId"), _text(config, "mutateRecord")
    with database.reading() as tx:
        sheet = reachable(tx, actor, sheet_id)
        selection = selection_of(tx, sheet, asked_of(config), lists_unbounded=True)
        records = record_pages.page(tx, sheet, selection, limits.preview_records)
    keys = tuple(field.key for field in sheet.blueprint.fields)
    found = scripts(script, keys, records)
    changes = [change for change in found if change is not None]
    check_changes(sheet.blueprint, changes)
    pairs = zip(records, found, strict=True)
    differences = [_difference(sheet, record, change) for record, change in pairs if change is not None]
    more = dict.fromkeys(key for one in differences for key in one.before)
    return Differences(
        tuple(dict.fromkeys((*keys, *more))), tuple(one for one in differences if _differs(one, records))
    )


def _text(config: Mapping[str, Json], key: str) -> str:
    value = config.get(key)
    if not isinstance(value, str) or not value:
        message = f"{key} is required, and a text"
        raise Problem(Code.INVALID, message, (FieldError(key, message),))
    return value


def _difference(sheet: Sheet, record: Record, change: RecordChange) -> Difference:
    values, messages = dict(record.values), dict(record.messages)
    for key, value in change.values.items():
        field = sheet.blueprint.by_key.get(key)
        column: list[Any] = [value]
        said = {} if field is None else check_column(field, column)
        values[key] = column[0]
        custom = (one for one in record.messages.get(key, ()) if one.source is MessageSource.CUSTOM)
        messages[key] = (*_messages(said.get(0, ())), *custom)
    changed = [key for key in change.values if not _same(values[key], record.values.get(key))]
    after = replace(
        record,
        values=values,
        messages=messages,
        valid=_is_valid(messages),
        metadata=record.metadata if change.metadata is None else change.metadata,
        config=record.config if change.config is None else change.config,
    )
    return Difference(after, {key: record.values.get(key) for key in changed})


def _same(one: Json, other: Json) -> bool:
    # True is not 1.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _differs(one: Difference, records: Sequence[Record]) -> bool:
    """Say whether more of a record is another than how a cell was written: text that is read as the number that was there changes nothing."""
    if one.before:
        return True
    before = next(record for record in records if record.id == one.record.id)
    return (before.metadata, before.config) != (one.record.metadata, one.record.config)


def _messages(said: Sequence[Sequence[str]]) -> list[Message]:
    return [Message(Level(level), MessageSource(source), text) for level, source, text in said]


def _is_valid(messages: Messages) -> bool:
    return not any(message.level is Level.ERROR for items in messages.values() for message in items)
