"""Blueprints are read of what clients send; all that is wrong is said at once (contract 12.3, 12.4)."""

from typing import Any

import pytest

from headrace.core.blueprint import FieldKind, Option, Reference, Required, Unique
from headrace.core.blueprint_reading import MAX_OPTIONS, default_slug, read_blueprint
from headrace.core.errors import Problem
from headrace.core.record import Level


def read(*fields: dict[str, Any], **more: Any) -> Any:
    """Return the blueprint of a sheet with these fields."""
    return read_blueprint({"name": "S", "fields": list(fields), **more})


def paths(*fields: dict[str, Any], **more: Any) -> list[str]:
    """Return where something is wrong."""
    with pytest.raises(Problem) as caught:
        read(*fields, **more)
    return [error.path for error in caught.value.fields]


def test_every_kind_of_field_is_read() -> None:
    """Options, references, constraints and names arrive in the words of the core."""
    blueprint = read(
        {
            "key": "a",
            "type": "string",
            "constraints": [{"type": "required", "config": {"message": "no", "level": "warn"}}],
        },
        {"key": "b", "type": "number", "label": "B", "config": {"decimalPlaces": 2.0}, "readonly": True},
        {
            "key": "c",
            "type": "enum",
            "config": {"options": [{"value": 1, "label": "one", "alternativeNames": ["eins"]}]},
        },
        {
            "key": "d",
            "type": "reference",
            "config": {"ref": "s", "key": "k", "filter": {"refField": "x", "recordField": "a"}},
        },
        {
            "key": "e",
            "type": "boolean",
            "config": {"allowIndeterminate": False},
            "alternativeNames": ["E"],
            "label": None,
        },
        {
            "key": "f",
            "type": "date",
            "constraints": [{"type": "unique", "config": {"caseSensitive": False}}, {"type": "computed"}],
        },
        slug=None,
        constraints=[
            {"type": "unique", "name": "f", "fields": ["a", "b"], "requiredFields": ["a"], "strategy": "hash"}
        ],
    )
    a, b, c, d, e, f = blueprint.fields
    assert a.required == Required("no", Level.WARN)
    assert (b.label, b.decimal_places, b.readonly) == ("B", 2, True)
    assert c.options == (Option(1, "one", ("eins",)),)
    assert d.reference == Reference("s", "k", ("x", "a"))
    assert (e.kind, e.label, e.alternatives) == (FieldKind.BOOLEAN, "e", ("E",))
    assert f.computed
    assert blueprint.uniques == (
        Unique("f", ("f",), case_sensitive=False),
        Unique("\x1ff", ("a", "b"), required=("a",)),
    )
    assert (blueprint.raw["slug"], "label" in blueprint.raw["fields"][4]) == ("S", False)


def test_all_that_is_wrong_is_said_at_once() -> None:
    """Each mistake with its path."""
    assert paths(
        {"type": "string"},
        {"key": "x" * 256, "type": "string"},
        {"key": "a", "type": "text"},
        {"key": "a", "type": "string", "constraints": [{"type": "odd"}, {}, {"type": "external"}]},
        {"key": "b", "type": "enum"},
        {"key": "c", "type": "enum-list", "config": {"options": [{"value": None}]}},
        {"key": "d", "type": "reference-list", "config": {"ref": "s", "relationship": "many"}},
        {"key": "e", "type": "boolean", "config": {}},
        {"key": "g", "type": "string", "constraints": [{"type": "computed"}] * 11},
        mappingConfidenceThreshold=0,
        constraints=[{"type": "unique", "name": "n", "fields": ["nothing"], "strategy": "sum"}],
    ) == [
        "mappingConfidenceThreshold",
        "fields[0].key",
        "fields[1].key",
        "fields[2].type",
        "fields[3].constraints[0].type",
        "fields[3].constraints[1].type",
        "fields[3].constraints[2].validator",
        "fields[3].key",
        "fields[4].config",
        "fields[5].config.options[0].value",
        "fields[6].config.key",
        "fields[6].config.relationship",
        "fields[7].config.allowIndeterminate",
        "fields[8].constraints",
        "constraints[0].strategy",
        "constraints[0].fields",
    ]
    assert paths(name=None) == ["name"]
    assert paths({"key": "a", "type": "enum", "config": {"options": [{"value": 1}] * (MAX_OPTIONS + 1)}}) == [
        "fields[0].config.options"
    ]


def test_slugs_are_made_of_names() -> None:
    """Without punctuation, blanks to hyphens; a name of nothing else has one all the same."""
    assert [default_slug(name) for name in ("My Sheet!", " a  b ", "?!", "Über_1-x")] == [
        "My-Sheet",
        "a-b",
        "sheet",
        "Über_1-x",
    ]
