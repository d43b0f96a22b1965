"""A batch, out: the catalog's batch object (9)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headrace.api.flowservice.translate.codes import (
    BATCH_FAILED,
    MAPPER,
    PROMOTION_FAILED,
    REJECTED,
    REJECTED_UNDIAGNOSED,
    count_by_code,
    run_code,
)
from headrace.api.flowservice.translate.plan import PROMOTION
from headrace.api.flowservice.wire import Item, list_in, milliseconds, number, object_in, text_in
from headrace.core.errors import Code
from headrace.core.outcome import Figures
from headrace.core.run import Batch, BatchStatus, RejectCode, Run
from headrace.core.upload import STANDING_OF_BATCH, STANDING_OF_RUN, Standing, Upload, UploadState


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are shown: the organisation, the sandbox, and the beginning of absolute links."""

    org: str
    sandbox: str
    sandbox_id: str
    base_url: str


_CONVERSION = re.compile(r"the (?P<actual>.+) value cannot become (?P<expected>.+)", re.DOTALL)
"""How the promotion words that a value cannot become its column's type."""


@dataclass(frozen=True, slots=True)
class BatchRecord:
    """All that a batch object is made of; ``dataset`` is the id of the dataset that it belongs to.

    ``upload``: what it began as, where a client sent its files. Such a one has no run while it is loading, and no batch before its run has looked
    at its rows.
    """

    batch: Batch | None
    run: Run | None
    dataset: str
    upload: Upload | None = None

    @property
    def id(self) -> str:
        """Return the batch's id."""
        return self.upload.id if self.upload is not None else self.made.id

    @property
    def made(self) -> Batch:
        """Return the batch of the ledger, which every record without an upload has."""
        assert self.batch is not None  # noqa: S101 — how records are made
        return self.batch

    @property
    def standing(self) -> Standing:
        """Return how it stands."""
        if self.batch is not None:
            return Standing.REVERTED if self.batch.reverted_at is not None else STANDING_OF_BATCH[self.batch.status]
        if self.upload is not None and self.upload.state is not UploadState.LOADED:
            return Standing(self.upload.state.value)
        return Standing.LOADED if self.run is None else STANDING_OF_RUN[self.run.status]


STATUSES: Mapping[Standing, str] = {
    Standing.LOADING: "loading",
    Standing.LOADED: "loaded",
    Standing.STAGING: "staging",
    Standing.COMMITTED: "success",
    Standing.FAILED: "failed",
    Standing.ABORTED: "aborted",
    Standing.REVERTED: "inactive",
}
"""The dialect's word for how a batch stands."""
_SYNONYMS = {"failure": "failed", "active": "success"}
_OVER = frozenset({Standing.COMMITTED, Standing.FAILED, Standing.ABORTED, Standing.REVERTED})


def standings_of(words: Sequence[str]) -> frozenset[Standing]:
    """Return the standings that ``status`` filters name; those that batches here never have name none (9)."""
    wanted = {_SYNONYMS.get(word.strip().lower(), word.strip().lower()) for word in words}
    return frozenset(standing for standing, word in STATUSES.items() if word in wanted)


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


def batch_object(record: BatchRecord, place: Place) -> Item:
    """Return the catalog's batch object."""
    batch, run, upload = record.batch, record.run, record.upload
    standing = record.standing
    body = {} if upload is None else dict(upload.body)
    details = {} if run is None else run.details
    created = upload.created_at if upload is not None else record.made.created_at
    updated = max(one.updated_at or created for one in (batch, run, upload) if one is not None)
    user, client = (text_in(body, name) or text_in(details, name) for name in ("user", "client"))
    figures = _figures(record)
    item: Item = {
        "id": record.id,
        "externalId": text_in(body, "externalId"),
        "imsOrg": place.org,
        "sandboxId": place.sandbox_id,
        "status": STATUSES[standing],
        "tags": _tags(record),
        "relatedObjects": [{"type": "dataSet", "id": record.dataset}],
        "inputFormat": object_in(body, "inputFormat") or {"format": "parquet"},
        "created": milliseconds(created),
        "updated": milliseconds(updated if batch is None or upload is not None else batch.updated_at),
        "started": milliseconds(created),
        "createdClient": client,
        "createdUser": user,
        "updatedUser": user,
        "version": f"1.0.{batch.version if batch is not None and batch.version is not None else 0}",
        "metrics": figures,
        "recordCount": figures["outputRecordCount"],
        "failedRecordCount": figures["failedRecordCount"],
        "size": figures["outputByteSize"],
        "errors": _errors(record),
    }
    if standing in _OVER:
        item["completed"] = item["updated"]
    if standing is Standing.FAILED:
        item["failedBatchLocation"] = f"{place.base_url}/data/foundation/export/batches/{record.id}/failed"
    replay = list_in(body, "predecessors")
    return {**item, "replay": {"predecessors": replay, "reason": "replace"}} if replay else item


def _tags(record: BatchRecord) -> Item:
    body = {} if record.upload is None else dict(record.upload.body)
    given = object_in(body, "tags")
    run = record.run
    if run is None or record.upload is not None:
        rule = {name: body[name] for name in ("diagnostics", "percent") if name in body}
        percent = number(rule.get("percent")) or 0.0
        return {
            **given,
            "acp_enableErrorDiagnostics": rule.get("diagnostics") is True,
            "acp_partialIngestionPercent": percent,
        }
    return {
        "acp_enableErrorDiagnostics": is_diagnosed(record.made, run),
        "acp_partialIngestionPercent": _percent(run),
        "flowId": [run.flow_id],
        "flowRunId": [run.id],
    }


def _figures(record: BatchRecord) -> dict[str, int]:
    batch = record.batch
    figures = Figures() if batch is None else batch.figures
    of_run = Figures() if record.run is None else record.run.figures
    rejected = 0 if batch is None else outstanding(batch)
    accepted = (figures.rows_accepted or 0) if batch is not None and batch.version is not None else 0
    reasons = () if batch is None else batch.rejects
    by_mapper = sum(reason.count for reason in reasons if reason.code == RejectCode.TRANSFORM)
    files = 0 if batch is None else len(batch.files)
    return {
        "inputByteSize": figures.bytes_read or of_run.bytes_read or 0,
        "inputFileCount": figures.files_read or of_run.files_read or 0,
        "inputRecordCount": figures.rows_read or 0,
        "outputByteSize": (figures.bytes_written or 0) if accepted else 0,
        "outputFileCount": files,
        "outputRecordCount": accepted,
        "failedRecordCount": rejected,
        "partitionCount": 1 if files else 0,
        "recordsSize": figures.bytes_written or 0,
        "invalidRecordCount": rejected,
        "invalidRecordsMapper": min(by_mapper, rejected),
        "invalidRecordsUnknown": 0,
    }


def _errors(record: BatchRecord) -> list[Item]:
    if record.batch is not None and record.run is not None:
        return batch_errors(record.batch, record.run)
    failure = {} if record.upload is None else object_in(record.upload.body, "failure")
    if failure:
        code = {"empty": "133", "limit": BATCH_FAILED}.get(text_in(failure, "code"), PROMOTION_FAILED)
        return [{"code": code, "description": text_in(failure, "message")}]
    reason = None if record.run is None else record.run.reason
    if reason is None or record.standing is not Standing.FAILED:
        return []
    own = {Code.SOURCE_EMPTY: "106", Code.SOURCE_HEADERLESS: "118"}
    code = own.get(reason.code) or run_code(reason.code, copying=False)
    return [{"code": code, "description": reason.message}]


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
    counts = count_by_code(batch.rejects, rejected, mapped=is_mapped(run), sets=batch.code_sets)
    review = " Review the associated diagnostic files for additional details."
    return [
        {"code": REJECTED, "message": text + review},
        *({"code": c.code, "recordCount": c.count, "message": c.message} for c in counts),
    ]


def _mapper_text(batch: Batch, run: Run) -> str:
    """Return what a client parses (5.5): the destination that most rows fail at, and the types there."""
    settings = _promotion_settings(run)
    reasons = [one for one in batch.rejects if one.code in {RejectCode.TRANSFORM, RejectCode.TYPE} and one.column]
    worst = max(reasons, key=lambda one: one.count) if reasons else None
    destination = (worst.column if worst is not None else None) or ""
    source = text_in(object_in(settings, "mapping"), destination)
    expected, actual = _types(settings, destination, worst.message if worst is not None else "")
    return (
        f"Mapping failed for destination path {destination}. expected data type was: {expected}, actual data type was: {actual}. "
        f"sourceField: {source} destinationField: {destination}"
    )


def _types(settings: Item, destination: str, message: str) -> tuple[str, str]:
    """Return the types, in capitals: those that the reject's message names, else the column's and what an expression that failed was given."""
    told = _CONVERSION.fullmatch(message)
    if told is not None:
        return _capitals(told["expected"]), _capitals(told["actual"])
    columns = list_in(object_in(settings, "schema"), "columns")
    kinds = {text_in(one, "name"): text_in(object_in(one, "type"), "kind") for one in columns}
    return _capitals(kinds.get(destination, "string")), "STRING"


def _capitals(kind: str) -> str:
    return re.split(r"[<(]", kind, maxsplit=1)[0].upper()


def _percent(run: Run) -> float:
    value = object_in(_promotion_settings(run), "rejects").get("at_most_percent", 0.0)
    return float(value)


def _promotion_settings(run: Run) -> Item:
    activity = run.definition.by_name.get(PROMOTION)
    settings: Mapping[str, object] = {} if activity is None else activity.settings
    return dict(settings)
