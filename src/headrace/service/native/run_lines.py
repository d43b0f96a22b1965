"""Runs as lists show them."""

from collections.abc import Iterable

from headrace.core.client import Identity, Role
from headrace.core.native.runs import RunLine
from headrace.core.run import Run, RunKind
from headrace.service.native.advice import reason_of
from headrace.service.native.masking import IN_LISTS, LONGEST, shortened, shown_object
from headrace.service.runs import job_of
from headrace.store import batches
from headrace.store.database import Transaction


def run_lines(tx: Transaction, caller: Identity, found: Iterable[Run], most: int = IN_LISTS) -> tuple[RunLine, ...]:
    """Return what ``caller`` is shown of runs; long parameters are cut to ``most`` characters in all."""
    several = tuple(found)
    left = batches.left_of_runs(tx, [run.id for run in several if run.figures.rows_rejected])
    return tuple(_line(run, caller, left.get(run.id, run.figures.rows_rejected or 0), most) for run in several)


def run_line(tx: Transaction, caller: Identity, run: Run) -> RunLine:
    """Return what ``caller`` is shown of a run."""
    return run_lines(tx, caller, (run,), LONGEST)[0]


def _line(run: Run, caller: Identity, left: int, most: int) -> RunLine:
    return RunLine(
        id=run.id,
        scope=run.scope,
        flow=run.flow_name,
        flow_id=run.flow_id,
        status=run.status,
        kind=run.kind,
        group_id=run.group_id,
        attempt=run.attempt,
        created_at=run.created_at,
        updated_at=run.updated_at or run.created_at,
        created_by=run.created_by,
        retry_of=run.retry_of,
        caller=None if run.caller is None else run.caller.run_id,
        job=job_of(run),
        due_at=run.due_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        reason=reason_of(run.reason),
        window=run.window,
        parameters=shortened(shown_object(run.parameters), most),
        figures=run.figures,
        rejects_left=left,
        verbs=_verbs(run, caller),
    )


def _verbs(run: Run, caller: Identity) -> tuple[str, ...]:
    if not caller.role.includes(Role.OPERATOR):
        return ()
    if not run.status.is_final:
        return ("cancel",)
    return () if run.kind is RunKind.REPLAY else ("retry",)
