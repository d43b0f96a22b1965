"""The output of a Copy that still runs (9.10): its figures so far, with what it noted of itself when it began."""

from collections.abc import Mapping
from typing import Any

from headrace.api.datafactory.wire import Item
from headrace.core.clock import SECOND
from headrace.core.outcome import Figures
from headrace.core.run import ActivityRun, ActivityStatus

_NOTED = "copy"


def running_output(row: ActivityRun) -> Item | None:
    """Return the output of an attempt that copies right now; None: it does not."""
    noted: Any = row.details.get(_NOTED)
    if row.status is not ActivityStatus.RUNNING or not isinstance(noted, Mapping):
        return None
    begin = row.created_at if row.started_at is None else row.started_at
    seconds = 0.0 if begin is None or row.updated_at is None else max(0, row.updated_at - begin) / SECOND
    read = row.figures.bytes_read or 0
    return {
        **_moved(noted, row.figures),
        "copyDuration": int(seconds),
        "throughput": round(read / 1024 / max(seconds, 0.001), 3),
        "errors": [],
        "effectiveIntegrationRuntime": "DefaultIntegrationRuntime (Local)",
        "usedDataIntegrationUnits": noted.get("units"),
        "executionDetails": [
            {
                "source": {"type": noted.get("source")},
                "sink": {"type": noted.get("sink")},
                "status": "InProgress",
                "duration": int(seconds),
                "profile": {
                    "queue": {"status": "Completed", "duration": 0},
                    "transfer": {"status": "InProgress", "duration": int(seconds)},
                },
            }
        ],
        "durationInQueue": {"integrationRuntimeQueue": 0},
    }


def _moved(noted: Mapping[str, Any], figures: Figures) -> Item:
    found: Item = {"dataRead": figures.bytes_read or 0, "dataWritten": figures.bytes_written or 0}
    if noted.get("sourceFiles"):
        found["filesRead"] = figures.files_read or 0
    if noted.get("sinkFiles"):
        found["filesWritten"] = figures.files_written or 0
    if noted.get("tabular"):
        found |= {"rowsRead": figures.rows_read or 0, "rowsCopied": figures.rows_accepted or 0}
        if noted.get("skips"):
            found["rowsSkipped"] = figures.rows_rejected or 0
    return found
