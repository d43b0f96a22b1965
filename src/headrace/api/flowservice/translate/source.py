"""Source connections, in: what they say becomes a ``FileSource`` or ``TableSource`` (7.4, 7.5)."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import LANDING_ZONE, SOURCES, SourceKind, Spec
from headrace.api.flowservice.translate.filters import read_filters
from headrace.api.flowservice.wire import Item, flag, list_in, object_in, required_text, text_in
from headrace.core.errors import Problem
from headrace.core.source import Compression, DeltaColumn, Encoding, FileFormat, FileSource, FileType, TableSource

CONTAINER = "dlz-user-container"
"""The container of the Data Landing Zone (7.9)."""
DEFAULT_DATE_FORMAT = "yyyy-MM-dd HH:mm:ss"

_TYPES = {"delimited": FileType.DELIMITED, "json": FileType.JSON, "parquet": FileType.PARQUET}
_TYPES["parquet_xdm"] = FileType.PARQUET
_ENCODINGS = {"utf-8": Encoding.UTF_8, "iso-8859-1": Encoding.ISO_8859_1}
_COMPRESSIONS = {
    "bzip2": Compression.BZIP2,
    "gzip": Compression.GZIP,
    "deflate": Compression.DEFLATE,
    "zipdeflate": Compression.ZIP,
    "targzip": Compression.TAR_GZIP,
    "tar": Compression.TAR,
}


def check_source(item: Item) -> None:
    """Check a source connection's definition as far as it can be without its base connection.

    Raises:
        Refusal: 1413 (spec), 1304 (no format), 1323 (no path or table), 1327 (format), 1331 (delimiter), 1312 (compression, encoding,
            type), filter codes of 7.5.
    """
    spec = spec_of(item)
    required_text(object_in(item, "data"), "format", where="data.")
    if spec.kind is SourceKind.TABLES:
        read_table(item, "connection", None)
        return
    read_format(item)
    read_files(item, "file:///")
    if object_in(item, "params").get("filters") not in (None, {}):
        raise Refusal(Fault.FILTER_ON_FILES, f"params.filters does not go with {spec.name}: files are read whole")


def spec_of(item: Item) -> Spec:
    """Return the connection spec that ``item`` names.

    Raises:
        Refusal: 1413-400: none that can be used as a source.
    """
    subject = text_in(object_in(item, "connectionSpec"), "id")
    spec = SOURCES.get(subject)
    if spec is None:
        raise Refusal(
            Fault.SPEC, f"connectionSpec.id {subject!r} is no connection spec that can be used as a source here"
        )
    version = object_in(item, "connectionSpec").get("version", "1.0")
    if str(version) not in {"1.0", "1"}:
        raise Refusal(Fault.SPEC, f"connectionSpec.version is {version!r}; 1.0 is expected")
    return spec


def read_files(item: Item, root: str, connection: str | None = None) -> FileSource:
    """Return the files that a source connection names; selected by modification time in the run's window (7.4).

    They lie below ``root``, or, where ``root`` is empty, in the store of ``connection``.

    Raises:
        Refusal: 1323-400: no path; 1312-400: it leads out of the root, or ``type`` or ``recursive`` is not one.
    """
    params = object_in(item, "params")
    path = text_in(params, "path").strip()
    if not path:
        raise Refusal(Fault.NO_SOURCE_PATH, "params.path is missing; name a file or a folder")
    check_path(path, "params.path")
    recursive = flag(params.get("recursive", False))
    if recursive is None:
        raise Refusal(Fault.VALUE, f"params.recursive is {params['recursive']!r}; true or false is expected")
    kind = text_in(params, "type").lower()
    if kind not in {"", "file", "folder"}:
        raise Refusal(Fault.VALUE, f"params.type is {params['type']!r}; file or folder is expected")
    path = path.strip("/") + ("/" if path.endswith("/") and kind != "file" else "")
    if kind == "folder" and path and not path.endswith("/") and "*" not in path:
        path += "/"
    if spec_id_of(item) == LANDING_ZONE:
        path = without_container(path)
    # Of the wildcards that sources have, the dialect knows only the star.
    path = path.replace("[", "[[]").replace("?", "[?]").lstrip("/")
    return FileSource(
        root=root, path=path, recursive=recursive, by_modification_time=True, connection=None if root else connection
    )


def check_path(path: str, where: str) -> None:
    """Refuse a path that leads out of its root.

    Raises:
        Refusal: 1312-400.
    """
    if "\0" in path or "\\" in path or ".." in path.split("/"):
        raise Refusal(Fault.VALUE, f"{where} {path[:200]!r} leads out of the connection's root")


def without_container(path: str) -> str:
    """Return a path in the Data Landing Zone without the name of its container, which may stand before it (7.9)."""
    plain = path.lstrip("/")
    if plain.rstrip("/") == CONTAINER:
        return ""
    return plain.removeprefix(CONTAINER + "/")


def spec_id_of(item: Item) -> str:
    """Return the id of the connection spec that ``item`` names, or ``""``."""
    return text_in(object_in(item, "connectionSpec"), "id")


def read_format(item: Item) -> FileFormat:
    """Return how a source connection's files are read (7.4, 7.6).

    Raises:
        Refusal: 1327-400: format; 1331-400: delimiter; 1312-400: encoding or compression, or one that the format does not have.
    """
    data = object_in(item, "data")
    properties = object_in(data, "properties")
    name = text_in(data, "format").lower()
    if name not in _TYPES:
        raise Refusal(Fault.FORMAT, f"data.format is {data.get('format')!r}; delimited, json or parquet is expected")
    kind = _TYPES[name]
    delimiter = _delimiter(properties.get("columnDelimiter", data.get("columnDelimiter")))
    encoding = _one_of(_ENCODINGS, properties, "encoding", Encoding.UTF_8)
    compression = _one_of(_COMPRESSIONS, properties, "compressionType", Compression.NONE)
    if kind is not FileType.DELIMITED and encoding is not Encoding.UTF_8:
        raise Refusal(Fault.VALUE, f"data.properties.encoding does not go with {name}, which is always UTF-8")
    if kind is FileType.PARQUET and compression is not Compression.NONE:
        raise Refusal(Fault.VALUE, "data.properties.compressionType does not go with parquet, which compresses itself")
    try:
        return FileFormat(type=kind, delimiter=delimiter, encoding=encoding, compression=compression)
    except Problem as problem:
        raise Refusal(Fault.DELIMITER, f"data.properties.columnDelimiter cannot be used: {problem}") from problem


def read_table(item: Item, connection: str, delta: Mapping[str, Any] | None) -> TableSource:
    """Return the table that a source connection names, read in the window of ``delta`` (a ``deltaColumn``; None: wholly).

    Raises:
        Refusal: 1323-400: no table; 1327-400: the format is not tabular; 1312-400: as ``read_delta``; filter codes as ``read_filters``.
    """
    if text_in(object_in(item, "data"), "format", "tabular").lower() != "tabular":
        raise Refusal(Fault.FORMAT, "data.format must be tabular for a table source")
    params = object_in(item, "params")
    table = text_in(params, "tableName").strip()
    if not table or "\0" in table:
        raise Refusal(Fault.NO_SOURCE_PATH, "params.tableName is missing; name a table as schema.table")
    columns = [text_in(column, "name") for column in list_in(params, "columns") if isinstance(column, Mapping)]
    return TableSource(
        connection=connection,
        table=table,
        columns=tuple(name for name in columns if name),
        delta=read_delta(delta) if delta else None,
        where=read_filters(params.get("filters")),
    )


def read_delta(item: Mapping[str, Any]) -> DeltaColumn:
    """Return the delta column that ``deltaColumn`` names (4.5).

    Raises:
        Refusal: 1383-400: no name; 1312-400: a time zone other than UTC.
    """
    name = text_in(item, "name").strip()
    if not name or "\0" in name:
        raise Refusal(Fault.RUN_NO_DELTA, "deltaColumn.name is missing; name the column that tells new rows from old")
    zone = item.get("timezone")
    if zone not in (None, "", "UTC", "utc"):
        raise Refusal(Fault.VALUE, f"deltaColumn.timezone is {zone!r}; only UTC is supported")
    format_ = text_in(item, "dateFormat") or DEFAULT_DATE_FORMAT
    return DeltaColumn(name=name, format=format_.replace("YYYY", "yyyy").replace("DD", "dd"))


def _delimiter(value: object) -> str:
    if value is None or value == "":
        return ","
    if value == "\\t":
        return "\t"
    if not isinstance(value, str) or len(value) != 1:
        raise Refusal(Fault.DELIMITER, f"columnDelimiter is {value!r}; one character is expected")
    return value


def _one_of(known: Mapping[str, Any], properties: Mapping[str, Any], name: str, default: Any) -> Any:
    value = properties.get(name)
    if value is None or value == "":
        return default
    if not isinstance(value, str) or value.lower() not in known:
        raise Refusal(Fault.VALUE, f"data.properties.{name} is {value!r}; expected one of {', '.join(known)}")
    return known[value.lower()]
