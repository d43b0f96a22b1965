"""Changes at the same moment: what holds afterwards, on both databases."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import httpx
import pytest

from api.datafactory.conftest import FACTORY, SCOPE, VERSION, Client, client_of, door_maker, pipeline
from fakes import ManualClock
from headrace.api.datafactory.references import Reference, check_references
from headrace.service.documents import DocumentQuery, page_documents
from headrace.service.flows import page_flows
from headrace.store.database import Database

SERVICE = {"properties": {"type": "HttpServer"}}
DATASET = {
    "properties": {"type": "Json", "linkedServiceName": {"referenceName": "ls", "type": "LinkedServiceReference"}}
}
Call = tuple[str, str, Any]


@pytest.fixture
def client(database: Database, runner: asyncio.Runner, clock: ManualClock) -> Client:
    """Return a client of a door on either kind of database."""
    return client_of(runner, door_maker(database, clock)(), clock)


@pytest.fixture
def together(client: Client) -> Callable[..., list[int]]:
    """Return what makes calls at the same moment, and returns the statuses of their answers."""

    def make(*calls: Call) -> list[int]:
        barrier = Barrier(len(calls))

        def one(call: Call) -> int:
            method, path, body = call

            async def ask() -> int:
                transport = httpx.ASGITransport(app=client.app)
                async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
                    answer = await http.request(method, f"{client.base}{FACTORY}{path}{VERSION}", json=body)
                return answer.status_code

            barrier.wait()
            return asyncio.run(ask())

        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(one, calls))

    return make


def test_a_reference_never_dangles(client: Client, together: Callable[..., list[int]]) -> None:
    """Either the dataset comes too late, or the linked service is kept."""
    for number in range(6):
        client("PUT", "/linkedservices/ls", SERVICE)
        statuses = together(("PUT", f"/datasets/d{number}", DATASET), ("DELETE", "/linkedservices/ls", None))
        assert statuses in ([200, 400], [400, 200]), statuses
        client("DELETE", f"/datasets/d{number}")


def test_nothing_is_left_in_a_factory_that_goes(
    client: Client, together: Callable[..., list[int]], database: Database
) -> None:
    """A pipeline that is made meanwhile goes with it, or comes too late."""
    for _ in range(4):
        client("PUT", "", {})
        statuses = together(("PUT", "/pipelines/p", {"properties": pipeline()}), ("DELETE", "", None))
        assert statuses in ([200, 200], [404, 200]), statuses
        assert not page_documents(database, DocumentQuery(scope=SCOPE, kind="pipeline")).items
        assert not page_flows(database, SCOPE).items


def test_two_puts_at_once_are_one_after_the_other(client: Client, together: Callable[..., list[int]]) -> None:
    """Of those that say what they have seen, one wins; of those that make it only if it is missing, too."""
    client("PUT", "/pipelines/p", {"properties": pipeline()})
    body = {"properties": pipeline()}
    assert together(*[("PUT", "/pipelines/q", body)] * 3) == [200] * 3
    assert together(*[("PUT", "/pipelines/p", body)] * 3) == [200] * 3
    revisions = [
        document.revision
        for document in page_documents(client.door.database, DocumentQuery(scope=SCOPE, kind="pipeline")).items
    ]
    assert sorted(revisions) == [3, 4]


def test_many_references_are_looked_up(client: Client, database: Database) -> None:
    """More of them than a statement may have values."""
    client("PUT", "/linkedservices/ls", SERVICE)
    activity = {"inputs": [{"referenceName": "LS", "type": "LinkedServiceReference"}] * 1000}
    named = [{"referenceName": f"me{number % 2}", "type": "PipelineReference"} for number in range(1000)]
    with database.reading() as tx:
        check_references(tx, SCOPE, Reference("pipeline", "p"), {"activities": [activity]})
        with pytest.raises(Exception, match="invalid reference 'me0'"):
            check_references(tx, SCOPE, Reference("pipeline", "p"), {"inputs": named})
