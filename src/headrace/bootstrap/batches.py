"""What batches are called."""

import hashlib

from headrace.bootstrap.application import Application
from headrace.core.ids import ulid_of
from headrace.core.task import Task
from headrace.store import runs


def batch_id(application: Application, task: Task) -> str:
    """Return the batch's id of an activity: the same for every attempt in one run, another for each run, sorted by the run's creation."""
    with application.database.reading() as tx:
        created_at = runs.get(tx, None, task.run_id).created_at
    digest = hashlib.sha256(f"{task.run_id}\x1f{task.path}".encode()).digest()
    return ulid_of(created_at // 1000, int.from_bytes(digest[:10]))
