"""What the document of a Copy asks for, as a transfer: every setting of the contract is honoured, has no effect, or is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from asking_desk import DATABASE, FILES, IN, OUT, asked, asking_bench
from headrace.activities.datafactory.attempt import Refused
from headrace.dataplane.transfer.request import (
    ColumnMapping,
    Conversion,
    End,
    LogPlace,
    SessionLog,
    SkippedFiles,
)
from headrace.dataplane.transfer.values import ValueType
from moving_desk import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with a linked service of each sort."""
    return asking_bench(tmp_path)


def test_the_translator_in_all_its_forms(bench: Bench) -> None:
    """Names, ordinals, paths, types; the older maps; conversion."""
    mappings = [
        {"source": {"name": "a", "type": "String"}, "sink": {"name": "b", "type": "Int32"}},
        {
            "source": {"ordinal": 2},
            "sink": {"name": "c", "type": "DateTimeOffset", "format": "yyyy", "culture": "de-de"},
        },
        {"source": {"path": "$['x']['y']"}, "sink": {"path": "$.z"}},
    ]
    translator = {
        "type": "TabularTranslator",
        "mappings": mappings,
        "collectionReference": "$['orders']",
        "mapComplexValuesToString": True,
        "typeConversion": True,
        "typeConversionSettings": {
            "allowDataTruncation": False,
            "treatBooleanAsNumber": True,
            "dateTimeFormat": "dd",
            "culture": "fr-fr",
        },
    }
    found = asked(
        bench, IN, OUT, translator={"value": f"@json('{_json(translator)}')", "type": "Expression"}
    ).transfer.mapping
    assert found.columns == (
        ColumnMapping(End("a", type=ValueType.STRING), End("b", type=ValueType.INT32)),
        ColumnMapping(End(ordinal=2), End("c", type=ValueType.DATETIME_OFFSET, format="yyyy", culture="de-de")),
        ColumnMapping(End(path="$['x']['y']"), End(path="$.z")),
    )
    assert (found.collection, found.complex_to_text) == ("$['orders']", True)
    assert found.conversion == Conversion(
        allow_truncation=False, boolean_as_number=True, datetime_format="dd", culture="fr-fr"
    )
    older = {"type": "TabularTranslator", "columnMappings": "A: B, C: D"}
    expected = (ColumnMapping(End("A"), End("B")), ColumnMapping(End("C"), End("D")))
    assert asked(bench, IN, OUT, translator=older).transfer.mapping.columns == expected
    assert (
        asked(bench, IN, OUT, translator={**older, "columnMappings": {"A": "B", "C": "D"}}).transfer.mapping.columns
        == expected
    )
    oldest = {"type": "TabularTranslator", "schemaMapping": {"$.a": "b"}}
    assert asked(bench, IN, OUT, translator=oldest).transfer.mapping.columns == (
        ColumnMapping(End(path="$.a"), End("b")),
    )


def test_tolerance_and_logs(bench: Bench) -> None:
    """In the newer words and in the older ones."""
    place = {"linkedServiceName": {"referenceName": "disk", "type": "LinkedServiceReference"}, "path": "logs/x"}
    blob = {"linkedServiceName": {"referenceName": "blobs", "type": "LinkedServiceReference"}, "path": "c/logs"}
    bench.dataset("bytes", FILES)
    ends = {"source": {"type": "BinarySource"}, "sink": {"type": "BinarySink"}}
    newer = asked(
        bench,
        **ends,
        ends=("bytes", "bytes"),
        validateDataConsistency=True,
        skipErrorFile={"fileForbidden": True, "dataInconsistency": True},
        logSettings={
            "enableCopyActivityLog": True,
            "copyActivityLogSettings": {"logLevel": "Info", "enableReliableLogging": True},
            "logLocationSettings": blob,
        },
    ).transfer.tolerance
    assert newer.files == SkippedFiles(missing=True, forbidden=True, inconsistent=True)
    assert newer.verify
    assert isinstance(newer.log, SessionLog)
    assert (newer.log.to.path, newer.log.everything, newer.log.reliable) == ("logs", True, True)
    older = asked(
        bench, IN, OUT, enableSkipIncompatibleRow=True, redirectIncompatibleRowSettings=place, logStorageSettings=place
    ).transfer.tolerance
    assert older.skip_rows
    assert isinstance(older.redirect, LogPlace)
    assert older.redirect.path == "logs/x"
    assert older.log == SessionLog(older.redirect)


@pytest.mark.parametrize(
    ("source", "sink", "more", "message"),
    [
        ({"type": "JsonSource"}, OUT, {}, "'source.type' is 'JsonSource', which does not fit the dataset 'text'"),
        ({"type": "SapSource"}, OUT, {}, "which this server cannot read or write"),
        (
            IN,
            {**OUT, "storeSettings": {"copyBehavior": "Mix"}},
            {},
            "'sink.storeSettings.copyBehavior' must be one of PreserveHierarchy, FlattenHierarchy, ",
        ),
        ({**IN, "storeSettings": {"prefix": "x"}}, OUT, {}, "'source.storeSettings.prefix' is for object stores"),
        ({**IN, "storeSettings": {"modifiedDatetimeStart": "soon"}}, OUT, {}, "must be a date and time"),
        (
            {**IN, "storeSettings": {"deleteFilesAfterCompletion": True}},
            OUT,
            {},
            "DeleteFilesAfterCompletionNotSupported",
        ),
        ({**IN, "sourceRetryCount": -1}, OUT, {}, "'source.sourceRetryCount' is -1"),
        (IN, {**OUT, "formatSettings": {"fileExtension": "../x"}}, {}, "must be the end of a file's name"),
        (IN, OUT, {"parallelCopies": "many"}, "'parallelCopies' must be an integer"),
        (
            IN,
            OUT,
            {"translator": {"mappings": [{"sink": {"name": "a"}}]}},
            r"'translator.mappings\[1\].source' must have",
        ),
        (IN, OUT, {"translator": {"mappings": [{"source": {"name": "a", "type": "Text"}}]}}, "must be an interim type"),
        (IN, OUT, {"skipErrorFile": {"dataInconsistency": True}}, "needs 'validateDataConsistency'"),
    ],
)
def test_what_makes_no_sense_is_told_with_its_place(
    bench: Bench, source: Any, sink: Any, more: Any, message: str
) -> None:
    """The property is named as it is written, before anything is read."""
    with pytest.raises(Refused, match=message):
        asked(bench, source, sink, **more)


def test_bytes_go_to_bytes_only(bench: Bench) -> None:
    """Rows cannot be made of bytes without a format."""
    bench.dataset("bytes", FILES)
    with pytest.raises(Refused, match="bytes are copied to bytes only"):
        asked(bench, {"type": "BinarySource"}, OUT, ("bytes", "text"))


def test_a_wildcard_in_a_sink_is_refused_in_the_words_of_the_contract(bench: Bench) -> None:
    """What is written needs a name."""
    bench.dataset("wild", {**FILES, "fileName": "*.csv"}, kind="DelimitedText")
    with pytest.raises(Refused, match=r"'Sink' side\. ErrorCode=WildcardPathSinkNotSupported,"):
        asked(bench, IN, OUT, ("text", "wild"))


def test_requests_are_the_same_whatever_their_secrets_and_logs_are(bench: Bench) -> None:
    """A try goes on with what an earlier one finished when a key was renewed, not when a query was changed."""
    source = {"type": "PostgreSqlV2Source", "query": "SELECT 1"}
    first = asked(bench, source, OUT, ("table", "text")).transfer.asked
    bench.service("pg", "PostgreSqlV2", **{**DATABASE, "password": "another-word"})
    assert asked(bench, source, OUT, ("table", "text"), dataIntegrationUnits=8).transfer.asked == first
    assert asked(bench, {**source, "query": "SELECT 2"}, OUT, ("table", "text")).transfer.asked != first
    bench.dataset("text", {**FILES, "folderPath": "other"}, kind="DelimitedText", firstRowAsHeader=True)
    assert asked(bench, source, OUT, ("table", "text")).transfer.asked != first


def _json(value: Any) -> str:
    """Return JSON text as it stands between the quotes of an expression."""
    return json.dumps(value).replace("'", "''")
