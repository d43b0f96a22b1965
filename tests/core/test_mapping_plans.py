"""Tests of execution plans that clients send, and of what they do."""

from collections.abc import Sequence
from typing import Any

import pytest

from headrace.core.automap import EMPTY_PLAN, match, plan_of
from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.mapping_columns import Building, Column
from headrace.core.mapping_plans import program_of, read_plan, with_parts

OPTIONS: Json = {"options": [{"value": "de", "label": "Germany"}, {"value": "fr", "label": "France"}]}
SOURCE = read_blueprint(
    {"name": "from", "fields": [{"key": key, "type": "string"} for key in ("Name", "Country", "Tags")]}
)
DESTINATION_CONFIG: dict[str, Json] = {
    "name": "to",
    "fields": [
        {"key": "name", "type": "string"},
        {"key": "country", "type": "enum", "config": OPTIONS},
        {"key": "tags", "type": "enum-list", "config": OPTIONS},
    ],
}
DESTINATION = read_blueprint(DESTINATION_CONFIG)


def _edge(source: str, destination: str, **more: Json) -> dict[str, Json]:
    return {"sourceField": {"key": source, "type": "x"}, "destinationField": {"key": destination}, **more}


def _whole(*edges: Json) -> dict[str, Json]:
    return {"fieldMapping": list(edges), "unmappedSourceFields": [], "unmappedDestinationFields": []}


def _run(plan: dict[str, Json], columns: dict[str, Column]) -> dict[str, Column]:
    def extract(pattern: str, texts: Sequence[str]) -> list[None]:
        raise AssertionError((pattern, texts))

    size = len(next(iter(columns.values())))
    return program_of(plan, SOURCE, DESTINATION).run(Building(size, columns, extract, lambda _: ()))


def test_values_of_enums_are_translated_and_others_are_kept() -> None:
    """What no option is meant by becomes an error in the destination, where a person can put it right."""
    columns: dict[str, Column] = {
        "Name": ["a", "b", "c"],
        "Country": ["Germany", "FRANCE", "Mars"],
        "Tags": ["de; France", None, "x"],
    }
    plan = plan_of(SOURCE, DESTINATION, match(SOURCE, DESTINATION), columns)
    assert _run(plan, columns) == {
        "name": ["a", "b", "c"],
        "country": ["de", "fr", "Mars"],
        "tags": [["de", "fr"], None, ["x"]],
    }


def test_what_a_client_says_of_values_wins() -> None:
    """A value that was listed as unused stays as it is, although a label is called so."""
    details: Json = {"mapping": [{"sourceValue": "Mars", "destinationValue": "fr"}], "unusedSourceValues": ["Germany"]}
    edge = _edge("Country", "country", enumDetails=details)
    asked = read_plan(_whole(edge), SOURCE, DESTINATION, whole=True)
    assert _run(with_parts(None, asked), {"Country": ["Mars", "Germany", "France"]}) == {
        "country": ["fr", "Germany", "fr"]
    }


def test_fields_are_known_by_their_keys_and_get_the_definitions_of_their_sheets() -> None:
    """Whatever else a client says of them."""
    asked = read_plan(_whole(_edge("Name", "name", preview=["x"])), SOURCE, DESTINATION, whole=True)
    assert asked.parts["fieldMapping"] == [
        {
            "sourceField": {"key": "Name", "type": "string"},
            "destinationField": {"key": "name", "type": "string"},
            "preview": ["x"],
        }
    ]


def test_parts_that_are_not_given_stay() -> None:
    """PATCH changes only the keys that it has."""
    asked = read_plan({"fieldMapping": [_edge("Name", "name")], "programId": "p"}, SOURCE, DESTINATION, whole=False)
    plan = with_parts({**EMPTY_PLAN, "unmappedSourceFields": ["kept"]}, asked)
    assert (plan["unmappedSourceFields"], plan["programId"]) == (["kept"], "p")


def test_a_field_that_the_destination_may_take_is_added() -> None:
    """Only where its sheet allows additional fields."""
    free = read_blueprint({**DESTINATION_CONFIG, "allowAdditionalFields": True})
    asked = read_plan(_whole(_edge("Name", "nick"), _edge("Tags", "name")), SOURCE, free, whole=True)
    assert [item.key for item in asked.new_fields] == ["nick"]


@pytest.mark.parametrize(
    ("raw", "paths"),
    [
        ({}, ["fieldMapping", "unmappedSourceFields", "unmappedDestinationFields"]),
        (_whole(_edge("nope", "name")), ["fieldMapping[0].sourceField.key"]),
        (_whole(_edge("Name", "nope")), ["fieldMapping[0].destinationField.key"]),
        (_whole({"sourceField": {"key": "Name"}}), ["fieldMapping[0].destinationField"]),
        (_whole(_edge("Name", "name"), _edge("Tags", "name")), ["fieldMapping[1].destinationField"]),
        (_whole(_edge("Name", "name", enumDetails={})), ["fieldMapping[0].enumDetails.mapping"]),
        (
            {**_whole(), "unmappedSourceFields": [{}], "programId": 1},
            ["unmappedSourceFields[0].sourceField", "programId"],
        ),
    ],
)
def test_what_is_wrong_with_a_plan_is_told_with_its_path(raw: dict[str, Any], paths: list[str]) -> None:
    """All of it at once."""
    with pytest.raises(Problem) as caught:
        read_plan(raw, SOURCE, DESTINATION, whole=True)
    assert [error.path for error in caught.value.fields] == paths


def test_a_plan_whose_fields_have_gone_is_refused_when_it_is_done() -> None:
    """A column that vanished without a word would be worse."""
    with pytest.raises(Problem, match="'gone' any more"):
        program_of({"fieldMapping": [_edge("Name", "gone")]}, SOURCE, DESTINATION)
