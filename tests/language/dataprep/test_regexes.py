"""Regular expressions that are accepted are those that DuckDB takes."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.language.dataprep.regexes import RegexError, read_regex
from headrace.language.dataprep.values import quote_text

_PIECES = (
    *"ab1.^$|()[]{}*+?-,\\ :=!<é👍",
    *("(?:", "(?i)", "(?i:", "(?P<n>", "(?<n>", "(?=", "\\d", "\\W", "\\b", "\\p{L}", "\\pN", "\\x41", "\\x{1F}",
      "\\Q", "\\1", "[^", "[a-z]", "[[:alpha:]]"),
    *("{2}", "{1,3}", "{2,}", "{1001}", "{,2}", "*?", "a++", "\\z", "\\Z", "\\[", "\\-"),
)  # fmt: skip
_CONNECTION = duckdb.connect(config={"threads": "1"})


def _takes(regex: str) -> bool:
    literal = quote_text(regex)
    try:
        _CONNECTION.execute(
            f"SELECT regexp_matches('ab', {literal}), regexp_full_match('ab', {literal}), string_split_regex('ab', {literal})"
        )
    except duckdb.Error:
        return False
    return True


@settings(deadline=None, max_examples=800)
@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join))
def test_what_is_accepted_compiles_in_duckdb(text: str) -> None:
    """A regular expression that passes never aborts a query."""
    try:
        regex = read_regex(text)
    except RegexError:
        return
    assert _takes(regex.text), text


@pytest.mark.parametrize(
    "text",
    ["", "abc", r"E(\d+)", "[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+", "^(a|b)*?$", r"(?i)x{2,5}",
     r"[]a]", r"[^\]]", r"\p{Lu}\p{Ll}*", "(?P<x>a)", "a|", r"\.\\\{"]
)  # fmt: skip
def test_usual_ones_are_accepted(text: str) -> None:
    """What people write is accepted, and DuckDB takes it."""
    assert _takes(read_regex(text).text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a(?=b)", "look-around"),
        ("(?<!a)b", "look-around"),
        (r"(a)\1", "back references"),
        ("a++", "repetition of a repetition"),
        ("*a", "nothing to repeat"),
        ("(a", "without its )"),
        ("a)", "without its ("),
        ("[a", "without its ]"),
        ("[z-a]", "bad range"),
        ("a{1001}", "0 to 1000"),
        ("(a{100}){100}", "multiply"),
        (r"(\p{L}{500})", "too large"),
        ("a{", "begins no repetition"),
        ("\\", "at the end"),
        (r"\Qa\E", "not supported"),
        ("(" * 60 + ")" * 60, "nested"),
        ("a" * 1001, "longer"),
    ],
)
def test_a_bad_one_is_refused_with_what_is_wrong(text: str, words: str) -> None:
    """The message says what RE2 lacks, or what is malformed."""
    with pytest.raises(RegexError, match=r".*") as caught:
        read_regex(text)
    assert words in caught.value.message


def test_the_largest_ones_compile() -> None:
    """The size limits stand where DuckDB still takes everything."""
    for text in ("a{1000}", "(ab{30}){30}", r"\p{L}{60}", "[àé]{200}", "." * 1000, "(?i)" + "x{900}", "[^a]{900}"):
        try:
            regex = read_regex(text)
        except RegexError:
            continue
        assert _takes(regex.text), text
