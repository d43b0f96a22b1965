"""Records as lines (contract 12.6): values under their field keys, and on request what else there is under names of two underscores and a letter."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from headrace.api.jobs.translate.records import LinksOf, raw_cells
from headrace.api.jobs.wire import date
from headrace.core.blueprint import Blueprint
from headrace.core.clock import Instant
from headrace.service.records.linking import Links
from headrace.store.record_rows import messages_of, shown_id

_NULL = b"null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What lines have beside ids and values. ``head``: members that are the same in every line, with a comma behind each."""

    head: bytes = b""
    messages: bool = False
    metadata: bool = False
    config: bool = False
    timestamps: bool = False
    empty_cells: bool = False


_BARE = Extras()


class Lines:
    """Makes lines of records. ``fields``: of these only."""

    def __init__(self, blueprint: Blueprint, fields: Sequence[str] | None, extras: Extras) -> None:
        keys = tuple(field.key for field in blueprint.fields if fields is None or field.key in fields)
        self._names = [b"," + msgspec.json.encode(key) + b":" for key in keys]
        self._values = raw_cells(keys)
        self._extras = extras

    def text(self, rows: Sequence[Sequence[Any]], links: Links | None = None) -> bytes:
        """Return rows of ``store.record_rows.COLUMNS`` as lines, each with its end."""
        return b"".join(map(self._line, rows) if links is None else map(self._line, rows, links))

    def _line(self, row: Sequence[Any], links: LinksOf | None = None) -> bytes:
        _, kept, values, messages, valid, metadata, config, _, updated_at = row
        extras = self._extras
        parts = [b"{", extras.head, b'"__k":', msgspec.json.encode(shown_id(kept))]
        for name, cell in zip(self._names, self._values(values), strict=True):
            raw = bytes(cell)
            if extras.empty_cells or raw != _NULL:
                parts += (name, raw)
        if extras.messages:
            said = [{"x": key, "m": item.text} for key, items in messages_of(messages).items() for item in items]
            parts += (b',"__e":', b"true" if valid else b"false", b',"__i":', msgspec.json.encode(said))
        if extras.metadata:
            parts += (b',"__m":', b"{}" if metadata is None else metadata.encode())
        if extras.config:
            parts += (b',"__c":', b"{}" if config is None else config.encode())
        if extras.timestamps:
            parts += (b',"__u":"', date(Instant(updated_at)).encode(), b'"')
        if links is not None:
            linked = [
                Lines(sheet.blueprint, None, _BARE).text([there]).rstrip(b"\n")
                for found in links.values()
                for sheet, there in found
            ]
            parts += (b',"__l":[', b",".join(linked), b"]")
        parts.append(b"}\n")
        return b"".join(parts)


def head_of(members: Mapping[str, str]) -> bytes:
    """Return members that stand at the head of every line."""
    return b"".join(
        msgspec.json.encode(name) + b":" + msgspec.json.encode(value) + b"," for name, value in members.items()
    )
