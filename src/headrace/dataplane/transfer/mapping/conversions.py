"""Which types become which others, and how, as SQL (contract 9.8).

The SQL of a conversion is null where the value is null, and where it does not convert: so a value has failed exactly where it is null and what it
comes from is not. Every expression takes names of columns, never other expressions, so that nothing is computed twice.
"""

from dataclasses import dataclass
from enum import Enum, auto

from headrace.dataplane.transfer.mapping import formats, moments, numbers, timespans
from headrace.dataplane.transfer.mapping.cultures import culture_of
from headrace.dataplane.transfer.mapping.forms import format_of, text_sql
from headrace.dataplane.transfer.request import Conversion
from headrace.dataplane.transfer.values import Field, ValueType


class Group(Enum):
    """The types that the contract's table speaks of together."""

    BOOLEAN = auto()
    BYTES = auto()
    NUMBER = auto()
    MOMENT = auto()
    GUID = auto()
    STRING = auto()
    TIMESPAN = auto()
    DOCUMENT = auto()


GROUPS = {
    **dict.fromkeys(ValueType, Group.NUMBER),
    ValueType.BOOLEAN: Group.BOOLEAN,
    ValueType.BYTES: Group.BYTES,
    ValueType.DATETIME: Group.MOMENT,
    ValueType.DATETIME_OFFSET: Group.MOMENT,
    ValueType.GUID: Group.GUID,
    ValueType.STRING: Group.STRING,
    ValueType.TIMESPAN: Group.TIMESPAN,
    ValueType.DOCUMENT: Group.DOCUMENT,
}
_TO = {
    Group.BOOLEAN: {Group.BOOLEAN, Group.NUMBER, Group.STRING},
    Group.BYTES: {Group.BYTES, Group.STRING},
    Group.NUMBER: {Group.BOOLEAN, Group.NUMBER, Group.STRING},
    Group.MOMENT: {Group.MOMENT, Group.STRING},
    Group.GUID: {Group.GUID, Group.STRING},
    Group.STRING: set(Group),
    Group.TIMESPAN: {Group.TIMESPAN, Group.STRING},
    Group.DOCUMENT: {Group.DOCUMENT, Group.STRING},
}
# Bits of whole numbers, signed ones negative: what surely fits.
_BITS = {
    ValueType.BYTE: (0, 8),
    ValueType.SBYTE: (1, 7),
    ValueType.INT16: (1, 15),
    ValueType.UINT16: (0, 16),
    ValueType.INT32: (1, 31),
    ValueType.UINT32: (0, 32),
    ValueType.INT64: (1, 63),
    ValueType.UINT64: (0, 64),
}
_FLOATING = frozenset({ValueType.SINGLE, ValueType.DOUBLE})
_GUID = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    r"[0-9a-fA-F]{32}",
)


@dataclass(frozen=True, slots=True)
class How:
    """How one column is converted. ``source_format``, ``sink_format``: .NET's, of dates; empty: those of ``conversion``. Cultures None: its own."""

    conversion: Conversion
    source_format: str = ""
    sink_format: str = ""
    source_culture: str | None = None
    sink_culture: str | None = None


@dataclass(frozen=True, slots=True)
class Value:
    """``sql`` of the converted value. ``parse``: SQL that is to stand under the name that was handed over for it; empty: none.

    ``sure``: nothing can fail.
    """

    sql: str
    parse: str = ""
    sure: bool = False


def converts(source: ValueType, sink: ValueType) -> bool:
    """Say whether values of one type become values of another at all."""
    return GROUPS[sink] in _TO[GROUPS[source]]


def converted(source: Field, sink: Field, name: str, parsed: str, how: How) -> Value:
    """Return the conversion from ``source`` to ``sink``, which exists. ``name``: SQL name of the value; ``parsed``: one that ``parse`` may take.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: a culture or a format is none.
    """
    match GROUPS[source.type]:
        case Group.STRING:
            return _from_text(sink, name, parsed, how)
        case _ if GROUPS[sink.type] is Group.STRING:
            culture = how.sink_culture
            return Value(text_sql(source, name, how.conversion, how.sink_format, culture), sure=True)
        case Group.NUMBER | Group.BOOLEAN:
            return _from_number(source, sink, name, parsed, how.conversion)
        case Group.MOMENT:
            return _from_moment(source, sink, name, how.conversion)
        case _:
            return Value(name, sure=True)


def _from_text(sink: Field, name: str, parsed: str, how: How) -> Value:
    culture = culture_of(how.conversion.culture if how.source_culture is None else how.source_culture)
    match GROUPS[sink.type]:
        case Group.STRING:
            return Value(name, sure=True)
        case Group.NUMBER:
            truncates = how.conversion.allow_truncation
            return Value(numbers.number(name, parsed, sink, culture, truncates=truncates), numbers.parse(name, sink))
        case Group.BOOLEAN:
            return Value(_boolean(name, ones=how.conversion.boolean_as_number))
        case Group.MOMENT:
            pattern = how.source_format or format_of(sink, how.conversion)
            if pattern:
                offset = sink.type is ValueType.DATETIME_OFFSET
                return Value(*formats.moment_of(name, parsed, pattern, culture, offset=offset))
            return Value(moments.moment(name, parsed, sink.type, culture), moments.parse(name))
        case Group.TIMESPAN:
            pattern = how.source_format or format_of(sink, how.conversion)
            return Value(*timespans.span_of(name, parsed, pattern))
        case Group.GUID:
            return Value(_guid(name))
        case Group.BYTES:
            plain = f"regexp_replace({name}, '[\\t-\\r ]', '', 'g')"
            whole = f"length({plain}) % 4 = 0 AND regexp_full_match({plain}, '[A-Za-z0-9+/]*={{0,2}}')"
            return Value(f"CASE WHEN {whole} THEN from_base64({plain}) END")
        case Group.DOCUMENT:
            return Value(f"CASE WHEN json_valid({name}) THEN {name} END")


def _boolean(text: str, *, ones: bool) -> str:
    branches = [(text, word, word.lower()) for word in ("true", "false", "True", "False")]
    branches += [(f"lower({numbers.trimmed(text)})", word, word) for word in ("true", "false")]
    branches += [(numbers.trimmed(text), "1", "true"), (numbers.trimmed(text), "0", "false")] if ones else []
    listed = " ".join(f"WHEN {found} = '{word}' THEN {value}" for found, word, value in branches)
    return f"CASE {listed} END"


def _guid(text: str) -> str:
    plain = numbers.trimmed(text)
    wrapped = rf"\{{{_GUID[0]}\}}|\({_GUID[0]}\)"
    digits = f"lower(translate({plain}, '{{}}()-', ''))"
    pieces = ", '-', ".join(
        f"{digits}[{first}:{last}]" for first, last in ((1, 8), (9, 12), (13, 16), (17, 20), (21, 32))
    )
    return (
        f"CASE WHEN regexp_full_match({text}, '{_GUID[0]}') THEN lower({text}) "
        f"WHEN regexp_full_match({plain}, '{_GUID[0]}|{_GUID[1]}|{wrapped}') THEN concat({pieces}) END"
    )


def _from_number(source: Field, sink: Field, name: str, parsed: str, conversion: Conversion) -> Value:
    """Return the conversion of numbers and booleans to numbers and booleans."""
    if source.type is sink.type and (source.type is not ValueType.DECIMAL or _fits(source, sink)):
        return Value(name if source.sql == sink.sql else f"CAST({name} AS {sink.sql})", sure=True)
    if sink.type is ValueType.BOOLEAN:
        return Value(f"{name} <> 0", sure=True)
    if source.type is ValueType.BOOLEAN:
        number = f"CAST({name} AS UTINYINT)"
        return Value(f"TRY_CAST({number} AS {sink.sql})", sure=sink.type is not ValueType.DECIMAL)
    exact = not conversion.allow_truncation
    if sink.type in _BITS:
        return _to_whole(source, sink, name, parsed, exact=exact)
    if sink.type is ValueType.DECIMAL:
        return _to_decimal(source, sink, name, parsed, exact=exact)
    if sink.type is ValueType.SINGLE and source.type not in _BITS:
        cast = f"TRY_CAST({name} AS FLOAT)"
        same = f"CAST({parsed} AS DOUBLE) = {name} OR isnan({parsed})" if source.type is ValueType.DOUBLE else "true"
        return Value(f"CASE WHEN {same} THEN {parsed} END", cast) if exact else Value(cast)
    return Value(f"CAST({name} AS {sink.sql})", sure=True)


def _to_whole(source: Field, sink: Field, name: str, parsed: str, *, exact: bool) -> Value:
    if source.type in _BITS:
        (signed, bits), (room_signed, room) = _BITS[source.type], _BITS[sink.type]
        sure = bits <= room and signed <= room_signed
        return Value(f"{'CAST' if sure else 'TRY_CAST'}({name} AS {sink.sql})", sure=sure)
    whole = f"TRY_CAST(trunc({name}) AS {sink.sql})"
    return Value(f"CASE WHEN trunc({name}) = {name} THEN {parsed} END", whole) if exact else Value(whole)


def _to_decimal(source: Field, sink: Field, name: str, parsed: str, *, exact: bool) -> Value:
    if source.type in _FLOATING:
        # By way of the shortest digits: the binary value itself has many more than anybody meant.
        cast = f"TRY_CAST(CAST({name} AS VARCHAR) AS {sink.sql})"
        back = f" AND CAST({parsed} AS {source.sql}) = {name}" if exact else ""
        return Value(f"CASE WHEN {numbers.held(parsed, sink)}{back} THEN {parsed} END", cast)
    cast = f"TRY_CAST({name} AS {sink.sql})"
    if exact and source.type is ValueType.DECIMAL and source.scale > sink.scale:
        back = f"TRY_CAST({parsed} AS DECIMAL(38,{source.scale})) = {name}"
        return Value(f"CASE WHEN {back} THEN {parsed} END", cast)
    return Value(cast)


def _fits(source: Field, sink: Field) -> bool:
    return source.scale <= sink.scale and source.precision - source.scale <= sink.precision - sink.scale


def _from_moment(source: Field, sink: Field, name: str, conversion: Conversion) -> Value:
    if source.type is sink.type:
        return Value(name, sure=True)
    if sink.type is ValueType.DATETIME_OFFSET:
        return Value(moments.instant_of(name), sure=True)
    if not conversion.allow_truncation:
        # The offset would be lost.
        return Value("CAST(NULL AS TIMESTAMP)")
    return Value(f"CAST({name} AS TIMESTAMP)", sure=True)
