"""Pipeline runs (4.2): one of them."""

import re

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.errors import Fault, Refusal
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.translate.run import run_object
from headrace.api.datafactory.wire import answer
from headrace.core.errors import Code, Problem
from headrace.core.run import Run
from headrace.store import runs
from headrace.store.database import Transaction
from headrace.store.run_history import is_latest, variables_of

router = APIRouter(prefix=FACTORY)

RETURNED = "pipelinereturnvalue"
"""The variable that holds what a pipeline returns, as the ledger has its name."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@router.get("/pipelineruns/{run_id}")
def get_run(run_id: str, factory: InFactory) -> Response:
    """Show a run."""
    with factory.door.database.reading() as tx:
        run = find_run(tx, factory, run_id)
        if run is None:
            raise unknown_run(run_id, Fault.RUN_NOT_FOUND)
        returned = variables_of(tx, [run.id], RETURNED).get(run.id)
        return answer(run_object(run, factory.path, is_latest=is_latest(tx, run), returned=returned))


def find_run(tx: Transaction, factory: Factory, run_id: str) -> Run | None:
    """Return the run of this factory with this id, or None.

    One of another factory counts as unknown; so does one that is older than the factory: it belonged to a factory of the same name that was deleted.
    """
    if not _UUID.fullmatch(run_id):
        return None
    try:
        run = runs.get(tx, factory.scope, run_id.lower())
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return None
    return run if run.created_at >= factory.document.created_at else None


def unknown_run(run_id: str, fault: Fault) -> Refusal:
    """Return the refusal of a run that is not there; its status depends on what was asked."""
    return Refusal(fault, f"Referenced pipeline run id {run_id} does not exist.", "pipelinerun")
