"""Tests of which field goes to which."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.automap import Match, enum_details, match, plan_of, previews
from headrace.core.blueprint import Blueprint, Option
from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.core.similarity import similarity


def _blueprint(*fields: str | Mapping[str, Json], **more: Json) -> Blueprint:
    given: list[Json] = [
        {"key": item, "type": "string"} if isinstance(item, str) else {"type": "string", **item} for item in fields
    ]
    return read_blueprint({"name": "sheet", "fields": given, **more})


def _pairs(found: tuple[Match, ...]) -> dict[str, tuple[str, str, str]]:
    return {item.source.key: (item.destination.key, item.certainty, item.found.value) for item in found}


@pytest.mark.parametrize(
    ("header", "field", "certainty", "source"),
    [
        ("email", "email", "absolute", "exact"),
        ("E-mail", {"key": "mail", "label": "E-mail"}, "absolute", "exact"),
        ("First Name", "firstName", "strong", "normalized"),
        ("FIRST_NAME", "firstName", "strong", "normalized"),
        ("prénom", {"key": "firstName", "alternativeNames": ["Prenom"]}, "strong", "normalized"),
        ("Surname", {"key": "lastName", "alternativeNames": ["Surname"]}, "strong", "normalized"),
        ("e mial", "email", "moderate", "similarity"),
        ("Phone number", "phone", "moderate", "similarity"),
        ("Email address", "email", "weak", "similarity"),
    ],
)
def test_pairs_are_found_with_how_certain_they_are(
    header: str, field: str | Mapping[str, Json], certainty: str, source: str
) -> None:
    """Clients go by the certainty: ``exact`` takes absolute ones only, ``confident`` strong ones, too."""
    [found] = match(_blueprint(header), _blueprint(field))
    assert (found.certainty, found.found.value) == (certainty, source)
    if found.found.value == "normalized":
        assert 0.95 <= found.confidence < 1
    assert (found.confidence == 1) == (certainty == "absolute")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("First name", "Last name"),
        ("Billing city", "Shipping city"),
        ("Address 1", "Address 2"),
        ("Customer id", "Order id"),
        ("Start date", "End date"),
        ("a", "b"),
        ("", "x"),
    ],
)
def test_different_things_are_not_taken_for_each_other(one: str, other: str) -> None:
    """A wrong pair is worse than none: nobody looks at it again."""
    assert similarity(one, other) < 0.5


def test_the_best_pairs_come_first_and_each_field_is_used_once() -> None:
    """What is identical is not given to what is only alike."""
    found = match(_blueprint("Email address", "email", "mail"), _blueprint("emailAddress", "email"))
    assert _pairs(found) == {
        "Email address": ("emailAddress", "strong", "normalized"),
        "email": ("email", "absolute", "exact"),
    }


def test_computed_fields_take_no_part() -> None:
    """Nobody writes them."""
    computed: Mapping[str, Json] = {"key": "total", "constraints": [{"type": "computed"}]}
    assert match(_blueprint("total"), _blueprint(computed)) == ()
    assert match(_blueprint(computed), _blueprint("total")) == ()
    plan: Any = plan_of(_blueprint(computed, "a"), _blueprint(computed, "b"), (), {})
    assert [item["sourceField"]["key"] for item in plan["unmappedSourceFields"]] == ["a"]


def test_the_destination_says_how_sure_a_pair_has_to_be() -> None:
    """Its threshold is from above 0 to 1."""
    source = _blueprint("Phone number", "Street")
    assert len(match(source, _blueprint("phone", "street"))) == 2
    assert len(match(source, _blueprint("phone", "street", mappingConfidenceThreshold=0.9))) == 1
    assert match(source, _blueprint("phone", "street", mappingConfidenceThreshold=1)) == ()


def test_values_are_matched_to_options_by_value_label_and_other_names() -> None:
    """The rest of both sides is listed, for a person to go on with."""
    options = (
        Option("de", "Germany", ("Deutschland",)),
        Option("fr", "France"),
        Option(3, "Three"),
        Option("it", "Italy"),
    )
    assert enum_details(options, ["DE", "Deutschland", "france", "3", "Atlantis"]) == {
        "mapping": [
            {"sourceValue": "DE", "destinationValue": "de"},
            {"sourceValue": "Deutschland", "destinationValue": "de"},
            {"sourceValue": "france", "destinationValue": "fr"},
            {"sourceValue": "3", "destinationValue": 3},
        ],
        "unusedSourceValues": ["Atlantis"],
        "unusedDestinationValues": ["it"],
    }


def test_a_plan_shows_values_and_details_of_enums() -> None:
    """The definitions of fields stand in it as they were sent."""
    tags: Mapping[str, Json] = {
        "key": "tags",
        "type": "enum-list",
        "config": {"options": [{"value": "a"}, {"value": "b"}]},
    }
    source, destination = _blueprint("tags", "left"), _blueprint(tags, "right")
    plan: Any = plan_of(
        source,
        destination,
        match(source, destination),
        {"tags": ["a; b", "a", ""], "left": [1, 1.5, True, "x", [1, 2], 7]},
    )
    assert plan["fieldMapping"] == [
        {
            "sourceField": {"key": "tags", "type": "string"},
            "destinationField": tags,
            "preview": ["a; b", "a"],
            "enumDetails": {
                "mapping": [
                    {"sourceValue": "a", "destinationValue": "a"},
                    {"sourceValue": "b", "destinationValue": "b"},
                ],
                "unusedSourceValues": [],
                "unusedDestinationValues": [],
            },
            "metadata": {"certainty": "absolute", "confidence": 1.0, "source": "exact", "detectedDelimiter": ";"},
        }
    ]
    assert plan["unmappedSourceFields"] == [
        {"sourceField": {"key": "left", "type": "string"}, "preview": ["1", "1.5", "true", "x", "1, 2"]}
    ]
    assert plan["unmappedDestinationFields"] == [{"destinationField": {"key": "right", "type": "string"}}]


def test_previews_are_few_distinct_texts_that_are_not_empty() -> None:
    """A person sees at a glance what a column holds."""
    assert previews(["a", "", None, "a", "b", "c", "d", "e", "f"]) == ["a", "b", "c", "d", "e"]


def test_very_wide_sheets_are_paired_in_bounded_time() -> None:
    """Names that are alike by a word are found still."""
    source = _blueprint(*(f"Kolumne {number}" for number in range(1_000)), "Phone number")
    destination = _blueprint(*(f"field_{number}" for number in range(1_000)), "phone")
    assert _pairs(match(source, destination)) == {"Phone number": ("phone", "moderate", "similarity")}


_NAMES = st.lists(
    st.sampled_from(
        [
            "id",
            "ID",
            "name",
            "Name",
            "first name",
            "firstName",
            "fname",
            "email",
            "E-Mail",
            "mail",
            "city",
            "City 2",
            "ort",
        ]
    ),
    unique=True,
    max_size=8,
)


@given(_NAMES, _NAMES)
def test_each_field_is_used_once_and_none_is_left_that_could_be_paired(one: list[str], other: list[str]) -> None:
    """The same two sheets always give the same plan, and every field stands in it exactly once."""
    source, destination = _blueprint(*one), _blueprint(*other)
    found = match(source, destination)
    assert found == match(source, destination)
    assert len({item.source.key for item in found}) == len({item.destination.key for item in found}) == len(found)
    plan: Any = plan_of(source, destination, found, {})
    mapped: list[str] = [item.source.key for item in found]
    unmapped = [item["sourceField"]["key"] for item in plan["unmappedSourceFields"]]
    assert sorted([*mapped, *unmapped]) == sorted(one)
    # Nothing that is left could be paired still.
    rest_here = _blueprint(*(name for name in one if name not in mapped))
    rest_there = _blueprint(*(name for name in other if name not in {item.destination.key for item in found}))
    assert match(rest_here, rest_there) == ()


@given(st.text("abcXYZ _-0é", max_size=12), st.text("abcXYZ _-0é", max_size=12))
def test_likeness_has_no_direction(one: str, other: str) -> None:
    """Which sheet is the source makes no difference to it."""
    assert similarity(one, other) == pytest.approx(similarity(other, one))
    assert 0 <= similarity(one, other) <= 1
