"""Tests of mapping rules over columns."""

import re
from collections.abc import Callable, Mapping, Sequence

import pytest

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.mapping_columns import Building, Column
from headrace.core.mapping_rules import read_rules

SOURCE = read_blueprint(
    {"name": "from", "fields": [{"key": key, "type": "string"} for key in ("a", "b", "first name", "tel_1", "tel_2")]}
)
DESTINATION = read_blueprint({"name": "to", "fields": [{"key": key, "type": "string"} for key in ("x", "y", "z")]})
COLUMNS: Mapping[str, Column] = {
    "a": ["1", "2", None],
    "b": ["Ann-7", "bob", ""],
    "first name": ["Ann", None, "Cy"],
    "tel_1": ["11", None, None],
    "tel_2": ["12", "22", None],
}


def _extract(pattern: str, texts: Sequence[str]) -> list[list[str | None] | None]:
    found = [re.search(pattern, text) for text in texts]
    return [None if one is None else list(one.groups() or (one[0],)) for one in found]


def _run(rules: Json, filtering: Callable[[str], None] = lambda _text: None) -> dict[str, Column]:
    program = read_rules(rules, SOURCE, DESTINATION, "mappingRules", filtering)
    masks = {"first": [True, False, False], "last": [False, False, True]}
    return program.run(Building(3, COLUMNS, _extract, masks.__getitem__))


@pytest.mark.parametrize(
    ("rule", "column"),
    [
        ({"type": "assign", "sourceField": "a"}, ["1", "2", None]),
        ({"type": "constant", "value": 5}, [5, 5, 5]),
        ({"type": "delete"}, [None, None, None]),
        ({"type": "transform", "sourceField": "b", "transform": "uppercase"}, ["ANN-7", "BOB", ""]),
        ({"type": "transform", "sourceField": "b", "transform": "lowercase"}, ["ann-7", "bob", ""]),
        (
            {"type": "interpolate", "sourceFields": ["a", "first name"], "output": "{1}: {a}!"},
            ["Ann: 1!", ": 2!", "Cy: !"],
        ),
        ({"type": "interpolate", "sourceFields": ["a"], "template": "<{0}>"}, ["<1>", "<2>", None]),
        ({"type": "arithmetic", "sourceFields": ["a"], "equation": "{a} * 10 + a"}, [11, 22, None]),
        ({"type": "coalesce", "sourceFields": ["first name", "b"], "defaultValue": "-"}, ["Ann", "bob", "Cy"]),
        ({"type": "coalesce", "sourceFields": ["tel_1", "b"], "defaultValue": "-"}, ["11", "bob", "-"]),
        ({"type": "concatenate", "sourceFields": ["tel_1", "tel_2"]}, ["11,12", "22", None]),
        ({"type": "concatenate", "sourceFields": ["tel_1", "tel_2"], "separator": ""}, ["1112", "22", None]),
        ({"type": "array", "sourceFields": ["tel_1", "tel_2"]}, [["11", "12"], ["22"], None]),
        ({"type": "assign", "config": {"sourceField": "a", "destinationField": "x"}}, ["1", "2", None]),
    ],
)
def test_rules_build_one_field(rule: Mapping[str, Json], column: Column) -> None:
    """Each type of rule of contract 11.3."""
    assert _run([{"destinationField": "x", "name": "n", "description": "d", **rule}]) == {"x": column}


def test_a_regular_expression_fills_fields_with_its_groups() -> None:
    """Without groups it is the whole match; without a match there is nothing."""
    rule = {"type": "regex-extract", "sourceField": "b", "regex": r"(\w+)-(\d)", "destinationFields": ["x", "y", "z"]}
    assert _run([rule]) == {"x": ["Ann", None, None], "y": ["7", None, None], "z": [None, None, None]}
    assert _run([{**rule, "regex": "[a-z]+", "destinationFields": ["x"]}]) == {"x": ["nn", "bob", None]}


def test_fields_can_be_nested_into_one_object() -> None:
    """It is JSON text, as nested values of files are."""
    subfields: Json = [
        {"sourceRegex": "^tel_", "destinationSubfield": "tel"},
        {"sourceRegex": "^a$", "destinationSubfield": "id"},
    ]
    assert _run([{"type": "nest", "subfields": subfields, "destinationField": "x"}]) == {
        "x": ['{"tel": ["11", "12"], "id": "1"}', '{"tel": "22", "id": "2"}', None]
    }


def test_rules_run_in_order_and_read_what_is_being_built() -> None:
    """`destination!x` is the record that is being built."""
    assert _run(
        [
            {"type": "ignore", "sourceField": "b"},
            {"type": "assign", "sourceField": "a", "destinationField": "x"},
            {
                "type": "find-replace",
                "destinationField": "x",
                "values": [{"find": 2, "replace": "two"}, {"find": "", "replace": "none"}],
            },
            {"type": "concatenate", "sourceFields": ["destination!x", "a"], "destinationField": "y", "separator": "/"},
            {"type": "assign", "sourceField": "destination!z", "destinationField": "z"},
        ]
    ) == {"x": ["1", "two", "none"], "y": ["1/1", "two/2", "none"], "z": [None, None, None]}


def test_a_filter_leaves_other_records_as_they_are() -> None:
    """Of a program within a program, too."""
    inner: Json = [
        {"type": "constant", "destinationField": "x", "value": "inner", "filter": "last"},
        {"type": "constant", "destinationField": "y", "value": "all"},
    ]
    assert _run(
        [
            {"type": "assign", "sourceField": "a", "destinationField": "x"},
            {"type": "constant", "destinationField": "x", "value": 0, "filter": "first"},
            {"type": "subprogram", "rules": inner, "filter": "last"},
        ]
    ) == {"x": [0, "2", "inner"], "y": [None, None, "all"]}


def test_all_that_is_wrong_is_told_with_its_path() -> None:
    """A person puts a program right in one go."""

    def filtering(text: str) -> None:
        raise Problem(Code.INVALID, f"no filter: {text}")

    with pytest.raises(Problem) as caught:
        _run(
            [
                {"type": "assign", "sourceField": "nope", "destinationField": "x"},
                {"type": "assign", "sourceField": "a"},
                {"type": "guess"},
                {},
                {"type": "arithmetic", "sourceFields": ["a"], "destinationField": "x", "equation": "1 +"},
                {"type": "interpolate", "sourceFields": ["a"], "destinationField": "w", "output": "{b}"},
                {"type": "transform", "sourceField": "a", "destinationField": "x", "transform": "title"},
                {
                    "type": "subprogram",
                    "rules": [{"type": "assign", "sourceField": "destination!q", "destinationField": "x"}],
                },
                {"type": "delete", "destinationField": "x", "filter": "?"},
            ],
            filtering,
        )
    assert [error.path for error in caught.value.fields] == [
        "mappingRules[0].sourceField",
        "mappingRules[1].destinationField",
        "mappingRules[2].type",
        "mappingRules[3].type",
        "mappingRules[4].equation",
        "mappingRules[5].destinationField",
        "mappingRules[5].output",
        "mappingRules[6].transform",
        "mappingRules[7].rules[0].sourceField",
        "mappingRules[8].filter",
    ]


@pytest.mark.parametrize("rules", [None, "assign", [1]])
def test_what_is_no_list_of_rules_is_refused(rules: Json) -> None:
    """Whatever it is."""
    with pytest.raises(Problem):
        _run(rules)


def test_programs_in_one_another_have_an_end() -> None:
    """A hostile program does not take the whole stack."""
    rules: Json = []
    for _ in range(50):
        rules = [{"type": "subprogram", "rules": rules}]
    with pytest.raises(Problem, match="at most 10"):
        _run(rules)


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "interpolate", "sourceFields": ["a"], "output": "{a}" + "x" * (1 << 20)},
        {"type": "interpolate", "sourceFields": ["a"], "output": "{a}" * 1_000},
        {"type": "concatenate", "sourceFields": ["a"] * 1_000},
        {"type": "concatenate", "sourceFields": ["a", "a"], "separator": "x" * (1 << 20)},
        {"type": "constant", "value": "x" * (1 << 20)},
        {"type": "constant", "value": [{"x": "x" * (1 << 20)}]},
    ],
)
def test_short_rules_do_not_make_texts_without_end(rule: Mapping[str, Json]) -> None:
    """A rule of a mebibyte for each of thousands of records would take all of the memory: it is refused before it has."""
    program = read_rules([{**rule, "destinationField": "x"}], SOURCE, DESTINATION, "mappingRules", lambda _text: None)
    building = Building(600, {"a": ["12345" * 10_000] * 600}, _extract, lambda _text: [])
    with pytest.raises(Problem, match="for the records of one commit") as refused:
        program.run(building)
    assert refused.value.code is Code.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ({"type": "interpolate", "sourceFields": ["a"], "output": "{a}" * 1_001}, "output"),
        ({"type": "array", "sourceFields": ["a"] * 1_001}, "sourceFields"),
    ],
)
def test_a_rule_names_no_more_fields_than_a_record_may_have(rule: Mapping[str, Json], name: str) -> None:
    """Each is looked at for each record."""
    with pytest.raises(Problem) as refused:
        _run([{**rule, "destinationField": "x"}])
    assert [field.path for field in refused.value.fields] == [f"mappingRules[0].{name}"]
