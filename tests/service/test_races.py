"""What happens when two callers ask at the same moment: one thing, never two."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.run import Run, RunStatus
from headrace.core.upload import UploadState
from headrace.dataplane.storage import Roots
from headrace.service.clients import NewClient, ensure_admin, list_clients
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import RunRequest, cancel_run, create_run, page_runs
from headrace.service.uploads import (
    UploadDesk,
    UploadDraft,
    complete_upload,
    create_upload,
    end_upload,
    keep,
    receive,
)
from headrace.store.runs import RunQuery
from service.conftest import PLAN, House

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


def test_a_batch_that_is_completed_by_several_at_once_has_one_run(house: House, tmp_path: Path) -> None:
    """A client that did not wait for its answer asks again: every one learns of the same run."""
    roots = Roots(tmp_path / "landing", tmp_path / "lake", tmp_path / "quarantine", tmp_path / "work", None)
    roots.make()
    desk = UploadDesk(house.database, roots, house.clock, house.ids)
    upload = create_upload(desk, UploadDraft(scope="local", dataset="d", table="t", body={}, who="tester"))
    with receive(desk, upload, "a.json") as incoming:
        incoming.write(b"{}")
        keep(desk, upload, incoming)
    answers = _at_once(4, lambda: complete_upload(desk, upload, lambda _sent: PLAN, {}, "tester").run)
    made = page_runs(house.database, RunQuery()).items
    assert len(made) == 1
    assert [answer.id if isinstance(answer, Run) else answer for answer in answers] == [made[0].id] * 4
    with pytest.raises(Problem, match="takes no files any more"):
        end_upload(desk, upload, UploadState.ABORTED, "tester")
    assert complete_upload(desk, upload, lambda _sent: PLAN, {}, "tester").run == made[0]
