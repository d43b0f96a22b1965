"""Which column of the sink comes from what."""

from typing import Any

import pytest

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.stream import SinkShape
from headrace.dataplane.transfer.request import Added, AddedColumn, ColumnMap, ColumnMapping, Conversion, End
from headrace.dataplane.transfer.rows import Rows
from headrace.dataplane.transfer.values import Field, ValueType
from mapping_desk import Desk, Mapped

V = ValueType
ROWS = Rows("(VALUES ('1', 'one', '05.01.2024'))", (Field("Id"), Field("Name"), Field("Day")))
TABLE = SinkShape((Field("Id", V.INT64), Field("Name", V.STRING), Field("Day", V.DATETIME), Field("More", V.INT32)))


def pairs(*given: tuple[Any, Any]) -> ColumnMap:
    """Return a mapping of names, or of ends."""
    return ColumnMap(
        tuple(
            ColumnMapping(*(end if isinstance(end, End) else End(name=end) for end in (source, sink)))
            for source, sink in given
        )
    )


def names(found: Mapped) -> list[str]:
    """Return the names of the sink's columns."""
    return [field.name for field in found.stream.fields]


def problem(desk: Desk, *given: Any, **more: Any) -> TransferProblem:
    """Return what is wrong with a mapping."""
    with pytest.raises(TransferProblem) as caught:
        desk.mapped(*given, **more)
    return caught.value


def test_without_a_mapping_columns_go_by_name_and_missing_ones_are_left_out(desk: Desk) -> None:
    """The table's other columns keep null or their default."""
    rows = Rows("(VALUES ('1', 'one'))", (Field("Id"), Field("Name")))
    found = desk.mapped(rows, None, TABLE)
    assert (names(found), found.rows) == (["Id", "Name"], [(1, "one")])
    assert found.stream.fields[0].type is V.INT64


def test_names_tell_letter_case_apart(desk: Desk) -> None:
    """Columns that differ by case only are two; a table's ``id`` is no ``Id``."""
    rows = Rows("(VALUES ('1', '2'))", (Field("a"), Field("A")))
    assert desk.mapped(rows, pairs(("A", "x"), ("a", "y"))).rows == [("2", "1")]
    wrong = problem(desk, Rows("(VALUES ('1'))", (Field("id"),)), None, TABLE)
    assert (wrong.reason, wrong.side) == (Reason.COLUMN_UNKNOWN, Side.SINK)


def test_a_column_that_the_table_does_not_have_fails_the_copy_with_similar_names(desk: Desk) -> None:
    """Nothing is dropped silently."""
    wrong = problem(desk, Rows("(VALUES ('1'))", (Field("Nam"),)), None, TABLE)
    assert (
        wrong.message
        == "the table has no column for the source's column 'Nam', which the sink does not have; did you mean 'Name'?"
    )


@pytest.mark.parametrize(
    ("mapping", "side", "words"),
    [
        (pairs(("Nme", "Name")), Side.SOURCE, "column 'Nme'.*did you mean 'Name'"),
        (pairs(("Name", "Nme")), Side.SINK, "column 'Nme'.*did you mean 'Name'"),
        (pairs((End(ordinal=4), "Name")), Side.SOURCE, "column 4 of the source, which has 3"),
        (pairs(("Name", End(ordinal=5))), Side.SINK, "column 5 of the table, which has 4"),
        (pairs((End(path="$['Nme']"), "Name")), Side.SOURCE, "column 'Nme'"),
    ],
)
def test_a_mapping_that_names_what_is_not_there_is_refused(
    desk: Desk, mapping: ColumnMap, side: Side, words: str
) -> None:
    """On the side where it is missing."""
    wrong = problem(desk, ROWS, mapping, TABLE)
    assert (wrong.reason, wrong.side) == (Reason.COLUMN_UNKNOWN, side)
    with pytest.raises(TransferProblem, match=words):
        desk.mapped(ROWS, mapping, TABLE)


def test_a_mapping_by_ordinals_counts_from_one(desk: Desk) -> None:
    """For files without a header, and tables whose names nobody wants to write."""
    mapping = pairs((End(ordinal=2), End(ordinal=2)), (End(ordinal=1), End(ordinal=1)))
    found = desk.mapped(ROWS, mapping, TABLE)
    assert (names(found), found.rows) == (["Name", "Id"], [("one", 1)])
    assert names(desk.mapped(ROWS, mapping)) == ["Name", "Id"]


def test_columns_of_the_same_name_are_told_apart_by_ordinals_only(desk: Desk) -> None:
    """A join has two; which of them a name means, nobody can say."""
    rows = Rows("(VALUES ('1', '2'))", (Field("id"), Field("id")))
    for mapping in (None, pairs(("id", "x"))):
        wrong = problem(desk, rows, mapping)
        assert (wrong.reason, wrong.side) == (Reason.REQUEST_INVALID, Side.SOURCE)
    found = desk.mapped(rows, pairs((End(ordinal=2), "b"), (End(ordinal=1), "a")))
    assert (names(found), found.rows) == (["b", "a"], [("2", "1")])


def test_only_mapped_columns_come_in_the_order_of_the_mapping(desk: Desk) -> None:
    """Under the sink's names."""
    found = desk.mapped(ROWS, pairs(("Name", "n"), ("Id", "i"), ("Name", "again")))
    assert (names(found), found.rows) == (["n", "i", "again"], [("one", "1", "one")])


@pytest.mark.parametrize(
    "mapping", [pairs(("Id", "x"), ("Name", "x")), ColumnMap((), "$.a"), pairs(("Id", End(path="$.a.b")))]
)
def test_mappings_that_nothing_here_can_do_are_refused(desk: Desk, mapping: ColumnMap) -> None:
    """A column twice, a collection of what has no documents, an inner path of a table."""
    assert problem(desk, ROWS, mapping).reason is Reason.REQUEST_INVALID


def test_a_source_type_and_format_tell_what_text_means(desk: Desk) -> None:
    """The text is read as a date first, and then written as the sink has it."""
    source = End(name="Day", type=V.DATETIME, format="dd.MM.yyyy")
    found = desk.mapped(ROWS, pairs((source, "Day")), TABLE)
    assert found.rows == [(1_704_412_800_000_000,)]
    texts = desk.mapped(ROWS, pairs((source, End(name="Day", type=V.STRING))))
    assert texts.rows == [("2024-01-05 00:00:00.0000000",)]
    formatted = desk.mapped(
        ROWS, pairs((source, End(name="Day", type=V.DATETIME, format="yyyyMMdd"))), SinkShape(text=True)
    )
    assert formatted.rows == [("20240105",)]
    bad = desk.mapped(Rows("(VALUES ('2024-01-05'))", (Field("Day"),)), pairs((source, "Day")), TABLE)
    assert bad.counts == (1, 0, 1)


def test_a_format_at_the_end_of_a_table_says_how_its_dates_are_written_in_the_source(desk: Desk) -> None:
    """The table itself has no text."""
    mapping = pairs(("Day", End(name="Day", type=V.DATETIME, format="dd.MM.yyyy")))
    assert desk.mapped(ROWS, mapping, TABLE).rows == [(1_704_412_800_000_000,)]


def test_each_end_has_a_culture_of_its_own(desk: Desk) -> None:
    """German numbers in, French ones out."""
    rows = Rows("(VALUES ('1.234,5'))", (Field("n"),))
    mapping = ColumnMap(
        (ColumnMapping(End(name="n", type=V.DOUBLE, culture="de-de"), End(name="n", type=V.STRING, culture="fr-fr")),),
        conversion=Conversion(culture="en-us"),
    )
    assert desk.mapped(rows, mapping).rows == [("1234,5",)]


def test_decimals_have_the_precision_that_the_mapping_or_the_table_tells(desk: Desk) -> None:
    """A source's own counts where neither does."""
    rows = Rows("(VALUES (1.005::DECIMAL(9,3)))", (Field("d", V.DECIMAL, 9, 3),))
    assert desk.mapped(rows).stream.fields == (Field("d", V.DECIMAL, 9, 3),)
    told = desk.mapped(rows, pairs(("d", End(name="d", type=V.DECIMAL, precision=6, scale=2))))
    assert (str(told.rows[0][0]), told.stream.fields[0].sql) == ("1.01", "DECIMAL(6,2)")
    table = desk.mapped(rows, None, SinkShape((Field("d", V.DECIMAL, 4, 1),)))
    assert str(table.rows[0][0]) == "1.0"


def test_added_columns_are_there_before_the_mapping(desk: Desk) -> None:
    """A constant, the file's path, a copy; one with the name of a column takes its place."""
    added = (
        AddedColumn("file", Added.FILE_PATH),
        AddedColumn("copy", Added.COLUMN, "Id"),
        AddedColumn("who", Added.LITERAL, "it's me"),
        AddedColumn("Name", Added.LITERAL, "new"),
    )
    found = desk.mapped(ROWS, None, added=added, path="a/b.csv")
    assert names(found) == ["Id", "Name", "Day", "file", "copy", "who"]
    assert found.rows == [("1", "new", "05.01.2024", "a/b.csv", "1", "it's me")]
    some = desk.mapped(ROWS, pairs(("copy", End(name="n", type=V.INT32)), ("file", "f")), added=added, path="x")
    assert some.rows == [(1, "x")]
    wrong = problem(desk, ROWS, None, added=(AddedColumn("c", Added.COLUMN, "Idd"),))
    assert (wrong.reason, wrong.side) == (Reason.COLUMN_UNKNOWN, Side.SOURCE)


def test_zoned_and_plain_times_convert_in_utc(desk: Desk) -> None:
    """Whatever the machine's zone."""
    rows = Rows("(VALUES (TIMESTAMPTZ '2024-01-05 12:00:00+02:00'))", (Field("t", V.DATETIME_OFFSET),))
    (value,) = desk.mapped(rows, None, SinkShape((Field("t", V.DATETIME),))).rows
    (instant,) = desk.mapped(rows).rows
    assert value == instant == (1_704_448_800_000_000,)
