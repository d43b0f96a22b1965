"""Workbooks in formats that no library here writes: .ods, .xlsb and .xls, made byte by byte. Cells are texts and numbers."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import TypeAlias
from xml.sax.saxutils import escape, quoteattr

Rows: TypeAlias = Sequence[Sequence[str | float]]

_SECTOR = 512
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def ods(sheets: Mapping[str, Rows]) -> bytes:
    """Return an OpenDocument spreadsheet."""
    tables = "".join(
        f"<table:table table:name={quoteattr(name)}>"
        + "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    content = (
        '<?xml version="1.0" encoding="UTF-8"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        b'<?xml version="1.0"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    )
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    return _archive({"mimetype": kind, "content.xml": content.encode(), "META-INF/manifest.xml": manifest})


def _ods_cell(value: str | float) -> str:
    if isinstance(value, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(value)}</text:p></table:table-cell>'
    return f'<table:table-cell office:value-type="float" office:value="{value}"/>'


def xlsb(sheets: Mapping[str, Rows]) -> bytes:
    """Return a binary Excel workbook."""
    named = [(number, name) for number, name in enumerate(sheets, 1)]
    bundle = b"".join(_brt(156, struct.pack("<II", 0, n) + _wide(f"rId{n}") + _wide(name)) for n, name in named)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{kind}/worksheet" Target="worksheets/sheet{n}.bin"/>' for n, _ in named
    )
    files = {
        "xl/workbook.bin": _brt(131) + _brt(143) + bundle + _brt(144) + _brt(132),
        "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{links}</Relationships>'.encode(),
    }
    for number, rows in enumerate(sheets.values(), 1):
        width = max(map(len, rows), default=1)
        extent = struct.pack("<IIII", 0, max(len(rows) - 1, 0), 0, width - 1)
        data = b"".join(_xlsb_row(place, row) for place, row in enumerate(rows))
        files[f"xl/worksheets/sheet{number}.bin"] = (
            _brt(129) + _brt(148, extent) + _brt(145) + data + _brt(146) + _brt(130)
        )
    return _archive(files)


def _xlsb_row(place: int, row: Sequence[str | float]) -> bytes:
    cells = b""
    for column, value in enumerate(row):
        head = struct.pack("<II", column, 0)
        cells += _brt(6, head + _wide(value)) if isinstance(value, str) else _brt(5, head + struct.pack("<d", value))
    return _brt(0, struct.pack("<IIHHBI", place, 0, 300, 0, 0, 0)) + cells


def _brt(number: int, data: bytes = b"") -> bytes:
    kind = bytes([number]) if number < 128 else bytes([number & 0x7F | 0x80, number >> 7])
    size, length = b"", len(data)
    while True:
        length, low = length >> 7, length & 0x7F
        size += bytes([low | (0x80 if length else 0)])
        if not length:
            return kind + size + data


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xls(sheets: Mapping[str, Rows]) -> bytes:
    """Return an Excel 97 workbook."""
    streams = [_xls_sheet(rows) for rows in sheets.values()]
    begin = _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6))
    bounds = [struct.pack("<BB", 0, 0) + struct.pack("<BB", len(name), 1) + name.encode("utf-16-le") for name in sheets]
    place = len(begin) + sum(len(bound) + 8 for bound in bounds) + len(_biff(0x000A))
    globals_ = begin
    for bound, stream in zip(bounds, streams, strict=True):
        globals_ += _biff(0x0085, struct.pack("<I", place) + bound)
        place += len(stream)
    return _compound((globals_ + _biff(0x000A) + b"".join(streams)).ljust(4096, b"\0"))


def _xls_sheet(rows: Rows) -> bytes:
    data = _biff(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0x0DBB, 0x07CC, 0, 6))
    width = max(map(len, rows), default=0)
    data += _biff(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            head = struct.pack("<HHH", number, column, 0)
            if isinstance(value, str):
                data += _biff(0x0204, head + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
            else:
                data += _biff(0x0203, head + struct.pack("<d", value))
    return data + _biff(0x000A)


def _biff(number: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", number, len(data)) + data


def _compound(stream: bytes) -> bytes:
    """Return a compound file (the file system in a file of old Office formats) with one stream, ``Workbook``."""
    count = -(-len(stream) // _SECTOR)
    # Sector 0 has the table of sectors, sector 1 the directory, the rest the stream.
    table = [_FAT, _END, *range(3, count + 2), _END]
    sectors = struct.pack(f"<{len(table)}I", *table).ljust(_SECTOR, b"\xff")
    root = _entry("Root Entry", 5, 1, _END, 0)
    book = _entry("Workbook", 2, _FREE, 2, len(stream))
    directory = root + book + _entry("", 0, _FREE, 0, 0) * 2
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    head += struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, _END, 0, _END, 0)
    head += struct.pack("<I", 0) + b"\xff" * (4 * 108)
    return head + sectors + directory + stream.ljust(count * _SECTOR, b"\0")


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0" if name else b""
    head = text.ljust(64, b"\0") + struct.pack("<HBBIII", len(text), kind, 1, _FREE, _FREE, child)
    return head + bytes(16 + 4 + 16) + struct.pack("<IQ", start, size)


def _archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()
