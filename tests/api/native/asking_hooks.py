"""What schemathesis is told besides the document: every second path and query names things that exist."""

import zlib
from collections.abc import Mapping
from typing import Any

import schemathesis
from schemathesis import HookContext

KNOWN: Mapping[str, str] = {
    "run": "run-1",
    "other": "run-2",
    "batch": "batch-1",
    "flow": "flow-1",
    "path": "Copy",
    "scope": "flowservice/acme/prod",
}
"""What there is, by the names of parameters and members."""


@schemathesis.serializer("application/x-ndjson")
def rows(_: Any, value: Any) -> bytes:
    """Return bytes as they are: the rows of a replay."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def map_path_parameters(_: HookContext, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put existing ids into every second path."""
    return _known(path_parameters)


@schemathesis.hook
def map_query(_: HookContext, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name existing things in every second query."""
    return _known(query)


@schemathesis.hook
def map_body(_: HookContext, body: Any) -> Any:
    """Name existing things in every second body."""
    return _known(body) if isinstance(body, dict) else body


def _known(given: dict[str, Any] | None) -> dict[str, Any] | None:
    # Which ones are left as they are is decided by what was generated, so that a failure can be repeated.
    if not given or zlib.crc32(repr(given).encode("utf-8", "replace")) % 2 == 0:
        return given
    return {name: KNOWN.get(name, value) for name, value in given.items()}
