"""Connection specs on the wire (7.1)."""

from typing import Any

from headrace.api.flowservice.specs import (
    DATA_LAKE,
    LOCAL_FILES,
    PROVIDER_ID,
    SOURCES,
    AuthSpec,
    Parameter,
    SourceKind,
    Spec,
)
from headrace.api.flowservice.wire import Item

_SCHEMA = "http://json-schema.org/draft-07/schema#"
_ICONS = {"amazon-s3": "amazonS3", "postgre-sql": "postgreSQL", "maria-db": "mariaDB", "mysql": "mySQL"}

PERMISSIONS: Item = {
    "view": [{"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["read"]}],
    "manage": [{"@type": "lowLevel", "name": "EnterpriseSource", "permissions": ["write"]}],
}


def connection_specs(*, with_local_files: bool) -> list[Item]:
    """Return every connection spec. ``local-files`` is hidden where no directory is allowed (7.9)."""
    sources = [spec for spec in SOURCES.values() if with_local_files or spec.id != LOCAL_FILES]
    return [*map(source_spec, sources), target_spec()]


def source_spec(spec: Spec) -> Item:
    """Return the spec of a source."""
    item = spec_head(spec.id, spec.name)
    item["authSpec"] = [_auth_spec(auth) for auth in spec.auth]
    return item | (_file_parts(spec) if spec.kind is SourceKind.FILES else _table_parts(spec))


def target_spec() -> Item:
    """Return the spec of the data lake, the only target."""
    item = spec_head(DATA_LAKE, "datalake")
    item["attributes"] = {"category": "Data Lake", "connectorName": "Data lake", "isSource": False}
    item["targetSpec"] = {
        "name": "DataLake",
        "type": "DataLake",
        "spec": nested({"dataSetId": text()}, ["dataSetId"]),
    }
    return item


def spec_head(subject: str, name: str) -> Item:
    """Return what all connection specs begin with."""
    return {
        "id": subject,
        "name": name,
        "providerId": PROVIDER_ID,
        "version": "1.0",
        "authSpec": [],
        "permissionsInfo": PERMISSIONS,
    }


def schema(properties: Item, required: list[str] | None = None) -> Item:
    """Return a JSON Schema of an object."""
    made: Item = {"$schema": _SCHEMA, "type": "object", "properties": properties}
    return {**made, "required": required} if required else made


def nested(properties: Item, required: list[str]) -> Item:
    """Return the JSON Schema of an object within another schema."""
    return {"type": "object", "properties": properties, "required": required}


def text() -> dict[str, Any]:
    """Return the JSON Schema of a text."""
    return {"type": "string"}


def _auth_spec(auth: AuthSpec) -> Item:
    properties = {parameter.name: _parameter(parameter) for parameter in auth.parameters}
    required = [parameter.name for parameter in auth.parameters if parameter.required]
    return {"name": auth.name, "type": auth.type, "spec": schema(properties, required)}


def _parameter(parameter: Parameter) -> Item:
    shape: Item = {"title": parameter.title, "type": "integer" if parameter.is_number else "string"}
    if parameter.least is not None:
        shape["minimum"] = parameter.least
    if parameter.default is not None:
        shape["default"] = parameter.default
    return {**shape, "format": "password"} if parameter.secret else shape


def _file_parts(spec: Spec) -> Item:
    properties = {
        "path": text(),
        "type": {"type": "string", "enum": ["file", "folder"]},
        "recursive": {"type": "boolean", "default": False},
    }
    return {
        "sourceSpec": {
            "name": "CloudStorage",
            "type": "CloudStorage",
            "spec": nested(properties, ["path"]),
            "attributes": {"uiAttributes": _ui_attributes(spec, "cloudStorage")},
        },
        "exploreSpec": _explore_spec("FileSystem", "root", "folder", "file"),
        "attributes": _attributes(spec, "Cloud Storage"),
    }


def _table_parts(spec: Spec) -> Item:
    meta = {"type": "object", "properties": {"originalType": text()}}
    column = nested({"name": text(), "type": text(), "meta": meta}, ["name"])
    properties = {"tableName": text(), "columns": {"type": "array", "items": column}, "filters": {"type": "object"}}
    filtering = {
        "enabled": True,
        "queryLanguage": "SQL",
        "logicalOperators": ["and", "or", "not"],
        "comparisonOperators": ["=", "!=", "<", "<=", ">", ">=", "like", "in"],
        "columnNameEscapeChar": spec.escape,
        "valueEscapeChar": "'",
    }
    return {
        "sourceSpec": {
            "name": "Tabular",
            "type": "Tabular",
            "spec": nested(properties, ["tableName"]),
            "attributes": {"uiAttributes": _ui_attributes(spec, "database")},
        },
        "exploreSpec": _explore_spec("Tabular", "root", "table"),
        "attributes": {**_attributes(spec, "Databases"), "filterAtSource": filtering},
    }


def _explore_spec(name: str, *responses: str) -> Item:
    answers: Item = {response: {} for response in responses}
    return {"name": name, "type": name, "requestSpec": {"type": "object"}, "responseSpec": answers}


def _attributes(spec: Spec, category: str) -> Item:
    return {
        "category": category,
        "connectorName": spec.label,
        "isSource": True,
        "uiAttributes": {"apiFeatures": {"explorePaginationSupported": False}},
    }


def _ui_attributes(spec: Spec, category: str) -> Item:
    first, *others = spec.name.split("-")
    key = _ICONS.get(spec.name) or first + "".join(part.capitalize() for part in others)
    return {
        "isSource": True,
        "category": {"key": category},
        "icon": {"key": key},
        "label": {"key": key + "Label"},
        "description": {"key": key + "Description"},
        "frequency": {"key": "batch"},
    }
