"""Nested targets: objects made of leaves, lists made of elements, copies with what overrides them, and rules at every depth."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from headrace.core.errors import Code, Problem
from headrace.core.schema import Column, ColumnType, Format, Kind, Schema, parse_type
from headrace.core.source import FileFormat, FileType
from promoting import Bench, schema

JSON = FileFormat(type=FileType.JSON)
PARQUET = FileFormat(type=FileType.PARQUET)
PERSON = "struct<name: struct<first: string, last: string>, age: integer>"


def parquet(*rows: dict[str, Any]) -> dict[str, bytes]:
    """Return rows as a Parquet file."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), out)
    return {"in.parquet": out.getvalue()}


def lines(*rows: Any) -> dict[str, bytes]:
    """Return rows as a file of JSON lines."""
    return {"in.json": "\n".join(json.dumps(row) for row in rows).encode()}


def stored(bench: Bench) -> list[dict[str, Any]]:
    """Return the target's rows as deltalake reads them, without nulls."""
    rows = DeltaTable(bench.roots.lake / "rows").to_pyarrow_table().to_pylist()
    return sorted((without_nulls(row) for row in rows), key=lambda row: json.dumps(row, sort_keys=True, default=str))


def without_nulls(value: Any) -> Any:
    """Return a value without the members of objects that are null."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def reasons(bench: Bench) -> list[list[tuple[str, str | None]]]:
    """Return the reasons of each reject."""
    return [[(error["code"], error.get("column")) for error in row["_errors"]] for row in bench.rejects()]


def test_paths_of_a_mapping_make_objects_on_the_way(bench: Bench) -> None:
    """An object none of whose leaves is there is absent, however deep; DuckDB and deltalake read the same."""
    mapping = {"person.name.first": "f", "person.age": "a", "k": "k", "person.name.last": "upper(l)"}
    bench.promote(b"k,f,l,a\n1,Ada,l,36\n2,,,7\n3,,,\n", mapping=mapping, schema=schema(k="integer", person=PERSON))
    assert stored(bench) == [
        {"k": 1, "person": {"name": {"first": "Ada", "last": "L"}, "age": 36}},
        {"k": 2, "person": {"age": 7}},
        {"k": 3},
    ]
    assert bench.table("k, person.name.last, person.name IS NULL", "k") == [
        (1, "L", False),
        (2, None, True),
        (3, None, True),
    ]


def test_a_column_s_own_name_comes_before_its_path(bench: Bench) -> None:
    """A name with dots is a column where the schema says so; without a schema it always is."""
    columns = schema(**{"a.b": "string", "a": "struct<b: string>"})
    bench.promote(b"x\n1\n", mapping={"a.b": "x"}, schema=columns)
    assert bench.table() == [("1", None)]
    bench.key = "key-2"
    bench.promote(b"x\n1\n", mapping={"a.c.d": "x"})
    assert bench.columns() == ["a.b", "a", "a.c.d"]


def test_a_dot_in_a_name_is_escaped(bench: Bench) -> None:
    """Names of fields may have dots."""
    columns = Schema((Column("a", parse_type("struct<b.c: string>")),))
    bench.promote(b"x\n1\n", mapping={"a.b\\.c": "x"}, schema=columns)
    assert stored(bench) == [{"a": {"b.c": "1"}}]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("person.nam", "did you mean 'name'"),
        ("person.age.x", "has no field 'x'"),
        ("person[0]", "has no elements"),
        ("k[0].x", "has no elements"),
        ("tags.x", "map it as a whole"),
        ("items[1000].sku", "999"),
        ("person..age", "is no path"),
        ("nobody[0].x", "no list column 'nobody'"),
    ],
)
def test_a_key_that_leads_nowhere_is_told(bench: Bench, key: str, told: str) -> None:
    """A destination that the schema does not have fails the promotion, under its name."""
    columns = schema(k="string", person=PERSON, tags="json", items="list<struct<sku: string>>")
    with pytest.raises(Problem) as raised:
        bench.promote(b"x\n1\n", mapping={key: "x"}, schema=columns)
    assert raised.value.fields[0].path == f"mapping.{key}"
    assert told in str(raised.value.fields[0])


def test_numbered_elements_make_a_list(bench: Bench) -> None:
    """A list is as long as its last element that is there; one in front of it is null."""
    columns = schema(items="list<struct<sku: string, n: integer>>", tags="list<string>")
    mapping = {"items[0].sku": "a", "items[1].sku": "b", "items[1].n": "n", "tags[1]": "a"}
    bench.promote(b"a,b,n\nx,y,1\nx,,\n,y,\n,,\n", mapping=mapping, schema=columns)
    assert stored(bench) == [
        {"items": [None, {"sku": "y"}]},
        {"items": [{"sku": "x"}, {"sku": "y", "n": 1}], "tags": [None, "x"]},
        {"items": [{"sku": "x"}], "tags": [None, "x"]},
        {},
    ]


def test_every_element_becomes_one(bench: Bench) -> None:
    """Several sources are zipped; a constant is in each element; an element with nothing in it is null."""
    columns = schema(out="list<struct<id: integer, at: struct<name: string>, kind: string>>")
    mapping = {"out[*].id": "c[*].id", "out[*].at.name": "lower(d[*])"}
    rows: list[dict[str, Any]] = [
        {"c": [{"id": 1}, {"id": None}], "d": ["A", None, "B"]},
        {"c": [], "d": None},
        {"c": None, "d": None},
    ]
    bench.promote(parquet(*rows), format=PARQUET, mapping=mapping, schema=columns)
    assert stored(bench) == [{"out": []}, {"out": [{"id": 1, "at": {"name": "a"}}, None, {"at": {"name": "b"}}]}, {}]
    bench.key = "key-2"
    mapping["out[*].kind"] = '"x"'
    bench.promote(parquet(*rows[:1]), format=PARQUET, mapping=mapping, schema=columns)
    assert {"id": 1, "at": {"name": "a"}, "kind": "x"} in stored(bench)[1]["out"]


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ({"out[*].id": "x"}, "no list is gone through"),
        ({"out[*].id": "c[*].id", "out[0].id": "x"}, "use one of both"),
        ({"out[*].id": "c[*].id[*]"}, "a list in a list"),
        ({"out[*].id": "c[*].id + d[*]"}, "one list only"),
        ({"out[*].id": "x[*]"}, "no list"),
    ],
)
def test_what_cannot_be_gone_through_is_told(bench: Bench, mapping: dict[str, str], told: str) -> None:
    """The key says which mapping it is."""
    columns = schema(out="list<struct<id: string>>")
    with pytest.raises(Problem) as raised:
        bench.promote(parquet({"c": [{"id": 1}], "d": [1], "x": "1"}), format=PARQUET, mapping=mapping, schema=columns)
    assert told in str(raised.value)


def test_a_copied_object_brings_what_the_target_has_and_is_overridden(bench: Bench) -> None:
    """More specific mappings override; their nulls are not written, but what nullify() removes is gone."""
    row = {"p": {"name": {"first": "Ada", "last": "L", "nick": "x"}, "age": 36, "more": 1}, "f": "Augusta", "n": None}
    columns = schema(person=PERSON)
    for number, (mapping, expected) in enumerate(
        [
            ({"person": "p"}, {"name": {"first": "Ada", "last": "L"}, "age": 36}),
            ({"person.name.first": "f", "person": "p"}, {"name": {"first": "Augusta", "last": "L"}, "age": 36}),
            ({"person": "p", "person.name.first": "n"}, {"name": {"first": "Ada", "last": "L"}, "age": 36}),
            ({"person": "p", "person.name.first": "nullify()"}, {"name": {"last": "L"}, "age": 36}),
            ({"person": "p", "person.name": "nullify()"}, {"age": 36}),
            ({"person": "p", "person.age": "to_integer(f)"}, {"name": {"first": "Ada", "last": "L"}}),
        ]
    ):
        bench.key = f"key-{number}"
        bench.promote(parquet(row), format=PARQUET, mapping=mapping, schema=columns)
        assert {"person": expected} in stored(bench)


def test_a_copied_list_is_overridden_by_its_elements(bench: Bench) -> None:
    """Elements that no mapping names stay as they are copied."""
    columns = schema(items="list<struct<sku: string, n: integer>>")
    row = {"i": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}, {"sku": "c", "n": 3}], "s": "z"}
    bench.promote(parquet(row), format=PARQUET, mapping={"items": "i", "items[1].sku": "s"}, schema=columns)
    (one,) = stored(bench)
    assert one["items"] == [{"sku": "a", "n": 1}, {"sku": "z", "n": 2}, {"sku": "c", "n": 3}]


def test_rules_hold_at_every_depth_and_name_the_path(bench: Bench) -> None:
    """Required counts only where its object is there; every rule of a leaf is looked at."""
    inner = (
        Column("zip", parse_type("string"), required=True, pattern="^[0-9]+$"),
        Column("mail", parse_type("string"), format=Format.EMAIL),
        Column("n", parse_type("integer"), minimum=1),
    )
    address = Column("address", ColumnType(Kind.STRUCT, fields=inner))
    columns = Schema((Column("k", parse_type("string")), address))
    mapping = {"k": "k", "address.zip": "z", "address.mail": "m", "address.n": "n"}
    data = b"k,z,m,n\n1,12,a@b.c,1\n2,,,\n3,,a@b.c,\n4,x,,0\n5,1,x,y\n"
    bench.promote(data, mapping=mapping, schema=columns)
    assert [row["k"] for row in stored(bench)] == ["1", "2"]
    assert reasons(bench) == [
        [("required", "address.zip")],
        [("pattern", "address.zip"), ("minimum", "address.n")],
        [("format", "address.mail"), ("type", "address.n")],
    ]


def test_rules_of_elements_hold_and_name_the_path(bench: Bench) -> None:
    """A list's elements have rules like any column."""
    order = (
        Column("sku", parse_type("string"), required=True),
        Column("n", parse_type("integer"), maximum=5),
        Column("tags", parse_type("list<string>"), elements=Column("", parse_type("string"), enum=("a", "b"))),
    )
    struct = ColumnType(Kind.STRUCT, fields=order)
    columns = Schema(
        (
            Column("k", parse_type("integer")),
            Column("orders", ColumnType(Kind.LIST, element=struct)),
        )
    )
    good: dict[str, Any] = {"k": 1, "orders": [{"sku": "x", "n": 5, "tags": ["a"]}, None]}
    rows = [
        good,
        {"k": 2, "orders": [{"n": 1}]},
        {"k": 3, "orders": [good["orders"][0], {"sku": "y", "n": 6, "tags": ["c"]}]},
    ]
    bench.promote(parquet(*rows), format=PARQUET, schema=columns)
    assert [row["k"] for row in stored(bench)] == [1]
    assert reasons(bench) == [
        [("required", "orders[].sku")],
        [("maximum", "orders[].n"), ("enum", "orders[].tags[]")],
    ]


def test_defaults_stand_in_where_the_object_is_there(bench: Bench) -> None:
    """A default makes no object."""
    inner = (Column("a", parse_type("string")), Column("b", parse_type("integer"), default=7, required=True))
    struct = ColumnType(Kind.STRUCT, fields=inner)
    columns = Schema((Column("k", parse_type("string")), Column("o", struct)))
    bench.promote(b"k,a,b\n1,x,\n2,,\n3,,5\n", mapping={"k": "k", "o.a": "a", "o.b": "b"}, schema=columns)
    assert stored(bench) == [{"k": "1", "o": {"a": "x", "b": 7}}, {"k": "2"}, {"k": "3", "o": {"b": 5}}]


def test_a_transform_error_in_a_leaf_is_a_warning_with_its_path(bench: Bench) -> None:
    """The rest of the object goes on."""
    outcome = bench.promote(
        b"f,a\nx,1\ny,z\n",
        mapping={"person.name.first": "f", "person.age": "to_integer(a)"},
        schema=schema(person=PERSON),
    )
    assert outcome.batch is not None
    assert [(warning.column, warning.count) for warning in outcome.batch.warnings] == [("person.age", 1)]
    assert outcome.figures.rows_warned == 1


def test_a_table_gains_fields_and_refuses_other_types(bench: Bench) -> None:
    """Older rows have null in a new field, at any depth; a field of another type is named by its path."""
    bench.promote(b"f\nx\n", mapping={"p.a": "f"}, schema=schema(p="struct<a: string>", l="list<struct<x: string>>"))
    bench.key = "key-2"
    wider = schema(p="struct<a: string, b: struct<c: integer>>", l="list<struct<x: string, y: string>>")
    bench.promote(b"f,n\ny,1\n", mapping={"p.a": "f", "p.b.c": "n", "l[0].y": "f"}, schema=wider)
    bench.key = "key-3"
    bench.promote(b"f\nz\n", mapping={"p.a": "f"}, schema=schema(p="struct<a: string>"))
    assert stored(bench) == [
        {"l": [{"y": "y"}], "p": {"a": "y", "b": {"c": 1}}},
        {"p": {"a": "x"}},
        {"p": {"a": "z"}},
    ]
    bench.key = "key-4"
    with pytest.raises(Problem) as raised:
        bench.promote(b"f\nz\n", mapping={"p.b.c": "f"}, schema=schema(p="struct<b: struct<c: string>>"))
    assert (raised.value.code, raised.value.fields[0].path) == (Code.TARGET_MISMATCH, "target.p.b.c")


def test_a_table_of_flat_dotted_columns_takes_no_objects(bench: Bench) -> None:
    """Tables from before there were objects keep their columns; nobody mixes both without a word."""
    bench.promote(b"x\n1\n", mapping={"p.a": "x"})
    bench.key = "key-2"
    with pytest.raises(Problem) as raised:
        bench.promote(b"x\n1\n", mapping={"p.a": "x"}, schema=schema(p="struct<a: string>"))
    assert raised.value.code is Code.TARGET_MISMATCH
    assert "p.a" in raised.value.message


ORDERS = Schema(
    (
        Column("_id", parse_type("string"), required=True),
        Column("person", parse_type(PERSON)),
        Column("orders", parse_type("list<struct<sku: string, n: integer, at: timestamp, tags: list<string>>>")),
        Column("more", parse_type("json")),
    )
)


def test_without_a_mapping_nested_values_land_in_nested_columns(bench: Bench) -> None:
    """Source fields are taken as paths; objects, lists and maps arrive as they are."""
    rows = [
        {
            "_id": "1",
            "person": {"name": {"first": "Ada", "last": None}, "age": 36, "unknown": 1},
            "orders": [{"sku": "a", "n": 1, "at": "2024-01-01T00:00:00Z", "tags": ["x"]}, {}, {"sku": "b"}],
            "more": {"k": [1]},
        },
        {"_id": "2", "person": {}, "orders": []},
        {"_id": "3", "person": None, "person.age": 5},
    ]
    bench.promote(lines(*rows), format=JSON, schema=ORDERS)
    found = {row["_id"]: row for row in stored(bench)}
    assert found["1"]["person"] == {"name": {"first": "Ada"}, "age": 36}
    orders = found["1"]["orders"]
    assert [order and order["sku"] for order in orders] == ["a", None, "b"]
    assert (orders[0]["n"], orders[0]["at"].isoformat(), orders[0]["tags"]) == (1, "2024-01-01T00:00:00+00:00", ["x"])
    assert json.loads(found["1"]["more"]) == {"k": [1]}
    assert (found["2"], found["3"]) == ({"_id": "2", "orders": []}, {"_id": "3", "person": {"age": 5}})


def test_wrong_types_in_nested_values_are_told_by_their_path(bench: Bench) -> None:
    """An object where a text should be, a text where an object should be, a word where a number should be: each is one."""
    rows: list[dict[str, Any]] = [
        {"_id": "1", "person": {"age": "x"}},
        {"_id": "2", "person": {"name": "Ada"}},
        {"_id": "3", "person": "Ada"},
        {"_id": "4", "orders": [{"n": 1}, {"n": "x"}]},
        {"_id": "5", "orders": {"n": 1}},
        {"_id": "6", "orders": [1]},
        {"_id": "7", "orders": [{"tags": [["x"]]}]},
        {"_id": "8", "person": {"name": {"first": {}}}},
        {"_id": "9", "person": {"age": 7}},
    ]
    bench.promote(lines(*rows), format=JSON, schema=ORDERS)
    assert [[(code, path)] for row in reasons(bench) for code, path in row] == [
        [("type", "person.age")],
        [("type", "person.name")],
        [("type", "person")],
        [("type", "orders[].n")],
        [("type", "orders")],
        [("type", "orders[]")],
        [("type", "orders[].tags[]")],
        [("type", "person.name.first")],
    ]
    assert [row["_id"] for row in bench.rejects()] == [row["_id"] for row in rows[:-1]]
    assert bench.rejects()[3]["orders"] == [{"n": 1}, {"n": "x"}]


def test_json_is_mapped_by_paths_elements_and_copies(bench: Bench) -> None:
    """What JSON files and Parquet files say in the same words ends in the same rows."""
    row = {"p": {"name": {"first": "Ada"}, "age": 3}, "c": [{"d": {"e": "x"}}, {"d": None}, {"d": {"e": "z"}}]}
    columns = schema(person=PERSON, out="list<struct<b: string>>", first="list<struct<b: string>>")
    mapping = {
        "person": "p",
        "person.name.last": "p.name.first",
        "out[*].b": "upper(c[*].d.e)",
        "first[0].b": "c[2].d.e",
    }
    expected = [
        {
            "person": {"name": {"first": "Ada", "last": "Ada"}, "age": 3},
            "out": [{"b": "X"}, None, {"b": "Z"}],
            "first": [{"b": "z"}],
        }
    ]
    bench.promote(lines(row), format=JSON, mapping=mapping, schema=columns)
    assert stored(bench) == expected
    bench.key = "key-2"
    bench.promote(parquet(row), format=PARQUET, mapping=mapping, schema=columns)
    assert stored(bench) == expected * 2


def test_lists_too_deep_to_be_converted_are_refused(bench: Bench) -> None:
    """The plan for it would take minutes; values that are of the type already need none."""
    columns = schema(l="list<list<list<list<string>>>>")
    with pytest.raises(Problem) as raised:
        bench.promote(lines({"l": [[[["x"]]]]}), format=JSON, schema=columns)
    assert raised.value.code is Code.LIMIT_EXCEEDED
    bench.promote(parquet({"l": [[[["x"]]]]}), format=PARQUET, schema=columns)
    assert stored(bench) == [{"l": [[[["x"]]]]}]


def test_what_would_become_too_large_is_refused(bench: Bench) -> None:
    """Many elements of many fields are more than anybody means; few of them are no matter."""
    wide = ColumnType(Kind.STRUCT, fields=tuple(Column(f"field_{n}", parse_type("string")) for n in range(1000)))
    columns = Schema((Column("l", ColumnType(Kind.LIST, element=wide)),))
    with pytest.raises(Problem) as raised:
        bench.promote(b"x\n1\n", mapping={f"l[{n}].field_0": "x" for n in range(1000)}, schema=columns)
    assert raised.value.code is Code.LIMIT_EXCEEDED
    bench.promote(b"x\n1\n", mapping={"l[999].field_0": "x"}, schema=columns)
    assert bench.table("len(l), l[1000].field_0") == [(1000, "1")]
