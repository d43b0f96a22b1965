"""JSON to dataclasses and back: the one reader of definitions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.codec import Json, decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.query import Cursor
from headrace.core.settings import CopySettings
from headrace.core.source import DeltaColumn, FileSource, NullPolicy, TableSource


class Colour(StrEnum):
    """Colours for the tests."""

    RED = "red"
    GREEN = "green"


@dataclass(frozen=True)
class Circle:
    """One of two shapes."""

    KIND: ClassVar[str] = "circle"

    radius: float


@dataclass(frozen=True)
class Square:
    """The other."""

    KIND: ClassVar[str] = "square"

    side: int = 1


@dataclass(frozen=True)
class Picture:
    """A document with every kind of annotation."""

    name: str
    shape: Circle | Square
    colours: tuple[Colour, ...] = ()
    tags: frozenset[str] = frozenset()
    labels: Mapping[str, int] | None = None
    extra: Json = None


PICTURES = st.builds(
    Picture,
    st.text(),
    st.builds(Circle, st.floats(allow_nan=False)) | st.builds(Square, st.integers()),
    st.lists(st.sampled_from(Colour)).map(tuple),
    st.frozensets(st.text()),
    st.none() | st.dictionaries(st.text(), st.integers()),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5),
)


@given(PICTURES)
def test_decoding_is_the_inverse_of_encoding(picture: Picture) -> None:
    """Nothing is lost between the ledger and the engine."""
    assert decode(Picture, encode(picture), what="the picture") == picture


def test_fields_that_equal_their_default_are_left_out() -> None:
    """Documents stay as short as a person would write them."""
    assert encode(Picture("a", Square())) == {"name": "a", "shape": {"kind": "square"}}


def test_all_errors_are_reported_at_once_with_their_paths() -> None:
    """A person corrects a document once, not once for each error."""
    with pytest.raises(Problem) as refusal:
        decode(Picture, {"shape": {"kind": "circle", "radius": "wide"}, "colours": ["rde", 1]}, what="the picture")
    assert [str(error) for error in refusal.value.fields] == [
        "name: is missing (expected a string)",
        "shape.radius: expected a number, found 'wide'",
        "colours[0]: 'rde' is not allowed (did you mean 'red'?)",
        "colours[1]: 1 is not allowed (one of red, green)",
    ]
    assert refusal.value.message == "the picture has 4 errors:"


def test_an_unknown_field_is_named_with_its_nearest_neighbour() -> None:
    """A misspelt field is never ignored silently."""
    with pytest.raises(Problem) as refusal:
        decode(Picture, {"name": "a", "shape": {"kind": "square"}, "colour": []}, what="the picture")
    assert refusal.value.code is Code.UNKNOWN_FIELD
    assert str(refusal.value.fields[0]) == "colour: unknown field 'colour' (did you mean 'colours'?)"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (None, "expected an object, found null"),
        ([], "expected an object, found a list"),
        ({"name": True, "shape": {"kind": "square"}}, "name: expected a string, found true"),
        ({"name": "a", "shape": {"kind": "square", "side": True}}, "shape.side: expected an integer, found true"),
        ({"name": "a", "shape": {"kind": "oval"}}, "'oval' is no known kind (one of circle, square)"),
        ({"name": "a", "shape": {"kind": ["x"]}}, "is no known kind"),
        ({"name": "a", "shape": {"kind": "square"}, "colours": "red"}, "colours: expected a list, found 'red'"),
        ({"name": "a", "shape": {"kind": "square"}, "labels": {"x": 1.5}}, "labels.x: expected an integer, found 1.5"),
    ],
)
def test_a_wrong_type_is_told_with_what_was_found(document: Json, words: str) -> None:
    """The message says what, where and what would be right."""
    with pytest.raises(Problem) as refusal:
        decode(Picture, document, what="the picture")
    assert words in str(refusal.value)


def test_an_error_that_a_dataclass_finds_itself_keeps_the_path() -> None:
    """Checks beyond types point to the place in the whole document."""
    with pytest.raises(Problem) as refusal:
        decode(CopySettings, {"source": {"kind": "table", "connection": "c"}}, what="the settings")
    assert refusal.value.fields[0].path == "source.table"


@pytest.mark.parametrize(
    "settings",
    [
        CopySettings(FileSource("file:///data", "*.csv", recursive=True)),
        CopySettings(TableSource("c", table="s.t", delta=DeltaColumn("at", nulls=NullPolicy.FAIL, lag_seconds=2.5))),
    ],
)
def test_sources_are_told_apart_by_their_kind(settings: CopySettings) -> None:
    """A plan in the ledger names the kind of its source."""
    assert decode(CopySettings, encode(settings), what="the settings") == settings


def test_what_has_no_json_form_is_a_bug_and_says_so() -> None:
    """Objects do not slip into the ledger as their repr."""
    with pytest.raises(TypeError, match="object has no JSON form"):
        encode(Cursor((object(),)))  # type: ignore[arg-type]  # the point of the test
