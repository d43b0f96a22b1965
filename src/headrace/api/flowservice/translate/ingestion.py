"""Uploads, in (12): how a batch's files are read, and the plan that promotes them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.translate.plan import COPY, PROMOTION, reject_rule
from headrace.api.flowservice.wire import Item, flag, list_in, number, object_in, text_in
from headrace.core.codec import JsonObject, encode
from headrace.core.errors import Problem
from headrace.core.flow import Activity, Dependency, Plan, Policy
from headrace.core.schema import Column, Kind, Schema
from headrace.core.settings import PromoteSettings, RevertSettings, UploadSettings
from headrace.core.source import Compression, Encoding, FileFormat, FileType
from headrace.core.target import DeltaTarget

REVERT = "revertActivity"
MAX_PREDECESSORS = 1000
MAX_HEADER_BYTES = 1 << 20
"""Bytes at the beginning of a CSV file in which its header ends."""

_TYPES = {"json": FileType.JSON, "csv": FileType.DELIMITED, "parquet": FileType.PARQUET}
_ENCODINGS = {"utf-8": Encoding.UTF_8, "utf8": Encoding.UTF_8, "iso-8859-1": Encoding.ISO_8859_1}
_CODECS = {Encoding.UTF_8: "utf-8-sig", Encoding.ISO_8859_1: "iso-8859-1"}
_SIP_MAPPER = "aep_sip_mapper"
_SIP = re.compile(r"mapping-set-(id|version):(.+)")
_RETRIED = Policy(retries=2, interval_seconds=1.0, backoff=3.0)


@dataclass(frozen=True, slots=True)
class UploadParts:
    """All that an upload's plan is made of. ``mapping`` None: the files' columns are the schema's own paths."""

    batch_id: str
    table: str
    schema: Schema
    body: Item
    mapping: Mapping[str, str] | None
    reverting: RevertSettings | None


def read_upload(body: Item) -> Item:
    """Return what is kept of the request for a batch; datasets, mapping sets and predecessors are the caller's to look up.

    Raises:
        Refusal: 400: the format or one of its options, the percentage, or another field cannot be used.
    """
    form = object_in(body, "inputFormat")
    if not form:
        raise Refusal(Fault.MISSING, "inputFormat is missing; an object with format (json, csv or parquet) is expected")
    read_format(form)
    percent = body.get("partialIngestionPercentage", body.get("partialIngestionPercent"))
    wanted = number(percent)
    if percent is not None and (wanted is None or not 0 <= wanted <= 100):
        raise Refusal(Fault.VALUE, f"partialIngestionPercentage is {str(percent)[:40]!r}; 0 to 100 is expected")
    tags = object_in(body, "tags")
    predecessors = [
        one.removeprefix("$") for one in list_in(object_in(body, "replay"), "predecessors") if isinstance(one, str)
    ]
    if len(predecessors) > MAX_PREDECESSORS:
        raise Refusal(Fault.VALUE, f"replay.predecessors has {len(predecessors)} ids; the limit is {MAX_PREDECESSORS}")
    kept: Item = {
        "inputFormat": form,
        "tags": tags,
        "externalId": text_in(body, "externalId"),
        "predecessors": predecessors,
        **_mapping_set(body, tags),
    }
    asked = flag(body.get("enableErrorDiagnostics"))
    if asked is not None:
        kept["diagnostics"] = asked
    if wanted:
        kept["percent"] = wanted
        kept.setdefault("diagnostics", True)
    return kept


def read_format(form: Mapping[str, Any]) -> FileFormat:
    """Return how an upload's files are read.

    Raises:
        Refusal: 400: a format or an option that there is not.
    """
    name = text_in(form, "format").lower()
    if name not in _TYPES:
        raise Refusal(Fault.FORMAT, f"inputFormat.format is {form.get('format')!r}; json, csv or parquet is expected")
    if _TYPES[name] is not FileType.DELIMITED:
        return FileFormat(type=_TYPES[name], compression=Compression.NONE)
    charset = (text_in(form, "charset") or "utf-8").lower()
    if charset not in _ENCODINGS:
        raise Refusal(Fault.VALUE, f"inputFormat.charset is {form.get('charset')!r}; UTF-8 or ISO-8859-1 is expected")
    header = form.get("header")
    names = tuple(one for one in header if isinstance(one, str)) if isinstance(header, list) else ()
    has_header = flag(header) is not False and (not names or [one.lower() for one in names] == ["true"])
    if not has_header and not names:
        raise Refusal(Fault.VALUE, "inputFormat.header is false: give the names of the columns as a list instead")
    quote = text_in(form, "quote") or '"'
    marker = text_in(form, "nullMarker")
    try:
        return FileFormat(
            type=FileType.DELIMITED,
            delimiter=_character(form, "delimiter", ","),
            quote=quote,
            escape=text_in(form, "escape") or quote,
            encoding=_ENCODINGS[charset],
            header=has_header,
            columns=() if has_header else names,
            nulls=(marker,) if marker else (),
            compression=Compression.NONE,
        )
    except Problem as problem:
        raise Refusal(Fault.VALUE, f"inputFormat cannot be used: {problem}") from problem


def columns_of(form: FileFormat, beginning: bytes) -> tuple[str, ...]:
    """Return the columns of a CSV file that begins so; none where it has no readable header."""
    if not form.header:
        return form.columns
    text = beginning.decode(_CODECS.get(form.encoding, "utf-8-sig"), errors="replace")
    escape = form.escape if form.escape != form.quote else None
    try:
        rows = csv.reader(
            io.StringIO(text, newline=""), delimiter=form.delimiter, quotechar=form.quote, escapechar=escape
        )
        return tuple(next(iter(rows), ()))
    except csv.Error:
        return ()


def by_paths(columns: Sequence[str], schema: Schema) -> dict[str, str]:
    """Return the mapping of CSV columns that are called like the schema's paths; columns with other names are left out.

    Raises:
        Refusal: 400: none of them is.
    """
    paths = set(_paths(schema.columns, ()))
    found = {name: _reference(name) for name in dict.fromkeys(columns) if name in paths}
    if columns and not found:
        shown = ", ".join(repr(name[:40]) for name in columns[:5])
        raise Refusal(
            Fault.VALUE,
            f"none of the columns {shown} is a path of the dataset's schema; name mappingSetId, or rename them",
        )
    return found


def make_upload_plan(parts: UploadParts, sent: UploadSettings) -> Plan:
    """Return the plan of an upload: lay its files down, promote them, and take back what it replaces."""
    options = {
        "partialIngestionPercent": parts.body.get("percent"),
        "errorDiagnosticsEnabled": parts.body.get("diagnostics"),
    }
    promote = PromoteSettings(
        landing=COPY,
        target=DeltaTarget(parts.table),
        format=read_format(object_in(parts.body, "inputFormat")),
        mapping=parts.mapping,
        schema=parts.schema,
        rejects=reject_rule(options),
        batch_id=parts.batch_id,
    )
    activities = [
        Activity(COPY, "upload", _settings(sent), policy=_RETRIED),
        Activity(PROMOTION, "promote", _settings(promote), (Dependency(COPY),), policy=_RETRIED),
    ]
    if parts.reverting is not None:
        activities.append(
            Activity(REVERT, "revert", _settings(parts.reverting), (Dependency(PROMOTION),), policy=_RETRIED)
        )
    return Plan(tuple(activities))


def _mapping_set(body: Item, tags: Item) -> Item:
    """Return the mapping set that a request names, in our field or in the tag that clients of the dialect use."""
    found = {"mappingSetId": text_in(body, "mappingSetId"), "mappingSetVersion": body.get("mappingSetVersion")}
    for text in list_in(tags, _SIP_MAPPER):
        match = _SIP.fullmatch(text) if isinstance(text, str) else None
        if match is not None and not text_in(body, "mappingSetId"):
            found["mappingSetId" if match[1] == "id" else "mappingSetVersion"] = match[2]
    return found if found["mappingSetId"] else {}


def _paths(columns: Sequence[Column], above: tuple[str, ...]) -> Iterator[str]:
    for column in columns:
        if column.type.kind is Kind.STRUCT:
            yield from _paths(column.type.fields, (*above, column.name))
        else:
            yield ".".join((*above, column.name))


def _reference(name: str) -> str:
    """Return the reference to the column of this name, dots and all."""
    return "${" + re.sub(r"([\\.}])", r"\\\1", name) + "}"


def _character(form: Mapping[str, Any], name: str, default: str) -> str:
    value = text_in(form, name) or default
    return "\t" if value == "\\t" else value


def _settings(value: object) -> JsonObject:
    encoded = encode(value)
    assert isinstance(encoded, dict)  # noqa: S101 — a dataclass is encoded as an object
    return encoded
