"""queryPipelineRuns (4.5)."""

from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.pipeline_runs import RETURNED
from headrace.api.datafactory.queries import PAGE, bad_token, position_of, token_of
from headrace.api.datafactory.translate.filters import (
    PIPELINE_RUNS,
    Comparison,
    Operand,
    RunFilter,
    read_filter,
)
from headrace.api.datafactory.translate.flow import flow_id_of
from headrace.api.datafactory.translate.run import run_object
from headrace.api.datafactory.translate.statuses import RUN_WORDS, statuses_of
from headrace.api.datafactory.wire import Item, answer
from headrace.core.errors import Code, Problem
from headrace.store import run_history
from headrace.store.database import Transaction
from headrace.store.keysets import Position
from headrace.store.run_history import Among, By, HistoryQuery, PastRun

router = APIRouter(prefix=FACTORY)

_FIELDS: Mapping[Operand, str] = {
    Operand.RUN_START: "created_at",
    Operand.RUN_END: "ended_at",
    Operand.PIPELINE_NAME: "flow_name",
    Operand.STATUS: "status",
    Operand.RUN_GROUP_ID: "group_id",
}
_NEWEST_FIRST = (By("created_at", descending=True),)


@router.post("/querypipelineruns")
def query_pipeline_runs(factory: InFactory, body: DocumentBody) -> Response:
    """List the runs of the factory that changed within a span of time."""
    asked = read_filter(object_of(body, optional=True), PIPELINE_RUNS)
    query = _query(factory, asked)
    order = ",".join(f"{by.field}{' desc' * by.descending}" for by in query.order)
    with factory.door.database.reading() as tx:
        found, behind = _page(tx, query, position_of(asked.token, order))
        returned = run_history.variables_of(tx, [one.run.id for one in found], RETURNED)
    items = [
        run_object(one.run, factory.path, is_latest=one.is_latest, returned=returned.get(one.run.id)) for one in found
    ]
    return answer(listed(items, behind, order))


def listed(items: list[Item], behind: Position | None, order: str) -> Item:
    """Return a page; there is a token if another one follows."""
    body: Item = {"value": items}
    if behind is not None:
        body["continuationToken"] = token_of(behind, order)
    return body


def _page(tx: Transaction, query: HistoryQuery, position: Position | None) -> tuple[list[PastRun], Position | None]:
    try:
        return run_history.page(tx, query, PAGE, position)
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        raise bad_token() from problem


def _query(factory: Factory, asked: RunFilter) -> HistoryQuery:
    return HistoryQuery(
        scope=factory.scope,
        since=asked.after,
        until=asked.before,
        made_since=factory.document.created_at,
        statuses=statuses_of(RUN_WORDS, asked.of(Operand.STATUS)),
        among=tuple(
            _among(factory, one)
            for one in asked.comparisons
            if one.operand not in {Operand.STATUS, Operand.LATEST_ONLY}
        ),
        latest=any(("true" in one.texts) is not one.negated for one in asked.of(Operand.LATEST_ONLY)),
        order=tuple(By(_FIELDS[one.operand], one.descending) for one in asked.order) or _NEWEST_FIRST,
        status_words=RUN_WORDS,
    )


def _among(factory: Factory, comparison: Comparison) -> Among:
    if comparison.operand is Operand.PIPELINE_NAME:
        # A pipeline's name in any case, and its flow's id, are the same fact; the id has the index.
        ids = frozenset(flow_id_of(factory.scope, name) for name in comparison.texts)
        return Among("flow_id", ids, comparison.negated)
    values = comparison.texts or comparison.instants
    return Among(_FIELDS[comparison.operand], values, comparison.negated)
