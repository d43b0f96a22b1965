"""What happens when two callers ask at the same moment: one thing, never two."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TypeVar

from headrace.core.errors import Code, Problem
from headrace.core.run import Run, RunStatus
from headrace.service.clients import NewClient, ensure_admin, list_clients
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import RunRequest, cancel_run, create_run, page_runs
from headrace.store.runs import RunQuery
from service.conftest import House

T = TypeVar("T")
_REQUEST = RunRequest(scope="local", flow_id="f1", created_by="tester")


def _at_once(count: int, work: Callable[[], T]) -> list[T | Problem]:
    """Do ``work`` in ``count`` threads that start together, and return what each gave or raised."""
    barrier = Barrier(count)

    def one(_number: int) -> T | Problem:
        barrier.wait(timeout=30)
        try:
            return work()
        except Problem as problem:
            return problem

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def test_the_same_request_from_many_callers_is_one_run(house: House) -> None:
    """A client that sends twice at once, or a proxy that does, makes one run, and every caller learns its id."""
    request = replace(_REQUEST, request_key="k")
    answers = _at_once(6, lambda: create_run(house.database, request, house.clock, house.ids))
    made = page_runs(house.database, RunQuery()).items
    assert len(made) == 1
    assert {answer.id for answer in answers if isinstance(answer, Run)} == {made[0].id}
    assert not [answer for answer in answers if isinstance(answer, Problem)]


def test_of_many_retries_at_once_one_is_made(house: House) -> None:
    """An automatic retry that races a person's, or a double click: the others are refused, and say so (dagster)."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    cancel_run(house.database, "local", run.id, "tester", house.clock)
    request = RetryRequest(created_by="tester")
    answers = _at_once(
        6,
        lambda: retry_run(house.database, "local", run.id, request, lambda _row: "", clock=house.clock, ids=house.ids),
    )
    assert len([answer for answer in answers if isinstance(answer, Run)]) == 1
    assert {answer.code for answer in answers if isinstance(answer, Problem)} <= {Code.ILLEGAL_STATE, Code.CONFLICT}
    assert len(page_runs(house.database, RunQuery(group_id=run.id)).items) == 2


def test_of_many_cancellations_of_a_queued_run_one_does_it(house: House) -> None:
    """The run ends cancelled whatever the order; late callers learn that it has ended."""
    run = create_run(house.database, _REQUEST, house.clock, house.ids)
    answers = _at_once(4, lambda: cancel_run(house.database, "local", run.id, "tester", house.clock))
    done = [answer.status for answer in answers if isinstance(answer, Run)]
    assert done == [RunStatus.CANCELLED]
    assert {answer.code for answer in answers if isinstance(answer, Problem)} == {Code.ILLEGAL_STATE}


def test_two_servers_that_start_at_once_make_one_admin(house: House) -> None:
    """The first start of a cluster prints one secret."""
    answers = _at_once(2, lambda: ensure_admin(house.database, house.clock, house.ids))
    assert len([answer for answer in answers if isinstance(answer, NewClient)]) == 1
    assert len(list_clients(house.database)) == 1
