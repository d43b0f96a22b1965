"""The output of a Copy (contract 9.10), made of what its transfer did; of a running one, of its figures so far.

What is known before the first byte is moved (``Facts``) is noted beside the attempt, so that the door can show a running copy's output.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor

from headrace.core.clock import SECOND, Instant, to_iso
from headrace.core.codec import Json
from headrace.core.outcome import Figures
from headrace.dataplane.transfer.report import TransferReport

NOTED = "copy"
"""The key of what is noted beside the attempt."""
_UNITS = 4
_CODE = 2200
_CONSISTENCY = {"verified": "Verified", "unsupported": "Unsupported"}
_INCONSISTENT = {"none": "None", "found": "Found", "skipped": "Skipped"}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a copy from its beginning: labels of source and sink, what they are, and what is echoed."""

    source: str
    sink: str
    source_files: bool
    sink_files: bool
    tabular: bool
    skips: bool
    verifies: bool = False
    units: int = _UNITS

    def noted(self) -> Mapping[str, Json]:
        """Return it as it is noted."""
        return {
            "source": self.source,
            "sink": self.sink,
            "sourceFiles": self.source_files,
            "sinkFiles": self.sink_files,
            "tabular": self.tabular,
            "skips": self.skips,
            "units": self.units,
        }


@dataclass(frozen=True, slots=True)
class Ending:
    """How a copy ended (``Succeeded``, ``Failed`` or ``Cancelled``): when it began, and when it ended; ``errors`` stopped it, or were passed over."""

    started: Instant
    ended: Instant
    status: str
    errors: Sequence[Json] = ()
    log_path: str = ""
    redirect_path: str = ""


def output_of(facts: Facts, report: TransferReport, ending: Ending) -> dict[str, Json]:
    """Return the output of a copy that has ended."""
    figures = report.figures
    seconds = max(0, ending.ended - ending.started) / SECOND
    return {
        **_moved(facts, figures, report.files_skipped),
        "sourcePeakConnections": report.source_peak,
        "sinkPeakConnections": report.sink_peak,
        "copyDuration": _whole(seconds),
        "throughput": throughput(figures.bytes_read, seconds),
        **({"logFilePath": ending.log_path} if ending.log_path else {}),
        **({"redirectRowPath": ending.redirect_path} if ending.redirect_path else {}),
        "errors": list(ending.errors),
        "effectiveIntegrationRuntime": "DefaultIntegrationRuntime (Local)",
        "usedDataIntegrationUnits": facts.units,
        "billingReference": {
            "activityType": "DataMovement",
            "billableDuration": [{"meterType": "AzureIR", "duration": 0.0, "unit": "DIUHours"}],
        },
        "usedParallelCopies": report.parallel,
        "dataConsistencyVerification": _consistency(report),
        "executionDetails": [_execution(facts, report, ending, seconds)],
        "durationInQueue": {"integrationRuntimeQueue": 0},
    }


def error_entry(message: str) -> Json:
    """Return an element of ``errors``; which error it is stands in the message."""
    return {
        "Code": _CODE,
        "Message": message,
        "EventType": 0,
        "Category": 5,
        "Data": {},
        "MsgId": None,
        "ExceptionType": None,
        "Source": None,
        "StackTrace": None,
        "InnerEventInfos": [],
    }


def throughput(read: int | None, seconds: float) -> float:
    """Return KB/s, to three places."""
    return round((read or 0) / 1024 / max(seconds, 0.001), 3)


def _moved(facts: Facts, figures: Figures, skipped: int) -> dict[str, Json]:
    found: dict[str, Json] = {"dataRead": figures.bytes_read or 0, "dataWritten": figures.bytes_written or 0}
    if facts.source_files:
        found["filesRead"] = figures.files_read or 0
    if facts.sink_files:
        found["filesWritten"] = figures.files_written or 0
    if facts.source_files:
        found["filesSkipped"] = skipped
    if facts.tabular:
        found["rowsRead"] = figures.rows_read or 0
        found["rowsCopied"] = figures.rows_accepted or 0
        if facts.skips:
            found["rowsSkipped"] = figures.rows_rejected or 0
    return found


def _consistency(report: TransferReport) -> Json:
    found: dict[str, Json] = {"VerificationResult": _CONSISTENCY.get(report.consistency, "NotVerified")}
    if report.inconsistent:
        found["InconsistentData"] = _INCONSISTENT[report.inconsistent]
    return found


def _execution(facts: Facts, report: TransferReport, ending: Ending, seconds: float) -> Json:
    done = "Completed" if ending.status == "Succeeded" else ending.status
    spent = report.durations
    details: dict[str, Json] = {}
    if facts.source_files:
        details["listingSource"] = {"type": facts.source, "workingDuration": _whole(spent.listing)}
    details["readingFromSource"] = {"type": facts.source, "workingDuration": _whole(spent.reading)}
    if spent.first_byte:
        details["timeToFirstByte"] = {"type": facts.source, "workingDuration": _whole(spent.first_byte)}
    if spent.before:
        details["preCopyScript"] = {"type": facts.sink, "workingDuration": _whole(spent.before)}
    details["writingToSink"] = {"type": facts.sink, "workingDuration": _whole(spent.writing)}
    return {
        "source": {"type": facts.source},
        "sink": {"type": facts.sink},
        "status": ending.status,
        "start": to_iso(ending.started),
        "duration": _whole(seconds),
        "usedDataIntegrationUnits": facts.units,
        "usedParallelCopies": report.parallel,
        "profile": {
            "queue": {"status": "Completed", "duration": 0},
            "transfer": {"status": done, "duration": _whole(seconds), "details": details},
        },
        "detailedDurations": {"queuingDuration": 0, "transferDuration": _whole(seconds)},
    }


def _whole(seconds: float) -> int:
    return floor(seconds + 0.5)
