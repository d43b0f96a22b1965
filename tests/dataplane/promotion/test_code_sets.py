"""Rejected rows, counted by all that is wrong with each."""

from headrace.core.outcome import CodeSet
from promoting import Bench, schema


def test_a_row_is_counted_once_with_all_its_codes(bench: Bench) -> None:
    """However many columns break one rule, and however many rules are broken: the sum is the number of rejected rows."""
    rules = schema(
        a=("string", {"required": True, "min_length": 2}), b=("string", {"min_length": 2, "enum": ("xx", "yy")})
    )
    report = bench.promote(b"a,b\nok,xx\nq,z\nq,xx\n,zz\nok\nok,zz\n", schema=rules).batch
    assert report is not None
    assert set(report.code_sets) == {
        CodeSet(("unreadable",), 1),
        CodeSet(("enum", "min_length"), 1),
        CodeSet(("min_length",), 1),
        CodeSet(("enum", "required"), 1),
        CodeSet(("enum",), 1),
    }
    assert sum(one.count for one in report.code_sets) == report.figures.rows_rejected


def test_a_value_of_the_wrong_type_is_told_with_both_types(bench: Bench) -> None:
    """Doors read the types from these words."""
    report = bench.promote(b"n\n1\nx\n", schema=schema(n="integer")).batch
    assert report is not None
    assert [reason.message for reason in report.rejects] == ["the string value cannot become integer"]
