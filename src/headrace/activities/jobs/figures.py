"""What an operation has moved, for the ledger of runs: ``headrace runs`` shows jobs beside all other runs."""

from collections.abc import Mapping

from headrace.core.codec import Json
from headrace.core.job import Job, JobStatus
from headrace.core.outcome import Figures

BEGUN = "begun"
"""Under this key the position of an attempt that goes on where an earlier one has ended says how many records that one has moved."""
BEGUN_ACCEPTED = "begun_accepted"
"""The same of those that it has changed, where that is another number."""
_READ = ("seen", "read", "records")
_ACCEPTED = ("updated", "changed", "written", "records")
"""The names that operations count under, in their positions and results."""


def figures_of(job: Job) -> Figures:
    """Return what the newest attempt at a job has moved: records looked at, written (changed, removed), and left as they were; files written.

    It is told from what is kept with each chunk, so another worker that goes on says the same.
    """
    result = (job.result or {}) if job.status is JobStatus.COMPLETE else {}
    counted = {**result, **job.position}
    begun = _first(counted, (BEGUN,)) or 0
    begun_accepted = _first(counted, (BEGUN_ACCEPTED, BEGUN)) or 0
    read, accepted = _first(counted, _READ), _first(counted, _ACCEPTED)
    if read is None or accepted is None:
        return Figures()
    files = result.get("fileIds")
    return Figures(
        rows_read=read - begun,
        rows_accepted=accepted - begun_accepted,
        rows_rejected=0,
        rows_skipped=(read - begun) - (accepted - begun_accepted),
        files_written=len(files) if isinstance(files, list | tuple) else None,
    )


def _first(counted: Mapping[str, Json], names: tuple[str, ...]) -> int | None:
    return next((value for name in names if isinstance(value := counted.get(name), int)), None)
