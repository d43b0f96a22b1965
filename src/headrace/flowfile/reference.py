"""The page docs/reference/flowfile.md, made from the table that files are read by."""

import dataclasses
import enum
import types
import typing
from collections.abc import Mapping
from typing import Any

from headrace.core.flow import Policy
from headrace.core.source import DeltaColumn, FileFormat
from headrace.flowfile.document import (
    FURTHER_DOCS,
    ActivitiesSpec,
    ColumnSpec,
    Document,
    RejectSpec,
    SourceSpec,
    TargetSpec,
    hints_of,
    is_json,
)

_SECTIONS: Mapping[str, type] = {
    "The file": Document,
    "`source`": SourceSpec,
    "`source.format`": FileFormat,
    "`source.delta_column`": DeltaColumn,
    "`target`": TargetSpec,
    "`target.schema`: a column": ColumnSpec,
    "`target.rejects`": RejectSpec,
    "`activities`": ActivitiesSpec,
    "`activities.copy`, `activities.promote`": Policy,
}
_KINDS: Mapping[Any, str] = {str: "text", int: "integer", float: "number", bool: "true or false"}

_OPENING = """# The flow file

<!-- made by headrace.flowfile.reference.page(); tests/flowfile/test_reference.py keeps it in step -->

A flow file is a YAML document that says what a flow is. `headrace run FILE` runs it; `headrace schema flowfile` prints its JSON Schema, so that
editors complete and check it. Everything that is wrong in a file is told at once, before anything runs, as `file:line:column: what (what would
be right)`.

The YAML is read without surprises: `NO`, `on` and dates are texts, a key may stand once, and tags are refused. A text that begins
with `*`, `&`, `{`, `[`, `#`, `!`, `|`, `>`, `@`, `%` or a quote needs quotes around it, as in every YAML.

Relative paths begin at the flow file's own folder. Runs of files with the same `name` are runs of one flow.

## Parameters

`parameters:` declares names with defaults; `null` means that the parameter has to be given. `headrace run FILE --param day=2024-01-01` gives one.
`${day}` stands for its value. What it becomes depends on where it stands, so that it is data everywhere and never code, and what it becomes
is not looked at again:

| where | what `${name}` becomes |
|---|---|
| in an expression under `mapping` | a literal; a `${…}` that is no parameter is a column, as always in expressions |
| in `source.query` | an SQL literal |
| in `source.database` | its text, percent-encoded within a longer URL; `${env:NAME}` is a variable of the environment, here only |
| alone in any other value | the value itself, with its type |
| within any other text | its text; `$${` stands for `${` |

A database's URL is sealed in the ledger as a connection; it stands neither in the flow's plan nor in a message.

## Windows

`headrace run FILE --window START END` reads only what lies in `[START, END)`: of `source.delta_column`, or of the files' modification time
with `source.by_modification_time`. Both are ISO 8601 with a zone (`2024-01-01T00:00:00Z`); a time without one is refused, since a
guessed zone would shift the edge. `-` leaves a side open.

Without `--window`, a flow that appends and has one of the two goes on from its **watermark**: where the last such run that succeeded
ended. The first run reads everything. A run that fails moves nothing: retry it, or run the flow anew (its retry is refused then). `--window` reads
what it says and leaves the watermark alone; `--window - -` is everything. The watermark belongs to the source and the target: with
another table of either, reading begins anew. A flow that overwrites has none.

## Rejected rows

A row is rejected when it cannot be read, or when a value does not satisfy its column. The batch fails when more than
`target.rejects.at_most` percent of the rows are rejected: then nothing is committed. Rejected rows are kept with their reasons either way:
`headrace runs rejects @latest`. An expression that cannot be evaluated for a row makes the column null, which is a warning, and a reject
only where the column is required. The codes are explained in [problems.md](problems.md).

What is not there yet: object stores (`s3://` and others) and databases other than PostgreSQL are refused with a message that says so.
"""


def page() -> str:
    """Return the page."""
    parts = [_OPENING]
    for title, cls in _SECTIONS.items():
        parts.append(f"\n## {title}\n\n| field | is | default | meaning |\n|---|---|---|---|")
        hints = hints_of(cls)
        for field in dataclasses.fields(cls):
            doc = field.metadata.get("doc") or FURTHER_DOCS[cls][field.name]
            cells = (f"`{field.name}`", _one(field) + _kind(hints[field.name]), _default(field), doc)
            parts.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(parts) + "\n"


def _one(field: "dataclasses.Field[Any]") -> str:
    return "text or " if field.metadata.get("one") else ""


def _kind(hint: Any) -> str:
    origin = typing.get_origin(hint)
    if hint is object or is_json(hint):
        return "any value"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_kind(part) for part in typing.get_args(hint) if part is not type(None)))
    if origin is tuple:
        return f"list of {_kind(typing.get_args(hint)[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"object of {_kind(typing.get_args(hint)[1])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    if hint in _KINDS:
        return _KINDS[hint]
    if hint in {ColumnSpec, DeltaColumn}:
        return "text or object"
    return "object"


def _default(field: "dataclasses.Field[Any]") -> str:
    if field.default is dataclasses.MISSING:
        return "needed"
    if isinstance(field.default, bool):
        return "true" if field.default else "false"
    if isinstance(field.default, enum.Enum):
        return f"`{field.default.value}`"
    if isinstance(field.default, str | int | float):
        return f"`{field.default}`" if field.default != "" else "none"
    return "none" if field.default in (None, ()) else "as below"
