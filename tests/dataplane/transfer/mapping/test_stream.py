"""Mapped rows on their way to a sink: in order, counted, and those that do not convert told of."""

import duckdb
import pyarrow as pa
import pytest

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.stream import SinkShape, mapped
from headrace.dataplane.transfer.request import ColumnMap, ColumnMapping, End
from headrace.dataplane.transfer.rows import RefusedRow, Rows
from headrace.dataplane.transfer.values import Field, ValueType
from mapping_desk import Desk
from transfer_files import working

V = ValueType
TEXTS = (Field("id"), Field("amount"))
TYPED = ColumnMap(
    (
        ColumnMapping(End(name="id"), End(name="id", type=V.INT32)),
        ColumnMapping(End(name="amount"), End(name="amount", type=V.DOUBLE)),
    )
)


def rows_of(desk: Desk) -> Rows:
    """Return a hundred rows; every tenth has a bad amount, every hundredth a bad id."""
    values = [(str(n) if n % 100 else "none", "?" * 200 if n % 10 == 5 else f"{n}.5") for n in range(1, 101)]
    return desk.table(TEXTS, values)


def test_rows_that_do_not_convert_are_told_of_and_the_others_go_on_in_order(desk: Desk) -> None:
    """Each with its number, its column, its value cut, and all of its cells."""
    found = desk.mapped(rows_of(desk), TYPED, size=7)
    assert found.rows == [(n, n + 0.5) for n in range(1, 100) if n % 10 != 5]
    assert found.counts == (100, 89, 11)
    first, last = found.refused[0], found.refused[-1]
    assert (first.number, first.column, first.reason) == (5, "amount", Reason.VALUE_INVALID)
    assert first.message == f"column 'amount': '{'?' * 99}…' is no double"
    assert first.cells == ("5", "?" * 200)
    assert (last.number, last.column, last.cells) == (100, "id", ("none", "100.5"))


def test_the_query_fails_at_the_first_row_that_does_not_convert(desk: Desk) -> None:
    """So a writer that lets DuckDB write never leaves a row out without telling."""
    query = desk.mapped(rows_of(desk), TYPED).stream.select()
    with pytest.raises(duckdb.Error, match=r"has a value that is no (double|int32)"):
        desk.session.rows(str(query))


def test_the_query_gives_the_rows_that_batches_give(desk: Desk) -> None:
    """With the same names, in the same types, in the same order."""
    found = desk.mapped(desk.table(TEXTS, [(str(n), f"{n}.25") for n in range(5000)]), TYPED, size=100)
    query = str(found.stream.select())
    assert desk.session.rows(query) == found.rows
    assert [(name, str(kind)) for name, kind in desk.session.described(query)] == [
        ("id", "INTEGER"),
        ("amount", "DOUBLE"),
    ]
    assert found.rows == [(n, n + 0.25) for n in range(5000)]


def test_rows_that_the_sink_has_already_are_read_over(desk: Desk) -> None:
    """They count as read and delivered; refused rows among them are told of again."""
    found = desk.mapped(rows_of(desk), TYPED, skip=50, size=9)
    assert found.rows == [(n, n + 0.5) for n in range(1, 100) if n % 10 != 5][50:]
    assert found.counts == (100, 89, 11)
    assert desk.mapped(rows_of(desk), TYPED, skip=1000).rows == []


def test_nothing_is_written_by_duckdb_that_can_be_read_only_once(desk: Desk) -> None:
    """A failed query could not be followed by batches: its rows would be gone."""
    reader = pa.RecordBatchReader.from_batches(
        pa.schema([("id", pa.string())]), iter([pa.RecordBatch.from_pydict({"id": ["1", "x", "3"]})])
    )
    rows = Rows(desk.session.register(reader), (Field("id"),), repeatable=False)
    found = desk.mapped(rows, ColumnMap((ColumnMapping(End(name="id"), End(name="id", type=V.INT16)),)))
    assert found.stream.select() is None
    assert not found.stream.repeatable
    assert (found.rows, found.counts) == ([(1,), (3,)], (3, 2, 1))


def test_rows_that_could_not_be_read_are_told_of_at_the_end(desk: Desk) -> None:
    """Whichever way the others were taken."""
    broken = RefusedRow(Reason.MORE_CELLS_THAN_COLUMNS, "row 2 has 3 cells", ("1,2,3",), 2)
    rows = Rows("(VALUES ('1'), ('2'))", (Field("a"),), refused=lambda: [broken])
    found = desk.mapped(rows)
    assert (found.refused, found.counts) == ([broken], (3, 2, 1))
    told: list[RefusedRow] = []
    stream = mapped(rows, ColumnMap(), SinkShape(), desk.session, told.append, working(desk.folder))
    stream.took(2)
    assert (told, stream.read, stream.delivered, stream.refused) == ([broken], 3, 2, 1)


def test_a_row_that_the_sink_refuses_is_no_delivered_one(desk: Desk) -> None:
    """Duplicate keys are known at the sink only."""
    found = desk.mapped(Rows("(VALUES ('1'), ('1'))", (Field("a"),)))
    found.stream.refuse(RefusedRow(Reason.DUPLICATE_KEY, "a second 1", ("1",), 2))
    assert found.counts == (2, 1, 1)
    assert [row.reason for row in found.refused] == [Reason.DUPLICATE_KEY]


def test_what_refusals_raise_ends_the_reading(desk: Desk) -> None:
    """Nothing may be left out, so the first faulty row fails the transfer."""

    def fail(row: RefusedRow) -> None:
        raise TransferProblem(row.reason, Side.SINK, row.message)

    stream = mapped(rows_of(desk), TYPED, SinkShape(), desk.session, fail, working(desk.folder))
    with pytest.raises(TransferProblem, match="column 'amount'"):
        list(stream.batches(10))


def test_a_file_of_no_bytes_has_no_rows_whatever_the_mapping_names(desk: Desk) -> None:
    """It has no columns either, so none can be unknown."""
    empty = Rows("(SELECT 1 WHERE false)", ())
    assert desk.mapped(empty).counts == (0, 0, 0)
    found = desk.mapped(empty, TYPED)
    assert (found.rows, [field.name for field in found.stream.fields]) == ([], ["id", "amount"])
    table = SinkShape((Field("id", V.INT64), Field("amount", V.DECIMAL, 10, 2)))
    assert desk.mapped(empty, TYPED, table).stream.fields == table.fields
    assert desk.mapped(empty, None, table).rows == []


def test_text_sinks_get_texts_only(desk: Desk) -> None:
    """A delimited file: values as the contract writes them."""
    fields = (Field("i", V.INT32), Field("b", V.BOOLEAN), Field("d", V.DECIMAL, 5, 2), Field("n", V.DOUBLE))
    rows = Rows("(VALUES (1::INTEGER, true, 1.50::DECIMAL(5,2), NULL::DOUBLE))", fields)
    found = desk.mapped(rows, None, SinkShape(text=True))
    assert found.rows == [("1", "True", "1.50", None)]
    assert {field.type for field in found.stream.fields} == {V.STRING}
