"""What a flow must be (4.2): every check in the contract's order, and the parts that its plan is made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.connections import KIND as CONNECTIONS
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.mapping_sets import KIND as MAPPING_SETS
from headrace.api.flowservice.mapping_sets import version_of
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import schema_key
from headrace.api.flowservice.shelf import find, find_or_none
from headrace.api.flowservice.source_connections import KIND as SOURCES
from headrace.api.flowservice.specs import DATA_LAKE, SourceKind, flow_spec_takes, is_flow_spec
from headrace.api.flowservice.target_connections import KIND as TARGETS
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import unusable
from headrace.api.flowservice.translate.plan import FlowParts, delta_of
from headrace.api.flowservice.translate.schedule import check_schedule
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.translate.source import read_delta, read_root, spec_of
from headrace.api.flowservice.wire import Item, flag, list_in, number, object_in, required_text, stable_uuid, text_in

_NAMES = ("Copy", "Mapping")


@dataclass(frozen=True, slots=True)
class Ends:
    """The source and the target that a flow names."""

    source_id: str
    source: Item
    target_id: str
    target: Item


def read_flow(tenant: Tenant, body: Item) -> tuple[Item, Item]:
    """Return a new flow's definition on the wire and what it is made of (``frozen``), after all checks of 4.2.

    Raises:
        Refusal: the first check that fails.
    """
    if "state" in body:
        raise Refusal(Fault.STATE_IN_CREATE, "state cannot be given when a flow is made; it starts enabled")
    name = required_text(body, "name")
    spec_id = text_in(object_in(body, "flowSpec"), "id")
    if not is_flow_spec(spec_id):
        raise Refusal(Fault.SPEC, f"flowSpec.id {spec_id!r} is no flow spec")
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
        **{
            key: body[key]
            for key in ("scheduleParams", "transformations", "options", "labels", "policy")
            if key in body
        },
    }
    frozen: Item = {
        "source": {key: ends.source[key] for key in ("connectionSpec", "baseConnectionId", "data", "params")},
        "baseConnectionIds": [text_in(ends.source, "baseConnectionId")],
        "dataSetId": text_in(object_in(ends.target, "params"), "dataSetId"),
        "targetSpec": {"id": DATA_LAKE, "version": "1.0"},
        "sourceSpecName": source_spec.name,
    }
    check_flow(tenant, item, frozen, delta_added=False)
    return item, frozen


def check_flow(tenant: Tenant, item: Item, frozen: Item, *, delta_added: bool) -> None:
    """Check what a patch may change too: schedule, transformations, mapping, options. ``delta_added``: the service wrote the delta column itself.

    Raises:
        Refusal: the first check that fails.
    """
    once = check_schedule(object_in(item, "scheduleParams"))
    _check_transformations(item.get("transformations"))
    parts_of(tenant, item, frozen)
    _check_copy(item, frozen, once=once, delta_added=delta_added)
    _check_options(item.get("options"))


def parts_of(tenant: Tenant, item: Item, frozen: Item) -> FlowParts:
    """Return what the flow's plan is made of now: its own source and target, the mapping version that it names, today's base connection.

    Raises:
        Refusal: 1370, 1329, 1412, 1419, 1425 (mapping); 1325, 1439 (dataset, base connection); 1312 (its directory).
    """
    source = object_in(frozen, "source")
    dataset = find(tenant, DATASETS, text_in(frozen, "dataSetId"))
    key = schema_key(text_in(object_in(dataset.item, "schemaRef"), "id"))
    schema = find(tenant, SCHEMAS, key or "")
    base = find(tenant, CONNECTIONS, text_in(source, "baseConnectionId"))
    files = spec_of(source).kind is SourceKind.FILES
    root = read_root(object_in(base.item["auth"], "params"), tenant.door.file_roots) if files else ""
    return FlowParts(
        source=source,
        root=root,
        connection=base.id,
        mappings=_mappings(tenant, item, source, schema),
        schema=schema.item,
        table=table_of(tenant, dataset.id),
        options=object_in(item, "options"),
    )


def table_of(tenant: Tenant, dataset: str) -> str:
    """Return the place of a dataset's table below the lake; the organisation's name never stands in a path."""
    return f"flowservice/{stable_uuid('org', tenant.place.org)[:8]}/{tenant.place.sandbox}/{dataset}"


def _ends(tenant: Tenant, body: Item) -> Ends:
    source_id, target_id = (_only_id(body, name) for name in ("sourceConnectionIds", "targetConnectionIds"))
    source, target = find(tenant, SOURCES, source_id), find(tenant, TARGETS, target_id)
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


def _mappings(tenant: Tenant, item: Item, source: Item, schema: Entity) -> tuple[Mapping[str, Any], ...] | None:
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
    if schema_key(text_in(stored, "xdmSchema")) != schema.id:
        raise Refusal(Fault.MAPPING_SCHEMA, f"the mapping set {subject} is for another schema than the dataset's")
    bad = unusable(
        stored["mappings"],
        read_schema(schema.item),
        check_expression,
        is_open=is_open(schema.item),
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
