"""A flow, in: what it is made of becomes a plan of two activities, ``copyActivity`` and ``promotionActivity``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.specs import SourceKind
from headrace.api.flowservice.translate.mapping import Check, expressions, widened
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.translate.source import read_files, read_format, read_table, spec_of
from headrace.api.flowservice.wire import Item, flag, number, object_in
from headrace.core.codec import JsonObject, encode
from headrace.core.flow import Activity, Dependency, Plan, Policy
from headrace.core.settings import CopySettings, PromoteSettings
from headrace.core.source import FileFormat, FileType
from headrace.core.target import DeltaTarget, RejectRule

COPY = "copyActivity"
PROMOTION = "promotionActivity"
COPY_POLICY = Policy(retries=2, interval_seconds=2.0, backoff=3.0)
"""Three attempts with growing pauses inside one copy activity (7.8)."""


@dataclass(frozen=True, slots=True)
class FlowParts:
    """All that a flow's plan is made of.

    ``source`` is the source connection as it was when the flow was made, ``connection`` its base connection's id; where there is none,
    ``root`` is the URL of the folder that its files lie in. ``mappings`` are those of the mapping set's version (None:
    source columns under their own names), ``schema`` is the target's schema resource, ``table`` its place in the lake.
    """

    source: Item
    root: str
    connection: str
    mappings: tuple[Mapping[str, Any], ...] | None
    schema: Item
    table: str
    options: Item


def make_plan(parts: FlowParts, delta: Mapping[str, Any] | None, check: Check) -> Plan:
    """Return the plan. ``delta``: the delta column that tables are read by (None: the whole table).

    Raises:
        Refusal: what the parts' own readers refuse.
    """
    files = spec_of(parts.source).kind is SourceKind.FILES
    source = (
        read_files(parts.source, parts.root, parts.connection)
        if files
        else read_table(parts.source, parts.connection, delta)
    )
    format_ = read_format(parts.source) if files else FileFormat()
    schema = read_schema(parts.schema)
    mapping = None if parts.mappings is None else expressions(parts.mappings, check)
    if mapping is not None and is_open(parts.schema):
        schema = widened(schema, tuple(mapping))
    promote = PromoteSettings(
        landing=COPY,
        target=DeltaTarget(parts.table),
        format=format_,
        mapping=mapping,
        schema=schema,
        rejects=reject_rule(parts.options),
        # A field that an object may lack may be lacking from all of them (8.4); a header is known to be whole.
        absent_is_null=format_.type is FileType.JSON,
    )
    return Plan(
        (
            # What is packed is unpacked while it is copied: a broken archive fails the copy (5.5), so a retry reads it again.
            Activity(COPY, "copy", _settings(CopySettings(source, packed=format_.compression)), policy=COPY_POLICY),
            Activity(PROMOTION, "promote", _settings(promote), (Dependency(COPY),)),
        )
    )


def reject_rule(options: Mapping[str, Any]) -> RejectRule:
    """Return how many rejects a flow's ``options`` bear (4.6): none without a percent; a percent turns diagnostics on unless they are refused."""
    percent = number(options.get("partialIngestionPercent"))
    asked = flag(options.get("errorDiagnosticsEnabled"))
    return RejectRule(at_most_percent=percent or 0.0, diagnostics=percent is not None if asked is None else asked)


def delta_of(transformations: list[Any]) -> Item:
    """Return the ``deltaColumn`` of a flow's ``Copy`` transformation; an empty object where there is none."""
    for item in transformations:
        if isinstance(item, Mapping) and item.get("name") == "Copy":
            return object_in(object_in(item, "params"), "deltaColumn")
    return {}


def _settings(value: CopySettings | PromoteSettings) -> JsonObject:
    encoded = encode(value)
    assert isinstance(encoded, dict)  # noqa: S101 — a dataclass is encoded as an object
    return encoded
