"""Connections and source connections, in: what they say becomes a ``FileSource`` or ``TableSource`` (7.2, 7.4, 7.5)."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.specs import SOURCES, SourceKind, Spec
from headrace.api.flowservice.wire import Item, flag, list_in, object_in, text_in
from headrace.core.errors import Problem
from headrace.core.source import Compression, DeltaColumn, Encoding, FileFormat, FileSource, FileType, TableSource

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
_SYNONYMS: Mapping[str, str] = {
    "server": "host",
    "host": "host",
    "data source": "host",
    "port": "port",
    "database": "database",
    "initial catalog": "database",
    "uid": "user",
    "user id": "user",
    "username": "user",
    "pwd": "password",
    "password": "password",
    "sslmode": "sslmode",
}
_PAIR = re.compile(r"""\s*([^=;]+?)\s*=\s*("(?:[^"]|"")*"|\{[^}]*\}|[^;]*?)\s*(?:;|$)""")
_SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}


def read_root(params: Mapping[str, Any], roots: Sequence[Path]) -> str:
    """Return the ``file:///…`` URL of a ``local-files`` connection's ``rootPath``.

    Raises:
        Refusal: 1312-400: it is not absolute, or does not lie in one of ``roots`` after resolving links (7.9).
    """
    text = text_in(params, "rootPath")
    if "\0" in text or not text.startswith("/"):
        raise Refusal(Fault.VALUE, f"auth.params.rootPath is {text!r}; an absolute path is expected")
    real = Path(text).resolve()
    if not any(real.is_relative_to(root.resolve()) for root in roots):
        raise Refusal(
            Fault.VALUE,
            f"auth.params.rootPath {text!r} lies outside of the directories that this server may read (setting HEADRACE_FILE_ROOTS)",
        )
    return "file://" + quote(str(real))


def read_connection_string(text: str) -> str:
    """Return the ``postgresql://…`` URL that a connection string of the dialect stands for; keys in any case and order (7.2).

    Raises:
        Refusal: 1312-400: it cannot be read, or has an unknown key; the text itself is not repeated.
    """
    found: dict[str, str] = {}
    at = 0
    while at < len(text) and text[at:].strip(" ;"):
        pair = _PAIR.match(text, at)
        if pair is None or pair.end() == at:
            raise Refusal(Fault.VALUE, "auth.params.connectionString cannot be read; expected Key=Value;Key=Value;…")
        key = _SYNONYMS.get(pair[1].lower())
        if key is None:
            expected = "Server, Port, Database, UID, Password, SSLMode"
            raise Refusal(
                Fault.VALUE, f"auth.params.connectionString has the unknown key {pair[1][:40]!r}; expected {expected}"
            )
        found[key] = _unquoted(pair[2])
        at = pair.end()
    missing = [key for key in ("host", "database", "user") if not found.get(key)]
    if missing:
        raise Refusal(Fault.VALUE, f"auth.params.connectionString does not say {', '.join(missing)}")
    return _postgres_url(found)


def check_source(item: Item) -> None:
    """Check a source connection's definition as far as it can be without its base connection.

    Raises:
        Refusal: 1413 (spec), 1323 (no path or table), 1327 (format), 1331 (delimiter), 1312 (compression, encoding, type).
    """
    spec = spec_of(item)
    if spec.kind is SourceKind.TABLES:
        read_table(item, "connection", None)
    else:
        read_format(item)
        read_files(item, "file:///")


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


def read_files(item: Item, root: str) -> FileSource:
    """Return the files that a source connection names below ``root``; selected by modification time in the run's window (7.4).

    Raises:
        Refusal: 1323-400: no path; 1312-400: it leads out of the root, or ``type`` or ``recursive`` is not one.
    """
    params = object_in(item, "params")
    path = text_in(params, "path").strip()
    if not path:
        raise Refusal(Fault.NO_SOURCE_PATH, "params.path is missing; name a file or a folder")
    if "\0" in path or "\\" in path or ".." in path.split("/"):
        raise Refusal(Fault.VALUE, f"params.path {path!r} leads out of the connection's root")
    recursive = flag(params.get("recursive", False))
    if recursive is None:
        raise Refusal(Fault.VALUE, f"params.recursive is {params['recursive']!r}; true or false is expected")
    kind = text_in(params, "type").lower()
    if kind not in {"", "file", "folder"}:
        raise Refusal(Fault.VALUE, f"params.type is {params['type']!r}; file or folder is expected")
    path = path.strip("/") + ("/" if path.endswith("/") else "")
    if kind == "folder" and path and not path.endswith("/") and "*" not in path:
        path += "/"
    return FileSource(root=root, path=path, recursive=recursive, by_modification_time=True)


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
    if kind is FileType.PARQUET and compression is not Compression.NONE:
        raise Refusal(Fault.VALUE, "data.properties.compressionType does not go with parquet, which compresses itself")
    try:
        return FileFormat(type=kind, delimiter=delimiter, encoding=encoding, compression=compression)
    except Problem as problem:
        raise Refusal(Fault.DELIMITER, f"data.properties.columnDelimiter cannot be used: {problem}") from problem


def read_table(item: Item, connection: str, delta: Mapping[str, Any] | None) -> TableSource:
    """Return the table that a source connection names, read in the window of ``delta`` (a ``deltaColumn``; None: wholly).

    Raises:
        Refusal: 1323-400: no table; 1327-400: the format is not tabular; 1312-400: as ``read_delta``.
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


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text[1:-1] if text.startswith("{") and text.endswith("}") else text


def _postgres_url(parts: Mapping[str, str]) -> str:
    host, port = parts["host"], parts.get("port") or "5432"
    host = host.removeprefix("tcp:")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:]+\]?", host) or not re.fullmatch(r"\d{1,5}", port):
        raise Refusal(Fault.VALUE, "auth.params.connectionString has a server or port that cannot be one")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    mode = parts.get("sslmode", "").lower()
    if mode and mode not in _SSL_MODES:
        raise Refusal(Fault.VALUE, "auth.params.connectionString: SSLMode is none of " + ", ".join(sorted(_SSL_MODES)))
    user, password = quote(parts["user"], safe=""), quote(parts.get("password", ""), safe="")
    login = f"{user}:{password}" if password else user
    options = f"?sslmode={mode}" if mode else ""
    return f"postgresql://{login}@{host}:{port}/{quote(parts['database'], safe='')}{options}"
