"""Formats of files, as datasets say them (contract 9.5), as formats of the data plane."""

import codecs
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from headrace.activities.datafactory.attempt import Refused, refused
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.words import UNSUPPORTED_TYPE
from headrace.core.errors import Code
from headrace.dataplane.transfer.request import (
    Avro,
    Bytes,
    Delimited,
    Documents,
    Format,
    Markup,
    Orc,
    Pack,
    Packing,
    Parquet,
    Workbook,
)

_PACKINGS: Mapping[str, Packing] = MappingProxyType(
    {
        "": Packing.NONE,
        "none": Packing.NONE,
        "gzip": Packing.GZIP,
        "bzip2": Packing.BZIP2,
        "deflate": Packing.DEFLATE,
        "zipdeflate": Packing.ZIP,
        "tar": Packing.TAR,
        "targzip": Packing.TAR_GZIP,
    }
)
_LEVELS = ("Optimal", "Fastest")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([trn0\\]))")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n", "0": "\0", "\\": "\\"}
_ENCODINGS = {
    "utf-16": "utf-16-le",
    "utf-16be": "utf-16-be",
    "utf-32": "utf-32-le",
    "utf-32be": "utf-32-be",
    "utf-8 without bom": "utf-8",
    "utf-8 no bom": "utf-8",
    "unicode": "utf-16-le",
    "ibm01140": "cp1140",
    "macintosh": "mac-roman",
}
"""Names of encodings that Python gives another meaning, or none."""
_AVRO_CODECS = {"zstandard": "zstd"}


def format_of(kind: str, given: Properties) -> tuple[Format, Pack]:
    """Return format and packing that a dataset of a type (in any case) has in its ``typeProperties``.

    Raises:
        Refused: it is no type of files, or a property makes no sense.
    """
    read = _TYPES.get(kind.lower())
    if read is None:
        raise refused(UNSUPPORTED_TYPE, f"Datasets of type '{kind}' are no files that can be copied.", Code.UNSUPPORTED)
    return read(given)


def is_file_type(kind: str) -> bool:
    """Say whether a dataset's type is one of files."""
    return kind.lower() in _TYPES


def old_format(given: Properties) -> tuple[Format, Pack]:
    """Return what a dataset of an older type (AzureBlob, FileShare) has in its ``format`` and ``compression``.

    Raises:
        Refused: nothing here reads such a format, or a property makes no sense.
    """
    form = given.part("format")
    kind = form.text("type").lower()
    pack = _pack(given.part("compression"), "type", "level")
    read = _OLDER.get(kind)
    if read is None:
        known = "TextFormat, JsonFormat, ParquetFormat, AvroFormat and OrcFormat are"
        message = f"The format '{form.text('type')[:100]}' of a dataset is not known; {known}."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    return read(form)[0], pack


def encoding_of(given: Properties) -> str:
    """Return the encoding that ``encodingName`` means, as Python calls it.

    Raises:
        Refused: there is no such encoding.
    """
    written = given.text("encodingName") or "UTF-8"
    name = _ENCODINGS.get(written.lower(), re.sub(r"(?i)^(?:ibm|cp)0*(\d+)$", r"cp\1", written))
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError):
        raise given.wrong("encodingName", f"names an encoding that is not known: '{written[:100]}'") from None
    if not found._is_text_encoding:  # noqa: SLF001 — base64 and its like are codecs, too
        raise given.wrong("encodingName", f"names no encoding of text: '{written[:100]}'")
    return found.name


def character(given: Properties, name: str, default: str) -> str:
    r"""Return a delimiter: ``\t`` and ``\u0001`` are read as the characters that they stand for."""
    value = given.text(name, default)
    if len(value) < 2:
        return value
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _ESCAPED[found[2]], value)


def _delimited(given: Properties) -> tuple[Format, Pack]:
    return _text(given), _pack(given, "compressionCodec", "compressionLevel")


def _text(given: Properties) -> Delimited:
    quote, escape = character(given, "quoteChar", '"'), character(given, "escapeChar", "\\")
    for name, value in (("quoteChar", quote), ("escapeChar", escape)):
        if len(value) > 1:
            raise given.wrong(name, f"must be one character or none; it is '{value[:20]}'")
    if quote and not escape:
        # Without an escape character a quote inside of quotes is doubled.
        escape = quote
    return Delimited(
        delimiter=character(given, "columnDelimiter", ","),
        row_delimiter=character(given, "rowDelimiter", ""),
        encoding=encoding_of(given),
        quote=quote,
        escape=escape,
        header=given.flag("firstRowAsHeader"),
        null=given.text("nullValue"),
        skip_lines=given.number("skipLineCount") or 0,
    )


def _documents(given: Properties) -> tuple[Format, Pack]:
    array = given.text("filePattern").lower() == "arrayofobjects"
    return Documents(encoding_of(given), array), _compression(given)


def _parquet(given: Properties) -> tuple[Format, Pack]:
    codecs_known = ("none", "gzip", "snappy", "lz4", "zstd")
    return Parquet(_codec(given, "compressionCodec", codecs_known) or Parquet().codec), Pack()


def _orc(given: Properties) -> tuple[Format, Pack]:
    return Orc(_codec(given, "orcCompressionCodec", ("none", "zlib", "snappy", "lz4")) or Orc().codec), Pack()


def _avro(given: Properties) -> tuple[Format, Pack]:
    codecs_known = ("none", "deflate", "snappy", "bzip2", "zstandard", "zstd")
    codec = _codec(given, "avroCompressionCodec", codecs_known)
    level = given.number("avroCompressionLevel", least=1, most=9)
    return Avro(_AVRO_CODECS.get(codec, codec) or Avro().codec, level), Pack()


def _workbook(given: Properties) -> tuple[Format, Pack]:
    index = given.number("sheetIndex")
    if "sheetName" in given and index is not None:
        raise given.wrong("sheetIndex", "cannot stand beside 'sheetName': a sheet is named or numbered")
    sheet = given.text("sheetName") or index or 0
    form = Workbook(sheet, given.text("range"), given.flag("firstRowAsHeader"), given.text("nullValue"))
    return form, _compression(given)


def _markup(given: Properties) -> tuple[Format, Pack]:
    return Markup(encoding_of(given), given.text("nullValue")), _compression(given)


def _bytes(given: Properties) -> tuple[Format, Pack]:
    return Bytes(), _compression(given)


def _codec(given: Properties, name: str, known: tuple[str, ...]) -> str:
    written = given.text(name).lower()
    if written and written not in known:
        raise given.wrong(name, f"must be one of {', '.join(known)}; it is '{written[:100]}'")
    return written


def _compression(given: Properties) -> Pack:
    return _pack(given.part("compression"), "type", "level")


def _pack(given: Properties, codec: str, level: str) -> Pack:
    written = given.text(codec)
    packing = _PACKINGS.get(written.lower())
    if packing is None:
        raise _unknown_packing(given, codec, written)
    return Pack(packing, fastest=given.word(level, _LEVELS, "Optimal") == "fastest")


def _unknown_packing(given: Properties, codec: str, written: str) -> Refused:
    known = "none, gzip, bzip2, deflate, ZipDeflate, Tar, TarGzip"
    return given.wrong(codec, f"must be one of {known}; it is '{written[:100]}'")


_Reads = Callable[[Properties], tuple[Format, Pack]]
_TYPES: Mapping[str, _Reads] = MappingProxyType(
    {
        "delimitedtext": _delimited,
        "json": _documents,
        "parquet": _parquet,
        "orc": _orc,
        "avro": _avro,
        "excel": _workbook,
        "xml": _markup,
        "binary": _bytes,
    }
)
_OLDER: Mapping[str, _Reads] = MappingProxyType(
    {
        "": lambda _: (Bytes(), Pack()),
        "textformat": lambda given: (_text(given), Pack()),
        "jsonformat": lambda given: (_documents(given)[0], Pack()),
        "parquetformat": lambda given: (_parquet(given)[0], Pack()),
        "avroformat": lambda given: (_avro(given)[0], Pack()),
        "orcformat": lambda given: (_orc(given)[0], Pack()),
    }
)
