"""Rejected rows as a table."""

from headrace.core.codec import Json
from headrace.core.native.quarantine import RejectLine, RejectList, RowReason
from headrace.web.reject_table import LONGEST, Table, table_of


def _line(cells: dict[str, Json], *reasons: RowReason, number: int = 1) -> RejectLine:
    return RejectLine(number=number, reasons=reasons, cells=cells)


def _table(*lines: RejectLine, as_in_file: bool = False) -> Table:
    return table_of(RejectList(batch="b", items=lines), as_in_file=as_in_file)


def _marked(table: Table) -> dict[str, tuple[str, ...]]:
    return {cell.column: cell.messages for cell in table.rows[0].cells if cell.messages}


def test_a_reason_marks_the_cells_that_its_column_was_made_of() -> None:
    """The target's column ``born`` came from two cells: both are marked, and nothing else."""
    reason = RowReason(code="type", message="no date", column="born", sources=("day", "month"))
    assert _marked(_table(_line({"day": "x", "month": "y", "name": "z"}, reason))) == {
        "day": ("no date",),
        "month": ("no date",),
    }


def test_where_sources_are_not_known_the_cell_of_the_same_name_is_marked() -> None:
    """Also where the sources that are named are no cells of this row."""
    for sources in ((), ("gone",)):
        reason = RowReason(code="required", message="is missing", column="name", sources=sources)
        assert _marked(_table(_line({"name": None}, reason))) == {"name": ("is missing",)}


def test_a_reason_that_belongs_to_no_cell_belongs_to_the_row() -> None:
    """Nothing is marked at random: the row has it."""
    for reason in (
        RowReason(code="unreadable", message="too many columns"),
        RowReason(code="type", message="no number", column="total"),
    ):
        table = _table(_line({"name": "x"}, reason))
        assert _marked(table) == {}
        assert table.rows[0].whole == (reason,)


def test_one_cell_may_have_several_reasons() -> None:
    """All messages are there, in their order."""
    reasons = (
        RowReason(code="pattern", message="one", column="a"),
        RowReason(code="max_length", message="two", column="a"),
    )
    assert _marked(_table(_line({"a": "x"}, *reasons))) == {"a": ("one", "two")}


def test_nothing_null_empty_and_absent_can_be_told_apart() -> None:
    """They are three different mistakes."""
    table = _table(_line({"a": None, "b": "", "c": "null", "d": 0, "e": {"x": [1]}}), _line({"z": False}, number=2))
    assert [(cell.kind, cell.text) for cell in table.rows[0].cells] == [
        ("null", ""),
        ("empty", ""),
        ("text", "null"),
        ("number", "0"),
        ("nested", '{"x": [1]}'),
        ("absent", ""),
    ]
    assert (table.rows[1].cells[-1].kind, table.rows[1].cells[-1].text) == ("number", "false")


def test_of_wide_rows_the_columns_with_reasons_stand_first() -> None:
    """The cell that is wrong is seen without scrolling through three hundred columns, unless the file's order is asked for."""
    cells: dict[str, Json] = {f"c{number}": number for number in range(300)}
    line = _line(cells, RowReason(code="type", message="no", column="c250"))
    assert _table(line).columns[:2] == ("c250", "c0")
    assert _table(line, as_in_file=True).columns[250] == "c250"


def test_narrow_rows_keep_their_order() -> None:
    """A row that is read at once looks as it does in the file."""
    assert _table(_line({"a": 1, "b": 2}, RowReason(code="type", message="no", column="b"))).columns == ("a", "b")


def test_a_long_cell_is_cut_and_says_so() -> None:
    """A page with a megabyte in a cell is a page all the same."""
    (cell,) = _table(_line({"a": "x" * 10_000})).rows[0].cells
    assert (len(cell.text), cell.is_cut) == (LONGEST, True)
