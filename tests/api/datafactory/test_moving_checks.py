"""Activities that move data are whole when they are put, and are shown while they move."""

from dataclasses import replace
from typing import Any

import pytest

from headrace.api.datafactory.checks import check_pipeline
from headrace.api.datafactory.errors import Refusal
from headrace.api.datafactory.translate.copy_output import running_output
from headrace.core.clock import Instant
from headrace.core.outcome import Figures
from headrace.core.run import ActivityRun, ActivityStatus

DATASET = {"referenceName": "d", "type": "DatasetReference"}
SERVICE = {"referenceName": "s", "type": "LinkedServiceReference"}
SOURCE, SINK = {"type": "JsonSource"}, {"type": "JsonSink"}
EXPRESSION = {"value": "@pipeline().parameters.x", "type": "Expression"}
COPY = {"source": SOURCE, "sink": SINK}


def _put(kind: str, given: Any, **more: Any) -> None:
    check_pipeline({"activities": [{"name": "A", "type": kind, "typeProperties": given, **more}]})


@pytest.mark.parametrize(
    ("kind", "given", "more"),
    [
        ("Copy", COPY, {"inputs": [DATASET], "outputs": [DATASET]}),
        ("Copy", {"source": EXPRESSION, "sink": EXPRESSION, "logSettings": EXPRESSION}, {}),
        ("Copy", {"source": {"type": "Unheard"}, "sink": {"type": "OfSink"}}, {}),
        ("Copy", {}, {}),
        ("Copy", {"source": {}}, {"state": "Inactive"}),
        ("Lookup", {"source": SOURCE, "dataset": DATASET}, {}),
        ("GetMetadata", {"dataset": DATASET}, {}),
        ("Script", {"scripts": [{"type": "Query", "text": "@variables('sql')"}]}, {"linkedServiceName": SERVICE}),
        ("Script", {"scripts": EXPRESSION}, {"linkedServiceName": SERVICE}),
        ("SqlServerStoredProcedure", {"storedProcedureName": EXPRESSION}, {"linkedServiceName": SERVICE}),
    ],
)
def test_what_is_whole_is_taken(kind: str, given: Any, more: Any) -> None:
    """Expressions stand anywhere; types that nothing here knows, and what is not begun or switched off, are stored."""
    _put(kind, given, **more)


@pytest.mark.parametrize(
    ("kind", "given", "more", "message"),
    [
        (
            "Copy",
            COPY,
            {"inputs": [DATASET, DATASET]},
            "'inputs' of the activity 'A' of type Copy must hold exactly one",
        ),
        ("Copy", COPY, {"outputs": [{"type": "DatasetReference"}]}, "'outputs' of the activity 'A' .* a reference"),
        ("Copy", {"source": SOURCE}, {}, "'sink' of the activity 'A' of type Copy is missing"),
        ("Copy", {"source": SOURCE, "sink": []}, {}, "'sink' of the activity 'A' .* an object is expected"),
        ("Copy", {"source": SOURCE, "sink": {"writeBatchSize": 1}}, {}, "'sink.type' of the activity 'A'"),
        ("Copy", {**COPY, "stagingSettings": {"path": "x"}}, {}, "'stagingSettings.linkedServiceName' .* is missing"),
        ("Copy", {**COPY, "logSettings": {}}, {}, "'logSettings.logLocationSettings' .* must name the linked service"),
        ("Lookup", {"source": SOURCE, "dataset": "d"}, {}, "'dataset' of the activity 'A' of type Lookup"),
        ("Delete", {"dataset": {"type": "DatasetReference"}}, {}, "'dataset' of the activity 'A' of type Delete"),
        ("Script", {"scripts": [{"type": "Query"}]}, {}, r"'scripts\[1\].text' of the activity 'A' .* is missing"),
        ("SqlServerStoredProcedure", {"storedProcedureParameters": {}}, {}, "'storedProcedureName' .* is missing"),
    ],
)
def test_what_is_half_done_is_refused_with_its_place(kind: str, given: Any, more: Any, message: str) -> None:
    """The message names the activity and the property."""
    with pytest.raises(Refusal, match=message):
        _put(kind, given, **more)


def test_a_running_copy_shows_how_far_it_has_come() -> None:
    """Its figures so far, as its output will have them; an attempt that has ended, or that copies nothing, has its own output."""
    noted: dict[str, Any] = {
        "source": "FileServer",
        "sink": "PostgreSql",
        "sourceFiles": True,
        "tabular": True,
        "skips": True,
        "units": 4,
    }
    figures = Figures(bytes_read=2048, bytes_written=10, files_read=1, rows_read=5, rows_accepted=4, rows_rejected=1)
    row = ActivityRun(
        "r",
        "Copy",
        1,
        "copy_data",
        ActivityStatus.RUNNING,
        "",
        figures=figures,
        started_at=Instant(0),
        updated_at=Instant(2_000_000),
        details={"copy": noted},
    )
    found = running_output(row)
    assert found is not None
    assert {name: found[name] for name in ("dataRead", "filesRead", "rowsRead", "rowsCopied", "rowsSkipped")} == {
        "dataRead": 2048,
        "filesRead": 1,
        "rowsRead": 5,
        "rowsCopied": 4,
        "rowsSkipped": 1,
    }
    assert "filesWritten" not in found
    assert (found["copyDuration"], found["throughput"]) == (2, 1.0)
    assert found["executionDetails"][0]["status"] == "InProgress"
    assert running_output(replace(row, status=ActivityStatus.SUCCEEDED)) is None
    assert running_output(replace(row, details={})) is None
