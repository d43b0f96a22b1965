"""Rows into tables: once each, made to fit, refused one by one."""

import pytest

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import TableMode
from headrace.dataplane.transfer.values import Field, ValueType
from table_houses import TableHouse

N, NAME = Field("n", ValueType.INT32), Field("name", ValueType.STRING)


def test_rows_are_inserted_once_however_often_the_transfer_is_tried(house: TableHouse) -> None:
    """A later try with the same commit key finds that all is written; another key writes again."""
    house.sql("CREATE TABLE sink (n int, name varchar(20))")
    rows = [(1, "a"), (2, None), (3, "q\"u'o,te\\ \n\\.\nz")]
    assert house.write(rows, (N, NAME), slices=2, batch_rows=1) == ([], 3)
    assert house.write(rows, (N, NAME), slices=2, batch_rows=1) == ([], 3)
    assert sorted(house.sql("SELECT n, name FROM sink")) == rows
    house.write([(9, "")], (N, NAME), key="another")
    assert house.sql("SELECT name FROM sink WHERE n = 9") == [("",)]


def test_the_script_before_is_run_once(house: TableHouse) -> None:
    """A pre-copy script that empties the table does not empty it again in a later try."""
    house.sql("CREATE TABLE sink (n int)")
    house.sql("INSERT INTO sink VALUES (7)")
    for _ in range(2):
        house.write([(1,)], (N,), before="DELETE FROM sink")
        assert house.sql("SELECT n FROM sink") == [(1,)]


def test_a_missing_table_is_made_with_types_for_everything(house: TableHouse) -> None:
    """Each type of a value has a type in the new table, and the table gives the same type back."""
    fields = [Field(kind.value, kind, 20, 5) for kind in ValueType]
    house.write([], fields, create=True)
    read = house.read(table="sink")
    assert [one.name for one in read.fields] == [one.name for one in fields]
    assert house.write([], fields, create=True, key="other") == ([], 0)


def test_a_table_that_is_missing_is_told_of(house: TableHouse) -> None:
    """Nothing is made unless it was asked for."""
    with pytest.raises(TransferProblem) as caught:
        house.write([(1,)], (N,))
    assert caught.value.reason is Reason.STATEMENT_FAILED
    assert "there is no such table: sink" in caught.value.message


def test_a_column_that_the_table_has_not_is_named(house: TableHouse) -> None:
    """The message has the table's columns."""
    house.sql("CREATE TABLE sink (n int)")
    with pytest.raises(TransferProblem) as caught:
        house.write([(1, "a")], (N, NAME))
    assert caught.value.reason is Reason.COLUMN_UNKNOWN
    assert "has no column 'name'; it has 'n'" in caught.value.message


def test_faulty_rows_are_refused_one_by_one_and_the_first_of_duplicates_stays(house: TableHouse) -> None:
    """Each row that breaks a rule is told with its number and the database's words; all others are written."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20) NOT NULL)")
    rows = [(1, "a"), (2, None), (1, "again"), (3, "c"), (4, "d"), (4, "x"), (5, None)]
    refused, written = house.write(rows, (N, NAME), tolerant=True)
    assert written == 3
    assert sorted(house.sql("SELECT n, name FROM sink")) == [(1, "a"), (3, "c"), (4, "d")]
    assert [(one.number, one.reason) for one in refused] == [
        (2, Reason.CONSTRAINT),
        (3, Reason.DUPLICATE_KEY),
        (6, Reason.DUPLICATE_KEY),
        (7, Reason.CONSTRAINT),
    ]
    assert refused[1].cells == ("1", "again")


def test_a_faulty_row_fails_a_transfer_that_is_not_tolerant(house: TableHouse) -> None:
    """The batch that it is in is undone; those before stay."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20))")
    with pytest.raises(TransferProblem) as caught:
        house.write([(1, "a"), (2, "b"), (3, "c"), (1, "d")], (N, NAME), batch_rows=2)
    assert caught.value.reason is Reason.DUPLICATE_KEY
    assert sorted(house.sql("SELECT n FROM sink")) == [(1,), (2,)]


def test_a_faulty_row_far_behind_is_told_with_its_number(postgres: TableHouse) -> None:
    """What is sent goes in pieces, and the server counts lines over all of them."""
    postgres.sql("CREATE TABLE sink (n int CHECK (n <> 9000), name varchar(20))")
    with pytest.raises(TransferProblem, match=r"row 9001\b") as caught:
        postgres.write([(n, "a") for n in range(20_000)], (N, NAME))
    assert caught.value.reason is Reason.CONSTRAINT
    assert postgres.sql("SELECT count(*) FROM sink") == [(0,)]
    assert postgres.write([(n, "a") for n in range(9_000)], (N, NAME), key="another")[1] == 9_000


def test_hundreds_of_faulty_rows_do_not_take_long(house: TableHouse) -> None:
    """Every second row is a duplicate."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20))")
    rows = [(n // 2, "a") for n in range(600)]
    refused, written = house.write(rows, (N, NAME), tolerant=True)
    assert (len(refused), written) == (300, 300)


def test_an_upsert_changes_rows_that_are_there_and_inserts_the_others(house: TableHouse) -> None:
    """The primary key says which rows are the same; of rows with one key the last counts."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20), kept varchar(5))")
    house.sql("INSERT INTO sink VALUES (1, 'old', 'k'), (9, 'nine', 'k')")
    rows = [(1, "new"), (2, "two"), (2, "last")]
    for _ in range(2):
        house.write(rows, (N, NAME), mode=TableMode.UPSERT)
    assert sorted(house.sql("SELECT n, name, kept FROM sink")) == [(1, "new", "k"), (2, "last", None), (9, "nine", "k")]


def test_rows_of_an_upsert_without_a_key_are_all_inserted(house: TableHouse) -> None:
    """A null is no key, so such a row is the same as no other, neither of the table nor of the transfer (D23)."""
    house.sql("CREATE TABLE sink (n int, name varchar(20))")
    house.sql("INSERT INTO sink VALUES (NULL, 'old')")
    house.write([(None, "a"), (1, "b"), (None, "c")], (N, NAME), mode=TableMode.UPSERT, keys=("n",))
    assert sorted(name for _, name in house.sql("SELECT n, name FROM sink")) == ["a", "b", "c", "old"]


def test_an_upsert_without_keys_is_refused(house: TableHouse) -> None:
    """There is no primary key, and none was named."""
    house.sql("CREATE TABLE sink (n int, name varchar(20))")
    with pytest.raises(TransferProblem) as caught:
        house.write([(1, "a")], (N, NAME), mode=TableMode.UPSERT)
    assert caught.value.reason is Reason.REQUEST_INVALID
    house.write([(1, "a")], (N, NAME), mode=TableMode.UPSERT, keys=("n",))
    assert house.sql("SELECT n, name FROM sink") == [(1, "a")]


def test_a_transactional_transfer_is_all_or_nothing(house: TableHouse) -> None:
    """A row that does not fit at the end leaves the table as it was, the script before included."""
    house.sql("CREATE TABLE sink (n int PRIMARY KEY, name varchar(20))")
    house.sql("INSERT INTO sink VALUES (7, 'old')")
    with pytest.raises(TransferProblem):
        house.write([(1, "a"), (1, "b")], (N, NAME), transactional=True, batch_rows=1, before="DELETE FROM sink")
    assert house.sql("SELECT n FROM sink") == [(7,)]
    house.write([(1, "a")], (N, NAME), transactional=True, before="DELETE FROM sink", key="other")
    assert house.sql("SELECT n, name FROM sink") == [(1, "a")]
