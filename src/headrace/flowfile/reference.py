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
    ConnectionSpec,
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
    "`source.connection`": ConnectionSpec,
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
| in `source.database` | its text, percent-encoded within a longer URL |
| in `source.connection` | its text; secrets cannot be parameters |
| alone in any other value | the value itself, with its type |
| within any other text | its text; `$${` stands for `${` |

In `source.database` and `source.connection`, and nowhere else, `${env:NAME}` is a variable of the environment, and `${file:PATH}` what a file
holds (at most 64 KiB, without its last line end; relative to the flow file, `~/` is the home).

## Connections

`source.connection` says how to log in to a store or a database. What is secret in it, and a password in a URL, never stands in the file itself
nor in a parameter: it is `${env:NAME}` or `${file:PATH}`, and refused otherwise. URL and connection are sealed in the ledger when the flow is run;
they stand neither in the flow's plan nor in a message. How each kind behaves is told in [sources](sources.md) and [databases](databases.md).

| URL | what `connection` takes |
|---|---|
| `s3://bucket/path` | `endpoint`, `region`, `access_key`, `secret_key`, `session_token` |
| `az://container/path` | `account` with `account_key` or `sas`, or `connection_string`; `endpoint` |
| `gs://bucket/path` | `access_key` and `secret_key` of an HMAC key; `endpoint` |
| `sftp://user@host:22/path` | `user`, `password`, or `private_key` with `passphrase`; `host_key`, `max_connections` |
| `ftp://user@host:21/path` | `user` (else `anonymous`), `password`, `tls`, `max_connections` |
| `postgresql://user@host:5432/database` | `user`, `password` |
| `mysql://…`, `mariadb://…` | `user`, `password`, `ssl` |
| `mssql://…`, `sqlserver://…` | `user`, `password`, `encrypt`, `trust_server_certificate` |
| `snowflake://account/database` | `user`, `password`, or `private_key` with `private_key_passphrase`; `warehouse`, `role`, `schema` |
| `bigquery://bigquery.googleapis.com/project` | `key_file_content`, or `client_id`, `client_secret` and `refresh_token`; `dataset` |

Where the file gives no keys of an object store, the customary variables of the environment of whoever runs `headrace run` are read:

- S3: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; also `AWS_REGION` (or `AWS_DEFAULT_REGION`) and `AWS_ENDPOINT_URL_S3` (or
  `AWS_ENDPOINT_URL`), each where the file does not say it.
- Azure: `AZURE_STORAGE_CONNECTION_STRING`; else `AZURE_STORAGE_ACCOUNT` with `AZURE_STORAGE_KEY` or `AZURE_STORAGE_SAS_TOKEN`.
- Google: `GCS_ACCESS_KEY_ID`, `GCS_SECRET_ACCESS_KEY`; `STORAGE_EMULATOR_HOST`, where there is no `connection` at all.

Flows of a server's doors never see them. Keys of object stores stand as they are (`%20` is no blank there); paths of SFTP and FTP are
percent-decoded, and begin at the server's root.

## Conditions

`source.where` takes only some of a table's rows, and the database evaluates it. Entries of one object hold together.

```yaml
where:
  status: open                       # is this value
  region: [north, south]             # is one of these
  closed_at: null                    # is null
  amount: {">=": 10, "<": 100}       # = != < <= > >= like in not
  note: {not: null}                  # not: a value, a list, null, or comparisons
  any:                               # at least one; all: every one; not: does not hold
    - {priority: high}
    - {customer: {like: "A%"}}
```

Values can be parameters (`status: ${status}`), dates and times are ISO 8601 text. Null fulfils nothing but a question for null.
What columns can be asked is told in [databases](databases.md#conditions). A column that is called `all`, `any` or `not` needs a `query`.

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
