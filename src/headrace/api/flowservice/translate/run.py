"""A run, out: the ledger's rows become the run object of 5.3 to 5.6."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_never

from headrace.api.flowservice.etags import etag_of
from headrace.api.flowservice.translate.batch import Place, is_diagnosed, is_mapped, outstanding, reject_errors
from headrace.api.flowservice.translate.codes import (
    MESSAGES,
    PROMOTION_FAILED,
    cause_code,
    count_by_code,
    run_code,
)
from headrace.api.flowservice.translate.plan import COPY, PROMOTION
from headrace.api.flowservice.wire import Item, list_in, milliseconds, object_in, text_in
from headrace.core.clock import Instant
from headrace.core.codec import decode
from headrace.core.landing import Landing
from headrace.core.outcome import Failure, Figures
from headrace.core.run import ActivityRun, ActivityStatus, Batch, Run, RunKind, RunStatus
from headrace.core.window import Window

STATES: Mapping[RunStatus, str] = {
    RunStatus.QUEUED: "pending",
    RunStatus.RUNNING: "inProgress",
    RunStatus.WAITING: "inProgress",
    RunStatus.CANCELLING: "inProgress",
    RunStatus.SUCCEEDED: "success",
    RunStatus.FAILED: "failed",
    RunStatus.CANCELLED: "cancelled",
}
"""The status of a run under the dialect's name (5.2)."""

_MOST_FIELDS = 20
"""Of so many fields, what was wrong is told in the message of a failure."""
_STARTED = frozenset(ActivityStatus) - {
    ActivityStatus.PENDING,
    ActivityStatus.QUEUED,
    ActivityStatus.SKIPPED,
    ActivityStatus.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a service has said of a run (``PUT /runs``): ``fields`` are shown in the place of the ledger's own."""

    fields: Item
    revision: int
    at: Instant
    user: str
    client: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """All that a run object is made of.

    ``activities``: the newest attempt of each path. ``children``: ids of the runs that were made to repair this one, oldest first. ``flow`` is the
    flow's definition as the door keeps it (an empty object when it is gone).
    """

    run: Run
    activities: tuple[ActivityRun, ...]
    batches: tuple[Batch, ...]
    children: tuple[str, ...]
    flow: Item
    told: Told | None = None

    @property
    def etag(self) -> str:
        """Return the run's etag."""
        return run_etag(self.run, len(self.children), self.told)


def run_etag(run: Run, children: int, told: Told | None = None) -> str:
    """Return a run's etag; a new child gives a new one, and so does what a service says."""
    subject = f"{run.id}/{children}" + (f"/{told.revision}" if told is not None else "")
    return etag_of(subject, run.revision, _updated_at(run, told))


def _updated_at(run: Run, told: Told | None) -> Instant:
    moments = (run.created_at, run.updated_at, None if told is None else told.at)
    return max(moment for moment in moments if moment is not None)


def run_object(record: RunRecord, place: Place) -> Item:
    """Return the run object; optional fields are left out, not null."""
    run = record.run
    etag = record.etag
    told = record.told
    user, client = text_in(run.details, "user"), text_in(run.details, "client")
    item: Item = {
        "id": run.id,
        "createdAt": milliseconds(run.created_at),
        "updatedAt": milliseconds(_updated_at(run, told)),
        "createdBy": user,
        "updatedBy": user if told is None else told.user,
        "createdClient": client,
        "updatedClient": client if told is None else told.client,
        "sandboxId": place.sandbox_id,
        "sandboxName": place.sandbox,
        "imsOrgId": place.org,
        "flowId": run.flow_id,
        "flowSpec": object_in(record.flow, "flowSpec"),
        "providerRefId": f"M-{run.flow_id}-incremental-0:{uuid.uuid5(uuid.NAMESPACE_OID, run.id)}",
        "etag": etag,
        "eTag": etag,
    }
    if run.retry_of is not None:
        item["parentFlowRunId"] = run.retry_of
    if record.children:
        item["childFlowRunIds"] = list(record.children)
    if object_in(run.details, "params"):
        item["params"] = object_in(run.details, "params")
    activities = [_copy(record), _promotion(record, place)]
    item["metrics"] = _metrics(record)
    item["activities"] = [activity for activity in activities if activity is not None]
    return item if told is None else {**item, **told.fields}


def _metrics(record: RunRecord) -> Item:
    run, copy, promotion = record.run, _activity(record, COPY), _activity(record, PROMOTION)
    shown = promotion if promotion is not None and _is_shown(record, promotion) else None
    read, promoted = _figures(copy), _figures(shown)
    failed_early = run.status is RunStatus.FAILED and read.bytes_read is None and shown is None
    sizes: Item = {"inputBytes": -1} if failed_early else {
        "inputBytes": _replayed(run, read, promoted).bytes_read or 0,
        "outputBytes": promoted.bytes_written or 0,
    }  # fmt: skip
    files: Item = {"inputFileCount": -1}
    if not failed_early:
        files = {
            "inputFileCount": _replayed(run, read, promoted).files_read or 0,
            "outputFileCount": promoted.files_written or 0,
        }
        listed = _listed(record)
        if listed:
            files["activityRefs"] = [listed[-1]]
    return {
        "durationSummary": _duration(run.started_at, run.ended_at),
        "sizeSummary": sizes,
        "recordSummary": {} if _is_uncounted(record, promoted) else _run_records(record, promoted),
        "fileSummary": files,
        "statusSummary": _run_status(record),
    }


def _is_uncounted(record: RunRecord, promoted: Figures) -> bool:
    """Say whether the run failed before its rows were counted: it has no counts then, which is not the same as none."""
    return record.run.status is RunStatus.FAILED and promoted.rows_read is None


def _replayed(run: Run, read: Figures, promoted: Figures) -> Figures:
    """Return where the input figures come from: the copy, or the promotion of a replay, which has no copy."""
    return promoted if run.kind is RunKind.REPLAY else read


def _run_records(record: RunRecord, promoted: Figures) -> Item:
    summary = _records(record, promoted)
    summary = {
        "inputRecordCount": summary["inputRecordCount"],
        "createdRecordCount": summary["outputRecordCount"],
        **summary,
    }
    batch = _batch(record)
    if batch is not None and is_diagnosed(batch, record.run):
        mapped = is_mapped(record.run)
        rows = batch.figures.rows_rejected or 0
        rejected = count_by_code(batch.rejects, rows, mapped=mapped, sets=batch.code_sets)
        warned = count_by_code(batch.warnings, batch.figures.rows_warned or 0, mapped=mapped)
        for name, kind, counts in (("failedInfo", "Error", rejected), ("warningInfo", "Warning", warned)):
            if counts:
                summary[name] = [{"code": c.code, "message": c.message, "count": c.count, "type": kind} for c in counts]
    return summary


def _records(record: RunRecord, promoted: Figures) -> Item:
    """Return the counts of a promotion: input = output + failed + skipped (5.4)."""
    batch = _batch(record)
    resolved = 0 if batch is None else batch.resolved
    accepted = promoted.rows_accepted or 0
    rejected = promoted.rows_rejected or 0
    skipped = promoted.rows_skipped or 0
    if record.run.status is RunStatus.FAILED or (batch is not None and batch.version is None):
        # What was good and is not committed was skipped.
        accepted, skipped = 0, skipped + accepted
    counts: Item = {
        "inputRecordCount": max(promoted.rows_read or 0, accepted + rejected + skipped) - resolved,
        "outputRecordCount": accepted,
        "failedRecordCount": rejected - resolved,
    }
    if skipped:
        counts["skippedRecordCount"] = skipped
    if promoted.rows_warned and accepted:
        counts["warningRecordCount"] = promoted.rows_warned
    return counts


def _run_status(record: RunRecord) -> Item:
    status: Item = {"status": STATES[record.run.status]}
    error = _run_error(record)
    if error is not None:
        status["errors"] = [error[0]]
        status["activityRefs"] = [error[1]]
        return status
    listed = _listed(record)
    if listed:
        status["activityRefs"] = [listed[-1]]
    return status


def _listed(record: RunRecord) -> list[str]:
    """Return the ids of the activities that the run object has."""
    return [path for path in (COPY, PROMOTION) if (found := _activity(record, path)) and _is_shown(record, found)]


def _run_error(record: RunRecord) -> tuple[Item, str] | None:
    """Return the one CONNECTOR error of a run and the activity that raised it; None on a clean success."""
    for path in (COPY, PROMOTION):
        activity = _activity(record, path)
        error = None if activity is None else _connector_error(record, activity)
        if error is not None:
            return error, path
    run = record.run
    if run.status is RunStatus.FAILED:
        code = run_code(run.reason.code, copying=True) if run.reason else PROMOTION_FAILED
        return {"code": code, "message": _message(code, run.reason)}, COPY
    return None


def _connector_error(record: RunRecord, activity: ActivityRun) -> Item | None:
    if activity.failure is not None and activity.status in {ActivityStatus.FAILED, ActivityStatus.TIMED_OUT}:
        code = run_code(activity.failure.code, copying=activity.path == COPY)
        return {"code": code, "message": _message(code, activity.failure)}
    if activity.path == PROMOTION and _outstanding(record) and _is_shown(record, activity):
        return {"code": PROMOTION_FAILED, "message": MESSAGES[PROMOTION_FAILED]}
    return None


def _message(code: str, failure: Failure | None) -> str:
    return f"{MESSAGES[code].rstrip('.')}: {_said(failure)}" if failure is not None else MESSAGES[code]


def _said(failure: Failure) -> str:
    """Return what was wrong, with every place that it was wrong in (the first of many)."""
    wrong = [str(one) for one in failure.fields[:_MOST_FIELDS]]
    if len(failure.fields) > _MOST_FIELDS:
        wrong.append("…")
    return f"{failure.message} {'; '.join(wrong)}" if wrong else failure.message


def _copy(record: RunRecord) -> Item | None:
    activity = _activity(record, COPY)
    if activity is None or not _is_shown(record, activity):
        return None
    run, figures = record.run, activity.figures
    window = _read_window(activity) or run.window
    status = _activity_status(record, activity)
    status["extensions"] = {"type": _type(run), **status.get("extensions", {})}
    if activity.carried_from is not None:
        status["extensions"] |= {"type": "retry", "reusedFromFlowRunId": activity.carried_from}
    source = text_in(record.flow, "sourceConnectionId") or next(iter(list_in(record.flow, "sourceConnectionIds")), "")
    item: Item = {
        "id": COPY,
        "name": f"Copy from {text_in(record.flow, 'sourceSpecName', 'source')}",
        "updatedAtUTC": milliseconds(activity.updated_at or activity.ended_at or activity.started_at),
        "durationSummary": {**_duration(activity.started_at, activity.ended_at), **_window(window)},
        "sizeSummary": {"inputBytes": _known(figures.bytes_read), "outputBytes": _known(figures.bytes_written)},
        "recordSummary": {},
        "fileSummary": {"inputFileCount": _known(figures.files_read), "outputFileCount": _known(figures.files_written)},
        "statusSummary": status,
        "sourceInfo": [
            {
                "id": source,
                "type": "SourceConnection",
                "reference": {"type": "AdfRunId", "ids": [str(uuid.uuid5(uuid.NAMESPACE_OID, f"{run.id}/{COPY}"))]},
            }
        ],
    }
    if figures.rows_read is not None:
        written = figures.rows_accepted if figures.rows_accepted is not None else figures.rows_read
        item["recordSummary"] = {"inputRecordCount": figures.rows_read, "outputRecordCount": written}
    if figures.bytes_read is None:
        item["sizeSummary"] = {"inputBytes": -1}
        item["fileSummary"] = {"inputFileCount": -1}
    return item


def _promotion(record: RunRecord, place: Place) -> Item | None:
    activity = _activity(record, PROMOTION)
    if activity is None or not _is_shown(record, activity):
        return None
    figures, batch = activity.figures, _batch(record)
    # A promotion reads what its copy laid down.
    landed = _figures(_activity(record, COPY))
    status = _activity_status(record, activity)
    files: Item = {
        "inputFileCount": figures.files_read or landed.files_written or 0,
        "outputFileCount": figures.files_written or 0,
    }
    item: Item = {
        "id": PROMOTION,
        "name": "Promote to data lake",
        "updatedAtUTC": milliseconds(activity.updated_at or activity.ended_at or activity.started_at),
        "durationSummary": _duration(activity.started_at, activity.ended_at),
        "sizeSummary": {
            "inputBytes": figures.bytes_read or landed.bytes_written or 0,
            "outputBytes": figures.bytes_written or 0,
        },
        "recordSummary": {} if _is_uncounted(record, figures) else _records(record, figures),
        "fileSummary": files,
        "statusSummary": status,
    }
    if batch is not None:
        meta = f"{place.base_url}/data/foundation/export/batches/{batch.id}/meta?path="
        files["extensions"] = {"manifest": {"fileInfo": meta + "input_files"}}
        extensions = status.setdefault("extensions", {})
        if is_diagnosed(batch, record.run) and batch.figures.rows_rejected:
            extensions["manifest"] = {
                "failedRecords": meta + "row_errors",
                "sampleErrors": meta + "row_error_samples.json",
            }
        extensions["batchId"] = batch.id
        extensions["acp_request_id"] = text_in(record.run.details, "requestId", record.run.id)
        target = next(iter(list_in(record.flow, "targetConnectionIds")), "")
        item["targetInfo"] = [
            {"id": target, "type": "TargetConnection", "reference": {"type": "Batch", "ids": [batch.id]}}
        ]
    return item


def _activity_status(record: RunRecord, activity: ActivityRun) -> Item:
    status: Item = {"status": _activity_state(activity.status)}
    error = _connector_error(record, activity)
    if error is None:
        return status
    status["errors"] = [error]
    causes = _causes(record, activity)
    if causes:
        status["extensions"] = {"errors": causes}
    return status


def _causes(record: RunRecord, activity: ActivityRun) -> list[Item]:
    batch = _batch(record)
    if activity.path == PROMOTION and batch is not None and batch.figures.rows_rejected:
        return reject_errors(batch, record.run)
    if activity.failure is None:
        return []
    cause = cause_code(activity.failure.code, copying=activity.path == COPY)
    return [] if cause is None else [{"code": cause, "message": _said(activity.failure)}]


def _activity_state(status: ActivityStatus) -> str:
    match status:
        case ActivityStatus.SUCCEEDED | ActivityStatus.CARRIED | ActivityStatus.INACTIVE:
            return "success"
        case ActivityStatus.FAILED | ActivityStatus.TIMED_OUT:
            return "failed"
        case ActivityStatus.CANCELLED | ActivityStatus.SKIPPED:
            return "cancelled"
        case ActivityStatus.PENDING | ActivityStatus.QUEUED:
            return "pending"
        case ActivityStatus.RUNNING | ActivityStatus.WAITING:
            return "inProgress"
        case _:
            assert_never(status)


def _type(run: Run) -> str:
    match run.kind:
        case RunKind.ON_DEMAND | RunKind.REPLAY:
            return "on-demand"
        case RunKind.RETRY:
            return "retry"
        case RunKind.SCHEDULED:
            return text_in(run.details, "type", "one-time")
        case _:
            assert_never(run.kind)


def _is_shown(record: RunRecord, activity: ActivityRun) -> bool:
    """Say whether an activity is listed: from the moment it starts; a promotion of nothing is not (5.4)."""
    if activity.status not in _STARTED or (activity.status is ActivityStatus.CANCELLED and not activity.started_at):
        return False
    nothing = activity.status is ActivityStatus.SUCCEEDED and not activity.figures.rows_read
    return not (activity.path == PROMOTION and nothing and _batch(record) is None)


def _activity(record: RunRecord, path: str) -> ActivityRun | None:
    return next((activity for activity in record.activities if activity.path == path), None)


def _batch(record: RunRecord) -> Batch | None:
    found = [batch for batch in record.batches if batch.path == PROMOTION]
    return found[-1] if found else None


def _outstanding(record: RunRecord) -> int:
    batch = _batch(record)
    return 0 if batch is None else outstanding(batch)


def _figures(activity: ActivityRun | None) -> Figures:
    return Figures() if activity is None else activity.figures


def _known(value: int | None) -> int:
    return 0 if value is None else value


def _duration(started: Instant | None, ended: Instant | None) -> Item:
    summary: Item = {}
    if started is not None:
        summary["startedAtUTC"] = milliseconds(started)
    if ended is not None:
        summary["completedAtUTC"] = milliseconds(ended)
    return summary


def _window(window: Window | None) -> dict[str, Any]:
    if window is None:
        return {}
    bounds = {"windowStart": milliseconds(window.start)}
    if window.end is not None:
        bounds["windowEnd"] = milliseconds(window.end)
    return {"extensions": bounds}


def _read_window(activity: ActivityRun) -> Window | None:
    landing = activity.output.get("landing")
    if not isinstance(landing, Mapping):
        return None
    return decode(Landing, landing, what="the landing of a run").window
