"""What exploring found, out (7.7): places, columns and rows in the dialect's shapes."""

from collections.abc import Mapping
from types import MappingProxyType

from headrace.api.flowservice.wire import Item
from headrace.core.explore import Peek, PeekedColumn, Places, PlaceType
from headrace.core.schema import Kind
from headrace.core.source import Compression, FileFormat, FileType

_TEXT = ("string", "string", "")
_TYPES: Mapping[Kind, tuple[str, str, str]] = MappingProxyType(
    {
        Kind.STRING: _TEXT,
        Kind.UUID: _TEXT,
        Kind.BINARY: _TEXT,
        Kind.TIME: _TEXT,
        Kind.BOOLEAN: ("boolean", "boolean", ""),
        Kind.INTEGER: ("integer", "int", ""),
        Kind.LONG: ("integer", "long", ""),
        Kind.FLOAT: ("double", "number", ""),
        Kind.DOUBLE: ("double", "number", ""),
        Kind.DECIMAL: ("double", "number", ""),
        Kind.DATE: ("string", "date", "date"),
        Kind.TIMESTAMP: ("string", "date-time", "date-time"),
        Kind.JSON: ("object", "object", ""),
        Kind.STRUCT: ("object", "object", ""),
        Kind.LIST: ("array", "array", ""),
    }
)
"""Of every kind: ``type``, ``meta:xdmType`` and ``xdm.format``. The nested kinds keep the names that JSON has for them."""
_COMPRESSIONS: Mapping[Compression, str] = MappingProxyType(
    {
        Compression.GZIP: "gzip",
        Compression.BZIP2: "bzip2",
        Compression.DEFLATE: "deflate",
        Compression.ZIP: "zipDeflate",
        Compression.TAR: "tar",
        Compression.TAR_GZIP: "tarGzip",
    }
)


def place_items(places: Places, container: str = "") -> list[Item]:
    """Return a listing; ``container`` stands before every path."""
    return [
        {
            "type": place.type.value,
            "name": place.name,
            "path": container + place.path,
            "canPreview": place.type is not PlaceType.FOLDER,
            "canFetchSchema": place.type is not PlaceType.FOLDER,
        }
        for place in places.items
    ]


def array_of_columns(peek: Peek) -> list[Item]:
    """Return the columns of a file without a preview: ``[{"name","type"}]``, types with a capital."""
    return [{"name": column.name, "type": _TYPES[column.type.kind][0].capitalize()} for column in peek.columns]


def flat(peek: Peek, *, with_data: bool, with_properties: bool = False) -> Item:
    """Return the columns of a table, or of a file with its preview; with its first rows, and how it was read."""
    item: Item = {"format": "flat", "schema": {"columns": [_column(column) for column in peek.columns]}}
    if with_data:
        item["data"] = [dict(row) for row in peek.rows]
    if with_properties and peek.format is not None:
        item["properties"] = _properties(peek.format)
    return item


def config_items(peek: Peek) -> list[Item]:
    """Return the columns of a table as ``configs`` shows them, with the source's own types."""
    return [
        {"columnName": column.name, "columnType": column.original or _TYPES[column.type.kind][0]}
        for column in peek.columns
    ]


def _column(column: PeekedColumn) -> Item:
    type_, xdm_type, format_ = _TYPES[column.type.kind]
    xdm: Item = {"type": "number" if type_ == "double" else type_}
    item: Item = {
        "name": column.name,
        "type": type_,
        "meta:xdmType": xdm_type,
        "xdm": {**xdm, "format": format_} if format_ else xdm,
    }
    return {**item, "meta": {"originalType": column.original}} if column.original else item


def _properties(format_: FileFormat) -> Item:
    found: Item = {"fileType": format_.type.value}
    if format_.compression in _COMPRESSIONS:
        found["compressionType"] = _COMPRESSIONS[format_.compression]
    if format_.type is FileType.DELIMITED:
        found["columnDelimiter"] = format_.delimiter
    return found
