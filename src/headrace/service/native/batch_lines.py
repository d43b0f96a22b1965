"""Batches as lists show them."""

from headrace.core.native.runs import BatchLine, Reason
from headrace.core.run import Batch
from headrace.service.quarantine import outstanding


def batch_line(batch: Batch) -> BatchLine:
    """Return what lists show of a batch."""
    failure = batch.failure
    return BatchLine(
        id=batch.id,
        run_id=batch.run_id,
        activity=batch.path,
        table=batch.table,
        status=batch.status,
        created_at=batch.created_at,
        version=batch.version,
        figures=batch.figures,
        rejects=batch.rejects,
        warnings=batch.warnings,
        rejects_left=outstanding(batch),
        replay_of=batch.replay_of,
        reverted_at=batch.reverted_at,
        reason=None
        if failure is None
        else Reason(
            code=failure.code, blame=failure.blame, message=failure.message, label=failure.label, fields=failure.fields
        ),
    )
