"""Sources of copies, Lookups and their like, as requests of the data plane (contract 9.3, 9.6, 9.7)."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from headrace.activities.datafactory.attempt import Refused, refused
from headrace.activities.datafactory.datasets import OLD_TYPES, Data, FileData, ServiceData, TableData, split_path
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.web_services import header_lines
from headrace.activities.datafactory.words import BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.dataplane.connectors.files import has_wildcard
from headrace.dataplane.transfer.request import (
    Added,
    AddedColumn,
    Choice,
    Delimited,
    FilesSource,
    Format,
    HttpRequestOptions,
    Markup,
    Pack,
    Packing,
    Parameter,
    Partitioning,
    QuerySource,
    RangeSplit,
    ServiceSource,
    Source,
    StoreType,
)
from headrace.language.datafactory.values import text_of

_FILES = {
    "delimitedtextsource": "delimitedtext",
    "jsonsource": "json",
    "parquetsource": "parquet",
    "orcsource": "orc",
    "avrosource": "avro",
    "excelsource": "excel",
    "xmlsource": "xml",
    "binarysource": "binary",
}
"""Types of sources of files, and the datasets that they belong to."""
_OLD = frozenset({"blobsource", "filesystemsource"})
_TABLES = frozenset(
    {
        *("sqlserversource", "azuresqlsource", "sqlsource", "sqlmisource", "sqldwsource"),
        *("postgresqlv2source", "postgresqlsource", "azurepostgresqlsource", "mysqlsource", "azuremysqlsource"),
        *("odbcsource", "relationalsource"),
    }
)
_SERVICES = frozenset({"restsource"})
_KNOWN = frozenset({*_FILES, *_OLD, *_TABLES, *_SERVICES})
_ISOLATIONS = {
    "readcommitted": "read_committed",
    "readuncommitted": "read_uncommitted",
    "repeatableread": "repeatable_read",
    "serializable": "serializable",
    "snapshot": "snapshot",
}
_LEVELS = ("Unspecified", "ReadCommitted", "ReadUncommitted", "RepeatableRead", "Serializable", "Snapshot")
_SPLITS = {
    "none": Partitioning.NONE,
    "physicalpartitionsoftable": Partitioning.PHYSICAL,
    "dynamicrange": Partitioning.RANGE,
}
_DEFAULT_PARTS = 4
_QUERY_SECONDS = 7200.0
_REQUEST_SECONDS = 100.0
_FILE_PATH = "$$FILEPATH"
_COLUMN = "$$COLUMN:"


def source_of(given: Properties, data: Data, parallel: int | None = None) -> Source:
    """Return the source that ``given``, evaluated, and its dataset mean; ``parallel`` is what the copy says of slices side by side.

    Raises:
        Refused: a property makes no sense, or the source does not fit the dataset.
    """
    kind = given.text("type").lower()
    if isinstance(data, FileData):
        if kind not in _OLD and _FILES.get(kind) != data.type.lower():
            raise unfit(given, data, _KNOWN)
        return _files(given, data)
    if isinstance(data, TableData):
        if kind not in _TABLES:
            raise unfit(given, data, _KNOWN)
        return _query(given, data, parallel)
    if kind not in _SERVICES:
        raise unfit(given, data, _KNOWN)
    return _rest(given, data)


def added_columns(given: Properties) -> tuple[AddedColumn, ...]:
    """Return the additional columns of a source.

    Raises:
        Refused: they make no sense.
    """
    found = []
    columns = given.items("additionalColumns") or given.part("storeSettings").items("additionalColumns")
    for number, item in enumerate(columns, 1):
        column = Properties(item, f"{given.name_of('additionalColumns')}[{number}]")
        value = column.raw("value")
        text = "" if value is None else text_of(value)
        if text == _FILE_PATH:
            found.append(AddedColumn(column.needed("name"), Added.FILE_PATH))
        elif text.startswith(_COLUMN):
            found.append(AddedColumn(column.needed("name"), Added.COLUMN, text.removeprefix(_COLUMN)))
        else:
            found.append(AddedColumn(column.needed("name"), Added.LITERAL, text))
    return tuple(found)


def parameters_of(given: Properties, name: str) -> tuple[Parameter, ...]:
    """Return the parameters of a procedure: ``{"name": {"value": …, "type": …}}``, in the order in which they are written.

    Raises:
        Refused: they make no sense.
    """
    written = given.raw(name)
    if isinstance(written, str):
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            raise given.wrong(name, "must be an object of parameters") from None
    found = []
    for key, item in Properties(written, given.name_of(name)).given.items():
        entry = item if isinstance(item, Mapping) and ("value" in item or "type" in item) else {"value": item}
        parameter = Properties(entry, f"{given.name_of(name)}.{key}")
        found.append(Parameter(key, entry.get("value"), parameter.text("type", "String").lower()))
    return tuple(found)


def seconds_of(given: Properties, name: str, default: float) -> float:
    """Return the seconds of a pause: a number of milliseconds, or a span of time.

    Raises:
        Refused: it is neither.
    """
    value = given.raw(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (given.number(name) or 0) / 1000
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value) / 1000
    return given.span(name, default)


def unfit(given: Properties, data: Data, known: frozenset[str]) -> Refused:
    """Return the failure of a source or sink that does not fit its dataset; ``known``: types that some dataset fits."""
    kind = given.text("type")
    if kind.lower() not in known:
        message = f"The property '{given.name_of('type')}' is '{kind[:100]}', which this server cannot read or write."
        return refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    message = f"The property '{given.name_of('type')}' is '{kind}', which does not fit the dataset '{data.name}' of type '{data.type}'."
    return refused(BAD_REQUEST, message)


def _files(given: Properties, data: FileData) -> FilesSource:
    settings, reading = given.part("storeSettings"), given.part("formatSettings")
    root = None
    if settings.flag("enablePartitionDiscovery"):
        root = _below(data, settings.text("partitionRootPath"), settings.name_of("partitionRootPath"))
    return FilesSource(
        data.place,
        choice_of(given, settings, data),
        read_format(data.form, given, reading),
        read_pack(data.pack, reading.part("compressionProperties")),
        partition_root=root,
        delete_after=settings.flag("deleteFilesAfterCompletion"),
        http=None if data.http is None else _request(settings, data.http),
        connections=_connections(given, settings),
    )


def choice_of(given: Properties, settings: Properties, data: FileData) -> Choice:
    """Return which files ``settings`` (``storeSettings``) choose of a dataset; ``given`` is the object around it, which may say some of it, too.

    Raises:
        Refused: a property makes no sense.
    """
    folder, file = data.folder, data.file
    wildcard_folder, wildcard_file = settings.text("wildcardFolderPath"), settings.text("wildcardFileName")
    is_old = data.type.lower() in OLD_TYPES
    if is_old and not wildcard_folder and has_wildcard(folder):
        wildcard_folder, folder = folder, ""
    if is_old and not wildcard_file and has_wildcard(file):
        wildcard_file, file = file, ""
    # A file server's own filter has the two wildcards that everything has.
    wildcard_file = (
        wildcard_file or settings.text("fileFilter") or (data.properties.text("fileFilter") if is_old else "")
    )
    older = data.properties if is_old else settings
    prefix = settings.text("prefix")
    if prefix and data.place.type is not StoreType.OBJECTS:
        raise settings.wrong("prefix", "is for object stores; files of a folder are chosen with wildcards")
    return Choice(
        folder,
        file,
        list_path=_below(data, settings.text("fileListPath"), settings.name_of("fileListPath")),
        prefix=prefix or None,
        wildcard_folder=wildcard_folder or None,
        wildcard_file=wildcard_file or None,
        recursive=(settings if "recursive" in settings else given).flag("recursive", default=True),
        modified_from=settings.moment("modifiedDatetimeStart") or older.moment("modifiedDatetimeStart"),
        modified_until=settings.moment("modifiedDatetimeEnd") or older.moment("modifiedDatetimeEnd"),
    )


def _below(data: FileData, path: str, what: str) -> str:
    """Return a path relative to the place: in settings it may begin with the container or with the place's own root."""
    root = data.place.root.removeprefix("file://").rstrip("/")
    if data.place.type is StoreType.FOLDER and root and path.startswith(f"{root}/"):
        path = path.removeprefix(root)
    steps = split_path(path, f"property '{what}'")
    if data.container and steps[:1] == (data.container,):
        steps = steps[1:]
    return "/".join(steps)


def read_format(form: Format, given: Properties, reading: Properties) -> Format:
    """Return a dataset's format with what ``reading`` (``formatSettings``), or in the older model ``given``, says of reading.

    Raises:
        Refused: a property makes no sense.
    """
    if isinstance(form, Delimited):
        lines = reading.number("skipLineCount")
        lines = given.number("skipHeaderLineCount") if lines is None else lines
        return form if lines is None else replace(form, skip_lines=lines)
    if isinstance(form, Markup):
        prefixes = reading.part("namespacePrefixes").given
        return replace(
            form,
            validation=reading.word("validationMode", ("none", "xsd", "dtd"), "none"),
            detect_types=reading.flag("detectDataType", default=True),
            namespaces=reading.flag("namespaces", default=True),
            prefixes={uri: text_of(prefix) for uri, prefix in prefixes.items()},
        )
    return form


def read_pack(pack: Pack, given: Properties) -> Pack:
    """Return a dataset's packing with what ``given`` (``compressionProperties``) says of unpacking.

    Raises:
        Refused: a property makes no sense.
    """
    name = "preserveZipFileNameAsFolder" if pack.type is Packing.ZIP else "preserveCompressionFileNameAsFolder"
    return replace(pack, own_folder=given.flag(name, default=True))


def _request(settings: Properties, options: HttpRequestOptions) -> HttpRequestOptions:
    return replace(
        options,
        method=settings.word("requestMethod", ("GET", "POST"), "GET").upper(),
        headers=header_lines(settings, "additionalHeaders"),
        body=settings.text("requestBody").encode("utf-8", "replace"),
        timeout_seconds=settings.span("requestTimeout", _REQUEST_SECONDS),
    )


def _connections(given: Properties, settings: Properties) -> int | None:
    name = "maxConcurrentConnections"
    return settings.number(name, least=1) or given.number(name, least=1)


def _query(given: Properties, data: TableData, parallel: int | None) -> QuerySource:
    query = given.text("sqlReaderQuery") or given.text("query")
    procedure = given.text("sqlReaderStoredProcedureName")
    if query and procedure:
        raise given.wrong(
            "sqlReaderStoredProcedureName", "cannot stand beside 'sqlReaderQuery': one of them says what is read"
        )
    if not query and not procedure and not data.table:
        message = f"The source has no query, and the dataset '{data.name}' names no table."
        raise refused(BAD_REQUEST, message)
    isolation = given.word("isolationLevel", _LEVELS)
    return QuerySource(
        data.connection,
        schema="" if query or procedure else data.schema,
        table="" if query or procedure else data.table,
        query=query,
        procedure=procedure,
        parameters=parameters_of(given, "storedProcedureParameters") if procedure else (),
        isolation=_ISOLATIONS.get(isolation, ""),
        timeout_seconds=given.span("queryTimeout", _QUERY_SECONDS) or None,
        split=_split(given, parallel),
        label=data.service.type,
    )


def _split(given: Properties, parallel: int | None) -> RangeSplit:
    settings = given.part("partitionSettings")
    kind = _SPLITS[given.word("partitionOption", ("None", "PhysicalPartitionsOfTable", "DynamicRange"), "none").lower()]
    if kind is Partitioning.NONE:
        return RangeSplit()
    return RangeSplit(
        kind,
        settings.text("partitionColumnName"),
        settings.text("partitionLowerBound") or None,
        settings.text("partitionUpperBound") or None,
        parallel or _DEFAULT_PARTS,
    )


def _rest(given: Properties, data: ServiceData) -> ServiceSource:
    def of(name: str) -> Properties:
        return given if name in given else data.properties

    return ServiceSource(
        data.url,
        data.login,
        method=of("requestMethod").word("requestMethod", ("GET", "POST"), "GET").upper(),
        headers=header_lines(of("additionalHeaders"), "additionalHeaders"),
        body=of("requestBody").text("requestBody"),
        pagination=_pagination(of("paginationRules")),
        timeout_seconds=given.span("httpRequestTimeout", _REQUEST_SECONDS),
        pause_seconds=seconds_of(given, "requestInterval", 0.0),
        label=data.service.type,
    )


def _pagination(given: Properties) -> dict[str, str]:
    written: Json = given.raw("paginationRules")
    if isinstance(written, str):
        written = _read_rules(written)
    rules = Properties(written, given.name_of("paginationRules")).given
    return {key: text_of(value) for key, value in rules.items()}


def _read_rules(text: str) -> dict[str, Json]:
    """Return rules that are written as JSON text, or in the older form: ``key: value, key: value``."""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        pairs = re.findall(r"\s*([^,\s](?:[^,:]|:(?=\$))*?)\s*:\s+([^,]+)", text)
        return {key: value.strip() for key, value in pairs}
    return found if isinstance(found, dict) else {}
