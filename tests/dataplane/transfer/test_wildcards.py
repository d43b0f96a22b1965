"""Wildcards of names."""

import pytest

from headrace.dataplane.transfer.wildcards import has_wildcard, segment


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("*", ["a", ".hidden", "_b", "a.b\n"], []),
        ("*.csv", ["a.csv", ".csv"], ["a.csv.gz", "acsv"]),
        ("a?.csv", ["a.csv", "ab.csv"], ["abc.csv", "b.csv"]),
        ("a^*b", ["a*b"], ["axb", "a^*b"]),
        ("^^^?", ["^?"], ["^a", "^"]),
        ("[ab].csv", ["[ab].csv"], ["a.csv"]),
        ("end^", ["end^"], ["end"]),
        ("x+(1).csv", ["x+(1).csv"], ["xx1.csv"]),
    ],
)
def test_a_star_takes_anything_a_question_mark_one_letter_or_none_and_all_else_stands_for_itself(
    pattern: str, taken: list[str], left: list[str]
) -> None:
    """The contract's wildcards: no character classes, ``^`` escapes."""
    meant = segment(pattern)
    assert [name for name in taken if not meant.takes(name)] == []
    assert [name for name in left if meant.takes(name)] == []


def test_what_a_pattern_begins_with_is_known() -> None:
    """It narrows listings, so it must be what every name that is taken begins with."""
    assert segment("2026-^*0*.csv").literal == "2026-*0"
    assert segment("plain^?").literal == "plain?"
    assert not has_wildcard("plain^?")
    assert has_wildcard("plain?")
