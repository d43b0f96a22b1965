"""Batches as lists show them."""

from headrace.core.native.runs import BatchLine
from headrace.core.run import Batch
from headrace.service.native.advice import reason_of
from headrace.service.quarantine import outstanding


def batch_line(batch: Batch) -> BatchLine:
    """Return what lists show of a batch."""
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
        reason=reason_of(batch.failure),
    )
