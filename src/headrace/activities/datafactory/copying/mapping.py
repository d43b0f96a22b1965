"""The translator of a copy: which columns become which, and how values are converted (contract 9.8)."""

import json
from collections.abc import Mapping

from headrace.activities.datafactory.attempt import wrong_type
from headrace.activities.datafactory.properties import Properties
from headrace.core.codec import Json
from headrace.dataplane.transfer.request import ColumnMap, ColumnMapping, Conversion, End
from headrace.dataplane.transfer.values import ValueType
from headrace.language.datafactory.values import text_of

_TYPES: Mapping[str, ValueType] = {
    "boolean": ValueType.BOOLEAN,
    "bool": ValueType.BOOLEAN,
    "byte": ValueType.BYTE,
    "byte[]": ValueType.BYTES,
    "bytearray": ValueType.BYTES,
    "date": ValueType.DATETIME,
    "datetime": ValueType.DATETIME,
    "datetimeoffset": ValueType.DATETIME_OFFSET,
    "decimal": ValueType.DECIMAL,
    "double": ValueType.DOUBLE,
    "guid": ValueType.GUID,
    "int16": ValueType.INT16,
    "int32": ValueType.INT32,
    "int64": ValueType.INT64,
    "sbyte": ValueType.SBYTE,
    "single": ValueType.SINGLE,
    "string": ValueType.STRING,
    "timespan": ValueType.TIMESPAN,
    "time": ValueType.TIMESPAN,
    "uint16": ValueType.UINT16,
    "uint32": ValueType.UINT32,
    "uint64": ValueType.UINT64,
}
"""Interim types by their names in lower case."""
TYPE_NAMES: Mapping[ValueType, str] = {
    ValueType.BOOLEAN: "Boolean",
    ValueType.BYTE: "Byte",
    ValueType.SBYTE: "SByte",
    ValueType.INT16: "Int16",
    ValueType.UINT16: "UInt16",
    ValueType.INT32: "Int32",
    ValueType.UINT32: "UInt32",
    ValueType.INT64: "Int64",
    ValueType.UINT64: "UInt64",
    ValueType.SINGLE: "Single",
    ValueType.DOUBLE: "Double",
    ValueType.DECIMAL: "Decimal",
    ValueType.DATETIME: "Datetime",
    ValueType.DATETIME_OFFSET: "DatetimeOffset",
    ValueType.TIMESPAN: "Timespan",
    ValueType.GUID: "Guid",
    ValueType.STRING: "String",
    ValueType.BYTES: "Byte[]",
    ValueType.DOCUMENT: "String",
}
"""What interim types are called."""


def column_map(written: Json, *, from_documents: bool, to_documents: bool) -> ColumnMap:
    """Return the mapping that an evaluated ``translator`` (None: none) says; the flags tell whether source and sink are hierarchical.

    Raises:
        Refused: it makes no sense.
    """
    if isinstance(written, str) and written.strip():
        try:
            written = json.loads(written)
        except (ValueError, RecursionError):
            raise wrong_type("translator", "an object", written) from None
    given = Properties(written or None, "translator")
    if given.text("type", "TabularTranslator").lower() not in {"tabulartranslator", "copytranslator"}:
        raise given.wrong("type", f"must be TabularTranslator; it is '{given.text('type')[:100]}'")
    columns = None
    if "mappings" in given:
        columns = tuple(_column(given, item, number) for number, item in enumerate(given.items("mappings"), 1))
    elif "columnMappings" in given:
        columns = _by_name(given)
    elif "schemaMapping" in given:
        columns = _by_path(given, from_documents=from_documents, to_documents=to_documents)
    return ColumnMap(
        columns or None,
        given.text("collectionReference"),
        given.flag("mapComplexValuesToString"),
        _conversion(given),
    )


def _column(given: Properties, item: Json, number: int) -> ColumnMapping:
    where = f"{given.name_of('mappings')}[{number}]"
    entry = Properties(item, where)
    source, sink = _end(entry.part("source")), _end(entry.part("sink"))
    if not (source.name or source.ordinal or source.path):
        raise entry.wrong("source", "must have a name, an ordinal or a path")
    if not (sink.name or sink.ordinal or sink.path):
        if not source.name:
            raise entry.wrong("sink", "must have a name, an ordinal or a path")
        sink = End(source.name, type=sink.type, culture=sink.culture, format=sink.format)
    return ColumnMapping(source, sink)


def _end(given: Properties) -> End:
    name, path = given.text("name"), given.text("path")
    written = given.text("type").lower().removeprefix("system.")
    kind = _TYPES.get(written)
    if written and kind is None:
        raise given.wrong("type", f"must be an interim type such as String, Int64 or DateTime; it is '{written[:100]}'")
    # Editors write several of them: the path is what tells most, then the name.
    ordinal = 0 if path or name else given.number("ordinal", least=1) or 0
    return End(
        "" if path else name,
        ordinal,
        path,
        kind,
        given.text("culture"),
        given.text("format"),
        given.number("precision", least=1, most=38),
        given.number("scale", most=38),
    )


def _by_name(given: Properties) -> tuple[ColumnMapping, ...]:
    written = given.raw("columnMappings")
    if isinstance(written, str):
        pairs = [pair.partition(":") for pair in written.split(",") if pair.strip()]
        named = {source.strip(): sink.strip() for source, _, sink in pairs}
    else:
        named = {key: text_of(value) for key, value in given.part("columnMappings").given.items()}
    if not all(source and sink for source, sink in named.items()):
        raise given.wrong("columnMappings", "must have a source column and a sink column in each pair, as 'A: B, C: D'")
    return tuple(ColumnMapping(End(source), End(sink)) for source, sink in named.items())


def _by_path(given: Properties, *, from_documents: bool, to_documents: bool) -> tuple[ColumnMapping, ...]:
    found = []
    for key, value in given.part("schemaMapping").given.items():
        sink = text_of(value)
        if not key or not sink:
            raise given.wrong("schemaMapping", "must have a source and a sink in each pair")
        source_path = key.startswith("$") or from_documents
        sink_path = sink.startswith("$") or to_documents
        found.append(
            ColumnMapping(
                End(path=key) if source_path else End(key),
                End(path=sink) if sink_path else End(sink),
            )
        )
    return tuple(found)


def _conversion(given: Properties) -> Conversion:
    if not given.flag("typeConversion"):
        return Conversion()
    settings = given.part("typeConversionSettings")
    return Conversion(
        settings.flag("allowDataTruncation", default=True),
        settings.flag("treatBooleanAsNumber"),
        settings.text("dateTimeFormat"),
        settings.text("dateTimeOffsetFormat"),
        settings.text("timeSpanFormat"),
        settings.text("dateFormat"),
        settings.text("timeFormat"),
        settings.text("culture") or Conversion().culture,
    )
