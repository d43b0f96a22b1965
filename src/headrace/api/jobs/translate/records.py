"""Records on the wire (contract 12.5): rows of the store to JSON text without decoding their cells, and bodies to changes.

The shape is exact: five keys, and in ``values`` every field of the blueprint, set or not. A page is text by a template that is made once for a
blueprint: only records with messages are put together cell by cell.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

from headrace.api.jobs.bodies import kind_of
from headrace.api.jobs.wire import Item, date, date_or_none, present
from headrace.core.blueprint import Blueprint
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import Commit, Level, Message, MessageSource, RecordChange, RecordCounts
from headrace.core.workspace import Sheet
from headrace.service.records.linking import Links
from headrace.service.records.odd_keys import has_odd, odd_cells
from headrace.store.record_rows import messages_of, shown_id
from headrace.store.record_values import ValueCount

MAX_WRITTEN = 50_000
"""Records of one write."""
_MOST_FAULTS = 100
"""Faults that a refusal names at most."""

_NULL = b"null"
_EMPTY = b"{}"


LinksOf: TypeAlias = Mapping[str, Sequence[tuple[Sheet, Sequence[Any]]]]
"""What the cells of one record refer to (``service.records.linking``)."""


class RecordTexts:
    """Makes the JSON text of records; ``keys``: the fields that they have, in their order. ``of`` makes one for a blueprint."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._names = [msgspec.json.encode(key) for key in keys]
        self._keys = keys
        cells = b",".join(
            name.replace(b"%", b"%%") + b':{"value":%b,"messages":[],"valid":true}' for name in self._names
        )
        self._template = b'{"id":%b,"values":{' + cells + b'},"valid":true,"metadata":%b,"config":%b}'
        self._values = raw_cells(keys)

    def text(self, row: Sequence[Any], links: LinksOf | None = None) -> bytes:
        """Return the JSON of a row of ``store.record_rows.COLUMNS``, with what its cells refer to."""
        _, kept, values, messages, valid, metadata, config, _, _ = row
        cells = self._values(values)
        id_text = b'"us_rc_' + kept.encode() + b'"' if _is_digits(kept) else msgspec.json.encode(shown_id(kept))
        more = (_EMPTY if metadata is None else metadata.encode(), _EMPTY if config is None else config.encode())
        if messages is None and links is None:
            return self._template % (id_text, *cells, *more)
        said = messages_of(messages)
        parts = [
            name + _cell(cell, said.get(key, ()), None if links is None else links.get(key))
            for key, name, cell in zip(self._keys, self._names, cells, strict=True)
        ]
        state = b"true" if valid else b"false"
        return b'{"id":%b,"values":{%b},"valid":%b,"metadata":%b,"config":%b}' % (
            id_text,
            b",".join(parts),
            state,
            *more,
        )

    def texts(self, rows: Sequence[Sequence[Any]], links: Links | None = None) -> bytes:
        """Return the JSON array of rows."""
        if links is None:
            return b"[" + b",".join(map(self.text, rows)) + b"]"
        return b"[" + b",".join(map(self.text, rows, links)) + b"]"


def texts_of(blueprint: Blueprint, fields: Sequence[str] | None = None) -> RecordTexts:
    """Return what makes the text of a blueprint's records; ``fields``: with these cells only."""
    keys = tuple(field.key for field in blueprint.fields if fields is None or field.key in fields)
    return _texts_of(keys)


@lru_cache(maxsize=64)
def _texts_of(keys: tuple[str, ...]) -> RecordTexts:
    return RecordTexts(keys)


@lru_cache(maxsize=64)
def raw_cells(keys: tuple[str, ...]) -> Callable[[str], tuple[Any, ...]]:
    """Return what reads the JSON of each of the fields ``keys`` (null where it is absent) out of the text of a record's values."""
    if has_odd(keys):
        return odd_cells(keys, _NULL)
    # A structure with a member for each field is read faster than an object, and knows what is absent; other members are passed over.
    members = [
        (f"c{place}", msgspec.Raw, msgspec.field(name=key, default=msgspec.Raw(_NULL)))
        for place, key in enumerate(keys)
    ]
    decoder = msgspec.json.Decoder(msgspec.defstruct("Values", members))

    def values(text: str) -> tuple[Any, ...]:
        return msgspec.structs.astuple(decoder.decode(text))

    return values


def _is_digits(kept: str) -> bool:
    return shown_id(kept) != kept and not kept.startswith(":")


def _cell(value: Any, messages: Sequence[Message], links: Sequence[tuple[Sheet, Sequence[Any]]] | None) -> bytes:
    more = b""
    if links is not None:
        more = b',"links":[%b]' % b",".join(texts_of(sheet.blueprint).text(row) for sheet, row in links)
    if not messages:
        return b':{"value":%b,"messages":[],"valid":true%b}' % (value, more)
    valid = b"false" if any(message.level is Level.ERROR for message in messages) else b"true"
    said = msgspec.json.encode([message_item(message) for message in messages])
    return b':{"value":%b,"messages":%b,"valid":%b%b}' % (value, said, valid, more)


def message_item(message: Message) -> Item:
    """Return a message as clients see it."""
    item: Item = {"type": message.level.value, "source": message.source.value, "message": message.text}
    if message.path is not None:
        item["path"] = message.path
    return item


def counts_item(counts: RecordCounts) -> Item:
    """Return counts as clients see them."""
    item: Item = {"total": counts.total, "valid": counts.valid, "error": counts.error}
    if counts.by_field is not None:
        item["errorsByField"] = {key: each.error for key, each in counts.by_field.items() if each.error}
        item["byField"] = {
            key: {"total": each.total, "valid": each.valid, "error": each.error, "empty": each.empty}
            for key, each in counts.by_field.items()
        }
    return item


def value_item(value: ValueCount, *, counted: bool) -> Item:
    """Return a value of a field as clients see it, ``counted``: with how many records have it."""
    if not counted:
        return {"value": value.value}
    counts = {"total": value.total, "valid": value.total - value.error, "error": value.error}
    return {"value": value.value, "counts": counts}


def commit_item(commit: Commit) -> Item:
    """Return a commit as clients see it."""
    return present(
        {
            "id": commit.id,
            "sheetId": commit.sheet_id,
            "createdBy": commit.created_by,
            "createdAt": date(commit.created_at),
            "completedBy": commit.completed_by,
            "completedAt": date_or_none(commit.completed_at),
        }
    )


def commit_ids(commit: Commit | None) -> Item:
    """Return the two names of the commit that an answer tells of; of none, nothing."""
    return {} if commit is None else {"commitId": commit.id, "versionId": commit.id}


def changes_of(items: Sequence[Any]) -> list[RecordChange]:
    """Return the changes of ``PUT /records``.

    Raises:
        Problem: ``INVALID``, with the place of every fault; ``LIMIT_EXCEEDED``: too many records.
    """
    if len(items) > MAX_WRITTEN:
        message = f"{len(items)} records are more than the {MAX_WRITTEN} that one write may have"
        raise Problem(Code.LIMIT_EXCEEDED, message)
    faults: list[FieldError] = []
    changes = [_change(item, f"[{place}]", faults) for place, item in enumerate(items)]
    if faults:
        raise Problem.of_fields(Code.INVALID, "the body", tuple(faults[:_MOST_FAULTS]))
    return changes


def _change(item: Any, path: str, faults: list[FieldError]) -> RecordChange:
    if not isinstance(item, Mapping):
        faults.append(FieldError(path, f"a record must be an object, not {kind_of(item)}"))
        return RecordChange("")
    identity = item.get("id")
    if not isinstance(identity, str) or not identity:
        faults.append(FieldError(f"{path}.id", "the id of a record is required"))
        identity = ""
    cells = _object(item, "values", path, faults) or {}
    values: dict[str, Json] = {}
    messages: dict[str, tuple[Message, ...]] = {}
    for key, cell in cells.items():
        if cell is None:
            continue
        if not isinstance(cell, Mapping):
            values[key] = cell
            continue
        if "value" in cell:
            values[key] = cell["value"]
        said = cell.get("messages")
        if said is not None:
            messages[key] = custom_messages(said, f"{path}.values.{key}.messages", faults)
    metadata, config = (_object(item, name, path, faults) for name in ("metadata", "config"))
    return RecordChange(identity, values, messages, metadata, config)


def custom_messages(said: Any, path: str, faults: list[FieldError]) -> tuple[Message, ...]:
    """Return the messages that a client sends for a cell, without those of our own sources, which are made anew."""
    if not isinstance(said, list):
        faults.append(FieldError(path, f"messages must be an array, not {kind_of(said)}"))
        return ()
    found = []
    for place, item in enumerate(said):
        if not isinstance(item, Mapping) or not isinstance(item.get("message"), str):
            faults.append(FieldError(f"{path}[{place}].message", "the message must be a text"))
            continue
        level = item.get("type") or Level.ERROR.value
        if level not in tuple(Level):
            faults.append(FieldError(f"{path}[{place}].type", "type must be one of error, warn, info"))
            continue
        if item.get("source") in (None, MessageSource.CUSTOM) or item.get("source") not in tuple(MessageSource):
            route = item.get("path")
            text = route if isinstance(route, str) else None
            found.append(Message(Level(level), MessageSource.CUSTOM, item["message"], text))
    return tuple(found)


def _object(item: Mapping[str, Any], name: str, path: str, faults: list[FieldError]) -> Mapping[str, Any] | None:
    value = item.get(name)
    if value is None or isinstance(value, Mapping):
        return value
    faults.append(FieldError(f"{path}.{name}", f"{name} must be an object, not {kind_of(value)}"))
    return None
