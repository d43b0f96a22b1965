"""Target schemas and the notation of column types."""

import pytest

from headrace.core.codec import decode, encode
from headrace.core.errors import Problem
from headrace.core.schema import STRING, Column, ColumnType, Kind, Schema, parse_type


@pytest.mark.parametrize(
    "text",
    [
        "string", "boolean", "integer", "long", "float", "double", "decimal(38,10)", "date", "time", "timestamp", "uuid", "binary", "json",
        "list<string>", "list<list<decimal(10,2)>>", "struct<a: string, b: list<long>>",
        "struct<inner: struct<x: decimal(4,2), y: date>, z: json>",
    ],
)  # fmt: skip
def test_a_type_reads_as_it_is_written(text: str) -> None:
    """The notation has one reader and one writer."""
    assert str(parse_type(text)) == text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number", "'number' is no column type; expected one of binary, boolean"),
        ("decimal(39,1)", "the precision must be 1 to 38"),
        ("decimal(4,5)", "the scale at most the precision"),
        ("struct<a string>", "'a string' is no struct field"),
        ("list<int>", "'int' is no column type"),
        ("struct", "'struct' is no column type"),
        ("", "'' is no column type"),
    ],
)
def test_what_is_no_type_is_refused_with_what_would_be(text: str, words: str) -> None:
    """The message lists the types."""
    with pytest.raises(Problem) as refusal:
        parse_type(text)
    assert words in refusal.value.message


def test_columns_differ_by_more_than_case() -> None:
    """Delta and SQL engines could not tell them apart."""
    with pytest.raises(Problem, match="occurs twice"):
        Schema((Column("a", STRING), Column("A", STRING)))


def test_a_schema_comes_back_from_the_ledger() -> None:
    """Constraints, defaults and nested types included."""
    schema = Schema(
        (
            Column("a", parse_type("struct<x: list<decimal(5,2)>>"), required=True),
            Column("b", ColumnType(Kind.LONG), minimum=0, maximum=9, enum=(1, 2), default=1),
        )
    )
    assert decode(Schema, encode(schema), what="the schema") == schema
    assert list(schema.by_name) == ["a", "b"]
