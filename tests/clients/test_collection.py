"""The collection that we write ourselves, and what is asked of the world that it leaves: by strangers, and by schemathesis."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from clients.asking import ask_everything
from clients.newman import Done, run_collection
from clients.served import Served, served
from clients.strangers import check_strangers
from servers import PostgresServer

pytestmark = pytest.mark.e2e


@dataclass(frozen=True)
class World:
    """A server, and what the collection made on it."""

    server: Served
    done: Done
    folder: Path


@pytest.fixture(scope="module")
def world(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return a world on SQLite that the collection has gone through."""
    folder = tmp_path_factory.mktemp("world")
    with served(folder, postgres_server) as server:
        yield World(server, run_collection(server, folder), folder)


def test_the_collection_passes(world: World) -> None:
    """What the contract says of each operation and refusal holds for a client that knows nothing of us."""
    _check(world.done)


@pytest.mark.soak
def test_the_collection_passes_on_postgresql(
    postgres_ledger_url: str, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    """The same with the other ledger."""
    with served(tmp_path, postgres_server, postgres_ledger_url) as server:
        _check(run_collection(server, tmp_path))


def test_a_stranger_learns_nothing_and_changes_nothing(world: World) -> None:
    """No call of one organisation or sandbox sees, counts, changes or infers a thing of another."""
    check_strangers(world.server, world.done.values)


def test_a_few_requests_to_every_operation(world: World) -> None:
    """Each operation answers as its document says, whatever it is asked."""
    phases = "examples,fuzzing"
    assert ask_everything(world.server, world.done.values, world.folder, examples=3, phases=phases) >= 250


@pytest.mark.soak
def test_ten_thousand_requests(world: World) -> None:
    """The same with 10,000 requests and more, boundary values and wrong ones among them."""
    phases = "examples,coverage,fuzzing"
    assert ask_everything(world.server, world.done.values, world.folder, examples=60, phases=phases) >= 10_000


def _check(done: Done) -> None:
    assert not done.failures, "\n".join(done.failures)
    assert done.requests >= 300
    assert done.assertions >= 800
