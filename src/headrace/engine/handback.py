"""Handing runs back: what a worker had in hand goes into its queue again, and whoever is alive takes it from there."""

from collections.abc import Collection, Iterable

import structlog
from dbos import DBOSClient, WorkflowStatus

from headrace.core.crashpoints import crash_point
from headrace.core.queueing import RUNS_QUEUE, WAITING_QUEUE
from headrace.engine.hands import Hands
from headrace.store import queue, workers
from headrace.store.database import Database

_log = structlog.get_logger(__name__)

_IN_HAND = "PENDING"
_QUEUED = "ENQUEUED"
_AT_ONCE = 500


class HandBack:
    """Moves runs back to queues, each only if the worker that it is taken from still has it: others may be handing back the same ones."""

    def __init__(self, database: Database, hands: Hands) -> None:
        self._database = database
        self._hands = hands
        self._client = DBOSClient(
            system_database_engine=database.engine,
            serializer=queue.serializer(),
            application_name=queue.APPLICATION,
            lazy=True,
        )

    def all_of(self, worker_id: str) -> int:
        """Hand back what the worker ``worker_id`` had, and return how many runs that were."""
        return self._resume(self._in_hand([worker_id]))

    def all_of_the_dead(self) -> int:
        """Hand back what workers had that are not alive, whoever declared them dead and whenever; return how many runs that were."""
        held = self._in_hand(None)
        # The living are looked up after what is in hand, so that a worker that has just registered is among them.
        with self._database.reading() as tx:
            living = {worker.id for worker in workers.living(tx)}
        return self._resume([status for status in held if status.executor_id not in living])

    def hurry(self, run_ids: Collection[str]) -> None:
        """Let runs that are to be cancelled, and are in nobody's hand, be taken by somebody at once, whatever they stand behind."""
        queued = self._client.list_workflows(
            workflow_ids=list(run_ids), status=_QUEUED, load_input=False, load_output=False
        )
        waiting = [status.workflow_id for status in queued if status.queue_name != WAITING_QUEUE]
        if waiting:
            with self._database.transaction() as tx:
                queue.hand_over(tx, waiting, WAITING_QUEUE, holder=None)

    def forget(self, run_ids: Collection[str]) -> None:
        """Remove what DBOS keeps of runs that have ended."""
        self._client.delete_workflows(list(run_ids))

    def _in_hand(self, worker_ids: list[str] | None) -> list[WorkflowStatus]:
        return self._client.list_workflows(status=_IN_HAND, executor_id=worker_ids, load_input=False, load_output=False)

    def _resume(self, held: Iterable[WorkflowStatus]) -> int:
        together: dict[tuple[str, str], list[str]] = {}
        for status in held:
            key = (status.queue_name or RUNS_QUEUE, str(status.executor_id))
            together.setdefault(key, []).append(status.workflow_id)
        count = 0
        for (name, holder), run_ids in together.items():
            for start in range(0, len(run_ids), _AT_ONCE):
                some = run_ids[start : start + _AT_ONCE]
                self._hands.moved(some)
                with self._database.transaction() as tx:
                    count += len(queue.hand_over(tx, some, name, holder=holder))
                crash_point("runs-handed-back")
        if count:
            _log.info("runs were handed back", runs=count)
        return count
