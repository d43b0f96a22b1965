"""``docs/reference/native-api.md``, made from the table of operations; a test keeps it in step."""

import dataclasses
import enum
import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from headrace.api.native.errors import STATUS_OF
from headrace.api.native.routes import IN_QUERY, AnyOperation
from headrace.api.native.schemas import default_of, is_needed, summary_of, words_of
from headrace.core.clock import Instant
from headrace.core.native.operation import Download, Nothing
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import members_of

_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "number",
    float: "number",
    bool: "true or false",
    Instant: "instant",
    object: "JSON",
}
_HEAD = """# The native API

<!-- made by headrace.api.native.reference.reference(); tests/api/native/test_document.py keeps it in step -->

What the console and the command line ask, over HTTP under `/native/v1`. `GET /native/v1/openapi.json` has the same as an OpenAPI 3.1 document.

## Getting in

`Authorization: Bearer TOKEN` with every request. A token is

- one that `POST /native/v1/token` gave for a client's id and secret (a form, JSON, or HTTP Basic); it is good for an hour
  (`HEADRACE_TOKEN_MINUTES`), and worth nothing as soon as the client is revoked;
- or a static one of `HEADRACE_NATIVE_TOKENS`.

With `headrace serve --dev` on a loopback address none is needed. A client's role says what it may do (`reader`, `operator`, `admin`), its scopes
where: what lies in a scope that it does not reach is not there (404).

```console
$ curl -s -d client_id=$ID -d client_secret=$SECRET http://127.0.0.1:8080/native/v1/token
{"access_token":"…","token_type":"Bearer","expires_in":3599}
$ curl -s -H "Authorization: Bearer $TOKEN" 'http://127.0.0.1:8080/native/v1/runs?status=failed&limit=10'
```

## How it is asked

- Names in braces stand in the path, percent-encoded (a slash as `%2F`). All else comes in the query of `GET` and `DELETE`, else as one JSON object.
  A list in the query is a name that comes several times. Members that nothing reads are refused, all errors at once.
- Instants are ISO 8601 texts, told in UTC with microseconds; asked without a zone, they are UTC, and a day is its midnight.
- Lists have `next`, the `cursor` of the next page; null: there is none. Answers may get further members: pass over what you do not know.
- The header `Idempotency-Key` fills `request_key`: asking again with the same key does nothing more, so a request whose answer was lost can be
  repeated. Name the run by its id in it: `@latest` may be another one by then (409, and nothing is done).
- `x-request-id` is repeated in the answer, and stands in the log.
- More requests in a minute than `HEADRACE_REQUESTS_PER_MINUTE` are answered with 429 and `Retry-After`; bodies are limited by
  `HEADRACE_MAX_BODY_BYTES`, files of rows by `HEADRACE_NATIVE_MAX_UPLOAD_BYTES` (413).

## What is refused

`{"error": {"code": "invalid", "message": "…", "fields": [{"path": "limit", "message": "…", "hint": "…"}], "request_id": "…"}}`.
[Problems](problems.md) says what each code means and who has to act. Statuses:

"""
_FOLLOWING = """
Besides: 405 for a method that a path does not have, 413 for a body that is too long, 429 for a client that asks too often.

## Following

`GET /native/v1/runs/{run}/events` and `GET /native/v1/runs/events` answer with server-sent events: `changed`, whose data is a revision, whenever
something of the run (of the newest runs) is another than before, and `ended` when nothing of it can change any more. `since=REVISION`, or the header
`Last-Event-ID`, leaves out what is known already. A server has at most `HEADRACE_MAX_EVENT_STREAMS` of them open, half of these for one
caller (503 then); it ends them when it stops, and with the caller's rights. While the ledger is away they stay open, and say nothing.

## Watching the server

| path | who may ask | what it says |
|---|---|---|
| `/healthz` | all | the process answers |
| `/readyz` | all | 200: the ledger can be reached and is at this version, and a worker is alive if this server starts any; else 503, and `problems` |
| `/metrics` | readers of all scopes | [figures](metrics.md) for Prometheus |
"""


def reference() -> str:
    """Return the text of the page."""
    statuses: dict[int, list[str]] = {}
    for code, status in STATUS_OF.items():
        statuses.setdefault(status, []).append(f"`{code}`")
    rows = [f"| {status} | {', '.join(codes)} |" for status, codes in sorted(statuses.items())]
    return "\n".join(
        [
            _HEAD + "| status | codes |\n|---|---|",
            *rows,
            _FOLLOWING,
            "## Operations",
            "",
            "| | path | role | what it does |",
            "|---|---|---|---|",
            *(f"| {one.method} | [`{one.path}`](#{_anchor(one)}) | {one.role} | {one.summary} |" for one in OPERATIONS),
            "",
            *(line for one in OPERATIONS for line in _section(one)),
            "## What is told",
            "",
            *(line for cls in _told_types() for line in _type(cls)),
        ]
    )


def _anchor(operation: AnyOperation) -> str:
    return operation.name.replace(".", "")


def _section(operation: AnyOperation) -> Iterator[str]:
    yield f"### {operation.name}"
    yield ""
    yield f"`{operation.method} /native/v1{operation.path}` · {operation.role} · {operation.summary}."
    yield ""
    asked: Any = operation.asked
    fields = {field.name: field for field in dataclasses.fields(asked)}
    if fields:
        yield summary_of(asked) + (" The rows are the request's body." if operation.sends else "")
        yield ""
        yield "| asked | where | written as | default | |"
        yield "|---|---|---|---|---|"
        for name, hint in members_of(asked).items():
            where = "path" if name in operation.path_names else _elsewhere(operation)
            yield f"| `{name}` | {where} | {_words(hint)} | {_default(fields[name])} | {words_of(asked).get(name, '')} |"
        yield ""
    yield f"Told: {_told_words(operation)}."
    yield ""


def _elsewhere(operation: AnyOperation) -> str:
    return "query" if operation.sends or operation.method in IN_QUERY else "body"


def _told_words(operation: AnyOperation) -> str:
    if operation.told is Nothing:
        return "nothing (204)"
    if operation.told is Download:
        return "the file, as an attachment"
    return _words(operation.told)


def _default(field: "dataclasses.Field[Any]") -> str:
    if is_needed(field):
        return "needed"
    if field.default_factory is not dataclasses.MISSING:
        return "`{}`"
    return "" if field.default is None else f"`{json.dumps(default_of(field))}`"


def _words(hint: Any) -> str:
    if hint in _WORDS:
        return _WORDS[hint]
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _words(next(part for part in parts if part is not type(None))) + " or null"
    if origin is tuple:
        return f"list of {_words(parts[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return "object"
    if issubclass(hint, enum.Enum) and len(hint) <= _FEW:
        return " ".join(f"`{member.value}`" for member in hint)
    return "one of the codes" if issubclass(hint, enum.Enum) else f"[{hint.__name__}](#{hint.__name__.lower()})"


_FEW = 15


def _told_types() -> list[Any]:
    """Return the dataclasses that are told, each before those that it is made of."""
    found: dict[Any, None] = {}
    pending = [one.told for one in OPERATIONS if one.told not in {Download, Nothing}]
    pending += [hint for one in OPERATIONS for hint in _made_of(one.asked)]
    while pending:
        cls = pending.pop(0)
        if cls not in found:
            found[cls] = None
            pending = [*_made_of(cls), *pending]
    return list(found)


def _made_of(cls: Any) -> list[Any]:
    pending, found = list(members_of(cls).values()), []
    while pending:
        hint = pending.pop(0)
        parts = typing.get_args(hint)
        if parts:
            pending += parts
        elif isinstance(hint, type) and dataclasses.is_dataclass(hint):
            found.append(hint)
    return found


def _type(cls: Any) -> Iterator[str]:
    yield f"### {cls.__name__}"
    yield ""
    yield summary_of(cls)
    yield ""
    yield "| | written as | |"
    yield "|---|---|---|"
    for name, hint in members_of(cls).items():
        yield f"| `{name}` | {_words(hint)} | {words_of(cls).get(name, '')} |"
    yield ""
