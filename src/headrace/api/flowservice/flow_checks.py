"""What a flow must be (4.2): every check in the contract's order, and the parts that its plan is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.connection_records import find_usable
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.landing_folder import landing_folder
from headrace.api.flowservice.mapping_sets import KIND as MAPPING_SETS
from headrace.api.flowservice.mapping_sets import version_of
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import resolve, schema_key
from headrace.api.flowservice.shelf import find, find_or_none
from headrace.api.flowservice.source_connections import KIND as SOURCES
from headrace.api.flowservice.specs import DATA_LAKE, LANDING_ZONE, SourceKind, flow_spec_takes
from headrace.api.flowservice.specs_custom import flow_spec_of
from headrace.api.flowservice.target_connections import KIND as TARGETS
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import unusable
from headrace.api.flowservice.translate.plan import FlowParts, delta_of
from headrace.api.flowservice.translate.schedule import check_schedule
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.translate.source import read_delta, spec_of
from headrace.api.flowservice.wire import Item, flag, list_in, number, object_in, required_text, stable_uuid, text_in
from headrace.core.clock import SECOND, Instant

_NAMES = ("Copy", "Mapping")


@dataclass(frozen=True, slots=True)
class Ends:
    """The source and the target that a flow names."""

    source_id: str
    source: Item
    target_id: str
    target: Item


_KEPT = ("scheduleParams", "transformations", "options", "labels", "policy")
_LATE = 300 * SECOND
"""How far back a start may lie where starts in the past are refused (4.2)."""


def read_flow(tenant: Tenant, body: Item) -> tuple[Item, Item]:
    """Return a new flow's definition on the wire and what it is made of (``frozen``), after all checks of 4.2.

    Raises:
        Refusal: the first check that fails.
    """
    name, spec_id = _read_head(tenant, body)
    ends = _ends(tenant, body)
    source_spec = spec_of(ends.source)
    if not flow_spec_takes(spec_id, source_spec.id):
        raise Refusal(Fault.SPEC, f"the flow spec {spec_id} does not take sources of {source_spec.name}")
    item: Item = {
        "name": name,
        "description": text_in(body, "description"),
        "flowSpec": {"id": spec_id, "version": "1.0"},
        "state": "enabled",
        "sourceConnectionIds": [ends.source_id],
        "targetConnectionIds": [ends.target_id],
        **{key: body[key] for key in _KEPT if key in body},
    }
    frozen = {**_frozen(ends.source, ends.target), "startsAt": tenant.door.clock.now()}
    check_flow(tenant, item, frozen, delta_added=False, new_start=True)
    return item, frozen


def read_draft(tenant: Tenant, body: Item) -> tuple[Item, Item]:
    """Return a draft's definition on the wire and what is known of its parts (4.8): it needs a name and a flow spec; ids that are given exist.

    Raises:
        Refusal: 1410, 1304, 1413; 1321, 1338, 1439: its ids.
    """
    name, spec_id = _read_head(tenant, body)
    item: Item = {
        "name": name,
        "description": text_in(body, "description"),
        "flowSpec": {"id": spec_id, "version": "1.0"},
        "state": "draft",
        **{key: body[key] for key in (*_KEPT, "sourceConnectionIds", "targetConnectionIds") if key in body},
    }
    return item, draft_parts(tenant, item)


def draft_parts(tenant: Tenant, item: Item) -> Item:
    """Return what is known of what a draft is made of (its ``frozen``).

    Raises:
        Refusal: 1321, 1338, 1439: its ids.
    """
    found: dict[str, Item | None] = {}
    for name, collection in (("sourceConnectionIds", SOURCES), ("targetConnectionIds", TARGETS)):
        ids = list_in(item, name)
        found[name] = find(tenant, collection, _only_id(item, name)).item if ids else None
    return _frozen(found["sourceConnectionIds"], found["targetConnectionIds"])


def published(item: Item) -> Item:
    """Return a draft's definition as the body of a request that makes the flow."""
    return {key: value for key, value in item.items() if key != "state"}


def _read_head(tenant: Tenant, body: Item) -> tuple[str, str]:
    """Return name and flow spec of a new flow: what every one needs."""
    if "state" in body:
        raise Refusal(Fault.STATE_IN_CREATE, "state cannot be given when a flow is made; it starts enabled")
    name = required_text(body, "name")
    if body.get("description") is not None and not isinstance(body["description"], str):
        raise Refusal(Fault.VALUE, "description is no text")
    given = text_in(object_in(body, "flowSpec"), "id")
    spec_id = flow_spec_of(tenant, given)
    if not spec_id:
        raise Refusal(Fault.SPEC, f"flowSpec.id {given!r} is no flow spec")
    return name, spec_id


def _frozen(source: Item | None, target: Item | None) -> Item:
    """Return what a flow keeps of its source and target as they are now."""
    frozen: Item = {}
    if source is not None:
        base = text_in(source, "baseConnectionId")
        frozen["source"] = {
            key: source[key] for key in ("connectionSpec", "baseConnectionId", "data", "params") if key in source
        }
        frozen["baseConnectionIds"] = [base] if base else []
        frozen["sourceSpecName"] = spec_of(source).name
    if target is not None:
        frozen["targetSpec"] = {"id": DATA_LAKE, "version": "1.0"}
        frozen["dataSetId"] = text_in(object_in(target, "params"), "dataSetId")
    return frozen


def check_flow(tenant: Tenant, item: Item, frozen: Item, *, delta_added: bool, new_start: bool) -> None:
    """Check what a patch may change too: schedule, transformations, mapping, options. ``delta_added``: the service wrote the delta column itself.

    ``new_start``: the schedule's start was given just now.

    Raises:
        Refusal: the first check that fails.
    """
    late = tenant.door.refuse_past_start and new_start
    once = check_schedule(object_in(item, "scheduleParams"), Instant(tenant.door.clock.now() - _LATE) if late else None)
    _check_transformations(item.get("transformations"))
    parts_of(tenant, item, frozen)
    _check_copy(item, frozen, once=once, delta_added=delta_added)
    _check_options(item.get("options"))
    check_marks(item)


def check_marks(item: Item) -> None:
    """Check labels and policy.

    Raises:
        Refusal: 1312-400: of another type; 1431-400: a policy with an empty list of fields.
    """
    labels, policy = item.get("labels"), item.get("policy")
    if labels is not None and not isinstance(labels, list):
        raise Refusal(Fault.VALUE, "labels is no list")
    if policy is not None and not isinstance(policy, Mapping):
        raise Refusal(Fault.VALUE, "policy is no object; one with enforcementRefs is expected")
    pending: list[Any] = [policy]
    while pending:
        one = pending.pop()
        if isinstance(one, Mapping):
            if one.get("fields") == []:
                raise Refusal(Fault.POLICY_FIELDS, "policy has an empty list of fields; leave it out, or name some")
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)


def parts_of(tenant: Tenant, item: Item, frozen: Item) -> FlowParts:
    """Return what the flow's plan is made of now: its own source and target, the mapping version that it names, today's base connection.

    Raises:
        Refusal: 1370, 1329, 1412, 1419, 1425 (mapping); 1325, 1439 (dataset, base connection); 1422 (base connection: a draft).
    """
    source = object_in(frozen, "source")
    dataset = find(tenant, DATASETS, text_in(frozen, "dataSetId"))
    key = schema_key(text_in(object_in(dataset.item, "schemaRef"), "id"))
    schema = resolve(tenant, find(tenant, SCHEMAS, key or "").item)
    # What has no base connection is the landing zone, a folder of this sandbox (7.9).
    zone = spec_of(source).id == LANDING_ZONE
    return FlowParts(
        source=source,
        root=landing_folder(tenant).as_uri() if zone else "",
        connection="" if zone else find_usable(tenant, text_in(source, "baseConnectionId")).id,
        mappings=_mappings(tenant, item, source, key or "", schema),
        schema=schema,
        table=table_of(tenant, dataset.id),
        options=object_in(item, "options"),
    )


def table_of(tenant: Tenant, dataset: str) -> str:
    """Return the place of a dataset's table below the lake; the organisation's name never stands in a path."""
    return f"flowservice/{stable_uuid('org', tenant.place.org)[:8]}/{tenant.place.sandbox}/{dataset}"


def _ends(tenant: Tenant, body: Item) -> Ends:
    source_id, target_id = (_only_id(body, name) for name in ("sourceConnectionIds", "targetConnectionIds"))
    source, target = find(tenant, SOURCES, source_id), find(tenant, TARGETS, target_id)
    for noun, end in (("source", source), ("target", target)):
        if end.item.get("state") == "draft":
            raise Refusal(Fault.ACTION_STATE, f"the {noun} connection {end.id} is a draft; publish it first")
    if text_in(object_in(target.item, "connectionSpec"), "id") != DATA_LAKE:
        raise Refusal(Fault.TARGET_SPEC, "the target connection does not lead to the data lake")
    if not text_in(object_in(target.item, "params"), "dataSetId"):
        raise Refusal(Fault.NO_DATASET, "the target connection names no dataset")
    return Ends(source_id, source.item, target_id, target.item)


def _only_id(body: Item, name: str) -> str:
    ids = list_in(body, name)
    if not ids:
        raise Refusal(Fault.IDS_EMPTY, f"{name} is missing or empty; a list of one id is expected")
    if len(ids) > 1:
        raise Refusal(Fault.NOT_ONE_ID, f"{name} has {len(ids)} ids; exactly one is expected")
    if not isinstance(ids[0], str) or not ids[0].strip():
        raise Refusal(Fault.ID_NULL, f"{name}[0] is empty; an id is expected")
    return ids[0]


def _check_transformations(value: object) -> None:
    if value is None:
        return
    if not isinstance(value, list):
        raise Refusal(Fault.TRANSFORMATIONS, "transformations is no list of objects with name and params")
    for position, one in enumerate(value):
        if not isinstance(one, Mapping) or one.get("name") not in _NAMES or not isinstance(one.get("params"), Mapping):
            where = f"transformations[{position}]"
            raise Refusal(Fault.TRANSFORMATIONS, f"{where} is no object with a name (Copy or Mapping) and params")


def _mappings(tenant: Tenant, item: Item, source: Item, key: str, schema: Item) -> tuple[Mapping[str, Any], ...] | None:
    params = next((one["params"] for one in list_in(item, "transformations") if one["name"] == "Mapping"), None)
    if params is None:
        if text_in(object_in(source, "data"), "format", "tabular").lower() in {"json", "parquet", "parquet_xdm"}:
            return None
        raise Refusal(Fault.NO_MAPPING, "transformations has no Mapping, which this source needs")
    subject = text_in(params, "mappingId").strip()
    if not subject:
        raise Refusal(Fault.PARAMETER_EMPTY, "the Mapping transformation's params.mappingId is empty")
    entity = find_or_none(tenant, MAPPING_SETS, subject)
    if entity is None:
        raise Refusal(Fault.MAPPING_INVALID, f"the mapping set {subject[:100]!r} does not exist")
    _, stored = version_of(entity, params.get("mappingVersion"))
    if schema_key(text_in(stored, "xdmSchema")) != key:
        raise Refusal(Fault.MAPPING_SCHEMA, f"the mapping set {subject} is for another schema than the dataset's")
    bad = unusable(
        stored["mappings"],
        read_schema(schema),
        check_expression,
        is_open=is_open(schema),
    )
    if bad:
        texts = "; ".join(f"{one.destination}: {one.message}" for one in bad[:20])
        raise Refusal(Fault.MAPPING_INVALID, f"the mapping set {subject} cannot be used: {texts}")
    return tuple(stored["mappings"])


def _check_copy(item: Item, frozen: Item, *, once: bool, delta_added: bool) -> None:
    transformations = list_in(item, "transformations")
    if any("mode" in one["params"] for one in transformations if one["name"] == "Copy"):
        raise Refusal(Fault.COPY_MODE, "the Copy transformation's params.mode is not allowed")
    tables = spec_of(object_in(frozen, "source")).kind is SourceKind.TABLES
    delta = delta_of(transformations)
    if tables and not once and not delta:
        raise Refusal(Fault.NO_DELTA, "a table source with a recurring schedule needs a deltaColumn in Copy")
    if once and delta and not delta_added:
        raise Refusal(Fault.ONCE_DELTA, "a deltaColumn does not go with the frequency once; give it with a run")
    if delta:
        read_delta(delta)


def _check_options(options: object) -> None:
    if options is None:
        return
    if not isinstance(options, Mapping):
        raise Refusal(Fault.VALUE, "options is no object")
    percent = options.get("partialIngestionPercent")
    given = number(percent)
    if percent is not None and (given is None or not 0 < given <= 100):
        raise Refusal(
            Fault.VALUE, f"options.partialIngestionPercent is {percent!r}; more than 0, at most 100 is expected"
        )
    diagnostics = options.get("errorDiagnosticsEnabled")
    if diagnostics is not None and flag(diagnostics) is None:
        raise Refusal(Fault.VALUE, f"options.errorDiagnosticsEnabled is {diagnostics!r}; true or false is expected")
