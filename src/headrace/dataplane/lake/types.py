"""Column types as Delta tables have them, and as DuckDB stores them in Parquet."""

from deltalake.schema import ArrayType, Field, PrimitiveType, StructType
from deltalake.schema import Schema as DeltaSchema

from headrace.core.schema import ColumnType, Kind, Schema

_DELTA = {
    Kind.STRING: "string",
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "integer",
    Kind.LONG: "long",
    Kind.FLOAT: "float",
    Kind.DOUBLE: "double",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.BINARY: "binary",
    # Delta has no such types: they are stored as text.
    Kind.TIME: "string",
    Kind.UUID: "string",
    Kind.JSON: "string",
}
_DUCKDB = {
    "string": "VARCHAR",
    "boolean": "BOOLEAN",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "binary": "BLOB",
}
_TEXT = frozenset({Kind.TIME, Kind.UUID, Kind.JSON})


def delta_type(type_: ColumnType) -> PrimitiveType | StructType | ArrayType:
    """Return Delta's type; times, UUIDs and JSON are text there."""
    if type_.kind is Kind.DECIMAL:
        return PrimitiveType(f"decimal({type_.precision},{type_.scale})")
    if type_.kind is Kind.LIST and type_.element is not None:
        return ArrayType(delta_type(type_.element), contains_null=True)
    if type_.kind is Kind.STRUCT:
        return StructType([Field(field.name, delta_type(field.type), nullable=True) for field in type_.fields])
    return PrimitiveType(_DELTA[type_.kind])


def delta_schema(schema: Schema) -> DeltaSchema:
    """Return Delta's schema. Every column is nullable: what is required is this flow's rule, not the table's."""
    return DeltaSchema([Field(column.name, delta_type(column.type), nullable=True) for column in schema.columns])


def stored(sql: str, type_: ColumnType) -> str:
    """Return SQL that yields the value of ``sql`` (of ``type_``) as the Parquet file holds it."""
    return f"CAST({sql} AS {_stored_type(type_)})" if _needs_text(type_) else sql


def _needs_text(type_: ColumnType) -> bool:
    if type_.kind is Kind.LIST:
        return type_.element is not None and _needs_text(type_.element)
    return type_.kind in _TEXT or any(_needs_text(field.type) for field in type_.fields)


def _stored_type(type_: ColumnType) -> str:
    if type_.kind is Kind.DECIMAL:
        return f"DECIMAL({type_.precision},{type_.scale})"
    if type_.kind is Kind.LIST and type_.element is not None:
        return _stored_type(type_.element) + "[]"
    if type_.kind is Kind.STRUCT:
        quoted = (('"' + field.name.replace('"', '""') + '"', _stored_type(field.type)) for field in type_.fields)
        return "STRUCT(" + ", ".join(f"{name} {kind}" for name, kind in quoted) + ")"
    return _DUCKDB[_DELTA[type_.kind]]
