"""Fixtures of clients of Data Factory and of jobs: one server of each for all of a test process, and an outside world."""

from collections.abc import Iterator

import pytest

from clients.factory_served import ServedFactories, served_factories
from clients.factory_world import CountingWorld, counting_world
from clients.jobs_served import ServedJobs, served_jobs


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedFactories]:
    """Return the server; each test makes a factory of its own."""
    with served_factories(tmp_path_factory.mktemp("factories")) as made:
        yield made


@pytest.fixture
def world() -> Iterator[CountingWorld]:
    """Return an outside world."""
    with counting_world() as made:
        yield made


@pytest.fixture(scope="session")
def jobs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedJobs]:
    """Return a server of jobs; each test works in a space of its own."""
    with served_jobs(tmp_path_factory.mktemp("jobs")) as made:
        yield made
