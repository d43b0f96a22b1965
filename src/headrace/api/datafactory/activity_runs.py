"""queryActivityruns (4.3 and 4.5)."""

from collections import defaultdict
from collections.abc import Mapping

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.gateway import InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.pipeline_runs import find_run
from headrace.api.datafactory.queries import PAGE, bad_token, position_of
from headrace.api.datafactory.run_queries import listed
from headrace.api.datafactory.translate.activity_run import activity_object
from headrace.api.datafactory.translate.filters import ACTIVITY_RUNS, Comparison, Operand, RunFilter, read_filter
from headrace.api.datafactory.translate.plan import activities_of
from headrace.api.datafactory.translate.statuses import ACTIVITY_WORDS, statuses_of
from headrace.api.datafactory.wire import answer
from headrace.core.errors import Code, Problem
from headrace.core.flow import Plan
from headrace.core.run import ActivityRun, Run
from headrace.store import activity_pages
from headrace.store.activity_pages import ActivityQuery, At, By, Named, Within
from headrace.store.database import Transaction
from headrace.store.keysets import Position

router = APIRouter(prefix=FACTORY)

_FIELDS: Mapping[Operand, str] = {
    Operand.ACTIVITY_RUN_START: "began",
    Operand.ACTIVITY_RUN_END: "ended",
    Operand.ACTIVITY_NAME: "name",
    Operand.STATUS: "status",
}
_OLDEST_FIRST = (By("began"),)


@router.post("/pipelineruns/{run_id}/queryactivityruns")
def query_activity_runs(run_id: str, factory: InFactory, body: DocumentBody) -> Response:
    """List a run's activity runs, those inside of containers too; of a run that is not there: none."""
    asked = read_filter(object_of(body, optional=True), ACTIVITY_RUNS)
    sorting = tuple(By(_FIELDS[one.operand], one.descending) for one in asked.order) or _OLDEST_FIRST
    order = ",".join(f"{by.field}{' desc' * by.descending}" for by in sorting)
    position = position_of(asked.token, order)
    with factory.door.database.reading() as tx:
        run = find_run(tx, factory, run_id)
        if run is None:
            return answer(listed([], None, order))
        found, behind = _page(tx, _query(run, asked, sorting), position)
    return answer(listed([activity_object(row, run, factory.path) for row in found], behind, order))


def _page(
    tx: Transaction, query: ActivityQuery, position: Position | None
) -> tuple[list[ActivityRun], Position | None]:
    try:
        return activity_pages.page(tx, query, PAGE, position)
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        raise bad_token() from problem


def _query(run: Run, asked: RunFilter, order: tuple[By, ...]) -> ActivityQuery:
    named = [Within((Named(one.texts),), one.negated) for one in asked.of(Operand.ACTIVITY_NAME)]
    typed = [Within(_of_types(run.definition, one), one.negated) for one in asked.of(Operand.ACTIVITY_TYPE)]
    return ActivityQuery(
        run_id=run.id,
        since=asked.after,
        until=asked.before,
        statuses=statuses_of(ACTIVITY_WORDS, asked.of(Operand.STATUS)),
        within=(*named, *typed),
        at=tuple(
            At(_FIELDS[one.operand], one.instants, one.negated)
            for operand in (Operand.ACTIVITY_RUN_START, Operand.ACTIVITY_RUN_END)
            for one in asked.of(operand)
        ),
        order=order,
        status_words=ACTIVITY_WORDS,
    )


def _of_types(definition: Plan, comparison: Comparison) -> tuple[Named, ...]:
    """Return which activities of the definition have one of the types: the ledger knows kinds, of which several types may be one."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for activity in activities_of(definition):
        if str(activity.settings.get("type", "")).lower() in comparison.texts:
            names[activity.kind].add(activity.name.lower())
    return tuple(Named(frozenset(found), kind) for kind, found in names.items())
