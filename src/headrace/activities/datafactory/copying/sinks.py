"""Sinks of copies, as requests of the data plane (contract 9.4, 9.6, 9.7)."""

from collections.abc import Mapping
from dataclasses import replace

from headrace.activities.datafactory.attempt import refused
from headrace.activities.datafactory.copying.sources import parameters_of, seconds_of, unfit
from headrace.activities.datafactory.datasets import Data, FileData, ServiceData, TableData
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.web_services import header_lines
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.dataplane.connectors.files import has_wildcard
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import (
    Arrangement,
    Avro,
    Bytes,
    Delimited,
    Documents,
    FilesSink,
    Format,
    ServiceSink,
    Sink,
    StoreType,
    TableMode,
    TableSink,
)
from headrace.language.datafactory.values import text_of

_FILES = {
    "delimitedtextsink": "delimitedtext",
    "jsonsink": "json",
    "parquetsink": "parquet",
    "orcsink": "orc",
    "avrosink": "avro",
    "binarysink": "binary",
}
_OLD = frozenset({"blobsink", "filesystemsink"})
_TABLES = frozenset(
    {
        *("sqlserversink", "azuresqlsink", "sqlsink", "sqlmisink", "sqldwsink"),
        *("azurepostgresqlsink", "postgresqlv2sink", "postgresqlsink", "azuremysqlsink", "mysqlsink", "odbcsink"),
    }
)
_SERVICES = frozenset({"restsink"})
_KNOWN = frozenset({*_FILES, *_OLD, *_TABLES, *_SERVICES})
_ARRANGEMENTS = {
    "preservehierarchy": Arrangement.PRESERVE,
    "flattenhierarchy": Arrangement.FLATTEN,
    "mergefiles": Arrangement.MERGE,
}
_BEHAVIORS = ("PreserveHierarchy", "FlattenHierarchy", "MergeFiles")
_MODES = {"insert": TableMode.INSERT, "upsert": TableMode.UPSERT, "storedprocedure": TableMode.PROCEDURE}
_REQUEST_SECONDS = 100.0
_MODIFIED = "$$LASTMODIFIED"


def sink_of(given: Properties, data: Data) -> Sink:
    """Return the sink that ``given``, evaluated, and its dataset mean.

    Raises:
        Refused: a property makes no sense, or the sink does not fit the dataset. TransferProblem: ``WILDCARD_SINK``.
    """
    kind = given.text("type").lower()
    if isinstance(data, FileData) and (kind in _OLD or _FILES.get(kind) == data.type.lower()):
        return _files(given, data)
    if isinstance(data, TableData) and kind in _TABLES:
        return _table(given, data)
    if isinstance(data, ServiceData) and kind in _SERVICES:
        return _service(given, data)
    raise unfit(given, data, _KNOWN)


def _files(given: Properties, data: FileData) -> FilesSink:
    if data.place.type is StoreType.HTTP:
        message = f"The dataset '{data.name}' lies on an HTTP server, to which no files are written."
        raise refused(BAD_REQUEST, message)
    if has_wildcard(data.folder) or has_wildcard(data.file):
        message = f"the path of the sink's dataset '{data.name}' has a wildcard; what is written needs a name"
        raise TransferProblem(Reason.WILDCARD_SINK, Side.SINK, message)
    settings, writing = given.part("storeSettings"), given.part("formatSettings")
    behavior = (settings if "copyBehavior" in settings else given).word("copyBehavior", _BEHAVIORS, "PreserveHierarchy")
    rows = writing.number("maxRowsPerFile", least=1)
    if rows is not None and data.file:
        raise writing.wrong("maxRowsPerFile", f"is for folders; the dataset '{data.name}' names one file")
    megabytes = settings.number("blockSizeInMB", least=1, most=4000)
    return FilesSink(
        data.place,
        _written_format(data.form, given, writing),
        data.folder,
        data.file,
        _ARRANGEMENTS[behavior],
        data.pack,
        max_rows=rows,
        prefix=writing.text("fileNamePrefix"),
        metadata=_metadata(settings if "metadata" in settings else given),
        block_bytes=None if megabytes is None else megabytes << 20,
        temporary_name=settings.flag("useTempFileRename", default=True),
        connections=settings.number("maxConcurrentConnections", least=1)
        or given.number("maxConcurrentConnections", least=1),
    )


def _written_format(form: Format, given: Properties, writing: Properties) -> Format:
    if isinstance(form, Delimited):
        return replace(
            form,
            header=given.flag("blobWriterAddHeader", default=form.header),
            quote_all=writing.flag("quoteAllText"),
            extension=_extension(writing),
        )
    if isinstance(form, Documents):
        array = writing.word(
            "filePattern", ("setOfObjects", "arrayOfObjects"), "arrayofobjects" if form.array else "setofobjects"
        )
        return replace(form, array=array == "arrayofobjects")
    if isinstance(form, Avro):
        return replace(form, record_name=writing.text("recordName"), record_namespace=writing.text("recordNamespace"))
    return form


def _extension(writing: Properties) -> str:
    written = writing.text("fileExtension", ".txt")
    if "/" in written or "\\" in written or ".." in written:
        raise writing.wrong("fileExtension", f"must be the end of a file's name; it is '{written[:50]}'")
    return f".{written.removeprefix('.')}" if written else ""


def _metadata(given: Properties) -> Mapping[str, str]:
    found = {}
    for number, item in enumerate(given.items("metadata"), 1):
        entry = Properties(item, f"{given.name_of('metadata')}[{number}]")
        value = entry.raw("value")
        text = "" if value is None else text_of(value)
        if text == _MODIFIED:
            raise entry.wrong("value", f"is {_MODIFIED}, which is not known here; times of the source are not kept")
        found[entry.needed("name")] = text
    return found


def _table(given: Properties, data: TableData) -> TableSink:
    procedure = given.text("sqlWriterStoredProcedureName")
    mode = _mode(given, procedure)
    create = given.word("tableOption", ("none", "autoCreate"), "none") == "autocreate"
    if create and mode is TableMode.PROCEDURE:
        raise given.wrong("tableOption", "cannot be autoCreate beside a stored procedure, which is given the rows")
    if not data.table and mode is not TableMode.PROCEDURE:
        raise refused(BAD_REQUEST, f"The dataset '{data.name}' of the sink names no table.")
    upsert = given.part("upsertSettings")
    keys = upsert.items("keys")
    if not all(isinstance(key, str) and key for key in keys):
        raise upsert.wrong("keys", "must be an array of names of columns")
    timeout = given.span("writeBatchTimeout", 0.0)
    return TableSink(
        data.connection,
        schema=data.schema,
        table=data.table,
        mode=mode,
        keys=tuple(str(key) for key in keys),
        before=given.text("preCopyScript"),
        create=create,
        batch_rows=given.number("writeBatchSize", least=0) or None,
        batch_timeout_seconds=timeout or None,
        transactional=given.flag("transactional"),
        lock_table=given.flag("sqlWriterUseTableLock"),
        interim_schema=upsert.text("interimSchemaName"),
        interim_temporary=upsert.flag("useTempDB", default=True),
        procedure=procedure,
        procedure_type=given.text("sqlWriterTableType"),
        procedure_parameter=given.text("storedProcedureTableTypeParameterName"),
        procedure_parameters=parameters_of(given, "storedProcedureParameters") if procedure else (),
        label=data.service.type,
    )


def _mode(given: Properties, procedure: str) -> TableMode:
    behavior = given.word("writeBehavior", ("insert", "upsert", "storedProcedure"))
    method = given.word("writeMethod", ("BulkInsert", "CopyCommand", "Upsert"), "")
    mode = _MODES.get(behavior) or (TableMode.UPSERT if method == "upsert" else TableMode.INSERT)
    if procedure and behavior in {"", "storedprocedure"}:
        mode = TableMode.PROCEDURE
    elif procedure:
        raise given.wrong("sqlWriterStoredProcedureName", f"cannot stand beside the writeBehavior '{behavior}'")
    if mode is TableMode.PROCEDURE and not procedure:
        raise given.wrong("sqlWriterStoredProcedureName", "must name the procedure that is given the rows")
    return mode


def _service(given: Properties, data: ServiceData) -> ServiceSink:
    return ServiceSink(
        data.url,
        data.login,
        method=given.word("requestMethod", ("POST", "PUT", "PATCH"), "POST").upper(),
        headers=header_lines(given, "additionalHeaders"),
        batch_rows=given.number("writeBatchSize", least=1) or ServiceSink("").batch_rows,
        timeout_seconds=given.span("httpRequestTimeout", _REQUEST_SECONDS),
        pause_seconds=_pause(given),
        gzip=given.word("httpCompressionType", ("none", "gzip"), "none") == "gzip",
        label=data.service.type,
    )


def _pause(given: Properties) -> float:
    """Return the seconds between two requests, of 10 to 60,000 milliseconds."""
    seconds = seconds_of(given, "requestInterval", 0.0)
    if seconds and not 0.01 <= seconds <= 60:
        raise given.wrong("requestInterval", f"is {seconds * 1000:g} milliseconds; allowed is 10 to 60000")
    return seconds


def is_bytes(data: Data) -> bool:
    """Say whether a dataset is one of bytes without a format."""
    return isinstance(data, FileData) and isinstance(data.form, Bytes)
