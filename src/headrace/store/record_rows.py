"""Rows of records: the columns that a reader selects, and records from them."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.record import Level, Message, Messages, MessageSource, Record
from headrace.core.short_ids import record_id
from headrace.store.sheet_tables import sheet_records

_OURS = re.compile(r"us_rc_([0-9a-f]{32})\Z")
_DIGITS = re.compile(r"[0-9a-f]{32}\Z")
_NAMED = ":"
"""Stands before an id that somebody gave a record and that could be mistaken for the digits of one of ours."""

_values = msgspec.json.Decoder(dict[str, Any])
_messages = msgspec.json.Decoder(dict[str, list[list[str]]])

_rows = sheet_records.c
COLUMNS: tuple[sa.ColumnElement[Any], ...] = (
    _rows.position,
    _rows.record_id,
    # As text on PostgreSQL too: decoding is ours.
    sa.cast(_rows["values"], sa.Text).label("values"),
    sa.cast(_rows.messages, sa.Text).label("messages"),
    _rows.valid,
    sa.cast(_rows.metadata, sa.Text).label("metadata"),
    sa.cast(_rows.config, sa.Text).label("config"),
    _rows.updated_commit,
    _rows.updated_at,
)
"""What ``record_of`` takes, in its order; documents come as text."""


def kept_id(shown: str) -> str:
    """Return what the column ``record_id`` has for a record's id: the 32 digits of our own ids, any other id as it is."""
    if ours := _OURS.match(shown):
        return ours[1]
    return _NAMED + shown if shown.startswith(_NAMED) or _DIGITS.match(shown) else shown


def shown_id(kept: str) -> str:
    """Return the record's id of what the column ``record_id`` has: the inverse of ``kept_id``."""
    if _DIGITS.match(kept):
        return record_id(kept)
    return kept.removeprefix(_NAMED)


def record_of(row: Iterable[Any]) -> Record:
    """Return the record that a row of ``COLUMNS`` has."""
    position, kept, values, messages, valid, metadata, config, updated_commit, updated_at = row
    return Record(
        position=position,
        id=shown_id(kept),
        values=_values.decode(values),
        messages=messages_of(messages),
        valid=bool(valid),
        metadata=document_of(metadata),
        config=document_of(config),
        updated_commit=updated_commit,
        updated_at=Instant(updated_at),
    )


def messages_of(text: str | None) -> Messages:
    """Return the messages that a column ``messages`` has: ``{field: [[level, source, text, path?], …]}``."""
    if text is None:
        return {}
    return {key: tuple(_message(*item) for item in items) for key, items in _messages.decode(text).items()}


def values_of(text: str) -> dict[str, Json]:
    """Return the values that a column ``values`` has."""
    return _values.decode(text)


def document_of(text: str | None) -> dict[str, Json]:
    """Return the object that a column ``metadata`` or ``config`` has; null is an empty one."""
    return {} if text is None else _values.decode(text)


def _message(level: str, source: str, text: str, path: str | None = None) -> Message:
    return Message(Level(level), MessageSource(source), text, path)
