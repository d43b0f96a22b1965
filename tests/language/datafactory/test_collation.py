"""The order of texts in comparisons."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.language.datafactory.collation import compare, key

IN_ORDER = (
    *(
        "",
        " ",
        "_",
        "-",
        ",",
        ";",
        ":",
        "!",
        "?",
        ".",
        "'",
        '"',
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "@",
        "*",
        "/",
        "\\",
        "&",
        "#",
        "%",
    ),
    *(
        "`",
        "^",
        "+",
        "<",
        "=",
        ">",
        "|",
        "~",
        "$",
        "€",
        "0",
        "1",
        "10",
        "2",
        "²",
        "9",
        "a",
        "A",
        "á",
        "Á",
        "à",
        "â",
        "å",
        "ä",
        "ã",
    ),
    *(
        "a b",
        "a-b",
        "a.b",
        "a1",
        "a10",
        "a2",
        "aa",
        "aA",
        "Aa",
        "ab",
        "ae",
        "æ",
        "af",
        "b",
        "B",
        "c",
        "ç",
        "co-op",
        "coop",
        "d",
        "đ",
    ),
    *(
        "ð",
        "e",
        "E",
        "é",
        "f",
        "l",
        "ł",
        "n",
        "ñ",
        "o",
        "ö",
        "ø",
        "resume",
        "Resume",
        "résumé",
        "Résumé",
        "resumes",
        "ss",
        "ß",
        "st",
    ),
    *("z", "Z", "ž", "þ", "α", "β", "Β", "б", "日"),  # noqa: RUF001 — Greek and Cyrillic
)


def test_texts_are_in_the_order_of_the_root_collation() -> None:
    """Blanks, punctuation, symbols, currencies, digits, letters; letters before accents before case, small before capital."""
    shuffled = list(IN_ORDER)
    random.Random(7).shuffle(shuffled)  # noqa: S311 — no secret
    assert sorted(shuffled, key=key) == list(IN_ORDER)


@pytest.mark.parametrize(("one", "other"), [("é", "e\u0301"), ("a\u200b", "a"), ("a\x00b", "ab"), ("Å", "\u212b")])
def test_some_differences_do_not_count(one: str, other: str) -> None:
    """Composed and decomposed accents are the same; control characters weigh nothing."""
    assert compare(one, other) == 0


@given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
def test_texts_have_one_order(one: str, other: str, third: str) -> None:
    """The order goes both ways, and what comes between does not matter."""
    assert compare(one, other) == -compare(other, one)
    if compare(one, other) <= 0 and compare(other, third) <= 0:
        assert compare(one, third) <= 0


@given(
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=6), st.text(st.sampled_from("abcxyz"), max_size=6)
)
def test_small_letters_are_in_their_alphabet(one: str, other: str) -> None:
    """Where no case and no accent is, the order is that of the letters."""
    assert compare(one, other) == (one > other) - (one < other)
