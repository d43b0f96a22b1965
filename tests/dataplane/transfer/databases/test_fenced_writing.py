"""Two tries or two transfers that write into a table at the same time, and sources that change between tries: rows are there once."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest

from headrace.core.errors import Code, Problem
from headrace.dataplane.transfer.databases import merging
from headrace.dataplane.transfer.databases.links.opening import open_link
from headrace.dataplane.transfer.databases.writing import DatabaseWriter
from headrace.dataplane.transfer.request import TableMode, TableSink
from headrace.dataplane.transfer.rows import Slice
from headrace.dataplane.transfer.values import Field, ValueType
from table_houses import ArrowStream, TableHouse, table_of
from waiting import until

N = Field("n", ValueType.INT32)
GATHERING = [pytest.param({"transactional": True}, id="at-once"), pytest.param({"mode": TableMode.UPSERT}, id="upsert")]


def writer(house: TableHouse, *slices: str, epoch: int = 1, key: str = "the-key", **options: Any) -> DatabaseWriter:
    """Return a writer of one try that knows of these slices, and has begun."""
    made = DatabaseWriter(TableSink(house.info, **{"table": "sink", **options}), house.work(epoch=epoch, key=key))
    made.columns()
    made.expect([Slice(name, name) for name in slices])
    made.begin((N,))
    return made


def write(made: DatabaseWriter, name: str, rows: Sequence[int]) -> int:
    """Write a slice; return how many rows of it are in the sink."""
    return made.write(Slice(name, name), ArrowStream(table_of([(n,) for n in rows], (N,)), (N,))).rows


def found(house: TableHouse, table: str = "sink") -> list[int]:
    """Return what is in a table."""
    return sorted(n for (n,) in house.sql(f"SELECT n FROM {table}"))


def test_a_worker_that_was_given_up_does_not_take_a_slice_back(house: TableHouse) -> None:
    """It wakes up after a newer one has begun: it is the old one that has to end, and the newer one goes on."""
    house.sql("CREATE TABLE sink (n int)")
    old, new = writer(house, "a"), writer(house, "a", epoch=2)
    assert write(new, "a", [1, 2]) == 2
    with pytest.raises(Problem) as caught:
        write(old, "a", [1, 2])
    assert caught.value.code is Code.FENCED
    assert write(new, "a", [1, 2]) == 2
    assert found(house) == [1, 2]


@pytest.mark.parametrize("options", GATHERING)
def test_a_worker_that_was_given_up_takes_nothing_over(house: TableHouse, options: dict[str, Any]) -> None:
    """What the newer one gathers is not taken over before all of it is there."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY)")
    old = writer(house, "a", **options)
    write(old, "a", [1])
    new = writer(house, "a", "b", epoch=2, **options)
    with pytest.raises(Problem) as caught:
        old.finish()
    assert caught.value.code is Code.FENCED
    assert found(house) == []
    write(new, "b", [2])
    new.finish()
    assert found(house) == [1, 2]


@pytest.mark.parametrize("options", GATHERING)
def test_rows_that_come_after_all_was_taken_over_are_taken_over_too(house: TableHouse, options: dict[str, Any]) -> None:
    """A worker dies after the merge, and the next one finds another file in the source: its rows are not lost, and the script is not run again."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY)")
    house.sql("INSERT INTO sink VALUES (7)")
    asked = {**options, "before": "DELETE FROM sink"}
    first = writer(house, "a", **asked)
    write(first, "a", [1])
    first.finish()
    second = writer(house, "a", "b", epoch=2, **asked)
    assert write(second, "a", [1]) == 1
    assert write(second, "b", [2]) == 1
    second.finish()
    assert found(house) == [1, 2]
    third = writer(house, "a", "b", epoch=3, **asked)
    third.finish()
    assert found(house) == [1, 2]


@pytest.mark.parametrize("options", GATHERING)
def test_rows_of_a_file_that_was_replaced_between_tries_are_not_taken_over(
    house: TableHouse, options: dict[str, Any]
) -> None:
    """Its first version was gathered already when a worker died."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY)")
    write(writer(house, "file, version 1", "b", **options), "file, version 1", [1, 2])
    second = writer(house, "file, version 2", "b", epoch=2, **options)
    write(second, "file, version 2", [2, 3])
    write(second, "b", [4])
    second.finish()
    assert found(house) == [2, 3, 4]


@pytest.mark.parametrize("options", GATHERING)
def test_gathered_rows_that_somebody_removed_are_missed(house: TableHouse, options: dict[str, Any]) -> None:
    """A transfer does not say that rows are in the table when they are not."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY)")
    made = writer(house, "a", **options)
    write(made, "a", [1, 2])
    listing = "sqlite_master" if house.kind == "sqlite" else "information_schema.tables"
    column = "name" if house.kind == "sqlite" else "table_name"
    ((interim,),) = house.sql(f"SELECT {column} FROM {listing} WHERE {column} LIKE 'headrace_interim%'")
    house.sql(f"DELETE FROM {interim} WHERE n = 1")
    with pytest.raises(Problem) as caught:
        made.finish()
    assert caught.value.code is Code.COUNTS_DIFFER
    assert found(house) == []


@contextmanager
def held(house: TableHouse, statement: str, others: list[Future[Any]]) -> Iterator[None]:
    """Execute a statement in a transaction, and take it back as soon as all others wait for it, but those that had to give up before."""
    with psycopg.connect(house.info.url) as holder, psycopg.connect(house.info.url, autocommit=True) as looker:
        holder.execute(statement.encode())

        def blocked() -> bool:
            query = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            (count,) = looker.execute(query).fetchone() or (0,)
            return bool(count + sum(other.done() for other in others) >= len(others))

        yield
        until(blocked, seconds=20, what="the others' wait")
        holder.rollback()


def at_once(house: TableHouse, statement: str, actions: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Do all actions at the same time: each has begun, and waits for the end of ``statement``, when it is taken back."""
    futures: list[Future[Any]] = []
    with ThreadPoolExecutor(len(actions)) as pool, held(house, statement, futures):
        futures.extend(pool.submit(action) for action in actions)
    return futures


@pytest.mark.postgres
def test_two_tries_that_come_to_the_script_at_once_run_it_once(postgres: TableHouse) -> None:
    """Else the second one would empty a table that the first one has filled."""
    postgres.sql("CREATE TABLE sink (n int)")
    postgres.sql("CREATE TABLE ran (n int)")
    tries = [partial(writer, postgres, epoch=epoch, before="INSERT INTO ran VALUES (1)") for epoch in (1, 2)]
    for future in at_once(postgres, "LOCK TABLE ran", tries):
        assert future.exception() is None or getattr(future.exception(), "code", None) is Code.FENCED
    assert found(postgres, "ran") == [1]


@pytest.mark.postgres
def test_two_tries_that_take_rows_over_at_once_do_it_once(postgres: TableHouse) -> None:
    """One of them is woken when the other one is in the middle of it."""
    postgres.sql("CREATE TABLE sink (n int)")
    old = writer(postgres, "a", transactional=True)
    write(old, "a", [1])
    new = writer(postgres, "a", epoch=2, transactional=True)
    first, second = at_once(postgres, "LOCK TABLE sink", [new.finish, new.finish])
    assert (first.exception(), second.exception()) == (None, None)
    with pytest.raises(Problem):
        writer(postgres, "a", transactional=True)
    assert found(postgres) == [1]


@pytest.mark.postgres
def test_two_tries_that_remove_the_interim_table_at_once_both_end_well(postgres: TableHouse) -> None:
    """Both have seen it when the first one removes it."""
    postgres.sql("CREATE TABLE interim (n int)")

    def remove() -> None:
        work = postgres.work()
        with open_link(postgres.info, work.limits, work.context.cancellation) as link:
            merging.drop(link, "interim")

    for future in at_once(postgres, "LOCK TABLE interim IN ACCESS SHARE MODE", [remove, remove]):
        assert future.exception() is None
    assert postgres.sql("SELECT to_regclass('interim')") == [(None,)]


@pytest.mark.postgres
def test_two_tries_that_make_the_interim_table_at_once_both_write(postgres: TableHouse) -> None:
    """The one that comes second finds it."""
    postgres.sql("CREATE TABLE sink (n int)")
    tries = [partial(writer, postgres, "a", epoch=epoch, transactional=True) for epoch in (1, 2)]
    futures = at_once(postgres, "LOCK TABLE sink", tries)
    newest = futures[1].result()
    assert futures[0].exception() is None or getattr(futures[0].exception(), "code", None) is Code.FENCED
    write(newest, "a", [1])
    newest.finish()
    assert found(postgres) == [1]


@pytest.mark.postgres
def test_two_copies_that_make_the_same_table_at_once_both_write(postgres: TableHouse) -> None:
    """Iterations of a ForEach do: the one that comes second finds the table, and the other's marks."""
    made = at_once(
        postgres,
        "CREATE TABLE sink (n int); CREATE TABLE headrace_commits (n int)",
        [partial(writer, postgres, key=key, create=True) for key in ("one", "two")],
    )
    for number, future in enumerate(made):
        write(future.result(), "a", [number])
    assert found(postgres) == [0, 1]


@pytest.mark.postgres
def test_two_upserts_of_the_same_new_key_insert_it_once(postgres: TableHouse) -> None:
    """No key of the table keeps them apart."""
    postgres.sql("CREATE TABLE sink (n int)")
    both = [writer(postgres, "a", key=key, mode=TableMode.UPSERT, keys=("n",)) for key in ("one", "two")]
    for made in both:
        write(made, "a", [1])
    for future in at_once(postgres, "LOCK TABLE sink", [made.finish for made in both]):
        assert future.exception() is None
    assert found(postgres) == [1]
