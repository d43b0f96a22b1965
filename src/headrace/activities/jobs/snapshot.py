"""Operation ``snapshot`` (contract 12.8): the records of a sheet are kept as they are now."""

from headrace.activities.jobs.working import Done, Work


def operate(work: Work) -> Done:
    """Take the snapshot, once."""
    sheet_id, label = work.job.source, work.input.get("label")
    with work.chunk() as chunk:
        snapshot_id = work.take_snapshot(chunk, sheet_id, label if isinstance(label, str) else None)
    return Done(
        result={"snapshotId": snapshot_id},
        message="The snapshot was taken.",
        next={"type": "snapshot", "snapshotId": snapshot_id, "sheetId": sheet_id},
    )
