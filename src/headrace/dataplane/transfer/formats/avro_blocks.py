"""The container of Avro: a header with the schema, and packed blocks of records, each unpacked to at most so many bytes.

Read by ourselves, because the library unpacks a block into memory whatever its size, and follows a recursive schema down until the stack is at its
end, which takes the process along. Written by ourselves, because the library packs with zstd only where one more package is installed.
"""

import bz2
import io
import json
import lzma
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import cramjam
import fastavro
import pyarrow as pa

from headrace.core.codec import Json

_MAGIC = b"Obj\x01"
_SYNC = 16
_MAX_HEADER = 16 << 20
_MAX_EMPTY_ROWS = 1_000_000
"""Rows that a block may hold beyond the number of its bytes: records of nulls take no bytes."""
_PRIMITIVE = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


class BrokenAvro(ValueError):
    """The bytes are no Avro that is read here; the message says why."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file begins with: the schema of its records, how blocks are packed, and what each ends with."""

    schema: Json
    codec: str
    sync: bytes
    length: int


def read_header(file: BinaryIO) -> Header:
    """Return the header; ``file`` stands behind it.

    Raises:
        BrokenAvro: it is none.
    """
    head = io.BytesIO(file.read(_MAX_HEADER))
    if head.read(len(_MAGIC)) != _MAGIC:
        raise BrokenAvro("it does not begin as Avro files do")
    try:
        meta: Any = fastavro.schemaless_reader(head, {"type": "map", "values": "bytes"}, None)
        schema = json.loads(meta["avro.schema"])
        codec = meta.get("avro.codec", b"null").decode()
    except (EOFError, KeyError, ValueError, IndexError, RecursionError, MemoryError, OverflowError) as error:
        raise BrokenAvro(f"its header is broken ({type(error).__name__}: {error})") from error
    sync = head.read(_SYNC)
    file.seek(head.tell())
    if codec not in _UNPACKING:
        known = ", ".join(_UNPACKING)
        raise BrokenAvro(f"its blocks are packed with {codec!r}; known are {known}")
    return Header(schema, codec, sync, head.tell())


def read_blocks(file: BinaryIO, header: Header, size: int, most: int) -> Iterator[tuple[int, bytes]]:
    """Yield the number of records of each block, and its bytes; ``size`` is that of the file, ``most`` that of an unpacked block.

    Raises:
        BrokenAvro: cut off, broken, or larger.
    """
    unpack, left = _UNPACKING[header.codec], size - header.length
    number = 0
    while left > 0:
        number += 1
        start = file.tell()
        count, length = _long(file, number), _long(file, number)
        if count < 0 or not 0 <= length <= left:
            raise BrokenAvro(f"block {number:,} is cut off, or broken")
        packed = file.read(length)
        if file.read(_SYNC) != header.sync:
            raise BrokenAvro(f"block {number:,} is cut off, or broken: its end is not where it should be")
        try:
            data = unpack(packed, most)
        except (zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, cramjam.DecompressionError) as error:
            raise BrokenAvro(f"block {number:,} does not unpack: {error}") from error
        if len(data) > most:
            raise BrokenAvro(f"block {number:,} unpacks to more than {most:,} bytes (max_row_bytes)")
        if count > len(data) + _MAX_EMPTY_ROWS:
            raise BrokenAvro(f"block {number:,} says that it has {count:,} records in {len(data):,} bytes")
        yield count, data
        left -= file.tell() - start


def check_schema(schema: Json) -> Mapping[str, Any]:
    """Return the named types of a parsed schema.

    Raises:
        BrokenAvro: a type contains itself, or an array's items take no bytes: a small file could be any size in memory.
    """
    walk = _Walk({}, set(), {})
    walk.takes_bytes(schema)
    return walk.named


@dataclass(frozen=True, slots=True)
class _Walk:
    named: dict[str, Any]
    open: set[str]
    done: dict[str, bool]

    def takes_bytes(self, schema: Any) -> bool:
        if isinstance(schema, list):
            took = [self.takes_bytes(member) for member in schema]
            return any(took) or len(schema) > 1
        if isinstance(schema, str):
            return self._named(schema)
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.takes_bytes(kind)
        if kind in {"record", "error"}:
            self.named[schema["name"]] = schema
            return self._named(schema["name"])
        if kind in {"enum", "fixed"}:
            self.named[schema["name"]] = schema
            return kind == "enum" or schema["size"] > 0
        if kind == "array" and not self.takes_bytes(schema["items"]):
            raise BrokenAvro("its schema has an array whose items take no bytes")
        if kind == "map":
            self.takes_bytes(schema["values"])
        return kind in {"array", "map"} or self.takes_bytes(kind)

    def _named(self, name: str) -> bool:
        if name in _PRIMITIVE:
            return name != "null"
        if name in self.open:
            raise BrokenAvro(f"its schema's type {name!r} contains itself; records of such types are not read")
        if name not in self.done:
            self.open.add(name)
            found = self.named[name]
            fields = found.get("fields", ())
            took = [self.takes_bytes(field["type"]) for field in fields]
            self.done[name] = any(took) or found["type"] == "enum" or found.get("size", 0) > 0
            self.open.discard(name)
        return self.done[name]


def _long(file: BinaryIO, block: int) -> int:
    result = shift = 0
    while shift < 64:
        byte = file.read(1)
        if not byte:
            raise BrokenAvro(f"block {block:,} is cut off")
        result |= (byte[0] & 0x7F) << shift
        shift += 7
        if byte[0] < 0x80:
            return (result >> 1) ^ -(result & 1)
    raise BrokenAvro(f"block {block:,} is broken")


def _plain(data: bytes, _most: int) -> bytes:
    return data


def _deflate(data: bytes, most: int) -> bytes:
    return zlib.decompressobj(-15).decompress(data, most + 1)


def _bzip2(data: bytes, most: int) -> bytes:
    return bz2.BZ2Decompressor().decompress(data, most + 1)


def _xz(data: bytes, most: int) -> bytes:
    return lzma.LZMADecompressor(memlimit=256 << 20).decompress(data, most + 1)


def _snappy(data: bytes, most: int) -> bytes:
    body, checksum = data[:-4], data[-4:]
    # Snappy says how long the content is before it begins.
    length = _long_of_snappy(body)
    if length > most:
        raise ValueError(f"it has {length:,} bytes")
    content = bytes(cramjam.snappy.decompress_raw(body))
    if zlib.crc32(content).to_bytes(4, "big") != checksum:
        raise ValueError("the checksum is not that of the content")
    return content


def _long_of_snappy(body: bytes) -> int:
    result = 0
    for place, byte in enumerate(body[:5]):
        result |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return result
    raise ValueError("it does not begin as Snappy does")


def _zstandard(data: bytes, most: int) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read(most + 1))


_UNPACKING: Mapping[str, Callable[[bytes, int], bytes]] = {
    "null": _plain,
    "deflate": _deflate,
    "bzip2": _bzip2,
    "xz": _xz,
    "snappy": _snappy,
    "zstandard": _zstandard,
}


class BlockWriter:
    """Writes a container into ``file``; blocks have about ``BLOCK_BYTES`` before they are packed."""

    BLOCK_BYTES = 64 << 10

    def __init__(self, file: BinaryIO, schema: dict[str, Any], codec: str, level: int | None) -> None:
        self._file, self._schema, self._sync = file, schema, os.urandom(_SYNC)
        self._pack, self._level = _PACKING[codec], level
        self._block, self._count = io.BytesIO(), 0
        public = {key: value for key, value in schema.items() if not key.startswith("__")}
        meta = {"avro.schema": json.dumps(public).encode(), "avro.codec": codec.encode()}
        file.write(_MAGIC)
        fastavro.schemaless_writer(file, {"type": "map", "values": "bytes"}, meta)
        file.write(self._sync)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write a record."""
        fastavro.schemaless_writer(self._block, self._schema, record)
        self._count += 1
        if self._block.tell() >= self.BLOCK_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the block that is being filled."""
        if self._count == 0:
            return
        packed = self._pack(self._block.getvalue(), self._level)
        for number in (self._count, len(packed)):
            fastavro.schemaless_writer(self._file, "long", number)
        self._file.write(packed + self._sync)
        self._block, self._count = io.BytesIO(), 0


def _pack_deflate(data: bytes, level: int | None) -> bytes:
    machine = zlib.compressobj(-1 if level is None else level, zlib.DEFLATED, -15)
    return machine.compress(data) + machine.flush()


def _pack_snappy(data: bytes, _level: int | None) -> bytes:
    return bytes(cramjam.snappy.compress_raw(data)) + zlib.crc32(data).to_bytes(4, "big")


_PACKING: Mapping[str, Callable[[bytes, int | None], bytes]] = {
    "null": lambda data, _: data,
    "deflate": _pack_deflate,
    "bzip2": lambda data, level: bz2.compress(data, 9 if level is None else level),
    "snappy": _pack_snappy,
    "zstandard": lambda data, level: bytes(pa.Codec("zstd", compression_level=level).compress(data, asbytes=True)),
}
