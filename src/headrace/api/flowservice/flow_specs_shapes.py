"""Flow specs on the wire (4.9)."""

from headrace.api.flowservice.specs import CLOUD_STORAGE_TO_AEP, CRM_TO_AEP, DATA_LAKE, PROVIDER_ID, SOURCES, SourceKind
from headrace.api.flowservice.specs_shapes import PERMISSIONS, nested, schema, text
from headrace.api.flowservice.wire import Item


def flow_specs() -> list[Item]:
    """Return every flow spec of ours, exactly one of each name."""
    files = [spec.id for spec in SOURCES.values() if spec.kind is SourceKind.FILES]
    tables = [spec.id for spec in SOURCES.values() if spec.kind is SourceKind.TABLES]
    return [
        _flow_spec(CRM_TO_AEP, "CRMToAEP", tables, delta=True),
        _flow_spec(CLOUD_STORAGE_TO_AEP, "CloudStorageToAEP", files, delta=False),
    ]


def _flow_spec(subject: str, name: str, sources: list[str], *, delta: bool) -> Item:
    transformations = [_copy_spec()] if delta else []
    transformations.append({"name": "Mapping", "spec": schema({"mappingId": text(), "mappingVersion": text()})})
    return {
        "id": subject,
        "name": name,
        "providerId": PROVIDER_ID,
        "version": "1.0",
        "attributes": {
            "isSourceFlow": True,
            "flacValidationSupported": True,
            "frequency": "batch",
            "notification": {"category": "sources", "flowRun": {"enabled": True}},
        },
        "sourceConnectionSpecIds": sources,
        "targetConnectionSpecIds": [DATA_LAKE],
        "permissionsInfo": PERMISSIONS,
        "optionSpec": {"name": "OptionSpec", "spec": schema(_option_properties())},
        "scheduleSpec": {"name": "PeriodicSchedule", "type": "Periodic", "spec": _schedule_schema()},
        "transformationSpec": transformations,
        "transformationSpecs": transformations,
        "runSpec": {"name": "ProviderParams", "spec": _run_schema(delta=delta)},
    }


def _copy_spec() -> Item:
    return {"name": "Copy", "spec": schema({"deltaColumn": _delta_column()}, ["deltaColumn"])}


def _option_properties() -> Item:
    return {
        "errorDiagnosticsEnabled": {"title": "Error diagnostics.", "type": "boolean", "default": False},
        "partialIngestionPercent": {"title": "Partial ingestion threshold.", "type": "number", "exclusiveMinimum": 0},
    }


def _schedule_schema() -> Item:
    made = schema(
        {
            "startTime": {"description": "epoch time", "type": "integer"},
            "frequency": {"type": "string", "enum": ["once", "minute", "hour", "day", "week"]},
            "interval": {"type": "integer"},
            "backfill": {"type": "boolean", "default": True},
        },
        ["startTime", "frequency"],
    )
    by_minute = {
        "if": {"properties": {"frequency": {"const": "minute"}}},
        "then": {"properties": {"interval": {"minimum": 15}}},
        "else": {"properties": {"interval": {"minimum": 1}}},
    }
    return {
        **made,
        "if": {"properties": {"frequency": {"const": "once"}}},
        "then": {"allOf": [{"not": {"required": ["interval"]}}, {"not": {"required": ["backfill"]}}]},
        "else": {"required": ["interval"], **by_minute},
    }


def _run_schema(*, delta: bool) -> Item:
    times: Item = {name: {"type": "integer"} for name in ("startTime", "windowStartTime", "windowEndTime")}
    if not delta:
        return schema(times, list(times))
    return schema({**times, "deltaColumn": _delta_column()}, [*times, "deltaColumn"])


def _delta_column() -> Item:
    return nested({"name": text(), "dateFormat": text(), "timezone": text()}, ["name"])
