"""What is sent to databases, looked at without one: ranges, names in statements, Transact-SQL."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.transfer.databases.links import sqlserver, transact
from headrace.dataplane.transfer.databases.links.link import Fault, Given
from headrace.dataplane.transfer.databases.links.named import QUESTION, marked
from headrace.dataplane.transfer.databases.links.sqlserver_tables import type_of
from headrace.dataplane.transfer.databases.parameters import given
from headrace.dataplane.transfer.databases.ranges import Range, ranges_of
from headrace.dataplane.transfer.faults import TransferProblem
from headrace.dataplane.transfer.request import Parameter
from headrace.dataplane.transfer.values import Field, ValueType

OPAQUE = r"'(?:[^']|'')*'|--[^\n]*|/\*.*?\*/"


def test_ranges_tile_everything_whatever_the_bounds() -> None:
    """The contract's example, one part, bounds that are the wrong way round, and more parts than values."""
    assert ranges_of(20, 80, 4, given=True) == (Range(None, 20), Range(20, 50), Range(50, 80), Range(80, None))
    assert ranges_of(20, 80, 1, given=True) == (Range(None, None),)
    assert ranges_of(80, 20, 2, given=True) == (Range(None, 49), Range(49, None))
    assert ranges_of(1, 2, 9, given=False) == (Range(None, 0), Range(0, 1), Range(1, None))


def test_names_are_found_outside_of_texts_and_comments_only() -> None:
    """Variables of the server, casts and names that are no parameters stay."""
    text = "SELECT @a, :A, '@a', @@a, x::a, @other, a:b -- :a\n/* @a */ FROM t WHERE x=:a"
    found = marked(text, frozenset({"a"}), OPAQUE, QUESTION)
    assert found.text == "SELECT ?, ?, '@a', @@a, x::a, @other, a:b -- :a\n/* @a */ FROM t WHERE x=?"
    assert found.names == ("a", "a", "a")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Boolean", "false", False),
        ("Int32", 5.0, 5),
        ("Decimal", "1.10", Decimal("1.10")),
        ("Timespan", "-1.02:03:04.5", -timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
        ("Byte[]", "AP8=", b"\x00\xff"),
        ("String", 5, "5"),
        ("String", True, "True"),
        ("Int64", None, None),
    ],
)
def test_values_of_parameters_are_of_their_types(kind: str, value: object, expected: object) -> None:
    """JSON's values become Python's."""
    assert given(Parameter("p", value, kind)).value == expected  # type: ignore[arg-type]  # JSON's values


@pytest.mark.parametrize(
    ("kind", "value"), [("int16", 40_000), ("int32", 1.5), ("guid", "x"), ("money", 1), ("byte", -1)]
)
def test_values_that_are_none_of_their_type_are_refused(kind: str, value: object) -> None:
    """With the parameter's name."""
    with pytest.raises(TransferProblem, match="'p'"):
        given(Parameter("p", value, kind))  # type: ignore[arg-type]  # JSON's values


def test_parameters_of_sql_server_are_variables() -> None:
    """Declared before the text; outputs are asked for after it."""
    values = [
        Given("n", 5, "int32"),
        Given("@t", "it's", "string", size=10),
        Given("out", None, "decimal", output=True),
    ]
    assert transact.with_variables("SET @out = @n", values).splitlines() == [
        "DECLARE @n int = 5;",
        "DECLARE @t nvarchar(10) = N'it''s';",
        "DECLARE @out decimal(38, 10) = NULL;",
        "SET @out = @n",
        "SELECT @out AS [out];",
    ]


def test_procedures_of_sql_server_are_called_by_name() -> None:
    """An output is a variable that is handed over."""
    values = [Given("d", timedelta(hours=1), "timespan"), Given("n", 1, "int32", output=True)]
    assert transact.called("dbo.p", values, outputs=True).splitlines() == [
        "DECLARE @n int = 1;",
        "EXEC [dbo].[p] @d = N'01:00:00', @n = @n OUTPUT;",
        "SELECT @n AS [n];",
    ]
    assert transact.called("[my proc]", [], outputs=False) == "EXEC [my proc];"


def test_errors_of_sql_server_are_told_apart() -> None:
    """By what they say, which has no password in it."""
    info = ConnectionInfo("sqlserver", "mssql://u:sekret@h/d")
    said = {
        "Violation of PRIMARY KEY constraint 'x'. Cannot insert duplicate key in object": Fault.DUPLICATE,
        "The INSERT statement conflicted with the FOREIGN KEY constraint": Fault.CONSTRAINT,
        "String or binary data would be truncated in table": Fault.TOO_LONG,
        "Could not find stored procedure 'p'.": Fault.PROCEDURE,
        "Login failed for user 'u' sekret": Fault.DENIED,
        "Something else": Fault.OTHER,
    }
    for text, fault in said.items():
        error = sqlserver.link_error(RuntimeError(f"Driver Error: x; DDBC Error: [Microsoft][SQL Server]{text}"), info)
        assert error.fault is fault
        assert error.message == text.replace("sekret", "***")


def test_every_type_has_one_on_sql_server() -> None:
    """A decimal keeps its digits."""
    assert all(type_of(Field("x", kind)) for kind in ValueType)
    assert type_of(Field("x", ValueType.DECIMAL, 10, 2)) == "decimal(10,2)"
    assert transact.literal(datetime.fromisoformat("2024-02-29T12:00:00+02:00")) == "N'2024-02-29 10:00:00 +00:00'"
