"""The types that a value has on its way, one after the other, and how each becomes the next."""

from dataclasses import dataclass, replace
from itertools import pairwise

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping.conversions import How, converts
from headrace.dataplane.transfer.request import ColumnMap, End
from headrace.dataplane.transfer.values import Field, ValueType

_NO_END = End()
_TEMPORAL = frozenset({ValueType.DATETIME, ValueType.DATETIME_OFFSET, ValueType.TIMESPAN})


@dataclass(frozen=True, slots=True)
class SinkShape:
    """What the sink takes: the columns of a table; None: what comes. ``documents``: it is hierarchical. ``text``: it has text only."""

    fields: tuple[Field, ...] | None = None
    documents: bool = False
    text: bool = False


@dataclass(frozen=True, slots=True)
class Chain:
    """``types`` begins with the source's, and ends with the sink's; ``hows`` has one entry for each step between two."""

    types: tuple[Field, ...]
    hows: tuple[How, ...]

    @property
    def last(self) -> Field:
        """Return the sink's column."""
        return self.types[-1]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One column: ``first``: what the source has; ``name``: of the sink's column; ``source``, ``target``: what the mapping says of either end.

    ``inferred``: what the source's text means, where it stands in a document; ``table``: the column of the sink's table, if that is one.
    """

    first: Field
    name: str
    source: End = _NO_END
    target: End = _NO_END
    inferred: Field | None = None
    table: Field | None = None


def chain(wanted: Wanted, mapping: ColumnMap, sink: SinkShape) -> Chain:
    """Return the chain of one column.

    Raises:
        TransferProblem: ``VALUE_INVALID``: two types that follow each other do not convert.
    """
    first, source, target, name = wanted.first, wanted.source, wanted.target, wanted.name
    inferred, table = wanted.inferred, wanted.table
    types, hows = [first], list[How]()
    how = How(mapping.conversion, source.format, target.format, source.culture or None, target.culture or None)
    if first.type is ValueType.STRING:
        if source.type is not None and source.type is not ValueType.STRING:
            types.append(_told(name, first, source, source.type))
            hows.append(how)
        elif source.type is None and inferred is not None and inferred.type is not ValueType.STRING:
            types.append(replace(inferred, name=name))
            hows.append(replace(how, source_culture=""))
    held = types[-1]
    if table is not None:
        # What reads text as a date needs the format, whichever end has it.
        last_how = replace(how, source_format=source.format or target.format)
        types.append(table)
        hows.append(last_how)
    else:
        types.append(_told(name, held, target, target.type or _natural(held, mapping, sink)))
        hows.append(how)
        if types[-1].type is not ValueType.STRING and (sink.text or (target.format and types[-1].type in _TEMPORAL)):
            types.append(Field(name))
            hows.append(how)
    _check(types, mapping, sink)
    return _shortened(types, hows)


def _natural(held: Field, mapping: ColumnMap, sink: SinkShape) -> ValueType:
    """Return the type of a column of which the mapping tells none."""
    if held.type is ValueType.DOCUMENT and not sink.documents and (mapping.complex_to_text or _is_text(held)):
        return ValueType.STRING
    return held.type


def _told(name: str, held: Field, end: End, type_: ValueType) -> Field:
    """Return a field of a type that is told of, with what else is told or known."""
    same = held.type is type_
    known = held if same else Field("")
    precision = end.precision if end.precision is not None else known.precision
    scale = end.scale if end.scale is not None else known.scale if end.precision is None else 0
    precision = min(max(precision, 1), 38)
    return Field(name, type_, precision, min(max(scale, 0), precision), held.native if same else "")


def _is_text(field: Field) -> bool:
    """Say whether a document is what a database calls JSON: text, to everybody else."""
    return field.native.lower() in {"json", "jsonb"}


def _check(types: list[Field], mapping: ColumnMap, sink: SinkShape) -> None:
    for source, target in pairwise(types):
        name = target.name or source.name
        nested = source.type is ValueType.DOCUMENT and not sink.documents
        if nested and target.type is not ValueType.DOCUMENT and not (mapping.complex_to_text or _is_text(source)):
            message = f"column {name!r}: objects and arrays become no {target.type}; map complex values to text, or map what is inside of them"
            raise TransferProblem(Reason.VALUE_INVALID, Side.SINK, message)
        if not converts(source.type, target.type):
            message = f"column {name!r}: values of type {source.type} do not become {target.type}"
            raise TransferProblem(Reason.VALUE_INVALID, Side.SINK, message)
    last = types[-1]
    if last.type is ValueType.DOCUMENT and sink.fields is None and not sink.documents:
        message = (
            f"column {last.name!r} has objects or arrays; map complex values to text, or map what is inside of them"
        )
        raise TransferProblem(Reason.VALUE_INVALID, Side.SINK, message)


def _shortened(types: list[Field], hows: list[How]) -> Chain:
    """Leave out steps that change nothing."""
    kept, kept_hows = [types[0]], list[How]()
    for target, how in zip(types[1:], hows, strict=True):
        if target.type is kept[-1].type and target.sql == kept[-1].sql:
            kept[-1] = target
        else:
            kept.append(target)
            kept_hows.append(how)
    return Chain(tuple(kept), tuple(kept_hows))
