"""Avro files as rows, and rows as Avro files."""

import io
import json
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from headrace.core.errors import Problem
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.formats.avro import read, write
from headrace.dataplane.transfer.request import Avro
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import fault_of, rows_of, written

V = ValueType
KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
MOMENT = datetime(2024, 2, 29, 1, 2, 3, 4000, tzinfo=UTC)


def logical(kind: str, logical_type: str, **more: Any) -> dict[str, Any]:
    """Return a type with a logical one."""
    return {"type": kind, "logicalType": logical_type, **more}


def made(folder: Path, types: list[Any], rows: list[list[Any]], codec: str = "null") -> Path:
    """Write records of the fields ``f0``, ``f1`` …."""
    path = folder / "made.avro"
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    records = [{f"f{number}": value for number, value in enumerate(row)} for row in rows]
    schema = fastavro.parse_schema({"type": "record", "name": "r", "fields": fields})
    with path.open("wb") as file:
        if codec == "zstandard":  # which the library writes only with one more package
            raw = io.BytesIO()
            for record in records:
                fastavro.schemaless_writer(raw, schema, record)
            packed = pa.Codec("zstd").compress(raw.getvalue(), asbytes=True)
            file.write(
                _container({"type": "record", "name": "r", "fields": fields}, [(len(rows), packed)], b"zstandard")
            )
        else:
            fastavro.writer(file, schema, records, codec)
    return path


@pytest.mark.parametrize(
    ("kind", "given", "type_", "value"),
    [
        ("null", None, V.STRING, None),
        ("boolean", True, V.BOOLEAN, True),
        ("int", -(2**31), V.INT32, -(2**31)),
        ("long", 2**63 - 1, V.INT64, 2**63 - 1),
        ("float", 1.5, V.SINGLE, 1.5),
        ("double", 0.1, V.DOUBLE, 0.1),
        ("bytes", b"\xff", V.BYTES, b"\xff"),
        ("string", "ü", V.STRING, "ü"),
        ({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B", V.STRING, "B"),
        ({"type": "fixed", "name": "x", "size": 2}, b"ab", V.BYTES, b"ab"),
        (logical("int", "date"), date(2024, 2, 29), V.DATETIME, datetime.fromisoformat("2024-02-29")),
        (logical("int", "time-millis"), time(0, 0, 1), V.TIMESPAN, 1_000_000),
        (logical("long", "time-micros"), time(0, 0, 0, 7), V.TIMESPAN, 7),
        (logical("long", "timestamp-millis"), MOMENT, V.DATETIME_OFFSET, "2024-02-29 01:02:03.004+00"),
        (logical("long", "timestamp-micros"), MOMENT, V.DATETIME_OFFSET, "2024-02-29 01:02:03.004+00"),
        (logical("long", "timestamp-nanos"), 1001, V.DATETIME_OFFSET, "1970-01-01 00:00:00.000001+00"),
        (
            logical("long", "local-timestamp-micros"),
            1,
            V.DATETIME,
            datetime.fromisoformat("1970-01-01T00:00:00.000001"),
        ),
        (logical("string", "uuid"), KEY, V.GUID, str(KEY)),
        (logical("fixed", "uuid", name="u", size=16), KEY.bytes, V.GUID, str(KEY)),
        (logical("bytes", "decimal", precision=9, scale=2), Decimal("-1.20"), V.DECIMAL, Decimal("-1.20")),
        (
            logical("fixed", "decimal", name="d", size=8, precision=9, scale=2),
            Decimal("1.20"),
            V.DECIMAL,
            Decimal("1.20"),
        ),
        (["int", "long"], 5, V.INT64, 5),
        (["int", "double"], 5, V.DOUBLE, 5.0),
        (["int", "string"], 5, V.STRING, "5"),
        (["boolean", {"type": "array", "items": "int"}], [1, 2], V.STRING, "[1,2]"),
        (["boolean", {"type": "array", "items": "int"}], True, V.STRING, "true"),
        ({"type": "map", "values": "long"}, {"a": 1}, V.DOCUMENT, '{"a":1}'),
    ],
)
def test_each_type_becomes_its_interim_type(
    tmp_path: Path, kind: Any, given: Any, type_: ValueType, value: Any
) -> None:
    """Alone, and in a union with null."""
    optional = ["null", *([] if kind == "null" else kind if isinstance(kind, list) else [kind])]
    for schema, rows in ((kind, [[given]]), (optional, [[given], [None]])):
        fields, found = rows_of(read, Avro(), made(tmp_path, [schema], rows))
        assert [field.type for field in fields] == [type_]
        assert found == [(value,), (None,)][: len(rows)]


def test_records_in_records_are_documents(tmp_path: Path) -> None:
    """With values as JSON has them, and with a type that was named before."""
    inner = {
        "type": "record",
        "name": "inner",
        "fields": [
            {"name": "d", "type": logical("bytes", "decimal", precision=9, scale=2)},
            {"name": "t", "type": logical("long", "timestamp-micros")},
            {"name": "n", "type": "double"},
            {"name": "b", "type": "bytes"},
        ],
    }
    value = {"d": Decimal("1.20"), "t": MOMENT, "n": float("nan"), "b": b"a"}
    fields, rows = rows_of(
        read, Avro(), made(tmp_path, [inner, {"type": "array", "items": "inner"}], [[value, [value]]])
    )
    plain = {"d": 1.2, "t": "2024-02-29T01:02:03.004000Z", "n": None, "b": "YQ=="}
    assert [json.loads(cell) for cell in rows[0]] == [plain, [plain]]
    assert [field.type for field in fields] == [V.DOCUMENT] * 2


@pytest.mark.parametrize("codec", ["null", "deflate", "snappy", "bzip2", "zstandard", "xz"])
def test_blocks_are_unpacked_whatever_their_codec(tmp_path: Path, codec: str) -> None:
    """Many blocks, in order."""
    path = made(tmp_path, ["long", "string"], [[number, f"text {number}"] for number in range(2000)], codec)
    _, rows = rows_of(read, Avro(), path)
    assert rows == [(number, f"text {number}") for number in range(2000)]


ALL = (
    Field("b", V.BOOLEAN),
    Field("u8", V.BYTE),
    Field("u64", V.UINT64),
    Field("f", V.SINGLE),
    Field("dec", V.DECIMAL, 20, 3),
    Field("dt", V.DATETIME),
    Field("dto", V.DATETIME_OFFSET),
    Field("span", V.TIMESPAN),
    Field("guid", V.GUID),
    Field("text", V.STRING),
    Field("bytes", V.BYTES),
    Field("doc", V.DOCUMENT),
)
VALUES = (
    "true, 255, 18446744073709551615, 1.5, -12345678901234567.891, '9999-12-31 01:02:03.000004', '0001-01-01 00:00:00+00', "
    f"-5, '{KEY}', 'ü', '\\xFF\\x00', '{{\"a\":1}}'"
)


@pytest.mark.parametrize("codec", ["none", "deflate", "snappy", "bzip2", "zstd"])
def test_every_type_is_written(tmp_path: Path, codec: str) -> None:
    """Values and nulls, with the names of the record that were asked for."""
    columns = ", ".join(
        f"CAST({value} AS {field.sql}) AS {field.name}" for field, value in zip(ALL, VALUES.split(", "), strict=True)
    )
    sql = f"(SELECT {columns} UNION ALL SELECT {', '.join('NULL' for _ in ALL)})"
    (part,) = written(write, Avro(codec, record_name="Order", record_namespace="a.b"), tmp_path, sql, ALL)
    if codec == "zstd":  # which the library does not read here
        assert len(rows_of(read, Avro(), part.path)[1]) == part.rows == 2
        return
    with part.path.open("rb") as file:
        reader = fastavro.reader(file)
        rows: Any = list(reader)
        schema: Any = reader.writer_schema
    assert (schema["name"], reader.codec) == ("a.b.Order", codec.replace("none", "null"))
    first, second = rows
    assert set(second.values()) == {None}
    assert list(first.values()) == [
        True,
        255,
        Decimal(2**64 - 1),
        1.5,
        Decimal("-12345678901234567.891"),
        datetime.fromisoformat("9999-12-31T01:02:03.000004"),
        datetime(1, 1, 1, tzinfo=UTC),
        -5,
        KEY,
        "ü",
        b"\xff\x00",
        '{"a":1}',
    ]
    assert part.rows == 2


def test_no_rows_give_a_file_with_the_columns(tmp_path: Path) -> None:
    """An empty table is a file, too."""
    (part,) = written(write, Avro(), tmp_path, "(SELECT 1::BIGINT AS n LIMIT 0)", (Field("n", V.INT64),))
    assert rows_of(read, Avro(), part.path) == ((Field("n", V.INT64, native="long"),), [])


def test_a_name_that_avro_does_not_know_is_refused(tmp_path: Path) -> None:
    """It is not changed behind somebody's back."""
    with pytest.raises(TransferProblem, match="'order id' cannot stand in an Avro file") as caught:
        written(write, Avro(), tmp_path, "(SELECT 1::BIGINT AS n)", (Field("order id", V.INT64),))
    assert (caught.value.reason, caught.value.side) == (Reason.REQUEST_INVALID, Side.SINK)


def _container(schema: Any, blocks: list[tuple[int, bytes]], codec: bytes = b"null") -> bytes:
    sync = b"s" * 16

    def long(number: int) -> bytes:
        number = (number << 1) ^ (number >> 63)
        result = b""
        while number > 0x7F:
            result += bytes([number & 0x7F | 0x80])
            number >>= 7
        return result + bytes([number])

    def text(content: bytes) -> bytes:
        return long(len(content)) + content

    meta = (
        long(2) + text(b"avro.schema") + text(json.dumps(schema).encode()) + text(b"avro.codec") + text(codec) + long(0)
    )
    return b"Obj\x01" + meta + sync + b"".join(long(count) + text(data) + sync for count, data in blocks)


def _record(kind: Any) -> Any:
    return {"type": "record", "name": "r", "fields": [{"name": "a", "type": kind}]}


HOSTILE = {
    "nothing": b"",
    "other": b"x" * 200,
    "magic alone": b"Obj\x01",
    "huge header": b"Obj\x01\x02" + b"\xff" * 8 + b"\x7f",
    "no record": _container("string", [(1, b"\x02a")]),
    "schema that contains itself": _container(_record(["null", "r"]), [(1, b"\x02" * 1_000_000 + b"\x00")]),
    "deep schema": _container(_record("x"), []).replace(b'"x"', b"[" * 3),
    "unknown type": _container(_record("nope"), []),
    "array of nothing": _container(_record({"type": "array", "items": "null"}), [(1, b"\xfe\xff\xff\xff\x0f\x00")]),
    "rows of nothing": _container(_record("null"), [(10**12, b"")]),
    "unknown codec": _container(_record("long"), [(1, b"\x02")], b"secret"),
    "more records than bytes": _container(_record("long"), [(3, b"\x02\x02")]),
    "more bytes than records": _container(_record("long"), [(1, b"\x02\x02")]),
    "negative count": _container(_record("long"), [(-1, b"\x02")]),
    "cut off": _container(_record("long"), [(2, b"\x02\x02")])[:-3],
    "bad utf-8": _container(_record("string"), [(1, b"\x02\xff")]),
    "bad enum": _container(_record({"type": "enum", "name": "e", "symbols": ["A"]}), [(1, b"\x0a")]),
    "bad union": _container(_record(["null", "long"]), [(1, b"\x0a\x02")]),
    "bad uuid": _container(_record(logical("string", "uuid")), [(1, b"\x02a")]),
    "date out of range": _container(
        _record(logical("long", "timestamp-millis")), [(1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01")]
    ),
    "large decimal": _container(_record(logical("bytes", "decimal", precision=50, scale=0)), []),
    "too many digits": _container(
        _record(logical("bytes", "decimal", precision=2, scale=0)), [(1, b"\x08\x7f\x7f\x7f\x7f")]
    ),
    "bad deflate": _container(_record("long"), [(1, b"\x02\xff")], b"deflate"),
    "bad snappy": _container(_record("long"), [(1, b"\x02\xff\xff\xff\xff\xff")], b"snappy"),
    "bad zstandard": _container(_record("long"), [(1, b"\x02\xff")], b"zstandard"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_avro_is_told_by_the_name_of_the_file(tmp_path: Path, kind: str) -> None:
    """However it was made: nothing of it takes the process along, or all of its memory."""
    path = tmp_path / "bad.avro"
    path.write_bytes(HOSTILE[kind])
    problem = fault_of(read, Avro(), path)
    assert problem.reason is Reason.UNREADABLE
    assert "'bad.avro' cannot be read as Avro: " in problem.message
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("codec", ["deflate", "bzip2", "zstandard", "snappy"])
def test_a_block_unpacks_to_so_much_and_no_more(tmp_path: Path, codec: str) -> None:
    """A bomb is noticed before it lies in memory."""
    path = made(tmp_path, ["string"], [["x" * 300_000]], codec)
    problem = fault_of(read, Avro(), path, Limits(max_row_bytes=100_000))
    assert "100,000" in problem.message or "300,00" in problem.message


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    """A limit of the installation."""
    with pytest.raises(Problem, match="max_columns"):
        rows_of(read, Avro(), made(tmp_path, ["int", "int"], [[1, 2]]), limits=Limits(max_columns=1))


def test_names_that_differ_by_case_alone_are_told_apart(tmp_path: Path) -> None:
    """DuckDB takes them for one."""
    path = tmp_path / "x.avro"
    schema = {"type": "record", "name": "r", "fields": [{"name": "id", "type": "int"}, {"name": "ID", "type": "int"}]}
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{"id": 1, "ID": 2}])
    fields, rows = rows_of(read, Avro(), path)
    assert ([field.name for field in fields], rows) == (["id", "ID_2"], [(1, 2)])
