"""Whether what a run was to read has been delivered by somebody else since: then doing the run again would deliver it twice."""

from collections.abc import Mapping

from headrace.core.clock import to_iso
from headrace.core.errors import Code, Problem
from headrace.core.query import Order
from headrace.core.run import Run, RunStatus
from headrace.service.history import GroupRows
from headrace.store import runs, watermarks
from headrace.store.database import Transaction
from headrace.store.runs import RunQuery

_OPEN = frozenset(status for status in RunStatus if not status.is_final)
_MOST = 100


def check_not_delivered_since(tx: Transaction, retried: Run, rows: GroupRows) -> None:
    """Refuse to do a run again whose flow has gone on from its watermark, or is about to, by a run of another group.

    Runs with a window of their own are as their callers want them, and pass.

    Raises:
        Problem: ``ILLEGAL_STATE``, naming the other run.
    """
    key = watermark_key(retried)
    if key is None:
        return
    group = {run.id for run, _ in rows}
    active = RunQuery(scopes=(retried.scope,), flow_id=retried.flow_id, statuses=_OPEN)
    for other in runs.page(tx, active, Order("created_at", descending=True), _MOST).items:
        if other.id not in group and watermark_key(other) == key:
            raise Problem(
                Code.ILLEGAL_STATE,
                f"run {other.id} is {other.status} and reads from the same watermark as run {retried.id}; wait for its end",
            )
    reached = watermarks.get(tx, retried.scope, retried.flow_id, key)
    start = retried.window.start if retried.window is not None else None
    if reached is not None and reached.run_id not in group and (start is None or reached.value > start):
        raise Problem(
            Code.ILLEGAL_STATE,
            f"the flow has gone on since: run {reached.run_id} delivered the rows before {to_iso(reached.value)}, and a retry "
            f"of run {retried.id} would deliver them a second time; run the flow again for what is new, or with a window",
        )


def watermark_key(run: Run) -> str | None:
    """Return the key of the watermark that the run goes on from, or None."""
    wanted = run.details.get("watermark")
    key = wanted.get("key") if isinstance(wanted, Mapping) else None
    return key if isinstance(key, str) else None
