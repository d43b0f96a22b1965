"""Documents to tables, tables to documents, documents to documents."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.mapping.paths import path_of
from headrace.dataplane.transfer.mapping.stream import SinkShape
from headrace.dataplane.transfer.request import Added, AddedColumn, ColumnMap, ColumnMapping, End
from headrace.dataplane.transfer.rows import DOCUMENT_COLUMN, Rows
from headrace.dataplane.transfer.session import identifier, literal
from headrace.dataplane.transfer.values import Field, ValueType
from mapping_desk import Desk, Mapped

V = ValueType
HIERARCHICAL = SinkShape(documents=True)
ORDERS = [
    '{"number":"A1","customer":{"name":"Ann","age":40},"lines":[{"id":1,"price":1.5,"tags":["x"]},{"id":2,"price":2}]}',
    '{"number":"A2","customer":null,"lines":[]}',
    '{"number":"A3","lines":[{"id":3,"price":null}],"extra":12345678901234567890.12345}',
    '{"number":"A4"}',
]
FIELDS = (Field("number"), Field("customer", V.DOCUMENT), Field("lines", V.DOCUMENT), Field("extra", V.DECIMAL))


def column(field: Field) -> str:
    """Return SQL of a top-level property; decimals keep all of their digits."""
    if field.type is V.DECIMAL:
        return f"json_transform(j, {literal(json.dumps({field.name: field.sql}))}).{identifier(field.name)}"
    function = "json_extract" if field.type is V.DOCUMENT else "json_extract_string"
    return f"CAST({function}(j, {literal(path_of(field.name).sql)}) AS {field.sql})"


def documents(texts: Sequence[str], fields: Sequence[Field] = (), *, repeatable: bool = True) -> Rows:
    """Return rows of documents, with top-level properties as columns."""
    columns = ", ".join(f"{column(field)} AS {identifier(field.name)}" for field in fields)
    values = ", ".join(f"({literal(text)})" for text in texts)
    extra = f"{columns}, " if columns else ""
    relation = f"(SELECT {extra}j AS {identifier(DOCUMENT_COLUMN)} FROM (VALUES {values}) AS t(j))"
    return Rows(relation, tuple(fields), documents=True, repeatable=repeatable)


def paths(*given: tuple[str, Any], collection: str = "", complex_to_text: bool = False) -> ColumnMap:
    """Return a mapping of paths."""
    columns = tuple(
        ColumnMapping(End(path=source), sink if isinstance(sink, End) else End(name=sink)) for source, sink in given
    )
    return ColumnMap(columns, collection, complex_to_text)


def shape(found: Mapped) -> list[tuple[str, ValueType]]:
    """Return names and types of the sink's columns."""
    return [(field.name, field.type) for field in found.stream.fields]


@pytest.mark.parametrize(
    ("text", "rooted", "steps"),
    [
        ("$['a']['b']", True, ("a", "b")),
        ("$.a.b", True, ("a", "b")),
        ("$['a'].b[0]", True, ("a", "b", 0)),
        ('$["a.b"]', True, ("a.b",)),
        (r"$['it\'s']", True, ("it's",)),
        ("['a']['b']", False, ("a", "b")),
        ("a.b", False, ("a", "b")),
        ("a", False, ("a",)),
        ("$", True, ()),
        ("$.with blank", True, ("with blank",)),
    ],
)
def test_paths_are_read_in_bracket_and_dot_form(text: str, rooted: bool, steps: tuple[str | int, ...]) -> None:
    """As designers of pipelines write them."""
    path = path_of(text)
    assert (path.rooted, path.steps) == (rooted, steps)


@pytest.mark.parametrize("text", ["", "$..a", "$.a[*]", "$.*", "$['a'", "$a", "a b[", "$.a.", ".a"])
def test_paths_that_name_nothing_or_many_are_refused(text: str) -> None:
    """A filter or a wildcard gives no single value."""
    with pytest.raises(TransferProblem) as caught:
        path_of(text)
    assert caught.value.reason is Reason.REQUEST_INVALID


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5), min_size=1, max_size=3)
)
def test_any_name_of_a_member_can_be_written_as_a_path(desk: Desk, names: list[str]) -> None:
    """Quotes, backslashes, points, stars and dollars are names like others."""
    value: Any = "found"
    for name in reversed(names):
        value = {name: value}
    path = "$" + "".join("['" + name.replace("\\", "\\\\").replace("'", "\\'") + "']" for name in names)
    found = desk.mapped(documents([json.dumps(value, ensure_ascii=False)]), paths((path, "x")))
    assert found.rows == [("found",)]


def test_paths_lead_to_values_of_the_type_that_all_of_them_have(desk: Desk) -> None:
    """Whole numbers, numbers, text, truth; what differs becomes text; what is not there null."""
    texts = ['{"a":{"i":1,"d":1,"s":"x","b":true,"m":1}}', '{"a":{"i":-2,"d":2.5,"s":"1","b":false,"m":"y"}}', "{}"]
    found = desk.mapped(documents(texts), paths(*((f"$.a.{name}", name) for name in "idsbmz")))
    assert shape(found) == [
        ("i", V.INT64),
        ("d", V.DOUBLE),
        ("s", V.STRING),
        ("b", V.BOOLEAN),
        ("m", V.STRING),
        ("z", V.STRING),
    ]
    assert found.rows == [(1, 1.0, "x", True, "1", None), (-2, 2.5, "1", False, "y", None), (None,) * 6]


def test_what_is_read_once_has_text_in_its_documents(desk: Desk) -> None:
    """Its types cannot be looked for; the sink's are what it converts to."""
    rows = documents(['{"a":{"i":1,"s":"x"}}'], repeatable=False)
    mapping = paths(("$.a.i", End(name="i", type=V.INT32)), ("$.a.s", "s"), ("$.a.i", "t"))
    assert desk.mapped(rows, mapping).rows == [(1, "x", "1")]


def test_a_collection_gives_a_row_for_each_element_with_the_fields_of_its_document(desk: Desk) -> None:
    """Documents whose array is missing or empty give none."""
    mapping = paths(
        ("$['number']", "number"),
        ("['id']", "id"),
        ("price", "price"),
        ("$.customer.name", "who"),
        collection="$['lines']",
    )
    found = desk.mapped(documents(ORDERS, FIELDS), mapping)
    assert found.rows == [("A1", 1, 1.5, "Ann"), ("A1", 2, 2.0, "Ann"), ("A3", 3, None, None)]
    assert found.counts == (3, 3, 0)


def test_one_object_counts_as_an_array_of_one(desk: Desk) -> None:
    """As repeated elements of XML look when there is only one."""
    rows = documents(
        ['{"r":{"item":{"n":1}}}', '{"r":{"item":[{"n":2},{"n":3}]}}', '{"r":{"item":null}}', '{"r":null}']
    )
    assert desk.mapped(rows, paths(("n", "n"), collection="$.r.item")).rows == [(1,), (2,), (3,)]


def test_a_refused_element_is_told_of_with_its_document(desk: Desk) -> None:
    """There is no line that it stands in."""
    mapping = paths(("price", End(name="price", type=V.BOOLEAN)), collection="$.lines")
    rows = documents(['{"lines":[{"price":"true"},{"price":"no"}]}'])
    found = desk.mapped(rows, mapping)
    assert (found.rows, found.refused[0].cells, found.refused[0].number) == (
        [(True,)],
        ('{"lines":[{"price":"true"},{"price":"no"}]}',),
        2,
    )


def test_objects_and_arrays_need_leave_to_become_text(desk: Desk) -> None:
    """Else they fail before any row, by name and by path."""
    rows = documents(ORDERS, FIELDS)
    for mapping in (
        None,
        paths(("$.customer", "c")),
        paths(("$['lines'][0].tags", "t")),
        paths(("$.customer", End(name="c", type=V.STRING))),
    ):
        with pytest.raises(TransferProblem, match="map complex values to text") as caught:
            desk.mapped(rows, mapping)
        assert caught.value.reason is Reason.VALUE_INVALID
    found = desk.mapped(rows, paths(("$.customer", "c"), ("$.lines[0].tags", "t"), complex_to_text=True))
    assert found.rows[0] == ('{"name":"Ann","age":40}', '["x"]')
    assert desk.mapped(rows, ColumnMap(complex_to_text=True)).rows[3] == ("A4", None, None, None)


def test_documents_pass_as_they_are_without_a_mapping(desk: Desk) -> None:
    """To the byte: numbers of any length, blanks, the order of members."""
    texts = [*ORDERS, '{"n": 1.50, "e":1e400,\t"b":[ ] }']
    found = desk.mapped(documents(texts, FIELDS), None, HIERARCHICAL)
    assert [row[0] for row in found.rows] == texts
    assert shape(found) == [(DOCUMENT_COLUMN, V.DOCUMENT)]
    assert found.stream.documents


def test_added_columns_become_members_of_documents(desk: Desk) -> None:
    """Behind the others; one with the name of a member takes its place."""
    added = (
        AddedColumn("file", Added.FILE_PATH),
        AddedColumn("number", Added.LITERAL, "new"),
        AddedColumn("x", Added.COLUMN, "extra"),
    )
    found = desk.mapped(documents(ORDERS, FIELDS), None, HIERARCHICAL, added=added, path="a/b.json")
    values = [json.loads(row[0]) for row in found.rows]
    assert [(value["file"], value["number"]) for value in values] == [("a/b.json", "new")] * 4
    (copied,) = desk.mapped(documents(ORDERS[2:3], FIELDS), None, HIERARCHICAL, added=added[2:]).rows
    assert copied == (ORDERS[2][:-1] + ',"x":12345678901234567890.12345}',)
    assert values[0]["lines"] == json.loads(ORDERS[0])["lines"]
    (plain,) = desk.mapped(documents(["{ }"]), None, HIERARCHICAL, added=added[:1], path="p").rows
    assert plain == ('{ "file":"p"}',)


def test_paths_of_the_sink_build_objects_within_objects(desk: Desk) -> None:
    """Arrays are copied as a whole, what is not there is left out."""
    mapping = paths(
        ("$.number", End(path="$.order.no")),
        ("$.customer.name", End(path="$['order']['customer']")),
        ("$.lines", End(path="$.all")),
        ("$.extra", "extra"),
    )
    found = desk.mapped(documents(ORDERS, FIELDS), mapping, HIERARCHICAL)
    assert json.loads(found.rows[0][0]) == {
        "order": {"no": "A1", "customer": "Ann"},
        "all": json.loads(ORDERS[0])["lines"],
        "extra": None,
    }
    assert found.rows[2][0].endswith('"extra":12345678901234567890.12345}')
    assert "customer" not in found.rows[3][0]


@pytest.mark.parametrize("sinks", [("$.a", "$.a.b"), ("$.a.b", "$.a"), ("$.a", "$.a"), ("$.a[0]", "$.b"), ("$", "$.b")])
def test_paths_of_the_sink_that_contradict_each_other_are_refused(desk: Desk, sinks: tuple[str, str]) -> None:
    """A member has one value."""
    mapping = paths(*(("$.number", End(path=path)) for path in sinks))
    with pytest.raises(TransferProblem) as caught:
        desk.mapped(documents(ORDERS, FIELDS), mapping, HIERARCHICAL)
    assert caught.value.reason is Reason.REQUEST_INVALID


def test_rows_become_documents(desk: Desk) -> None:
    """An object a row: numbers with all of their digits, times in ISO 8601, bytes in base64, JSON as it is."""
    columns = {
        "i": ("9223372036854775807::BIGINT", Field("i", V.INT64)),
        "d": ("1.50::DECIMAL(10,2)", Field("d", V.DECIMAL, 10, 2)),
        "w": ("12345678901234567890.5::DECIMAL(38,18)", Field("w", V.DECIMAL)),
        "f": ("0.1::DOUBLE", Field("f", V.DOUBLE)),
        "nan": ("'nan'::DOUBLE", Field("nan", V.DOUBLE)),
        "b": ("true", Field("b", V.BOOLEAN)),
        "s": ("'a\"\\é'", Field("s")),
        "t": ("TIMESTAMP '2024-01-05 10:20:30.5'", Field("t", V.DATETIME)),
        "z": ("TIMESTAMPTZ '2024-01-05 10:20:30Z'", Field("z", V.DATETIME_OFFSET)),
        "l": ("3661000000::BIGINT", Field("l", V.TIMESPAN)),
        "x": ("'\\xFF'::BLOB", Field("x", V.BYTES)),
        "j": ("'{\"a\":1.0}'", Field("j", V.DOCUMENT)),
        "n": ("NULL::INTEGER", Field("n", V.INT32)),
    }
    rows = Rows(
        f"(SELECT {', '.join(sql for sql, _ in columns.values())})", tuple(field for _, field in columns.values())
    )
    written = (
        '{"i":9223372036854775807,"d":1.50,"w":12345678901234567890.5,"f":0.1,"nan":"NaN","b":true,"s":"a\\"\\\\é",'
        '"t":"2024-01-05T10:20:30.5","z":"2024-01-05T10:20:30Z","l":"01:01:01","x":"/w==","j":{"a":1.0},"n":null}'
    )
    assert desk.mapped(rows, None, HIERARCHICAL).rows == [(written,)]


def test_values_on_the_way_into_documents_convert_too(desk: Desk) -> None:
    """A row that does not is refused as anywhere else."""
    rows = Rows("(VALUES ('1'), ('x'))", (Field("n"),))
    found = desk.mapped(rows, ColumnMap((ColumnMapping(End(name="n"), End(path="$.a.n", type=V.INT32)),)), HIERARCHICAL)
    assert (found.rows, found.counts) == ([('{"a":{"n":1}}',)], (2, 1, 1))
    assert found.stream.select() is not None


def test_a_path_leads_into_a_column_that_has_json(desk: Desk) -> None:
    """Nested columns of Parquet, JSON of databases."""
    rows = Rows('(VALUES (\'{"b":{"c":7}}\'))', (Field("a", V.DOCUMENT),))
    found = desk.mapped(rows, paths(("$['a'].b.c", "c")))
    assert (found.rows, shape(found)) == ([(7,)], [("c", V.INT64)])
    text = Rows("(VALUES ('[1]'))", (Field("a", V.DOCUMENT, native="jsonb"),))
    assert desk.mapped(text).rows == [("[1]",)]
