"""What a look at a queue would find, told before it is made: DBOS's own look costs milliseconds, this one microseconds.

Only for SQLite, where it is read from the file by a connection of its own, past everything that a transaction of ours brings with it.
"""

import sqlite3

from headrace.store.database import BUSY_SECONDS, Database, file_of

# The second condition is in the words of the indexes: SQLite does not see that the first one implies it.
_QUEUED = "queue_name = :queue AND status = 'ENQUEUED' AND status IN ('ENQUEUED', 'PENDING')"
_GOES_ON = "queue_name = :queue AND status = 'PENDING' AND status IN ('ENQUEUED', 'PENDING')"
_ANY = f"SELECT 1 FROM workflow_status WHERE {_QUEUED} LIMIT 1"
# From one partition to the next in the index, since thousands may be queued in one of them.
_ANY_BELOW_BOUND = f"""
    WITH RECURSIVE partition(its_key) AS (
        SELECT min(queue_partition_key) FROM workflow_status WHERE {_QUEUED} AND queue_partition_key IS NOT NULL
        UNION ALL
        SELECT (SELECT min(queue_partition_key) FROM workflow_status WHERE {_QUEUED} AND queue_partition_key > its_key)
        FROM partition WHERE its_key IS NOT NULL
    )
    SELECT 1 FROM partition WHERE its_key IS NOT NULL AND :bound >
        (SELECT count(*) FROM workflow_status WHERE {_GOES_ON} AND queue_partition_key = its_key) LIMIT 1
"""


class QueueLooks:
    """Looks at the queues of the SQLite ledger in ``file``; for one thread."""

    def __init__(self, file: str) -> None:
        self._connection = sqlite3.connect(file, timeout=BUSY_SECONDS, check_same_thread=False)

    def version(self) -> int:
        """Return a number that is another one after every commit of anybody."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def finds(self, queue: str, bound: int | None) -> bool:
        """Say whether something in ``queue`` may be started; with ``bound``: in a partition of it where fewer than that go on."""
        values = {"queue": queue, "bound": bound}
        statement = _ANY if bound is None else _ANY_BELOW_BOUND
        return self._connection.execute(statement, values).fetchone() is not None


def queue_looks(database: Database) -> QueueLooks | None:
    """Return what looks at the queues of ``database``, for the calling thread; None: it is no SQLite ledger."""
    file = file_of(database)
    return None if file is None else QueueLooks(str(file))
