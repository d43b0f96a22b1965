"""Records line by line: read and written as streams that take the same memory however long they are (jobs contract 12.6).

A line is a JSON object of values by field key. Names of its own begin with two underscores: ``__k`` id, ``__nk`` the id of a new record, ``__d``
true: it is to go, ``__s`` and ``__n`` id and slug of its sheet, ``__m`` metadata, ``__c`` config, ``__i`` messages.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.job import Actor
from headrace.core.record import CommitWish, Level, Message, MessageSource, NewRecord, RecordChange, Selection
from headrace.core.workspace import Sheet
from headrace.service.records import snapshots
from headrace.service.records.bulk import remove_selected
from headrace.service.records.desk import RecordDesk
from headrace.service.records.linking import Links, links_of
from headrace.service.records.reading import reachable
from headrace.service.records.wishes import wish_of
from headrace.service.records.writing import hold, insert_in, insert_page, remove_in, update_in
from headrace.store import record_pages, sheets
from headrace.store.database import Database, Transaction
from headrace.store.record_rows import record_of

MAX_LINE = 16 << 20
"""Bytes of the longest line."""

MAX_DEPTH = 100
"""Levels of a line, as of other bodies."""
_READ_AT_ONCE = 5_000
_PENDING_BYTES = 8 << 20
"""Bytes of lines that wait to be written."""
_OF_LINES = frozenset({Code.INVALID, Code.MALFORMED, Code.LIMIT_EXCEEDED, Code.NOT_FOUND, Code.UNKNOWN_FIELD})
"""Faults that a line can have; others are of the whole."""
_OWN = frozenset({"__k", "__nk", "__d", "__s", "__n", "__v", "__e", "__i", "__m", "__c", "__l", "__u"})
_RESERVED = "__"
"""What else begins so is a field where the sheet has it, and ignored where not."""
_raw_lines = msgspec.json.Decoder(msgspec.Raw)
_line = msgspec.json.Decoder(dict[str, Any])


def sheet_named(
    tx: Transaction, actor: Actor, sheet_id: str | None, workbook_id: str | None, slug: str | None
) -> Sheet | None:
    """Return the sheet with an id, or with a slug in a workbook; None: none is named.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    if sheet_id is not None:
        return reachable(tx, actor, sheet_id)
    if workbook_id is None or slug is None:
        return None
    sheet = sheets.by_slug(tx, workbook_id, slug)
    return reachable(tx, actor, "" if sheet is None else sheet.id)


def walked(
    database: Database, sheet: Sheet, selection: Selection, *, linked: bool = False
) -> Iterator[tuple[Sequence[Sequence[Any]], Links | None]]:
    """Return the selected records, as rows of ``store.record_rows.COLUMNS``, in pieces that are read one after the other; ``linked``: with links.

    No piece costs more than another one where records come in the order of insertion.
    """
    after, number = None, 1
    while True:
        with database.reading() as tx:
            if selection.sort_field is None:
                rows = record_pages.walk_rows(tx, sheet, selection, after, _READ_AT_ONCE)
            else:
                rows = record_pages.rows(tx, sheet, selection, _READ_AT_ONCE, number)
            links = links_of(tx, sheet, rows) if linked and rows else None
        if rows:
            yield rows, links
        if len(rows) < _READ_AT_ONCE:
            return
        after, number = rows[-1][0], number + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How lines are to be written.

    ``sheet_id``: of lines that name no sheet; ``workbook_id``: where slugs are looked for (None: in that sheet's).
    ``truncate``: each sheet is emptied first; ``snapshot``: of each a snapshot is taken before that. ``event_id``: the hook's event that this
    answers.
    """

    sheet_id: str | None = None
    workbook_id: str | None = None
    truncate: bool = False
    snapshot: bool = False
    silent: bool = False
    forced: bool = False
    event_id: str | None = None


@dataclass(slots=True)
class Sums:
    """What was done."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    lines: int = 0


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: bytes
    # Without names of its own but that of its sheet, which has been cut off.
    plain: bool


@dataclass(frozen=True, slots=True)
class _Target:
    sheet: Sheet
    wish: CommitWish


@dataclass(frozen=True, slots=True)
class _Gone:
    """A record that is to go."""

    id: str


_Wanted: TypeAlias = NewRecord | RecordChange | _Gone


@dataclass(slots=True)
class _Unit:
    """What is written in one transaction, in whatever order, since no record is in it twice."""

    sheet_id: str = ""
    wanted: list[tuple[_Line, _Wanted]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    def halves(self) -> "tuple[_Unit, _Unit]":
        """Return its first half, and the rest."""
        half = len(self.wanted) // 2
        return _Unit(self.sheet_id, self.wanted[:half]), _Unit(self.sheet_id, self.wanted[half:])


class Writer:
    """Writes lines as they come, in commits of up to ``limits.commit_records``: ``begin``, ``feed`` again and again, ``end``.

    It stops at the first line that is wrong: that is refused with its number, and what was committed before stays.
    """

    def __init__(self, desk: RecordDesk, actor: Actor, how: How) -> None:
        self._desk = desk
        self._actor = actor
        self._how = how
        self._rest = bytearray()
        self._number = 0
        self._pending: list[_Line] = []
        self._pending_bytes = 0
        self._target: str | None = how.sheet_id
        self._targets: dict[str, _Target] = {}
        self.sums = Sums()

    def begin(self) -> None:
        """Make the sheet ready that all lines are for, if one was named.

        Raises:
            Problem: ``NOT_FOUND``; ``INVALID``: there is no such event.
        """
        if self._how.sheet_id is not None:
            self._targeted(self._how.sheet_id)

    def feed(self, raw: bytes) -> None:
        """Take the next bytes, and write what is enough for a commit.

        Raises:
            Problem: a line is wrong; what the ledger says.
        """
        self._rest += raw
        end = raw.rfind(b"\n")
        if end < 0:
            if len(self._rest) > MAX_LINE:
                raise self._stopped(self._number + 1, f"it has more than {MAX_LINE} bytes")
            return
        end -= len(raw)
        whole, self._rest = bytes(self._rest[:end]), self._rest[end + 1 :] if end < -1 else bytearray()
        for text in whole.split(b"\n"):
            self._take(text)

    def end(self) -> Sums:
        """Write what is left, and return what was done.

        Raises:
            Problem: as ``feed``.
        """
        if self._rest:
            self._take(bytes(self._rest))
            self._rest.clear()
        self._flush()
        return self.sums

    def _take(self, text: bytes) -> None:
        self._number += 1
        text = text.strip()
        if self._number == 1:
            text = text.removeprefix(b"\xef\xbb\xbf")
        if not text:
            return
        if len(text) > MAX_LINE:
            raise self._stopped(self._number, f"it has more than {MAX_LINE} bytes")
        self._pending.append(self._read(text))
        self._pending_bytes += len(text)
        if len(self._pending) >= self._desk.limits.commit_records or self._pending_bytes >= _PENDING_BYTES:
            self._flush()

    def _read(self, text: bytes) -> _Line:
        # Clients put the sheet in front of each line.
        if self._target is not None:
            head = b'{"__s":"%b",' % self._target.encode()
            if text.startswith(head):
                text = b"{" + text[len(head) :]
        return _Line(self._number, text, plain=self._target is not None and b'"__' not in text)

    def _flush(self) -> None:
        lines, self._pending, self._pending_bytes = self._pending, [], 0
        for run, plain in _runs(lines):
            if plain and self._target is not None:
                self._insert(self._target, run)
            else:
                self._write_mixed(run)

    def _insert(self, sheet_id: str, lines: Sequence[_Line]) -> None:
        """Insert plain lines, without looking into them here. Of lines that are refused together, those before the first wrong one are written."""
        target = self._targeted(sheet_id)
        try:
            page = _page_of([line.text for line in lines])
            written = insert_page(self._desk, self._actor, sheet_id, page, target.wish)
        except Problem as problem:
            if problem.code not in _OF_LINES or len(lines) == 1:
                raise self._stopped(lines[0].number, _said(problem), problem) from problem
            half = len(lines) // 2
            self._insert(sheet_id, lines[:half])
            self._insert(sheet_id, lines[half:])
            return
        self._add(Sums(written.created, lines=len(lines)))

    def _write_mixed(self, lines: Sequence[_Line]) -> None:
        unit = _Unit()
        for line in lines:
            try:
                sheet_id, wanted = self._parsed(line)
            except Problem as problem:
                self._write(unit)
                raise self._stopped(line.number, _said(problem), problem) from problem
            if sheet_id != unit.sheet_id or wanted.id in unit.ids:
                self._write(unit)
                unit = _Unit(sheet_id)
            unit.wanted.append((line, wanted))
            if wanted.id is not None:
                unit.ids.add(wanted.id)
        self._write(unit)

    def _write(self, unit: _Unit) -> None:
        if not unit.wanted:
            return
        try:
            sums = self._commit(self._targeted(unit.sheet_id), [wanted for _, wanted in unit.wanted])
        except Problem as problem:
            if problem.code not in _OF_LINES or len(unit.wanted) == 1:
                raise self._stopped(unit.wanted[0][0].number, _said(problem), problem) from problem
            for half in unit.halves():
                self._write(half)
            return
        self._add(sums)

    def _commit(self, target: _Target, wanted: Sequence[_Wanted]) -> Sums:
        desk, sums = self._desk, Sums(lines=len(wanted))
        changes = [one for one in wanted if isinstance(one, RecordChange)]
        gone = [one.id for one in wanted if isinstance(one, _Gone)]
        new = [one for one in wanted if isinstance(one, NewRecord)]
        with desk.database.transaction() as tx:
            sheet, now = hold(tx, self._actor.scope, target.sheet.id), desk.clock.now()
            if changes:
                sums.updated = update_in(tx, desk, sheet, changes, target.wish, now).updated
                # They may have brought fields along.
                sheet = sheets.get(tx, None, sheet.id)
            if gone:
                there = [record_of(row) for row in record_pages.rows_of_ids(tx, sheet, gone)]
                sums.deleted = remove_in(tx, desk, sheet, there, target.wish, now).deleted
            if new:
                sums.created = insert_in(tx, desk, sheet, new, target.wish, now).created
        return sums

    def _parsed(self, line: _Line) -> tuple[str, _Wanted]:
        """Return the sheet that a line is for, and what it wants."""
        _refuse_deep(line.text)
        try:
            item = _line.decode(line.text)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise Problem(Code.MALFORMED, f"it is no JSON object: {error}") from error
        named, slug = item.get("__s"), item.get("__n")
        if named is None and isinstance(slug, str):
            sheet = self._of_slug(slug)
            return sheet.id, _wanted(item, sheet)
        sheet_id = self._target if named is None else named
        if not isinstance(sheet_id, str):
            message = "it names no sheet: __s, the header X-Sheet-Id or the parameter sheetId says which"
            raise Problem(Code.INVALID, message)
        sheet = self._targeted(sheet_id).sheet
        return sheet.id, _wanted(item, sheet)

    def _of_slug(self, slug: str) -> Sheet:
        workbook_id = self._how.workbook_id
        if workbook_id is None and self._target is not None:
            workbook_id = self._targeted(self._target).sheet.workbook_id
        with self._desk.database.reading() as tx:
            sheet = sheet_named(tx, self._actor, None, workbook_id, slug)
        if sheet is None:
            raise Problem(Code.INVALID, "it names a sheet by its slug, but no workbook is named")
        return self._targeted(sheet.id).sheet

    def _targeted(self, sheet_id: str) -> _Target:
        """Return a sheet that lines go to; when it is met first, it is made ready."""
        known = self._targets.get(sheet_id)
        if known is not None:
            return known
        how, actor, desk = self._how, self._actor, self._desk
        with desk.database.reading() as tx:
            sheet = reachable(tx, actor, sheet_id)
            wish = wish_of(tx, actor, sheet, event_id=how.event_id, silent=how.silent, forced=how.forced)
        if how.snapshot:
            snapshots.create(desk, actor, sheet_id, None)
        if how.truncate:
            self.sums.deleted += remove_selected(desk, actor, sheet, Selection(), wish).deleted
        self._targets[sheet_id] = _Target(sheet, wish)
        return self._targets[sheet_id]

    def _add(self, sums: Sums) -> None:
        self.sums.created += sums.created
        self.sums.updated += sums.updated
        self.sums.deleted += sums.deleted
        self.sums.lines += sums.lines

    def _stopped(self, number: int, message: str, problem: Problem | None = None) -> Problem:
        done = self.sums
        stays = (
            f"what the {done.lines} lines before say is committed and stays"
            f" ({done.created} created, {done.updated} updated, {done.deleted} deleted)"
        )
        full = f"line {number}: {message}; {stays}"
        code = Code.INVALID if problem is None or problem.code in _OF_LINES else problem.code
        return Problem(code, full, (FieldError(f"line {number}", full),), {} if problem is None else problem.context)


def _runs(lines: Iterable[_Line]) -> Iterator[tuple[list[_Line], bool]]:
    """Return the lines in runs of plain ones and of others."""
    run: list[_Line] = []
    for line in lines:
        if run and run[0].plain != line.plain:
            yield run, run[0].plain
            run = []
        run.append(line)
    if run:
        yield run, run[0].plain


def _page_of(texts: Sequence[bytes]) -> bytes:
    """Return lines as a JSON array; each of them has to be one value."""
    for text in texts:
        _refuse_deep(text)
    try:
        items = _raw_lines.decode_lines(b"\n".join(texts))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Problem(Code.MALFORMED, f"it is no JSON: {error}") from error
    if len(items) != len(texts):
        raise Problem(Code.MALFORMED, "it is no JSON object")
    return b"[" + b",".join(texts) + b"]"


def _refuse_deep(text: bytes) -> None:
    """Refuse a line that would be too deep for readers of JSON, the databases' and our own, once it is within others."""
    if text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return
    try:
        level, depth = [msgspec.json.decode(text)], 0
        while level and depth <= MAX_DEPTH:
            depth += 1
            inner = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
            level = list(chain.from_iterable(inner))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # Whoever reads it says so.
        return
    except RecursionError:
        depth = MAX_DEPTH + 1
    if depth > MAX_DEPTH:
        raise Problem(Code.MALFORMED, f"it is nested more than {MAX_DEPTH} levels deep")


def _said(problem: Problem) -> str:
    return problem.fields[0].message if problem.fields else problem.message


def _wanted(item: Mapping[str, Any], sheet: Sheet) -> _Wanted:
    """Return what a line asks for."""
    known, new = _text(item, "__k"), _text(item, "__nk")
    if item.get("__d") is True:
        if known is None:
            raise Problem(Code.INVALID, "a record that is to go needs its id in __k")
        return _Gone(known)
    fields = [
        key for key in item if not key.startswith(_RESERVED) or (key in sheet.blueprint.by_key and key not in _OWN)
    ]
    values: dict[str, Json] = {key: _value(item[key]) for key in fields}
    messages, metadata, config = _messages(item.get("__i")), _object(item, "__m"), _object(item, "__c")
    if known is not None:
        return RecordChange(known, values, messages, metadata, config)
    return NewRecord(values, messages, metadata or {}, config or {}, new)


def _text(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is not None and (not isinstance(value, str) or not value):
        raise Problem(Code.INVALID, f"{name} has to be a text")
    return value


def _value(value: Any) -> Any:
    # As in pages: an object with a value is a cell.
    return value["value"] if isinstance(value, dict) and "value" in value else value


def _object(item: Mapping[str, Any], name: str) -> Mapping[str, Json] | None:
    value = item.get(name)
    if value is not None and not isinstance(value, dict):
        raise Problem(Code.INVALID, f"{name} has to be an object")
    return value


def _messages(said: Any) -> dict[str, tuple[Message, ...]]:
    """Return the messages in ``[{"x": field, "m": text, "t": level}]``; without a level they are errors, as everywhere."""
    found: dict[str, tuple[Message, ...]] = {}
    if said is None:
        return found
    items = said if isinstance(said, list) else [said]
    for item in items:
        key, text = (item.get("x"), item.get("m")) if isinstance(item, dict) else (None, None)
        level = item.get("t", Level.ERROR.value) if isinstance(item, dict) else None
        if not isinstance(key, str) or not isinstance(text, str) or level not in set(Level):
            raise Problem(Code.INVALID, '__i has to be a list of {"x": field, "m": text}')
        found[key] = (*found.get(key, ()), Message(Level(level), MessageSource.CUSTOM, text))
    return found
