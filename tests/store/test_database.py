import multiprocessing
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import sqlalchemy as sa

from headrace.core.errors import Code, Problem
from headrace.core.run import RunStatus
from headrace.store import queue, runs, settings, workers
from headrace.store.database import Database
from headrace.store.tables import metadata
from ledger_rows import NOW, a_run, move_in_a_process, put_run, upgrade_in_a_process
from servers import PostgresServer

T = TypeVar("T")
WRITERS = 8


def test_a_transaction_that_raises_leaves_nothing(database: Database) -> None:
    """All of a use case is kept, or none of it."""

    def put_and_fail() -> None:
        with database.transaction() as tx:
            settings.put(tx, "a", 1, NOW)
            runs.status(tx, "nobody")

    with pytest.raises(Problem):
        put_and_fail()
    with database.reading() as tx:
        assert settings.get(tx, "a") is None


def test_a_reader_sees_one_moment(database: Database) -> None:
    """What others commit meanwhile does not mix into what is being read, nor does reading hold them up."""
    with database.reading() as tx:
        assert settings.get(tx, "a") is None
        with database.transaction() as other:
            settings.put(other, "a", 1, NOW)
        assert settings.get(tx, "a") is None


def test_a_reader_cannot_write(database: Database) -> None:
    """A write in a transaction that reads is a bug, and says so."""
    with database.reading() as tx, pytest.raises(RuntimeError, match="asked to write"):
        settings.put(tx, "a", 1, NOW)


def test_a_writer_is_told_that_it_waits_for_itself(sqlite_database: Database) -> None:
    """A write transaction inside another one of the same thread would wait for ever: it is a bug, and says so."""
    with (
        sqlite_database.transaction(),
        pytest.raises(RuntimeError, match="inside another one"),
        sqlite_database.transaction(),
    ):
        pass


def test_a_read_before_a_write_cannot_be_overtaken(sqlite_database: Database) -> None:
    """Two that read a number and write the next never write the same: on SQLite writers go one after the other from their beginning."""
    _at_once(lambda _: _count_up(sqlite_database))
    with sqlite_database.reading() as tx:
        assert settings.get(tx, "count") == WRITERS * 5


def test_writers_never_hear_that_the_database_is_locked(database: Database) -> None:
    """Eight threads that write at once all come through, with DBOS's own writes among them (C23)."""

    def write(writer: int) -> None:
        for number in range(10):
            run = a_run(f"run-{writer}-{number}")
            with database.transaction() as tx:
                runs.insert(tx, run)
                queue.enqueue(tx, run)

    _at_once(write)
    with database.reading() as tx:
        assert runs.counts(tx, a_run().scope)[RunStatus.QUEUED] == WRITERS * 10


def test_of_threads_that_race_one_moves_the_run(database: Database) -> None:
    """Compare-and-set: whoever comes second finds the status changed."""
    put_run(database, a_run())
    barrier = threading.Barrier(WRITERS)

    def race(_: int) -> bool:
        barrier.wait()
        with database.transaction() as tx:
            return runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)

    assert sorted(_at_once(race)) == [False] * (WRITERS - 1) + [True]


def test_of_processes_that_race_one_moves_the_run(database: Database) -> None:
    """The same across processes, where only the database can decide."""
    put_run(database, a_run())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        moved = list(pool.map(move_in_a_process, [database.url] * 2))
    assert sorted(moved) == [False, True]


def test_processes_that_start_at_once_make_one_ledger(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """Upgrades exclude each other, so several workers may start on an empty database together."""
    context = multiprocessing.get_context("spawn")
    for url in (f"sqlite:///{tmp_path}/new/ledger.db", postgres_server.create_database("at_once")):
        with ProcessPoolExecutor(3, mp_context=context) as pool:
            assert list(pool.map(upgrade_in_a_process, [url] * 3)) == [[], [], []]


def test_an_unprepared_ledger_says_what_to_do(tmp_path: Path) -> None:
    """A file without tables is no bug but an installation that is not finished."""
    database = Database(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(Problem, match="headrace db upgrade") as caught, database.reading() as tx:
        settings.get(tx, "a")
    assert caught.value.code is Code.UNAVAILABLE
    database.dispose()


def test_a_database_that_is_not_there_is_unavailable() -> None:
    """A lost connection is a problem that is safe to repeat, and its message tells no password."""
    database = Database("postgresql://me:secret@127.0.0.1:1/nowhere")
    with pytest.raises(Problem) as caught, database.reading():
        pass
    assert caught.value.code is Code.UNAVAILABLE
    assert "secret" not in f"{caught.value} {caught.value.context}"


def test_a_busy_file_is_unavailable(sqlite_database: Database) -> None:
    """A writer that waits in vain gives up with a problem that is safe to repeat."""
    with sqlite_database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
        other = sqlite3.connect(str(sqlite_database.engine.url.database))
        other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Problem, match="busy") as caught, sqlite_database.transaction():
        pass
    other.close()
    assert caught.value.code is Code.UNAVAILABLE


@pytest.mark.postgres
def test_a_restarted_server_is_found_again(postgres_url: str) -> None:
    """Connections that a restart has cut are replaced, and nobody hears of it (C6)."""
    del postgres_url
    with PostgresServer() as server:
        database = Database(server.url())
        with database.transaction() as tx:
            tx.execute(sa.text("CREATE TABLE t (a integer)"))
        server.stop()
        with pytest.raises(Problem) as caught, database.reading() as tx:
            tx.execute(sa.text("SELECT 1"))
        assert caught.value.code is Code.UNAVAILABLE
        server.start()
        with database.reading() as tx:
            assert tx.scalar(sa.text("SELECT count(*) FROM t")) == 0
        database.dispose()


@pytest.mark.parametrize("url", ["mysql://h/d", "sqlite://", "sqlite:///:memory:", "what is this"])
def test_a_url_that_is_no_ledger_is_refused(url: str) -> None:
    """The message says which URLs there are."""
    with pytest.raises(Problem, match="sqlite:///") as caught:
        Database(url)
    assert caught.value.code is Code.INVALID


def test_a_nul_is_refused_alike_by_both_databases(database: Database) -> None:
    """What PostgreSQL cannot keep is refused on SQLite too, and never an internal error (C22)."""
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        workers.register(tx, "a\0b", "host", 1, NOW)
    assert caught.value.code is Code.INVALID
    with pytest.raises(Problem) as caught, database.reading() as tx:
        runs.get(tx, None, "a\0b")
    assert caught.value.code is Code.INVALID


def test_sqlite_is_set_as_the_design_says(sqlite_database: Database) -> None:
    """Write-ahead logging, foreign keys and a patient busy handler, on every connection."""
    names = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    with sqlite_database.engine.connect() as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
    assert values == ["wal", 1, 1, 30000]


def test_every_row_of_a_tenant_has_its_scope() -> None:
    """Tables without a scope are those of the installation, and of what hangs on a batch, a job or a sheet and is found by it alone."""
    without = {name for name, table in metadata.tables.items() if "scope" not in table.c}
    of_installation = {"workers", "clients", "revoked_tokens", "settings"}
    of_sheets = {name for name, table in metadata.tables.items() if "sheet" in table.c}
    assert of_sheets > {"sheet_records", "sheet_keys", "snapshots"}
    assert without == of_installation | of_sheets | {"resolved_rejects", "job_predecessors"}
    assert not any(table.c.scope.nullable for table in metadata.tables.values() if "scope" in table.c)


def _count_up(database: Database) -> None:
    for _ in range(5):
        with database.transaction() as tx:
            count = settings.get(tx, "count") or 0
            assert isinstance(count, int)
            settings.put(tx, "count", count + 1, NOW)


def _at_once(work: Callable[[int], T]) -> list[T]:
    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(work, range(WRITERS)))
