"""Connection specs and flow specs (4.9, 7.1, 7.2): the same in all sandboxes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headrace.api.flowservice.wire import Item

PROVIDER_ID = "0ed90a81-07f4-4586-8190-b40eccef1c5a"
LOCAL_FILES = "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"
POSTGRE_SQL = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
CLOUD_STORAGE_TO_AEP = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
CRM_TO_AEP = "14518937-270c-4525-bdec-c2ba7cce3860"
SECRET = "******"  # noqa: S105 — what is shown in the place of a secret, not one
"""Shown in the place of a secret; sent back, it leaves the stored one unchanged."""

_SCHEMA = "http://json-schema.org/draft-07/schema#"


class SourceKind(StrEnum):
    """What a source holds."""

    FILES = "files"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an auth spec; a secret one is sealed and never returned."""

    name: str
    required: bool = True
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """A connection spec that this installation can use as a source. ``auth`` names its one auth spec."""

    id: str
    name: str
    kind: SourceKind
    label: str
    auth: str
    auth_type: str
    parameters: tuple[Parameter, ...]


SOURCES: Mapping[str, Spec] = {
    spec.id: spec
    for spec in (
        Spec(
            LOCAL_FILES,
            "local-files",
            SourceKind.FILES,
            "Local files",
            "Directory",
            "BasicAuthentication",
            (Parameter("rootPath"),),
        ),
        Spec(
            POSTGRE_SQL,
            "postgre-sql",
            SourceKind.TABLES,
            "PostgreSQL",
            "Connection String Based Authentication",
            "connectionStringAuth",
            (Parameter("connectionString", secret=True),),
        ),
    )
}
"""The sources that can be used, by spec id."""

_PERMISSIONS = {
    "view": [{"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["read"]}],
    "manage": [{"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["write"]}],
}


def connection_specs(*, with_local_files: bool) -> list[Item]:
    """Return every connection spec. ``local-files`` is hidden where no directory is allowed (7.9)."""
    sources = [spec for spec in SOURCES.values() if with_local_files or spec.id != LOCAL_FILES]
    return [*map(_source_spec, sources), _target_spec()]


def flow_specs() -> list[Item]:
    """Return every flow spec, exactly one of each name (4.9)."""
    files = [spec.id for spec in SOURCES.values() if spec.kind is SourceKind.FILES]
    tables = [spec.id for spec in SOURCES.values() if spec.kind is SourceKind.TABLES]
    return [
        _flow_spec(CRM_TO_AEP, "CRMToAEP", tables, delta=True),
        _flow_spec(CLOUD_STORAGE_TO_AEP, "CloudStorageToAEP", files, delta=False),
    ]


def flow_spec_takes(flow_spec: str, source_spec: str) -> bool:
    """Say whether the flow spec exists and lists the source's connection spec."""
    kinds = {CRM_TO_AEP: SourceKind.TABLES, CLOUD_STORAGE_TO_AEP: SourceKind.FILES}
    source = SOURCES.get(source_spec)
    return source is not None and kinds.get(flow_spec) is source.kind


def is_flow_spec(flow_spec: str) -> bool:
    """Say whether there is such a flow spec."""
    return flow_spec in {CRM_TO_AEP, CLOUD_STORAGE_TO_AEP}


def _source_spec(spec: Spec) -> Item:
    files = spec.kind is SourceKind.FILES
    category = "cloudStorage" if files else "database"
    item = _spec_head(spec.id, spec.name)
    item["authSpec"] = [
        {
            "name": spec.auth,
            "type": spec.auth_type,
            "spec": _schema(
                {p.name: _secret_text() if p.secret else _text() for p in spec.parameters},
                [p.name for p in spec.parameters if p.required],
            ),
        }
    ]
    item["sourceSpec"] = {
        "name": "CloudStorage" if files else "Tabular",
        "type": "CloudStorage" if files else "Tabular",
        "spec": _object(_file_properties(), ["path"]) if files else _object(_table_properties(), ["tableName"]),
        "attributes": {"uiAttributes": _ui_attributes(spec, category)},
    }
    explore = "FileSystem" if files else "Tabular"
    responses: Item = {"root": {}, "folder": {}, "file": {}} if files else {"root": {}, "table": {}}
    item["exploreSpec"] = {
        "name": explore,
        "type": explore,
        "requestSpec": {"type": "object"},
        "responseSpec": responses,
    }
    item["attributes"] = {
        "category": "Cloud Storage" if files else "Databases",
        "connectorName": spec.label,
        "isSource": True,
        "uiAttributes": {"apiFeatures": {"explorePaginationSupported": False}},
    }
    return item


def _target_spec() -> Item:
    item = _spec_head(DATA_LAKE, "datalake")
    item["attributes"] = {"category": "Data Lake", "connectorName": "Data lake", "isSource": False}
    item["targetSpec"] = {
        "name": "DataLake",
        "type": "DataLake",
        "spec": _object({"dataSetId": _text()}, ["dataSetId"]),
    }
    return item


def _spec_head(subject: str, name: str) -> Item:
    return {
        "id": subject,
        "name": name,
        "providerId": PROVIDER_ID,
        "version": "1.0",
        "permissionsInfo": _PERMISSIONS,
        "authSpec": [],
    }


def _ui_attributes(spec: Spec, category: str) -> Item:
    key = "".join(part.capitalize() for part in spec.name.split("-"))
    key = key[0].lower() + key[1:]
    return {
        "isSource": True,
        "category": {"key": category},
        "icon": {"key": key},
        "label": {"key": key + "Label"},
        "description": {"key": key + "Description"},
        "frequency": {"key": "batch"},
    }


def _file_properties() -> Item:
    return {
        "path": _text(),
        "type": {"type": "string", "enum": ["file", "folder"]},
        "recursive": {"type": "boolean", "default": False},
    }


def _table_properties() -> Item:
    column = _object({"name": _text(), "type": _text(), "meta": {"type": "object"}}, ["name"])
    return {"tableName": _text(), "columns": {"type": "array", "items": column}}


def _flow_spec(subject: str, name: str, sources: list[str], *, delta: bool) -> Item:
    transformations = [_copy_spec()] if delta else []
    transformations.append({"name": "Mapping", "spec": _schema({"mappingId": _text(), "mappingVersion": _text()})})
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
        "permissionsInfo": _PERMISSIONS,
        "optionSpec": {"name": "OptionSpec", "spec": _schema(_option_properties())},
        "scheduleSpec": {"name": "PeriodicSchedule", "type": "Periodic", "spec": _schedule_schema()},
        "transformationSpec": transformations,
        "transformationSpecs": transformations,
        "runSpec": {"name": "ProviderParams", "spec": _run_schema(delta=delta)},
    }


def _copy_spec() -> Item:
    return {"name": "Copy", "spec": _schema({"deltaColumn": _delta_column()}, ["deltaColumn"])}


def _option_properties() -> Item:
    return {
        "errorDiagnosticsEnabled": {"title": "Error diagnostics.", "type": "boolean", "default": False},
        "partialIngestionPercent": {"title": "Partial ingestion threshold.", "type": "number", "exclusiveMinimum": 0},
    }


def _schedule_schema() -> Item:
    schema = _schema(
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
        **schema,
        "if": {"properties": {"frequency": {"const": "once"}}},
        "then": {"allOf": [{"not": {"required": ["interval"]}}, {"not": {"required": ["backfill"]}}]},
        "else": {"required": ["interval"], **by_minute},
    }


def _run_schema(*, delta: bool) -> Item:
    times: Item = {name: {"type": "integer"} for name in ("startTime", "windowStartTime", "windowEndTime")}
    if not delta:
        return _schema(times, list(times))
    return _schema({**times, "deltaColumn": _delta_column()}, [*times, "deltaColumn"])


def _delta_column() -> Item:
    return _object({"name": _text(), "dateFormat": _text(), "timezone": _text()}, ["name"])


def _schema(properties: Item, required: list[str] | None = None) -> Item:
    schema: Item = {"$schema": _SCHEMA, "type": "object", "properties": properties}
    return {**schema, "required": required} if required else schema


def _object(properties: Item, required: list[str]) -> Item:
    return {"type": "object", "properties": properties, "required": required}


def _text() -> dict[str, Any]:
    return {"type": "string"}


def _secret_text() -> dict[str, Any]:
    return {"type": "string", "format": "password"}
