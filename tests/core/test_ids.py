"""Ids that are made from other things."""

import re

from hypothesis import given
from hypothesis import strategies as st

from headrace.core.ids import derived_uuid, ulid_of


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.integers(0, 2**80 - 1), st.integers(0, 2**80 - 1))
def test_ulids_sort_by_their_time(one: int, other: int, chance: int, fate: int) -> None:
    """A list of batches by id is a list by age."""
    first, second = ulid_of(one, chance), ulid_of(other, fate)
    assert re.fullmatch(r"[0-7][0-9A-HJKMNP-TV-Z]{25}", first)
    assert (first < second) == ((one, chance) < (other, fate))


def test_a_derived_id_belongs_to_its_parts_alone() -> None:
    """Names that outlive tries are the same each time, and parts do not run into one another."""
    assert derived_uuid("a", "b") == derived_uuid("a", "b")
    assert derived_uuid("ab", "") != derived_uuid("a", "b")
