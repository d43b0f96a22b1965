"""Engines in the tests' own process; one at a time, as DBOS wants it."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import pytest

from engine_desk import CHARACTERS, QUICK, Desk, GoingClock, MakesEngines, RandomIds
from engine_pipelines import PIPELINE_KINDS, Words
from headrace.core.task import ActivityFunction
from headrace.engine.configuration import EngineConfig
from headrace.engine.engine import Engine
from headrace.store.database import Database


@pytest.fixture
def desk(database: Database) -> Desk:
    """Return where runs are asked for, in a fresh ledger; the test runs once for each kind of database."""
    return Desk(database)


@pytest.fixture
def sqlite_desk(sqlite_database: Database) -> Desk:
    """Return where runs are asked for, in a ledger on SQLite."""
    return Desk(sqlite_database)


@pytest.fixture
def make_engine(request: pytest.FixtureRequest) -> Iterator[MakesEngines]:
    """Return what starts engines on the ledger of the test's desk; they are stopped at its end."""
    name = "desk" if "desk" in request.fixturenames else "sqlite_desk"
    desk: Desk = request.getfixturevalue(name)
    with ExitStack() as stack:

        def make(
            activities: Mapping[str, ActivityFunction] | None = None,
            config: EngineConfig = QUICK,
        ) -> Engine:
            engine = Engine(
                desk.database,
                {**CHARACTERS, **PIPELINE_KINDS, **(activities or {})},
                config,
                GoingClock(),
                RandomIds(),
                dialects={"words": Words()},
            )
            engine.start()
            stack.callback(engine.stop)
            return engine

        yield make
