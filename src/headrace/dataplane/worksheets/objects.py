"""JSON as worksheets: an array of objects, an object of such arrays (one worksheet each), or objects on lines of their own.

Arrays go through DuckDB, which gives one object after the other without ever holding a whole array; lines are read as they are. Each object is
decoded twice: to see that all of it can be read and which names it has, and for its cells. Numbers keep the digits of the file, nested values are
cells of JSON text as it stands there.
"""

import mmap
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import msgspec

from headrace.core.headers import keys_of
from headrace.dataplane.duckdb_settings import bounded, literal, shut_in
from headrace.dataplane.json_arrays import is_closed
from headrace.dataplane.limits import MIB
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.formats.documents_fault import fault_in
from headrace.dataplane.transfer.formats.encodings import as_utf8
from headrace.dataplane.worksheets.delimited import SHEET_NAME
from headrace.dataplane.worksheets.worksheet import Opening, Row, Worksheet, filled_rows, in_chunks

LINES = frozenset({"jsonl", "ndjson"})
_BATCH = 2_048
_PLAIN = msgspec.json.Decoder(dict[str, Any], float_hook=str)
_RAW = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises: no JSON, no UTF-8, too many brackets in one another."""
_WORDS = {True: "true", False: "false"}
_Texts: TypeAlias = Callable[[], Iterator[list[str] | list[bytes]]]
"""Gives the texts of all objects, in batches, as often as it is called."""


def read(opening: Opening, ext: str, stack: ExitStack) -> tuple[Worksheet, ...]:
    """Return the worksheets of a file; ``stack`` closes what they need.

    Raises:
        Problem: ``SOURCE_UNREADABLE``: no JSON, or elements that are no objects; with the row. ``LIMIT_EXCEEDED``: an object is too large, or there
            are too many names; what the cancellation says.
    """
    scratch = opening.work / f"{uuid.uuid4().hex}.utf8"
    encoding = opening.options.encoding or ""
    path, start = stack.enter_context(as_utf8(opening.path, opening.name, encoding, scratch, opening.cancellation))
    first = _first(path, start)
    if not first:
        return (Worksheet(SHEET_NAME, (), 0, 0, lambda _start, _most: iter(())),)
    if first == b"[":
        plain = path if not start else _copied(opening, stack, memoryview(path.read_bytes())[start:])
        return (_of_array(opening, stack, SHEET_NAME, plain),)
    if ext in LINES:
        return (_worksheet(opening, SHEET_NAME, lambda: _lines(opening, path, start)),)
    tables = _tables(opening, path, start)
    if tables is None:
        return (_worksheet(opening, SHEET_NAME, lambda: _lines(opening, path, start)),)
    return tuple(_of_array(opening, stack, name, _copied(opening, stack, raw)) for name, raw in tables.items())


def _first(path: Path, start: int) -> bytes:
    """Return the first byte that is no white space."""
    with path.open("rb") as stream:
        stream.seek(start)
        while data := stream.read(MIB):
            if data := data.lstrip():
                return data[:1]
    return b""


def _tables(opening: Opening, path: Path, start: int) -> Mapping[str, memoryview] | None:
    """Return the arrays of a file's one object, without a copy of them; None: it is none, but perhaps objects on lines."""
    with path.open("rb") as stream:
        # It is closed when nothing refers to it any more: what is decoded does.
        whole = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    try:
        found = _RAW.decode(memoryview(whole)[start:])
    except _BROKEN as error:
        end = whole.find(b"\n", start)
        head = whole[start : len(whole) if end < 0 else end]
        if end >= 0 and _is_object(head):
            return None
        raise opening.unreadable(_said(error)) from None
    arrays = {name: memoryview(raw) for name, raw in found.items() if bytes(memoryview(raw)[:1]) == b"["}
    if not arrays:
        why = "it is one object without any array of objects; write [ before it and ] behind it, or one object a line into a .jsonl file"
        raise opening.unreadable(why)
    return arrays


def _is_object(line: bytes) -> bool:
    try:
        _PLAIN.decode(line)
    except _BROKEN:
        return False
    return True


def _copied(opening: Opening, stack: ExitStack, data: memoryview) -> Path:
    """Return a file of its own for a part of another, since DuckDB reads whole files."""
    path = opening.work / f"{uuid.uuid4().hex}.json"
    stack.callback(path.unlink, missing_ok=True)
    try:
        with path.open("wb") as out:
            for place in range(0, len(data), MIB):
                opening.cancellation.check()
                out.write(data[place : place + MIB])
    except OSError as error:
        raise disk_full(error, opening.work) or error from error
    return path


def _of_array(opening: Opening, stack: ExitStack, name: str, path: Path) -> Worksheet:
    connection = stack.enter_context(duckdb.connect(":memory:", config=bounded(opening.limits, opening.work)))
    shut_in(connection, (opening.work,), paths=(path,))
    if not is_closed(path):
        why = fault_in(path, opening.limits.max_row_bytes, opening.cancellation)
        raise opening.unreadable(why or "the array does not end")
    most = min(opening.limits.max_row_bytes, path.stat().st_size + MIB)
    query = f"SELECT json FROM read_json_objects({literal(str(path))}, format = 'array', maximum_object_size = {most}, compression = 'none')"

    def texts() -> Iterator[list[str]]:
        cursor = connection.cursor()
        forget = opening.cancellation.on_stop(cursor.interrupt)
        try:
            cursor.execute(query)
            while rows := cursor.fetchmany(_BATCH):
                yield [text for (text,) in rows]
        except duckdb.Error as error:
            opening.cancellation.check()
            if "maximum_object_size" in str(error):
                raise opening.too_large(f"has an object of more than {most:,} bytes (max_row_bytes)") from error
            why = fault_in(path, opening.limits.max_row_bytes, opening.cancellation)
            raise opening.unreadable(why or str(error).splitlines()[0].replace(str(path), opening.name)) from error
        finally:
            forget()
            cursor.close()

    return _worksheet(opening, name, texts)


def _lines(opening: Opening, path: Path, start: int) -> Iterator[list[bytes]]:
    longest = opening.limits.max_row_bytes
    with path.open("rb") as stream:
        stream.seek(start)

        def lines() -> Iterator[bytes]:
            while line := stream.readline(longest + 1):
                if len(line) > longest:
                    raise opening.too_large(f"has a line of more than {longest:,} bytes (max_row_bytes)")
                yield line.strip()

        every = lines()
        while batch := list(islice(every, _BATCH)):
            yield batch


def _worksheet(opening: Opening, name: str, texts: _Texts) -> Worksheet:
    """Look at all objects: their names in the order in which they first occur, and how many there are."""
    names: dict[str, None] = {}
    count = last = letters = 0
    size = opening.size

    def heard() -> Iterator[list[str] | list[bytes]]:
        nonlocal letters
        for batch in texts():
            letters += sum(map(len, batch))
            opening.looked(min(letters, size), size)
            yield batch

    for objects in _objects(opening, heard):
        shapes = dict.fromkeys(tuple(item) for item in objects)
        for shape in shapes:
            names.update(dict.fromkeys(shape))
        opening.check_width(len(names))
        filled = filled_rows([tuple(item.values()) for item in objects])
        last = count + filled if filled else last
        count += len(objects)
    columns = tuple(names)
    return Worksheet(
        name,
        keys_of(columns),
        0,
        last,
        lambda start, most: in_chunks(
            (_rows(objects, columns) for objects in _objects(opening, texts)), start, last, most
        ),
    )


def _rows(objects: Sequence[Mapping[str, str | None]], columns: tuple[str, ...]) -> list[Row]:
    return [[item.get(column) for column in columns] for item in objects]


def _objects(opening: Opening, texts: _Texts) -> Iterator[list[dict[str, str | None]]]:
    """Yield the objects with their values as texts."""
    number = 0
    for batch in texts():
        opening.cancellation.check()
        objects = []
        for text in batch:
            number += 1
            if not text:
                continue
            if len(text) > opening.limits.max_row_bytes:
                raise opening.too_large(
                    f"has an object of more than {opening.limits.max_row_bytes:,} bytes (max_row_bytes)"
                )
            if ("\\u0000" if isinstance(text, str) else b"\\u0000") in text:  # type: ignore[operator]  # of one kind both
                raise opening.unreadable("it has a NUL character, which no text can have", number)
            try:
                objects.append(_cells(text))
            except _BROKEN as error:
                raise opening.unreadable(_said(error), number) from None
        if objects:
            yield objects


def _cells(text: str | bytes) -> dict[str, str | None]:
    values = _PLAIN.decode(text)
    raw: Mapping[str, msgspec.Raw] = {}
    for key, value in values.items():
        match value:
            case str() | None:
                continue
            case bool():
                values[key] = _WORDS[value]
            case int():
                values[key] = str(value)
            case _:
                raw = raw or _RAW.decode(text)
                values[key] = bytes(raw[key]).decode("utf-8")
    return values


def _said(error: Exception) -> str:
    match error:
        case msgspec.ValidationError():
            return "it is no object of names and values"
        case UnicodeDecodeError():
            return "it has bytes that are no UTF-8; is the encoding another one?"
        case RecursionError():
            return "too many brackets stand in one another"
        case _:
            said = str(error)
            return f"it is no JSON: {said if said.startswith('JSON') else said[:1].lower() + said[1:]}"
