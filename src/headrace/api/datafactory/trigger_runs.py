"""Trigger runs (4.4): queries, and windows that are asked for again or cancelled."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.errors import Fault, Refusal, bad_request
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.queries import PAGE, bad_token, position_of
from headrace.api.datafactory.resources import find
from headrace.api.datafactory.run_queries import listed
from headrace.api.datafactory.translate.filters import TRIGGER_RUNS, Comparison, Operand, RunFilter, read_filter
from headrace.api.datafactory.translate.statuses import TRIGGER_WORDS, statuses_of
from headrace.api.datafactory.translate.trigger_run import trigger_run_object
from headrace.api.datafactory.triggers import TRIGGERS
from headrace.api.datafactory.wire import answer, empty
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.trigger import Trigger, TriggerRun
from headrace.service.triggers.runs import cancel_window, rerun_window
from headrace.store import trigger_runs, triggers
from headrace.store.database import Transaction
from headrace.store.keysets import Position
from headrace.store.trigger_runs import Among, By, TriggerRunQuery

router = APIRouter(prefix=FACTORY)

_FIELDS: Mapping[Operand, str] = {
    Operand.TRIGGER_RUN_TIMESTAMP: "created_at",
    Operand.TRIGGER_NAME: "trigger_key",
    Operand.STATUS: "status",
}
_NEWEST_FIRST = (By("created_at", descending=True),)
_RUN = "/triggers/{name}/triggerruns/{run}"
Change: TypeAlias = Callable[[Transaction, Trigger | None, TriggerRun, Instant], None]


@router.post("/querytriggerruns")
def query_trigger_runs(factory: InFactory, body: DocumentBody) -> Response:
    """List the trigger runs of the factory that were made within a span of time."""
    asked = read_filter(object_of(body, optional=True), TRIGGER_RUNS)
    query = _query(factory, asked)
    order = ",".join(f"{by.field}{' desc' * by.descending}" for by in query.order)
    with factory.door.database.reading() as tx:
        found, behind = _page(tx, query, position_of(asked.token, order))
    return answer(listed([trigger_run_object(run) for run in found], behind, order))


@router.post(f"{_RUN}/rerun")
def rerun(name: str, run: str, factory: InFactory) -> Response:
    """Run a window that failed or was cancelled again."""

    def again(tx: Transaction, trigger: Trigger | None, found: TriggerRun, now: Instant) -> None:
        if trigger is None:
            raise bad_request(f"Trigger run {found.id} belongs to an earlier trigger of this name", found.trigger_name)
        rerun_window(tx, trigger, found, factory.who, now)

    return _change(factory, name, run, again)


@router.post(f"{_RUN}/cancel")
def cancel(name: str, run: str, factory: InFactory) -> Response:
    """Cancel a window that waits."""

    def end(tx: Transaction, _trigger: Trigger | None, found: TriggerRun, now: Instant) -> None:
        cancel_window(tx, found, factory.who, now)

    return _change(factory, name, run, end)


def _change(factory: Factory, name: str, run_id: str, change: Change) -> Response:
    document = find(factory, TRIGGERS, name)
    with factory.door.database.transaction() as tx:
        # Who looks at the trigger holds it before its runs; so does this.
        trigger = triggers.find(tx, factory.scope, document.name)
        found = trigger_runs.get(tx, factory.scope, run_id)
        is_known = found is not None and found.created_at >= factory.document.created_at
        if found is None or not is_known or found.trigger_name.lower() != document.name.lower():
            raise Refusal(Fault.NOT_FOUND, f"The trigger run {run_id} does not exist.", document.name)
        try:
            change(tx, trigger, found, factory.door.clock.now())
        except Problem as problem:
            if problem.code is not Code.ILLEGAL_STATE:
                raise
            raise bad_request(problem.message, document.name) from problem
    return empty()


def _page(
    tx: Transaction, query: TriggerRunQuery, position: Position | None
) -> tuple[list[TriggerRun], Position | None]:
    try:
        return trigger_runs.page(tx, query, PAGE, position)
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        raise bad_token() from problem


def _query(factory: Factory, asked: RunFilter) -> TriggerRunQuery:
    statuses = statuses_of(TRIGGER_WORDS, asked.of(Operand.STATUS))
    among = [_among(one) for one in asked.comparisons if one.operand is not Operand.STATUS]
    if statuses is not None:
        among.append(Among("status", frozenset(status.value for status in statuses)))
    return TriggerRunQuery(
        scope=factory.scope,
        # What is older than the factory belongs to one of the same name that was deleted.
        since=max(asked.after, factory.document.created_at),
        until=asked.before,
        among=tuple(among),
        order=tuple(By(_FIELDS[one.operand], one.descending) for one in asked.order) or _NEWEST_FIRST,
        status_words=TRIGGER_WORDS,
    )


def _among(comparison: Comparison) -> Among:
    return Among(_FIELDS[comparison.operand], comparison.texts or comparison.instants, comparison.negated)
