"""Secrets are masked wherever they would be shown, and ordinary words are left alone."""

import pytest

from headrace.activities.datafactory.masking import KEPT_LEAST, MASK, masked, without_secrets
from headrace.core.codec import Json


@pytest.mark.parametrize(
    ("value", "least", "expected"),
    [
        ("the-secret is here", 4, f"{MASK} is here"),
        ({"the-secret": ["x the-secret y", 1, None, True]}, 4, {MASK: [f"x {MASK} y", 1, None, True]}),
        ("the-secret-and-more", 4, MASK),
        ("prod", 4, MASK),
        ("products", 4, f"{MASK}ucts"),
        ("products", KEPT_LEAST, "products"),
        ("prod", KEPT_LEAST, MASK),
        ("a", 4, MASK),
        ("an apple", 4, "an apple"),
    ],
)
def test_a_secret_is_masked_as_far_as_it_can_be_told_from_words(value: Json, least: int, expected: Json) -> None:
    """Longer ones first, since one may be a part of another; short ones where they are the whole text."""
    assert masked(value, {"the-secret", "the-secret-and-more", "prod", "a", ""}, least) == expected


def test_secure_strings_are_masked_in_their_places() -> None:
    """Whoever reads the input sees that there was one; so are plain texts of properties that are secrets by their names."""
    secure = {"type": "SecureString", "value": "x"}
    value: Json = {"list": [secure], "other": {"type": "Expression", "value": "x"}, "Password": "plain", "pfx": None}
    assert without_secrets(value) == {
        "list": [{"type": "SecureString", "value": MASK}],
        "other": {"type": "Expression", "value": "x"},
        "Password": MASK,
        "pfx": None,
    }
