r"""The cells of records as SQL expressions that mean the same on both databases.

A cell is compared by the type that its value has: texts by code point, numbers as numbers, booleans by words; of a list any element. On SQLite
values are JSON text, and a number's text is made by ``number_text`` (``store.database``), so that ``0.30000000000000004`` and ``1e20`` read as
PostgreSQL has them. A key with a quote, a backslash or a letter beyond ASCII cannot stand in SQLite's paths: it is looked for among the members.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from headrace.core.blueprint import FieldKind
from headrace.core.record import Level
from headrace.store.columns import dump
from headrace.store.sheet_tables import sheet_records

Condition: TypeAlias = sa.ColumnElement[bool]
Expression: TypeAlias = sa.ColumnElement[Any]

SQLITE = "sqlite"

_PLAIN = re.compile(r'[^"\\\x00-\x1f\x7f-\U0010ffff]+\Z')
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f]')
_OF_NUMBERS = re.compile(r"[-.0-9]*\Z")
_ALL_LETTERS = "und-x-icu"
"""A collation of PostgreSQL that knows all letters, whatever the locale of the database."""

_rows = sheet_records.c


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value that is no list, as expressions.

    ``kind`` is its type in JSON as the database calls it; ``text`` is only right where ``is_text`` holds, and so on; ``shown`` is its text of any
    type.
    """

    kind: Expression
    is_null: Condition
    is_text: Condition
    is_number: Condition
    is_true: Condition
    is_false: Condition
    text: Expression
    number: Expression
    shown: Expression


Test: TypeAlias = Callable[[Scalar], Condition]


def cell(key: str, dialect: str) -> Scalar:
    """Return the value of field ``key``; a list has no type."""
    if dialect != SQLITE:
        return _postgres(_json(_rows["values"]).op("->")(_text(key)))
    if _PLAIN.match(key):
        path = _path(key)
        return _sqlite(sa.func.json_type(_rows["values"], path), sa.func.json_extract(_rows["values"], path))
    member = sa.func.json_each(_rows["values"]).table_valued("key", "value", "type", name="member")
    one = sa.select(member.c.type).where(member.c.key == _text(key)).correlate(sheet_records).scalar_subquery()
    value = sa.select(member.c.value).where(member.c.key == _text(key)).correlate(sheet_records).scalar_subquery()
    return _sqlite(one, value)


def member(key: str, dialect: str) -> Expression:
    """Return the value of field ``key`` as JSON: text on SQLite, binary on PostgreSQL."""
    if dialect != SQLITE:
        return _json(_rows["values"]).op("->")(_text(key))
    if _PLAIN.match(key):
        return _member(_rows["values"], key)
    found = sa.func.json_each(_rows["values"]).table_valued("key", "value", "type", name="member")
    # What is no JSON text already is made one; true and false come as numbers.
    as_json = sa.case(
        (found.c.type.in_(["array", "object"]), found.c.value),
        (found.c.type.in_(["true", "false"]), found.c.type),
        else_=sa.func.json_quote(found.c.value),
    )
    return sa.select(as_json).where(found.c.key == _text(key)).correlate(sheet_records).scalar_subquery()


def any_element(key: str, dialect: str, test: Test) -> Condition:
    """Return whether ``test`` holds of an element of the list in field ``key``, or of its value if that is no list."""
    if dialect != SQLITE:
        value: Expression = _json(_rows["values"]).op("->")(_text(key))
        is_list = sa.func.jsonb_typeof(value) == "array"
        several = sa.case((is_list, value), else_=sa.func.jsonb_build_array(value))
        element = _json_table(sa.func.jsonb_array_elements(several), "value", name="element")
        return _exists(element, test(_postgres(_json(element.c.value))))
    value = _member(_rows["values"], key)
    element = sa.func.json_each(value).table_valued("value", "type", name="element")
    # An object would be taken apart into its members; a text cell is no JSON that could be.
    is_list = sa.func.json_type(value) == "array"
    return sa.or_(
        sa.and_(is_list, _exists(element, test(_sqlite(element.c.type, element.c.value)))), test(cell(key, dialect))
    )


def any_cell(keys: Sequence[str], dialect: str, test: Test) -> Condition:
    """Return whether ``test`` holds of a value of one of the fields ``keys``; those that are lists are passed over.

    The keys are one parameter, since a statement takes so many only.
    """
    if dialect != SQLITE:
        member = _json_table(sa.func.jsonb_each(_rows["values"]), "key", "value", name="member")
        named = member.c.key == sa.any_(sa.literal(list(keys), postgresql.ARRAY(sa.Text)))
        return _exists(member, sa.and_(named, test(_postgres(_json(member.c.value)))))
    member = sa.func.json_each(_rows["values"]).table_valued("key", "value", "type", name="member")
    names = sa.func.json_each(_text(dump(list(keys)))).table_valued("value", name="names")
    named = member.c.key.in_(sa.select(names.c.value))
    return _exists(member, sa.and_(named, test(_sqlite(member.c.type, member.c.value))))


def has_message(key: str | None, level: Level, dialect: str) -> Condition:
    """Return whether there is a message of ``level`` at field ``key`` (None: at any)."""
    if dialect != SQLITE:
        member = _json_table(sa.func.jsonb_each(_rows.messages), "key", "value", name="member")
        items = _json_table(sa.func.jsonb_array_elements(member.c.value), "value", name="message")
        of_level = _json(items.c.value).op("->>")(sa.literal(0)) == level.value
    else:
        member = sa.func.json_each(_rows.messages).table_valued("key", "value", name="member")
        items = sa.func.json_each(member.c.value).table_valued("value", name="message")
        of_level = sa.func.json_extract(items.c.value, "$[0]") == level.value
    matches = [of_level] if key is None else [member.c.key == _text(key), of_level]
    # The first column of the index of records with messages, so that the others are not looked at.
    some = sa.exists(
        sa.select(sa.literal(1)).select_from(member.join(items, sa.true())).where(*matches).correlate(sheet_records)
    )
    return sa.and_(_rows.messages.is_not(None), some)


def errors_by_field(dialect: str) -> tuple[Expression, sa.FromClause, Condition]:
    """Return the key of a field, where keys come from (beside the records), and that it has an error."""
    if dialect != SQLITE:
        member = _json_table(sa.func.jsonb_each(_rows.messages), "key", "value", name="member")
        items = _json_table(sa.func.jsonb_array_elements(member.c.value), "value", name="message")
        is_error = _json(items.c.value).op("->>")(sa.literal(0)) == Level.ERROR.value
    else:
        member = sa.func.json_each(_rows.messages).table_valued("key", "value", name="member")
        items = sa.func.json_each(member.c.value).table_valued("value", name="message")
        is_error = sa.func.json_extract(items.c.value, "$[0]") == Level.ERROR.value
    return member.c.key, member, sa.exists(sa.select(sa.literal(1)).select_from(items).where(is_error))


def joined(key: str, dialect: str) -> Expression:
    """Return the texts of a list's elements, joined by a comma and a blank, to be sorted by; of a value that is no list, its text."""
    if dialect != SQLITE:
        value: Expression = _json(_rows["values"]).op("->")(_text(key))
        is_list = sa.func.jsonb_typeof(value) == "array"
        several = sa.case((is_list, value))
        column = sa.column("value", postgresql.JSONB)
        table = sa.func.jsonb_array_elements(several).table_valued(column, with_ordinality="place", name="element")
        element = table.render_derived()
        comma: Expression = postgresql.aggregate_order_by(sa.literal_column("', '"), element.c.place)
        texts = sa.func.string_agg(_postgres(_json(element.c.value)).shown, comma)
    else:
        value = _member(_rows["values"], key)
        is_list = sa.func.json_type(value) == "array"
        element = sa.func.json_each(sa.case((is_list, value))).table_valued("value", "type", name="element")
        # SQLite hands over the elements in their order.
        texts = sa.func.group_concat(_sqlite(element.c.type, element.c.value).shown, ", ")
    every = sa.select(texts).select_from(element).correlate(sheet_records).scalar_subquery()
    return sa.case((is_list, every), else_=cell(key, dialect).shown)


def sort_keys(key: str, kind: FieldKind, dialect: str) -> tuple[Expression, ...]:
    """Return what records are sorted by when field ``key`` sorts them: a rank that is never turned about, and then the values.

    What fits the type of the field comes first, then what does not, nulls last.
    """
    value = cell(key, dialect)
    if kind.is_list:
        return sa.case((value.is_null, 1), else_=0), _by_code_point(sa.func.coalesce(joined(key, dialect), ""), dialect)
    return _scalar_keys(value, kind, dialect)


def json_sort_keys(value: Expression, kind: FieldKind, dialect: str) -> tuple[Expression, ...]:
    """Return the same for a value that is JSON itself (``member``); lists are sorted by their text."""
    scalar = _postgres(_json(value))
    if dialect == SQLITE:
        scalar = _sqlite(sa.func.json_type(value), sa.func.json_extract(value, "$"))
    if kind.is_list:
        return sa.case((scalar.is_null, 1), else_=0), _by_code_point(sa.cast(value, sa.Text), dialect)
    return _scalar_keys(scalar, kind, dialect)


def _scalar_keys(value: Scalar, kind: FieldKind, dialect: str) -> tuple[Expression, ...]:
    numbers, texts = ("integer", "real"), ("text",)
    booleans: tuple[str, ...] = ("true", "false")
    if dialect != SQLITE:
        numbers, texts, booleans = ("number", "number"), ("string",), ("boolean",)
    natural = {FieldKind.NUMBER: numbers, FieldKind.BOOLEAN: booleans}.get(kind, texts)
    ranks = {
        **dict.fromkeys(numbers, 1),
        **dict.fromkeys(texts, 2),
        **dict.fromkeys(booleans, 3),
        "array": 4,
        "object": 4,
    }
    # Each type is looked up once, since it is read out of the JSON each time that it is named.
    rank = sa.case({**ranks, **dict.fromkeys(natural, 0)}, value=value.kind, else_=5)
    if dialect == SQLITE:
        # Within a rank all values are of one type, and true is 1.
        return rank, sa.case({"array": 0, "object": 0}, value=value.kind, else_=value.text)
    # true sorts behind false as its text does.
    shown = sa.case({"string": value.text, "boolean": value.text}, value=value.kind, else_="")
    return rank, sa.case((value.is_number, value.number), else_=0), shown.collate("C")


def holds_anywhere(part: str, dialect: str) -> Condition | None:
    """Return what holds of each record in one of whose cells ``part`` occurs in whatever case, and of few others; None: nothing so simple.

    It looks at the text of all values at once, in which letters stand as they are unless JSON escapes them.
    """
    # On SQLite a number with an exponent shows otherwise than it is written.
    if _ESCAPED.search(part) or (dialect == SQLITE and _OF_NUMBERS.match(part)):
        return None
    wanted = fold(sa.literal(part, sa.Text), dialect)
    return holds_text(fold(sa.cast(_rows["values"], sa.Text), dialect), wanted, dialect)


def _by_code_point(text: Expression, dialect: str) -> Expression:
    return text if dialect == SQLITE else text.collate("C")


def fold(text: Expression, dialect: str) -> Expression:
    """Return ``text`` in lower case, of all letters."""
    if dialect == SQLITE:
        return sa.func.lower(text)
    return sa.func.lower(text.collate(_ALL_LETTERS), type_=sa.Text()).collate("C")


def holds_text(text: Expression, part: Expression, dialect: str) -> Condition:
    """Return whether ``part`` occurs in ``text``."""
    found = sa.func.instr(text, part) if dialect == SQLITE else sa.func.strpos(text, part)
    return found > 0


def like(text: Expression, pattern: str, dialect: str, *, folded: bool) -> Condition:
    """Return whether ``text`` (folded already, with ``folded``) is like ``pattern``: ``%`` any letters, ``_`` one, everything else itself."""
    if dialect == SQLITE:
        wild = "".join(
            {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(letter, letter) for letter in pattern
        )
        bound: Expression = sa.literal(wild, sa.Text)
        return text.op("GLOB", is_comparison=True)(fold(bound, dialect) if folded else bound)
    bound = sa.literal(pattern.replace("\\", "\\\\"), sa.Text)
    return text.collate("C").like(fold(bound, dialect) if folded else bound)


def _sqlite(kind: Expression, value: Expression) -> Scalar:
    is_true, is_false = kind == "true", kind == "false"
    shown = sa.case(
        (kind == "text", value),
        (kind == "integer", sa.cast(value, sa.Text)),
        (kind == "real", sa.func.number_text(value)),
        (is_true, "true"),
        (is_false, "false"),
    )
    return Scalar(
        kind=kind,
        is_null=sa.func.coalesce(kind, "null") == "null",
        is_text=kind == "text",
        is_number=kind.in_(["integer", "real"]),
        is_true=is_true,
        is_false=is_false,
        text=value,
        number=value,
        shown=shown,
    )


def _postgres(value: Expression) -> Scalar:
    kind = sa.func.jsonb_typeof(value)
    text = sa.type_coerce(value.op("#>>")(sa.literal_column("'{}'::text[]")), sa.Text)
    is_number = kind == "number"
    return Scalar(
        kind=kind,
        is_null=sa.func.coalesce(kind, "null") == "null",
        is_text=kind == "string",
        is_number=is_number,
        is_true=value == sa.literal_column("'true'::jsonb"),
        is_false=value == sa.literal_column("'false'::jsonb"),
        text=text.collate("C"),
        # Guarded, since PostgreSQL may look at it before it looks at the type.
        number=sa.case((is_number, sa.cast(text, sa.Numeric))),
        shown=sa.case((kind.in_(["string", "number", "boolean"]), text)),
    )


def _json(value: Expression) -> Expression:
    return sa.type_coerce(value, postgresql.JSONB)


def _json_table(function: Any, *columns: str, name: str) -> sa.TableValuedAlias:
    typed = [sa.column(column, sa.Text if column == "key" else postgresql.JSONB) for column in columns]
    table: sa.TableValuedAlias = function.table_valued(*typed, name=name)
    return table.render_derived()


def _exists(source: sa.FromClause, condition: Condition) -> Condition:
    return sa.exists(sa.select(sa.literal(1)).select_from(source).where(condition).correlate(sheet_records))


def _member(column: Expression, key: str) -> Expression:
    """Return the JSON of one member of an object on SQLite."""
    if _PLAIN.match(key):
        return column.op("->")(_path(key))
    member = sa.func.json_each(column).table_valued("key", "value", "type", name="member")
    # Only of a list or an object is the value JSON.
    found = sa.select(member.c.value).where(member.c.key == _text(key), member.c.type.in_(["array", "object"]))
    return found.correlate(sheet_records).scalar_subquery()


def _path(key: str) -> Expression:
    return _text(f'$."{key}"')


def _text(value: str) -> Expression:
    return sa.literal(value, sa.Text)
