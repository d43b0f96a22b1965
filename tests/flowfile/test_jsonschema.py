"""The published JSON Schema of flow files."""

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from headrace.flowfile import json_schema
from headrace.flowfile.yamltext import parse

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").rglob("*.yaml"))
VALIDATOR = Draft202012Validator(json_schema())


def test_it_is_a_json_schema() -> None:
    """Editors can read it."""
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_accepts_every_example(path: Path) -> None:
    """What the loader takes, the editor does not underline."""
    VALIDATOR.validate(parse(path.read_text(encoding="utf-8"), path.name).value)


@pytest.mark.parametrize("files", ["x.csv", "[x.csv, y.csv]"])
def test_files_are_one_text_or_a_list(files: str) -> None:
    """Both are good."""
    VALIDATOR.validate(parse(f"{{name: a, source: {{files: {files}}}, target: {{table: t}}}}", "f").value)


@pytest.mark.parametrize(
    "text",
    [
        "{name: a}",
        "{name: a, source: {files: x}, target: {table: t}, maping: {}}",
        "{name: a, source: {files: x, format: {type: csv}}, target: {table: t}}",
        "{name: a, source: {files: x}, target: {table: t, schema: {a: {required: true}}}}",
        "{name: a, source: {files: x, recursive: maybe}, target: {table: t}}",
    ],
)
def test_it_refuses_what_the_loader_refuses(text: str) -> None:
    """Missing and unknown fields, wrong words, wrong types."""
    assert not VALIDATOR.is_valid(parse(text, "f").value)


def test_every_field_has_a_description() -> None:
    """An editor shows what each field means."""

    def undescribed(schema: dict[str, object], path: str) -> list[str]:
        found = []
        properties = schema.get("properties", {})
        assert isinstance(properties, dict)
        for name, below in properties.items():
            found += [] if below.get("description") else [f"{path}.{name}"]
            found += undescribed(below, f"{path}.{name}")
        return found

    assert undescribed(dict(json_schema()), "") == []
