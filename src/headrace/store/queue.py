"""The queue: runs are put into it in the transaction that says so in the ledger.

This is the one place beside the engine that knows DBOS. Its tables stand beside ours: on PostgreSQL in the schema ``dbos`` of the same
database, on SQLite in the same file.
"""

import json
import logging
from collections.abc import Collection
from functools import cache
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, Serializer
from dbos import error as dbos_error

from headrace.core.clock import SECOND
from headrace.core.queueing import RUN_WORKFLOW, queue_of
from headrace.core.run import Run
from headrace.store import flows
from headrace.store.database import Database, Transaction

APPLICATION = "headrace"
"""The name that workers and everybody else go by in DBOS; rows of another name are not theirs."""

_STAMP = sa.text(
    "UPDATE workflow_status SET created_at = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"
    " WHERE workflow_uuid = :run_id"
)
_HAND_OVER = """UPDATE {}workflow_status SET status = 'ENQUEUED', queue_name = :queue, owner_xid = NULL, recovery_attempts = 0,
    workflow_deadline_epoch_ms = NULL, deduplication_id = NULL, started_at_epoch_ms = NULL, completed_at = NULL
    WHERE workflow_uuid IN :run_ids AND """
_LEAST_PRIORITY, _GREATEST_PRIORITY = 1, 2**31 - 1


class JsonSerializer(Serializer):
    """What DBOS keeps of arguments, messages and results: JSON and nothing else. Its default is pickle, which runs what it reads."""

    def serialize(self, data: Any) -> str:
        """Return ``data`` as JSON; an exception (a workflow's end) as its type and text."""
        if isinstance(data, BaseException):
            data = {"__error__": [type(data).__name__, str(data)]}
        return json.dumps(data, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: N805 — the name in the class that it overrides
        """Return what ``serialize`` was given; an exception comes back as one that says the same."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and data.keys() == {"__error__"}:
            name, text = data["__error__"]
            return RuntimeError(f"{name}: {text}")
        return data

    def name(self) -> str:
        """Return the name that DBOS keeps beside what was serialized."""
        return "headrace_json"


def serializer() -> JsonSerializer:
    """Return the serializer that everybody who reads or writes DBOS's rows uses."""
    return JsonSerializer()


def enqueue(tx: Transaction, run: Run, *, app_version: str | None = None) -> None:
    """Put ``run`` into its flow's queue; it is there when ``tx`` is committed, and never else.

    The workflow's id is the run's. A run with ``due_at`` waits until then. ``app_version`` None: any worker may take it.
    """
    concurrency = flows.concurrency(tx, run.scope, run.flow_id)
    options: dict[str, Any] = {
        "workflow_name": RUN_WORKFLOW,
        "queue_name": queue_of(concurrency),
        "workflow_id": run.id,
        "priority": min(max(run.priority, _LEAST_PRIORITY), _GREATEST_PRIORITY),
    }
    if app_version is not None:
        options["app_version"] = app_version
    if concurrency is not None:
        options["queue_partition_key"] = run.flow_id
    if run.due_at is not None and run.due_at > run.created_at:
        options["delay_seconds"] = (run.due_at - run.created_at) / SECOND
    _client(tx).enqueue_in_transaction(tx.connection, options, run.id)  # type: ignore[arg-type]  # a TypedDict, put together
    if tx.dialect == "sqlite":
        # With Python 3.11, DBOS stamps rows of SQLite to the second, and a queue is in the order of these stamps.
        tx.execute(_STAMP, {"run_id": run.id})


def hand_over(tx: Transaction, run_ids: Collection[str], to: str, *, holder: str | None) -> list[str]:
    """Put runs that the worker ``holder`` has in hand into the queue ``to`` (``holder`` None: runs that stand in a queue, in nobody's hand).

    Returns the ids of those that were moved: what somebody else has by now is left to that one. DBOS's own ``resume`` would take it away, and two
    workers that both live would go on with the same run.
    """
    values = {"run_ids": list(run_ids), "queue": to} | ({} if holder is None else {"holder": holder})
    return [str(row["workflow_uuid"]) for row in tx.rows(_hand_over(tx.dialect, held=holder is not None), values)]


def name_of(tx: Transaction, run_id: str) -> str | None:
    """Return the queue that the run stands in, or was taken from last; None: there is no such run."""
    name: str | None = tx.scalar(_name_of(tx.dialect), {"run_id": run_id})
    return name


def prepare(database: Database) -> None:
    """Make or upgrade DBOS's own tables; safe when several processes do it at once."""
    logging.getLogger("dbos").setLevel(logging.ERROR)
    DBOS.migrate(database.url)


def missing(database: Database) -> list[str]:
    """Return what DBOS's tables lack; empty: nothing."""
    client = _client_of(database.engine)
    try:
        # DBOS offers this check at the launch of a worker only.
        client._sys_db.verify_migrations()  # noqa: SLF001 — the public way makes a worker
    except dbos_error.DBOSException:
        return ["the tables of the queue (DBOS) are missing or old"]
    return []


@cache
def _name_of(dialect: str) -> sa.TextClause:
    schema = "" if dialect == "sqlite" else "dbos."
    return sa.text(f"SELECT queue_name FROM {schema}workflow_status WHERE workflow_uuid = :run_id")


@cache
def _hand_over(dialect: str, *, held: bool) -> sa.TextClause:
    schema = "" if dialect == "sqlite" else "dbos."
    which = "status = 'PENDING' AND executor_id = :holder" if held else "status = 'ENQUEUED'"
    statement = sa.text(f"{_HAND_OVER.format(schema)}{which} RETURNING workflow_uuid")
    return statement.bindparams(sa.bindparam("run_ids", expanding=True))


def _client(tx: Transaction) -> DBOSClient:
    return _client_of(tx.connection.engine)


def _client_of(engine: Any) -> DBOSClient:
    """Return the client of an engine; it opens no connection of its own. It lives as long as the engine does."""
    client = getattr(engine, "_headrace_client", None)
    if not isinstance(client, DBOSClient):
        client = DBOSClient(
            system_database_engine=engine, serializer=serializer(), application_name=APPLICATION, lazy=True
        )
        engine._headrace_client = client  # noqa: SLF001 — kept where its lifetime is: beside the pool
    return client
