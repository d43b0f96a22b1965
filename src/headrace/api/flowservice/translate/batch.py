"""A batch, out: the catalog's batch object (9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from headrace.api.flowservice.translate.codes import (
    MAPPER,
    REJECTED,
    REJECTED_UNDIAGNOSED,
    count_by_code,
    run_code,
)
from headrace.api.flowservice.translate.plan import PROMOTION
from headrace.api.flowservice.wire import Item, list_in, milliseconds, object_in, text_in
from headrace.core.run import Batch, BatchStatus, RejectCode, Run


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are shown: the organisation, the sandbox, and the beginning of absolute links."""

    org: str
    sandbox: str
    sandbox_id: str
    base_url: str


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """All that a batch object is made of; ``dataset`` is the id of the dataset that it belongs to."""

    batch: Batch
    run: Run
    dataset: str


def is_diagnosed(batch: Batch, run: Run) -> bool:
    """Say whether the rejected rows of ``batch`` were kept with their reasons."""
    rule = object_in(_promotion_settings(run), "rejects")
    return bool(batch.diagnostics) or rule.get("diagnostics", True) is True


def is_mapped(run: Run) -> bool:
    """Say whether the run's rows went through a mapping (else their columns are schema paths themselves)."""
    return _promotion_settings(run).get("mapping") is not None


def outstanding(batch: Batch) -> int:
    """Return how many rows are rejected still."""
    return max(0, (batch.figures.rows_rejected or 0) - batch.resolved)


def batch_state(status: BatchStatus) -> str:
    """Return the dialect's status of a batch."""
    match status:
        case BatchStatus.STAGING:
            return "staging"
        case BatchStatus.COMMITTED:
            return "success"
        case BatchStatus.FAILED:
            return "failed"
        case BatchStatus.ABORTED:
            return "aborted"
        case _:
            assert_never(status)


def batch_object(record: BatchRecord, place: Place) -> Item:
    """Return the catalog's batch object."""
    batch, run = record.batch, record.run
    figures, diagnosed = batch.figures, is_diagnosed(batch, run)
    rejected, accepted = outstanding(batch), (figures.rows_accepted or 0) if batch.version is not None else 0
    by_mapper = sum(reason.count for reason in batch.rejects if reason.code == RejectCode.TRANSFORM)
    ended = batch.status is not BatchStatus.STAGING
    user, client = text_in(run.details, "user"), text_in(run.details, "client")
    item: Item = {
        "id": batch.id,
        "imsOrg": place.org,
        "sandboxId": place.sandbox_id,
        "status": batch_state(batch.status),
        "tags": {
            "acp_enableErrorDiagnostics": diagnosed,
            "acp_partialIngestionPercent": _percent(run),
            "flowId": [run.flow_id],
            "flowRunId": [run.id],
        },
        "relatedObjects": [{"type": "dataSet", "id": record.dataset}],
        "inputFormat": {"format": "parquet"},
        "created": milliseconds(batch.created_at),
        "updated": milliseconds(batch.updated_at),
        "started": milliseconds(batch.created_at),
        "createdClient": client,
        "createdUser": user,
        "updatedUser": user,
        "version": f"1.0.{batch.version if batch.version is not None else 0}",
        "metrics": {
            "inputByteSize": figures.bytes_read or run.figures.bytes_read or 0,
            "inputFileCount": figures.files_read or run.figures.files_read or 0,
            "inputRecordCount": figures.rows_read or 0,
            "outputByteSize": (figures.bytes_written or 0) if accepted else 0,
            "outputFileCount": len(batch.files),
            "outputRecordCount": accepted,
            "failedRecordCount": rejected,
            "partitionCount": 1 if batch.files else 0,
            "recordsSize": figures.bytes_written or 0,
            "invalidRecordCount": rejected,
            "invalidRecordsMapper": min(by_mapper, rejected),
            "invalidRecordsUnknown": 0,
        },
        "recordCount": accepted,
        "failedRecordCount": rejected,
        "size": (figures.bytes_written or 0) if accepted else 0,
        "errors": batch_errors(batch, run),
    }
    if ended:
        item["completed"] = milliseconds(batch.updated_at)
    if batch.status is BatchStatus.FAILED:
        item["failedBatchLocation"] = f"{place.base_url}/data/foundation/export/batches/{batch.id}/failed"
    return item


def batch_errors(batch: Batch, run: Run) -> list[Item]:
    """Return a batch's ``errors``: those of its activity, and for a failed one the mapper's under its older name too (5.5)."""
    errors: list[Item] = []
    if batch.figures.rows_rejected:
        for one in reject_errors(batch, run):
            error = {"code": one["code"], "description": one["message"]}
            if "recordCount" in one:
                error["recordCount"] = one["recordCount"]
            errors.append(error)
    elif batch.failure is not None:
        errors.append({"code": run_code(batch.failure.code, copying=False), "description": batch.failure.message})
    if batch.status is BatchStatus.FAILED:
        mapper = [error for error in errors if error["code"] == MAPPER]
        for error in mapper:
            error["description"] = _mapper_text(batch, run)
        errors += [{**error, "code": "DPMAP-3700-400"} for error in mapper]
    return errors


def reject_errors(batch: Batch, run: Run) -> list[Item]:
    """Return a batch's rejects as activity-level errors: the summary, and with diagnostics the counts by code (5.5)."""
    rejected, accepted = batch.figures.rows_rejected or 0, batch.figures.rows_accepted or 0
    ingested = accepted if batch.version is not None else 0
    text = f"Encountered {rejected} errors in the data. Successfully ingested {ingested} rows."
    if not is_diagnosed(batch, run):
        return [{"code": REJECTED_UNDIAGNOSED, "message": text}]
    counts = count_by_code(batch.rejects, rejected, mapped=is_mapped(run))
    review = " Review the associated diagnostic files for additional details."
    return [
        {"code": REJECTED, "message": text + review},
        *({"code": c.code, "recordCount": c.count, "message": c.message} for c in counts),
    ]


def _mapper_text(batch: Batch, run: Run) -> str:
    """Return what a client parses (5.5): the destination that most rows fail at, and the types there."""
    settings = _promotion_settings(run)
    reasons = [one for one in batch.rejects if one.code in {RejectCode.TRANSFORM, RejectCode.TYPE} and one.column]
    column = max(reasons, key=lambda one: one.count).column if reasons else None
    destination = column or ""
    source = text_in(object_in(settings, "mapping"), destination)
    columns = list_in(object_in(settings, "schema"), "columns")
    types = {text_in(one, "name"): text_in(object_in(one, "type"), "kind") for one in columns}
    expected = types.get(destination, "string").upper()
    return (
        f"Mapping failed for destination path {destination}. expected data type was: {expected}, actual data type was: STRING. "
        f"sourceField: {source} destinationField: {destination}"
    )


def _percent(run: Run) -> float:
    value = object_in(_promotion_settings(run), "rejects").get("at_most_percent", 0.0)
    return float(value)


def _promotion_settings(run: Run) -> Item:
    activity = run.definition.by_name.get(PROMOTION)
    settings: Mapping[str, object] = {} if activity is None else activity.settings
    return dict(settings)
