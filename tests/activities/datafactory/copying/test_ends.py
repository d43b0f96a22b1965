"""Sources and sinks of Copies as the data plane is asked for them: every setting of the contract."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asking_desk import BLOBS, FILES, IN, OUT, asked, asking_bench
from headrace.activities.datafactory.attempt import Refused
from headrace.core.clock import Instant
from headrace.dataplane.transfer.request import (
    Added,
    AddedColumn,
    Arrangement,
    Avro,
    Bytes,
    Choice,
    Delimited,
    Documents,
    FilesSink,
    FilesSource,
    Markup,
    Pack,
    Packing,
    Parameter,
    Parquet,
    Partitioning,
    QuerySource,
    RangeSplit,
    ServiceSink,
    ServiceSource,
    StoreType,
    TableMode,
    TableSink,
    Workbook,
)
from moving_desk import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with a linked service of each sort."""
    return asking_bench(tmp_path)


def test_every_setting_of_files_that_are_read(bench: Bench) -> None:
    """What is chosen, how it is read, and which columns are added."""
    bench.dataset(
        "text",
        {**FILES, "fileName": "a.csv"},
        kind="DelimitedText",
        columnDelimiter="\\t",
        rowDelimiter="\\n",
        encodingName="UTF-16",
        compressionCodec="ZipDeflate",
        compressionLevel="Fastest",
        quoteChar="",
        escapeChar="^",
        nullValue="NULL",
    )
    source = {
        **IN,
        "storeSettings": {
            "type": "FileServerReadSettings",
            "recursive": "false",
            "wildcardFolderPath": "in/*",
            "wildcardFileName": "*.csv",
            "fileListPath": f"{bench.files}/lists/a.txt",
            "enablePartitionDiscovery": True,
            "partitionRootPath": "in",
            "modifiedDatetimeStart": "2026-01-01T00:00:00Z",
            "modifiedDatetimeEnd": "2026-01-02T00:00:00+01:00",
            "maxConcurrentConnections": 3,
        },
        "formatSettings": {
            "type": "DelimitedTextReadSettings",
            "skipLineCount": 2,
            "compressionProperties": {"type": "ZipDeflateReadSettings", "preserveZipFileNameAsFolder": False},
        },
        "additionalColumns": [
            {"name": "path", "value": "$$FILEPATH"},
            {"name": "again", "value": "$$COLUMN:id"},
            {"name": "run", "value": {"value": "@pipeline().RunId", "type": "Expression"}},
        ],
        "sourceRetryCount": 2,
        "sourceRetryWait": "00:00:05",
    }
    transfer = asked(bench, source, OUT, parallelCopies=7).transfer
    day = 86_400 * 1_000_000
    start = Instant(20_454 * day)
    found = transfer.source
    assert isinstance(found, FilesSource)
    assert (found.place.type, found.place.root, found.place.label) == (
        StoreType.FOLDER,
        f"file://{bench.files}",
        "FileServer",
    )
    assert found.choice == Choice(
        "in",
        "a.csv",
        "lists/a.txt",
        None,
        "in/*",
        "*.csv",
        recursive=False,
        modified_from=start,
        modified_until=Instant(start + day - 3_600 * 1_000_000),
    )
    expected = Delimited("\t", "\n", "utf-16-le", "", "^", header=False, null="NULL", skip_lines=2)
    assert found.format == expected
    assert found.pack == Pack(Packing.ZIP, fastest=True, own_folder=False)
    assert (found.partition_root, found.connections, found.delete_after) == ("in", 3, False)
    assert [(one.name, one.kind, one.value) for one in transfer.added[:2]] == [
        ("path", Added.FILE_PATH, ""),
        ("again", Added.COLUMN, "id"),
    ]
    assert transfer.added[2] == AddedColumn("run", Added.LITERAL, bench.desk.run.id)
    assert (transfer.parallel, transfer.source_retries, transfer.source_retry_seconds) == (7, 2, 5.0)
    assert transfer.activity == "Load"


def test_every_setting_of_files_that_are_written(bench: Bench) -> None:
    """Where, how they are called, and what they are like."""
    bench.dataset("blob", BLOBS, kind="DelimitedText", service="blobs")
    sink = {
        **OUT,
        "storeSettings": {
            "type": "AzureBlobStorageWriteSettings",
            "copyBehavior": "FlattenHierarchy",
            "blockSizeInMB": 8,
            "metadata": [{"name": "k", "value": "v"}],
        },
        "formatSettings": {
            "type": "DelimitedTextWriteSettings",
            "fileExtension": "csv",
            "quoteAllText": True,
            "maxRowsPerFile": 10,
            "fileNamePrefix": "p",
        },
        "sinkRetryCount": 1,
        "sinkRetryWait": "00:00:01",
    }
    transfer = asked(bench, IN, sink, ("text", "blob")).transfer
    found = transfer.sink
    assert isinstance(found, FilesSink)
    assert (found.place.type, found.place.label) == (StoreType.OBJECTS, "AzureBlobStorage")
    assert found.place.connection is not None
    assert found.place.connection.options["container"] == "c"
    assert found == FilesSink(
        found.place,
        Delimited(quote_all=True, extension=".csv"),
        "in",
        arrangement=Arrangement.FLATTEN,
        max_rows=10,
        prefix="p",
        metadata={"k": "v"},
        block_bytes=8 << 20,
    )
    assert (transfer.sink_retries, transfer.sink_retry_seconds) == (1, 1.0)


@pytest.mark.parametrize(
    ("kind", "properties", "reading", "form", "pack"),
    [
        ("Json", {"compression": {"type": "GZip", "level": "Optimal"}}, {}, Documents(), Pack(Packing.GZIP)),
        ("Parquet", {"compressionCodec": "zstd"}, {}, Parquet("zstd"), Pack()),
        ("Avro", {"avroCompressionCodec": "deflate", "avroCompressionLevel": 5}, {}, Avro("deflate", 5), Pack()),
        (
            "Excel",
            {"sheetName": "S", "range": "A3:H5", "firstRowAsHeader": True, "nullValue": "-"},
            {},
            Workbook("S", "A3:H5", header=True, null="-"),
            Pack(),
        ),
        ("Excel", {"sheetIndex": 2}, {}, Workbook(2), Pack()),
        (
            "Xml",
            {"encodingName": "ISO-8859-1", "nullValue": "n"},
            {"validationMode": "xsd", "detectDataType": False, "namespaces": False, "namespacePrefixes": {"u": "p"}},
            Markup("iso8859-1", "n", "xsd", detect_types=False, namespaces=False, prefixes={"u": "p"}),
            Pack(),
        ),
    ],
)
def test_formats_are_read_as_datasets_say(
    bench: Bench, kind: str, properties: Any, reading: Any, form: Any, pack: Pack
) -> None:
    """Each with its own properties."""
    bench.dataset("in", FILES, kind=kind, **properties)
    found = asked(bench, {"type": f"{kind}Source", "formatSettings": reading}, OUT, ("in", "text")).transfer.source
    assert isinstance(found, FilesSource)
    assert (found.format, found.pack) == (form, pack)


def test_older_datasets_have_their_format_with_them(bench: Bench) -> None:
    """AzureBlob and FileShare: the container is the first folder, wildcards stand in the name."""
    form = {"type": "TextFormat", "columnDelimiter": ";", "firstRowAsHeader": True}
    bench.dataset("old", {}, kind="AzureBlob", service="blobs", folderPath="c/in", fileName="*.csv", format=form)
    bench.dataset("bytes", {}, kind="FileShare", folderPath="out")
    found = asked(
        bench, {"type": "BlobSource", "recursive": False, "skipHeaderLineCount": 1}, OUT, ("old", "text")
    ).transfer.source
    assert isinstance(found, FilesSource)
    assert found.choice == Choice("in", wildcard_file="*.csv", recursive=False)
    assert found.format == Delimited(";", header=True, skip_lines=1)
    sink = asked(bench, {"type": "FileSystemSource"}, {"type": "FileSystemSink"}, ("bytes", "bytes")).transfer.sink
    assert isinstance(sink, FilesSink)
    assert sink.format == Bytes()


def test_every_setting_of_a_query(bench: Bench) -> None:
    """A query with its ranges, and a procedure with its parameters."""
    source = {
        "type": "SqlServerSource",
        "sqlReaderQuery": "SELECT 1 WHERE ?AdfDynamicRangePartitionCondition",
        "isolationLevel": "RepeatableRead",
        "queryTimeout": "00:01:00",
        "partitionOption": "DynamicRange",
        "partitionSettings": {"partitionColumnName": "id", "partitionLowerBound": 20, "partitionUpperBound": "80"},
    }
    found = asked(bench, source, OUT, ("table", "text"), parallelCopies=3).transfer.source
    assert isinstance(found, QuerySource)
    assert (found.query, found.table, found.isolation, found.timeout_seconds) == (
        source["sqlReaderQuery"],
        "",
        "repeatable_read",
        60.0,
    )
    assert found.split == RangeSplit(Partitioning.RANGE, "id", "20", "80", 3)
    procedure = {
        "type": "SqlSource",
        "sqlReaderStoredProcedureName": "p",
        "storedProcedureParameters": {"a": {"value": "1", "type": "Int"}, "b": {"value": None}},
    }
    found = asked(bench, procedure, OUT, ("table", "text")).transfer.source
    assert isinstance(found, QuerySource)
    assert found.parameters == (Parameter("a", "1", "int"), Parameter("b"))
    plain = asked(bench, {"type": "PostgreSqlV2Source"}, OUT, ("table", "text")).transfer.source
    assert isinstance(plain, QuerySource)
    assert (plain.schema, plain.table, plain.timeout_seconds, plain.split) == ("s", "t", 7200.0, RangeSplit())


def test_every_setting_of_a_table_that_is_written(bench: Bench) -> None:
    """Inserts, upserts by either word, procedures."""
    sink = {
        "type": "AzureSqlSink",
        "preCopyScript": "DELETE FROM t",
        "tableOption": "autoCreate",
        "writeBehavior": "upsert",
        "upsertSettings": {"useTempDB": False, "interimSchemaName": "i", "keys": ["id"]},
        "sqlWriterUseTableLock": True,
        "writeBatchSize": 500,
        "writeBatchTimeout": "00:00:30",
        "transactional": True,
    }
    found = asked(bench, IN, sink, ("text", "table")).transfer.sink
    assert isinstance(found, TableSink)
    assert replace(found, connection=found.connection) == TableSink(
        found.connection,
        "s",
        "t",
        TableMode.UPSERT,
        ("id",),
        "DELETE FROM t",
        create=True,
        batch_rows=500,
        batch_timeout_seconds=30.0,
        transactional=True,
        lock_table=True,
        interim_schema="i",
        interim_temporary=False,
        label="PostgreSqlV2",
    )
    upsert = {"type": "AzurePostgreSqlSink", "writeMethod": "Upsert", "upsertSettings": {"keys": ["a"]}}
    found = asked(bench, IN, upsert, ("text", "table")).transfer.sink
    assert isinstance(found, TableSink)
    assert (found.mode, found.keys) == (TableMode.UPSERT, ("a",))
    procedure = {
        "type": "SqlSink",
        "sqlWriterStoredProcedureName": "p",
        "sqlWriterTableType": "T",
        "storedProcedureTableTypeParameterName": "rows",
        "storedProcedureParameters": {"x": {"value": 1, "type": "Int"}},
    }
    found = asked(bench, IN, procedure, ("text", "table")).transfer.sink
    assert isinstance(found, TableSink)
    assert (found.mode, found.procedure, found.procedure_type, found.procedure_parameter) == (
        TableMode.PROCEDURE,
        "p",
        "T",
        "rows",
    )
    assert found.procedure_parameters == (Parameter("x", 1, "int"),)


def test_a_pause_between_requests_is_of_milliseconds(bench: Bench) -> None:
    """From 10 to 60,000."""
    with pytest.raises(Refused, match="allowed is 10 to 60000"):
        asked(bench, {"type": "RestSource"}, {"type": "RestSink", "requestInterval": 5}, ("items", "items"))


def test_every_setting_of_services(bench: Bench) -> None:
    """REST pages in and batches out; files over HTTP by one request."""
    source = {
        "type": "RestSource",
        "requestMethod": "POST",
        "requestBody": "{}",
        "additionalHeaders": "A: b\nC: d:e",
        "paginationRules": {"AbsoluteUrl": "$.next", "supportRFC5988": "true"},
        "httpRequestTimeout": "00:00:10",
        "requestInterval": "00:00:02",
    }
    sink = {
        "type": "RestSink",
        "requestMethod": "PUT",
        "writeBatchSize": 5,
        "requestInterval": 100,
        "httpCompressionType": "gzip",
    }
    transfer = asked(bench, source, sink, ("items", "items")).transfer
    assert isinstance(transfer.source, ServiceSource)
    assert isinstance(transfer.sink, ServiceSink)
    assert transfer.source.url == "http://127.0.0.1:1/api/items?x=1"
    assert (transfer.source.method, transfer.source.body, dict(transfer.source.headers)) == (
        "POST",
        "{}",
        {"A": "b", "C": "d:e"},
    )
    assert transfer.source.pagination == {"AbsoluteUrl": "$.next", "supportRFC5988": "true"}
    assert (transfer.source.timeout_seconds, transfer.source.pause_seconds) == (10.0, 2.0)
    assert (transfer.source.login.kind, transfer.source.login.password) == ("basic", "secret-word")
    assert (transfer.sink.method, transfer.sink.batch_rows, transfer.sink.pause_seconds, transfer.sink.gzip) == (
        "PUT",
        5,
        0.1,
        True,
    )
    bench.dataset("page", {"type": "HttpServerLocation", "relativeUrl": "a/b.json"}, kind="Json", service="http")
    settings = {"type": "HttpReadSettings", "requestMethod": "POST", "requestBody": "x", "additionalHeaders": "A: b"}
    found = asked(bench, {"type": "JsonSource", "storeSettings": settings}, OUT, ("page", "text")).transfer.source
    assert isinstance(found, FilesSource)
    assert found.http is not None
    assert (found.http.url, found.http.method, found.http.body) == ("http://127.0.0.1:1/files/a/b.json", "POST", b"x")
