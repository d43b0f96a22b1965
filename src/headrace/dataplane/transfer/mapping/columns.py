"""Which column of the sink comes from what (contract 9.8): by name, or as the mapping says. Nothing is read but types in documents."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from headrace.dataplane.connectors.files import similar
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping import documents
from headrace.dataplane.transfer.mapping.chains import Chain, SinkShape, Wanted, chain
from headrace.dataplane.transfer.mapping.forms import json_sql
from headrace.dataplane.transfer.mapping.paths import Path, path_of
from headrace.dataplane.transfer.request import Added, AddedColumn, ColumnMap, ColumnMapping
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, Rows
from headrace.dataplane.transfer.session import TransferSession, identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType

DOCUMENT = "doc"
ELEMENT = "elem"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the sink.

    ``sql``: the source's value, over the columns of ``Plan.relation``, of the first type of ``chain``. ``steps``: where it stands in a document.
    ``omitted``: left out there where it is null.
    """

    chain: Chain
    sql: str
    steps: tuple[str | int, ...] = ()
    omitted: bool = False

    @property
    def field(self) -> Field:
        """Return the column."""
        return self.chain.last


@dataclass(frozen=True, slots=True)
class Plan:
    """What is read, and what becomes of it. ``whole``: SQL of documents that pass as they are. ``cells``: a row's values, for telling of it."""

    relation: str
    columns: tuple[Column, ...]
    cells: tuple[tuple[Field, str], ...]
    whole: str = ""


@dataclass(frozen=True, slots=True)
class _Origin:
    """A column that the source has, by its own or added."""

    field: Field
    sql: str


class _Origins:
    """The source's columns in order. Two may have the same name (a query's can), but then nobody may ask for it."""

    def __init__(self, listed: Iterable[_Origin]) -> None:
        self.listed = list(listed)
        self._places = dict[str, list[int]]()
        for at, origin in enumerate(self.listed):
            self._places.setdefault(origin.field.name, []).append(at)

    @property
    def names(self) -> Iterable[str]:
        """Return all names."""
        return self._places

    def find(self, name: str) -> _Origin | None:
        """Return the column of a name; None: there is none."""
        places = self._places.get(name, [])
        if len(places) > 1:
            message = f"the source has {len(places)} columns {name!r}: give them different names, or map them by their ordinals"
            raise TransferProblem(Reason.REQUEST_INVALID, Side.SOURCE, message)
        return self.listed[places[0]] if places else None

    def put(self, origin: _Origin) -> None:
        """Add a column, in the place of the one that has its name."""
        places = self._places.setdefault(origin.field.name, [len(self.listed)])
        self.listed[places[0] : places[0] + 1] = [origin]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A mapped column before the types in documents are known. ``inside``: the document and path that it comes from."""

    mapping: ColumnMapping
    origin: _Origin | None = None
    inside: tuple[str, Path] | None = None

    def is_raw(self, sink: SinkShape) -> bool:
        """Say whether a value goes from one document into another as it is; the reader's decimals tell more than JSON that is read again."""
        typed = self.mapping.source.type is not None or self.mapping.sink.type is not None
        exact = self.origin is not None and self.origin.field.type is ValueType.DECIMAL
        return sink.documents and self.inside is not None and not typed and not exact


def plan(
    rows: Rows, mapping: ColumnMap, sink: SinkShape, session: TransferSession, path: str, added: Sequence[AddedColumn]
) -> Plan:
    """Return how ``rows`` become the sink's columns.

    Raises:
        TransferProblem: ``COLUMN_UNKNOWN`` (with similar names), ``VALUE_INVALID`` (types that do not convert at all), ``REQUEST_INVALID``.
    """
    origins = _origins(rows, path, added)
    relation = _relation(rows)
    cells = tuple((field, f"c{at}") for at, field in enumerate(rows.fields))
    if rows.documents:
        cells = ((Field(DOCUMENT_COLUMN, ValueType.DOCUMENT), DOCUMENT),)
    if mapping.columns is None:
        if mapping.collection:
            raise _invalid("a collection reference needs mappings: say which columns come from its elements")
        if rows.documents and sink.documents:
            return Plan(relation, (), cells, _whole(rows, origins, added))
        return Plan(relation, _by_name(origins, mapping, sink), cells)
    if mapping.collection:
        if not rows.documents:
            raise _invalid("a collection reference needs a source of documents (JSON, XML or a service)")
        collection = path_of(mapping.collection)
        relation = f"(SELECT *, {documents.elements_of(DOCUMENT, collection)} AS {ELEMENT} FROM {relation})"
    asked = [_asked(item, rows, origins, mapping) for item in mapping.columns]
    columns = _resolved(asked, rows, relation, mapping, sink, session)
    _distinct(columns, sink)
    return Plan(relation, columns, cells)


def _relation(rows: Rows) -> str:
    """Return the source with its columns renamed by place: names that differ by case only are one name to DuckDB."""
    names = [f"c{at}" for at in range(len(rows.fields))]
    if not rows.documents:
        if not names:
            return "(SELECT 1 AS nothing WHERE false)"
        return f"(SELECT * FROM (SELECT * FROM {rows.relation}) AS source({', '.join(names)}))"
    listed = [field.name for field in rows.fields]
    if len({name.lower() for name in listed}) == len(listed):
        known = ", ".join(identifier(name) for name in (*listed, DOCUMENT_COLUMN))
        inner = f"SELECT {known} FROM {rows.relation}"
    else:
        inner = f"SELECT * FROM {rows.relation}"
    return f"(SELECT * FROM ({inner}) AS source({', '.join((*names, DOCUMENT))}))"


def _origins(rows: Rows, path: str, added: Sequence[AddedColumn]) -> _Origins:
    """Return the source's columns; an added one takes the place of one that has its name."""
    own = _Origins(_Origin(field, f"c{at}") for at, field in enumerate(rows.fields))
    origins = _Origins(own.listed)
    for column in added:
        if column.kind is Added.COLUMN:
            found = own.find(column.value)
            if found is None:
                if not rows.fields:
                    continue
                raise _unknown(column.value, own.names, f"the additional column {column.name!r} copies")
            origins.put(_Origin(replace(found.field, name=column.name), found.sql))
        else:
            text = path if column.kind is Added.FILE_PATH else column.value
            origins.put(_Origin(Field(column.name), f"CAST({literal(text)} AS VARCHAR)"))
    return origins


def _whole(rows: Rows, origins: _Origins, added: Sequence[AddedColumn]) -> str:
    """Return SQL of documents that pass as they are, with the added columns."""
    from_added = [origin for column in added if (origin := origins.find(column.name)) is not None]
    if not from_added:
        return DOCUMENT
    members = {origin.field.name: f"coalesce({json_sql(origin.field, origin.sql)}, 'null')" for origin in from_added}
    return documents.extended(DOCUMENT, members, (field.name for field in rows.fields))


def _by_name(origins: _Origins, mapping: ColumnMap, sink: SinkShape) -> tuple[Column, ...]:
    table = {field.name: field for field in sink.fields} if sink.fields is not None else None
    columns = []
    for name in origins.names:
        origin = origins.find(name)
        if origin is None:
            continue
        if table is not None and name not in table:
            raise _unknown(name, table, "the table has no column for the source's", Side.SINK)
        known = table[name] if table is not None else None
        columns.append(Column(chain(Wanted(origin.field, name, table=known), mapping, sink), origin.sql, (name,)))
    return tuple(columns)


def _asked(item: ColumnMapping, rows: Rows, origins: _Origins, mapping: ColumnMap) -> _Asked:
    """Find what a mapping's source is."""
    end = item.source
    if not rows.fields and not rows.documents:
        # A file of no bytes has no columns, and no rows.
        return _Asked(item, _Origin(Field(end.name), "CAST(NULL AS VARCHAR)"))
    if end.path:
        return _at_path(item, path_of(end.path), rows, origins, mapping)
    if end.ordinal:
        known = origins.listed
        if end.ordinal > len(known):
            message = f"the mapping names column {end.ordinal} of the source, which has {len(known)}"
            raise TransferProblem(Reason.COLUMN_UNKNOWN, Side.SOURCE, message)
        return _Asked(item, known[end.ordinal - 1])
    origin = origins.find(end.name)
    if origin is None:
        raise _unknown(end.name, origins.names, "the mapping names")
    return _Asked(item, origin)


def _at_path(item: ColumnMapping, path: Path, rows: Rows, origins: _Origins, mapping: ColumnMap) -> _Asked:
    """Find what a mapping's path leads to: in an element of the collection, in a document, or in a column that has documents."""
    if mapping.collection and not path.rooted:
        return _Asked(item, inside=(ELEMENT, path))
    first = path.steps[0] if path.steps else None
    origin = origins.find(first) if isinstance(first, str) else None
    if origin is not None and len(path.steps) == 1:
        own = rows.documents and origin.field in rows.fields
        return _Asked(item, origin, (DOCUMENT, path) if own else None)
    if rows.documents:
        return _Asked(item, inside=(DOCUMENT, path))
    if origin is None:
        raise _unknown(str(first or path.text), origins.names, "the mapping's path begins at")
    if origin.field.type not in {ValueType.DOCUMENT, ValueType.STRING}:
        raise _invalid(f"the path {path.text!r} leads into {origin.field.name!r}, which is {origin.field.type}")
    return _Asked(item, inside=(origin.sql, replace(path, steps=path.steps[1:])))


def _resolved(
    asked: Sequence[_Asked], rows: Rows, relation: str, mapping: ColumnMap, sink: SinkShape, session: TransferSession
) -> tuple[Column, ...]:
    """Return the columns; what is inside of documents has the type that all of its values have."""
    places = {
        at: one.inside
        for at, one in enumerate(asked)
        if one.inside is not None and one.origin is None and not one.is_raw(sink)
    }
    inferred = dict[int, Field]()
    if rows.repeatable:
        types = documents.types_of(session, relation, list(places.values()))
        inferred = dict(zip(places, types, strict=True))
    return tuple(_resolve(one, inferred.get(at), mapping, sink) for at, one in enumerate(asked))


def _resolve(one: _Asked, inferred: Field | None, mapping: ColumnMap, sink: SinkShape) -> Column:
    ends = (one.mapping.source, one.mapping.sink)
    steps = path_of(ends[1].path).steps if ends[1].path else ()
    table, name = _target(one, steps, sink)
    if one.is_raw(sink) and one.inside is not None:
        field = Field(name, ValueType.DOCUMENT)
        return Column(Chain((field,), ()), documents.json_at(*one.inside), steps or (name,), omitted=True)
    if one.origin is not None or one.inside is None:
        origin = one.origin or _Origin(Field(name), "CAST(NULL AS VARCHAR)")
        sql, first = origin.sql, origin.field
    else:
        nested = inferred is not None and inferred.type is ValueType.DOCUMENT
        sql, first = documents.text_at(*one.inside), Field(name, ValueType.DOCUMENT if nested else ValueType.STRING)
    return Column(chain(Wanted(first, name, *ends, inferred, table), mapping, sink), sql, steps or (name,))


def _target(one: _Asked, steps: tuple[str | int, ...], sink: SinkShape) -> tuple[Field | None, str]:
    """Return the column of the sink's table (None: it is none) and the name of the sink's column."""
    end = one.mapping.sink
    if end.path and not steps:
        raise _invalid(f"the sink's path {end.path!r} names no member")
    if steps and not sink.documents and (len(steps) > 1 or not isinstance(steps[0], str)):
        raise _invalid(f"the sink's path {end.path!r} needs a sink of documents")
    name = end.name or (str(steps[-1]) if steps else "")
    if sink.fields is None:
        if name or end.ordinal == 0:
            return None, name or _source_name(one)
        return None, _source_name(one) or f"Prop_{end.ordinal - 1}"
    if end.ordinal and not name:
        if end.ordinal > len(sink.fields):
            message = f"the mapping names column {end.ordinal} of the table, which has {len(sink.fields)}"
            raise TransferProblem(Reason.COLUMN_UNKNOWN, Side.SINK, message)
        return sink.fields[end.ordinal - 1], sink.fields[end.ordinal - 1].name
    name = name or _source_name(one)
    table = {field.name: field for field in sink.fields}
    if name not in table:
        raise _unknown(name, table, "the mapping names", Side.SINK)
    return table[name], name


def _source_name(one: _Asked) -> str:
    if one.origin is not None:
        return one.origin.field.name
    steps = one.inside[1].steps if one.inside is not None else ()
    return str(steps[-1]) if steps else ""


def _distinct(columns: Iterable[Column], sink: SinkShape) -> None:
    seen = set[str]()
    for column in columns:
        if not sink.documents and column.field.name in seen:
            raise _invalid(f"the mapping names the sink's column {column.field.name!r} twice")
        if not column.field.name:
            raise _invalid("the mapping has a sink's column without a name")
        seen.add(column.field.name)


def _unknown(name: str, known: Iterable[str], what: str, side: Side = Side.SOURCE) -> TransferProblem:
    where = "source" if side is Side.SOURCE else "sink"
    hint = similar(name, known)
    return TransferProblem(
        Reason.COLUMN_UNKNOWN, side, f"{what} column {name!r}, which the {where} does not have{hint}"
    )


def _invalid(message: str) -> TransferProblem:
    return TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)
