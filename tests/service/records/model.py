"""A model of sheets that knows nothing of speed: it checks every record from scratch, one value at a time, against all others.

Written from the contract, section 12.4, and not from the code.
"""

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = Any
Messages: TypeAlias = dict[str, list[tuple[str, str, str]]]
"""Level, source and text by field."""


@dataclass
class ModelRecord:
    """A record: what was sent of it, read as its fields' types."""

    position: int
    values: dict[str, Value]
    custom: Messages = field(default_factory=dict)
    metadata: Mapping[str, Value] = field(default_factory=dict)


@dataclass
class ModelSheet:
    """A sheet with its fields as clients send them."""

    name: str
    slug: str
    fields: list[dict[str, Value]]
    constraints: list[dict[str, Value]]
    records: list[ModelRecord] = field(default_factory=list)

    def read(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Return values as they are kept: read as their types, without nulls; those of fields that are gone stay."""
        kinds = {one["key"]: one for one in self.fields}
        read = {key: _read(kinds[key], value)[0] if key in kinds else value for key, value in values.items()}
        return {key: value for key, value in read.items() if value is not None}

    def reread(self) -> None:
        """Read every value again: fields have changed."""
        for record in self.records:
            record.values = self.read(record.values)
            record.custom = {key: said for key, said in record.custom.items() if key in {f["key"] for f in self.fields}}


def messages(sheet: ModelSheet, workbook: list[ModelSheet], record: ModelRecord) -> Messages:
    """Return all that is to be said of a record."""
    found: Messages = {}
    for one in sheet.fields:
        key, value = one["key"], record.values.get(one["key"])
        said = found.setdefault(key, [])
        said.extend(_cell(one, value))
        said.extend(record.custom.get(key, []))
        if one["type"].startswith("reference"):
            said.extend(_links(one, workbook, record))
        for constraint in one.get("constraints", []):
            if constraint["type"] == "unique":
                said.extend(_repeated(sheet, record, [key], constraint.get("config", {}), []))
    for constraint in sheet.constraints:
        needed = constraint.get("requiredFields", [])
        for key in constraint["fields"]:
            found[key].extend(_repeated(sheet, record, constraint["fields"], constraint.get("config", {}), needed))
    return {key: sorted(set(said)) for key, said in found.items() if said}


def _cell(one: Mapping[str, Value], value: Value) -> list[tuple[str, str, str]]:
    said: list[tuple[str, str, str]] = []
    if value is not None:
        said.extend(("error", source, text) for source, text in _read(one, value)[1])
    required = [c for c in one.get("constraints", []) if c["type"] == "required"]
    if required and (value is None or value == []):
        config = required[0].get("config", {})
        text = config.get("message", f"{one.get('label', one['key'])} is required")
        said.append((config.get("level", "error"), "required-constraint", text))
    return said


def _read(one: Mapping[str, Value], value: Value) -> tuple[Value, list[tuple[str, str]]]:
    """Return a value as its type, and source and text of what is wrong with it."""
    if value is None or value == "":
        return None, []
    kind = one["type"]
    bad = value, [("is-artifact", f'"{_shown(value)}" is not a valid {kind}')]
    scalar = isinstance(value, str | int | float)
    match kind:
        case "string":
            return (value if isinstance(value, str) else json.dumps(value), []) if scalar else bad
        case "number":
            if isinstance(value, str) and re.fullmatch(r"-?\d+(\.\d+)?", value):
                value = int(value) if value.lstrip("-").isdigit() else float(value)
            return (value, []) if isinstance(value, int | float) and not isinstance(value, bool) else bad
        case "boolean":
            words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
            read = value if isinstance(value, bool) else words.get(str(value).lower()) if scalar else None
            return bad if read is None else (read, [])
        case "date":
            return (value, []) if isinstance(value, str) and _is_day(value) else bad
        case "enum":
            options = [option["value"] for option in one["config"]["options"]]
            return (value, [] if value in options else [_no_option(value)]) if scalar else bad
        case "reference":
            return (value, []) if scalar else bad
        case _:
            return _read_list(one, value) or bad


def _read_list(one: Mapping[str, Value], value: Value) -> tuple[Value, list[tuple[str, str]]] | None:
    if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value):
        return None
    if one["type"] == "string-list":
        return [item if isinstance(item, str) else json.dumps(item) for item in value], []
    if one["type"] == "enum-list":
        options = [option["value"] for option in one["config"]["options"]]
        return value, [_no_option(item) for item in value if item not in options]
    return value, []


def _links(one: Mapping[str, Value], workbook: list[ModelSheet], record: ModelRecord) -> list[tuple[str, str, str]]:
    config = one["config"]
    value = record.values.get(one["key"])
    is_list = one["type"] == "reference-list"
    if value is None or isinstance(value, list) != is_list or isinstance(value, dict):
        return []
    if is_list and not all(isinstance(item, str | int | float) for item in value):
        return []
    target = next((other for other in workbook if other.slug == config["ref"]), None)
    known = target is not None and config["key"] in {f["key"] for f in target.fields}
    filtered = config.get("filter")
    found = set()
    if target is not None and known:
        for other in target.records:
            if filtered and _beside(other, filtered["refField"]) != _beside(record, filtered["recordField"]):
                continue
            theirs = other.values.get(config["key"])
            found |= {_text(item) for item in (theirs if isinstance(theirs, list) else [theirs]) if item is not None}
    name = target.name if target is not None and known else config["ref"]
    return [
        ("error", "unlinked", f'"{_shown(item)}" was not found in {name}')
        for item in (value if is_list else [value])
        if _text(item) not in found
    ]


def _repeated(
    sheet: ModelSheet, record: ModelRecord, keys: list[str], config: Mapping[str, Value], needed: list[str]
) -> list[tuple[str, str, str]]:
    sensitive = config.get("caseSensitive", True)
    mine = _together(record, keys, needed, sensitive)
    others = [_together(other, keys, needed, sensitive) for other in sheet.records if other is not record]
    if mine is None or mine not in others:
        return []
    return [(config.get("level", "error"), "unique-constraint", config.get("message", "Value is not unique"))]


def _together(record: ModelRecord, keys: list[str], needed: list[str], sensitive: bool) -> list[str | None] | None:
    values = [record.values.get(key) for key in keys]
    if all(value in (None, []) for value in values) or any(record.values.get(key) in (None, []) for key in needed):
        return None
    texts = [None if value in (None, []) else _text(value) for value in values]
    return texts if sensitive else [text.lower() if text is not None else None for text in texts]


def _beside(record: ModelRecord, key: str) -> str | None:
    value = record.values.get(key)
    return None if value == [] else _text(value)


def _no_option(value: Value) -> tuple[str, str]:
    return "invalid-option", f'"{_shown(value)}" is not a valid option'


def _is_day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text)) and bool(dt.date.fromisoformat(text))
    except ValueError:
        return False


def _shown(value: Value) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _text(value: Value) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return None if value is None else _shown(value)
