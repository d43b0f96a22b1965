"""Parquet files as rows, and rows as Parquet files."""

import base64
import json
import uuid
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.faults import Reason, Side
from headrace.dataplane.transfer.formats import avro, orc, parquet
from headrace.dataplane.transfer.formats.parquet import read, write
from headrace.dataplane.transfer.request import Avro, Orc, Parquet
from headrace.dataplane.transfer.rows import Writer, Writing
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import PlainStream, fault_of, local, rows_of, session_in, working, written

V = ValueType
KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")


def made(folder: Path, columns: dict[str, Any], **options: Any) -> Path:
    """Write a file with pyarrow."""
    path = folder / "made.parquet"
    pq.write_table(pa.table(columns), path, **options)
    return path


@pytest.mark.parametrize(
    ("column", "kind", "value"),
    [
        (pa.array([True]), V.BOOLEAN, True),
        (pa.array([255], pa.uint8()), V.BYTE, 255),
        (pa.array([-128], pa.int8()), V.SBYTE, -128),
        (pa.array([-(2**15)], pa.int16()), V.INT16, -(2**15)),
        (pa.array([2**16 - 1], pa.uint16()), V.UINT16, 2**16 - 1),
        (pa.array([-(2**31)], pa.int32()), V.INT32, -(2**31)),
        (pa.array([2**32 - 1], pa.uint32()), V.UINT32, 2**32 - 1),
        (pa.array([-(2**63)], pa.int64()), V.INT64, -(2**63)),
        (pa.array([2**64 - 1], pa.uint64()), V.UINT64, 2**64 - 1),
        (pa.array([1.5], pa.float16()), V.SINGLE, 1.5),
        (pa.array([1.5], pa.float32()), V.SINGLE, 1.5),
        (pa.array([0.1], pa.float64()), V.DOUBLE, 0.1),
        (pa.array([Decimal("-1.10")], pa.decimal128(38, 10)), V.DECIMAL, Decimal("-1.1000000000")),
        (pa.array(["Zürich"]), V.STRING, "Zürich"),
        (pa.array(["a"]).dictionary_encode(), V.STRING, "a"),
        (pa.array([b"\xff\x00"]), V.BYTES, b"\xff\x00"),
        (pa.array([b"abcd"], pa.binary(4)), V.BYTES, b"abcd"),
        (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([KEY.bytes], pa.binary(16))), V.GUID, str(KEY)),
        (pa.array([date(2024, 2, 29)]), V.DATETIME, datetime.fromisoformat("2024-02-29T00:00:00")),
        (pa.array([1], pa.timestamp("s")), V.DATETIME, datetime.fromisoformat("1970-01-01T00:00:01")),
        (pa.array([1], pa.timestamp("ms")), V.DATETIME, datetime.fromisoformat("1970-01-01T00:00:00.001000")),
        (pa.array([-1], pa.timestamp("us")), V.DATETIME, datetime.fromisoformat("1969-12-31T23:59:59.999999")),
        (pa.array([1001], pa.timestamp("ns")), V.DATETIME, datetime.fromisoformat("1970-01-01T00:00:00.000001")),
        (pa.array([0], pa.timestamp("us", "Europe/Berlin")), V.DATETIME_OFFSET, "1970-01-01 00:00:00+00"),
        (pa.array([1001], pa.timestamp("ns", "+02:00")), V.DATETIME_OFFSET, "1970-01-01 00:00:00.000001+00"),
        (pa.array([time(0, 0, 1)], pa.time32("ms")), V.TIMESPAN, 1_000_000),
        (pa.array([time(23, 59, 59, 999999)], pa.time64("us")), V.TIMESPAN, 86_399_999_999),
        (pa.array([1001], pa.time64("ns")), V.TIMESPAN, 1),
        (pa.nulls(1), V.STRING, None),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_each_type_becomes_its_interim_type(tmp_path: Path, column: Any, kind: ValueType, value: object) -> None:
    """No value of any Parquet type loses anything that the interim type can hold."""
    path = made(tmp_path, {"c": pa.concat_arrays([column.cast(column.type), pa.nulls(1, column.type)])})
    fields, rows = rows_of(read, Parquet(), path)
    assert [field.type for field in fields] == [kind]
    assert rows == [(value,), (None,)]


def test_a_decimal_keeps_its_precision_and_scale(tmp_path: Path) -> None:
    """Money is exact."""
    path = made(tmp_path, {"c": pa.array([Decimal("1.20")], pa.decimal128(9, 2))})
    fields, _ = rows_of(read, Parquet(), path)
    assert (fields[0].precision, fields[0].scale) == (9, 2)


def test_old_timestamps_of_96_bits_are_read(tmp_path: Path) -> None:
    """Hive and Impala wrote them."""
    path = made(tmp_path, {"c": pa.array([10**15], pa.timestamp("us"))}, use_deprecated_int96_timestamps=True)
    fields, rows = rows_of(read, Parquet(), path)
    assert (fields[0].type, rows) == (V.DATETIME, [(datetime.fromisoformat("2001-09-09T01:46:40"),)])


def test_nested_values_are_json_documents(tmp_path: Path) -> None:
    """Lists, structs and maps become JSON text that every parser takes, whatever lies in them."""
    value = {
        "n": [1.5, float("nan"), None],
        "b": b"\xff",
        "t": datetime.fromisoformat("2024-01-02T03:04:05"),
        "z": datetime(2024, 1, 2, tzinfo=UTC),
        "l": [{"x": b"a"}],
    }
    path = made(
        tmp_path,
        {
            "s": pa.array([value, None]),
            "m": pa.array([[("a", float("inf")), ("b", 2.0)], None], pa.map_(pa.string(), pa.float64())),
        },
    )
    fields, rows = rows_of(read, Parquet(), path)
    assert [field.type for field in fields] == [V.DOCUMENT, V.DOCUMENT]
    assert rows[1] == (None, None)
    assert json.loads(rows[0][0], parse_constant=pytest.fail) == {
        "n": [1.5, None, None],
        "b": base64.b64encode(b"\xff").decode(),
        "t": "2024-01-02T03:04:05.000000",
        "z": "2024-01-02T00:00:00.000000Z",
        "l": [{"x": "YQ=="}],
    }
    assert json.loads(rows[0][1]) == {"a": None, "b": 2.0}


def test_a_decimal_of_more_than_38_digits_is_refused(tmp_path: Path) -> None:
    """It would come out as a float, and nobody would see that digits are gone."""
    problem = fault_of(read, Parquet(), made(tmp_path, {"c": pa.array([Decimal(1)], pa.decimal256(50, 0))}))
    assert (problem.reason, problem.side) == (Reason.UNREADABLE, Side.SOURCE)
    assert "'c' is a decimal of 50 digits" in problem.message


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"not Parquet at all, but long enough", b"PAR1" + b"\xff" * 60 + b"\x10\0\0\0PAR1"]
)
def test_other_bytes_are_told_by_the_name_of_the_file(tmp_path: Path, content: bytes) -> None:
    """Wrong magic, nothing, and a footer of rubbish."""
    path = tmp_path / "bad.parquet"
    path.write_bytes(content)
    problem = fault_of(read, Parquet(), path)
    assert (problem.reason, problem.code) == (Reason.UNREADABLE, Code.SOURCE_UNREADABLE)
    assert "'bad.parquet' cannot be read as Parquet" in problem.message
    assert str(tmp_path) not in problem.message


def test_a_page_that_is_broken_is_told_when_it_is_read(tmp_path: Path) -> None:
    """The footer is fine; what it points to is not."""
    path = made(tmp_path, {"c": pa.array([f"text {n}" for n in range(1000)])}, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:400] = b"\xff" * 396
    path.write_bytes(content)
    assert fault_of(read, Parquet(), path).reason is Reason.UNREADABLE


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    """Neither DuckDB nor Arrow looks at it before."""
    path = made(tmp_path, {"column": [1]})
    path.write_bytes(path.read_bytes().replace(b"column", b"c\xff\xfeumn"))
    assert fault_of(read, Parquet(), path).reason is Reason.UNREADABLE


def test_too_many_columns_are_refused(tmp_path: Path) -> None:
    """A limit of the installation."""
    path = made(tmp_path, {"a": [1], "b": [2]})
    with pytest.raises(Problem, match="max_columns"):
        rows_of(read, Parquet(), path, limits=Limits(max_columns=1))


def test_a_name_with_the_signs_of_patterns_means_that_file_alone(tmp_path: Path) -> None:
    """In a folder that is read in place, files are called what people like."""
    made(tmp_path, {"c": [1]}).rename(tmp_path / "a*[b]?.parquet")
    made(tmp_path, {"c": [2]}).rename(tmp_path / "aX[b]Y.parquet")
    assert rows_of(read, Parquet(), tmp_path / "a*[b]?.parquet")[1] == [(1,)]


ALL = (
    Field("b", V.BOOLEAN),
    Field("u8", V.BYTE),
    Field("i8", V.SBYTE),
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
    "true, 255, -128, 18446744073709551615, 1.5, 12345678901234567.891, '2024-02-29 01:02:03.000004', '2024-01-01 00:00:00+02', "
    f"-5, '{KEY}', 'ü', '\\xFF\\x00', '{{\"a\":1}}'"
)
PHYSICAL = "bool uint8 int8 uint64 float decimal128(20, 3) timestamp[us] timestamp[us, tz=UTC] int64 string string binary string"


def relation(values: str = VALUES, rows: int = 1) -> str:
    """Return SQL of one row of values, and one of nulls."""
    columns = ", ".join(
        f"CAST({value} AS {field.sql}) AS {field.name}" for field, value in zip(ALL, values.split(", "), strict=True)
    )
    nulls = ", ".join("NULL" for _ in ALL)
    return f"(SELECT {columns} FROM range({rows}) UNION ALL SELECT {nulls})"


WAYS: list[dict[str, bool]] = [
    {"alone": True},
    {"alone": False},
    {"alone": True, "broken": True},
    {"alone": True, "fast": False},
]
CODECS = ["none", "gzip", "lz4", "zstd"]


@pytest.mark.parametrize(
    ("codec", "options"), [*(("snappy", way) for way in WAYS), *((codec, way) for codec in CODECS for way in WAYS[:2])]
)
def test_every_type_is_written_in_both_ways_alike(tmp_path: Path, options: dict[str, bool], codec: str) -> None:
    """DuckDB and Arrow write the same columns, and a fast way that fails leaves nothing behind."""
    (part,) = written(write, Parquet(codec), tmp_path, relation(), ALL, **options)
    schema = pq.read_schema(part.path)
    assert " ".join(str(kind) for kind in schema.types) == PHYSICAL
    assert part.rows == 2
    (first, second) = pq.read_table(part.path).to_pylist()
    assert set(second.values()) == {None}
    assert (first["dec"], first["u64"], first["bytes"]) == (Decimal("12345678901234567.891"), 2**64 - 1, b"\xff\x00")
    assert (first["dto"], first["span"]) == (datetime(2023, 12, 31, 22, tzinfo=UTC), -5)
    found = pq.ParquetFile(part.path).metadata.row_group(0).column(0).compression
    assert found.lower().replace("uncompressed", "none").removesuffix("_raw") == codec


def test_files_take_so_many_rows_each(tmp_path: Path) -> None:
    """The last one takes the rest, and an exact multiple leaves no empty file."""
    fields = (Field("n", V.INT64),)
    parts = written(
        write, Parquet(), tmp_path, "(SELECT range AS n FROM range(50000))", fields, alone=True, max_rows=20_000
    )
    assert [part.rows for part in parts] == [20_000, 20_000, 10_000]
    assert [pq.read_table(part.path)["n"][0].as_py() for part in parts] == [0, 20_000, 40_000]
    parts = written(write, Parquet(), tmp_path, "(SELECT range AS n FROM range(40000))", fields, max_rows=20_000)
    assert [part.rows for part in parts] == [20_000, 20_000]


@pytest.mark.parametrize("alone", [True, False])
def test_no_rows_give_a_file_with_the_columns(tmp_path: Path, alone: bool) -> None:
    """An empty table is a file, too."""
    (part,) = written(
        write, Parquet(), tmp_path, "(SELECT 1::BIGINT AS n LIMIT 0)", (Field("n", V.INT64),), alone=alone
    )
    assert (part.rows, pq.read_schema(part.path).names) == (0, ["n"])


def test_several_streams_become_one_file(tmp_path: Path) -> None:
    """Merged files."""
    fields = (Field("n", V.INT64),)
    with (
        session_in(tmp_path) as session,
        write(Parquet(), fields, session, Writing(lambda n: tmp_path / f"{n}", working(tmp_path))) as to,
    ):
        for number in (1, 2):
            to.add(PlainStream(session, f"(SELECT {number}::BIGINT AS n)", fields))
        (part,) = to.close()
    assert pq.read_table(part.path)["n"].to_pylist() == [1, 2]


def _break_off(to: Writer, stream: PlainStream, cancellation: Cancellation) -> None:
    to.add(stream)
    cancellation.stop(Code.CANCELLED, "enough")
    to.add(stream)


@pytest.mark.parametrize("alone", [True, False])
def test_what_is_broken_off_leaves_no_file(tmp_path: Path, alone: bool) -> None:
    """Nobody takes half a file for a whole one."""
    fields, cancellation = (Field("n", V.INT64),), Cancellation()
    folder = tmp_path / "out"
    folder.mkdir()
    writing = Writing(lambda n: folder / f"{n}", working(tmp_path), alone=alone)
    with session_in(tmp_path, cancellation=cancellation) as session:
        with pytest.raises(Problem, match="enough"), write(Parquet(), fields, session, writing) as to:
            _break_off(to, PlainStream(session, "(SELECT 1::BIGINT AS n)", fields), cancellation)
        assert list(folder.iterdir()) == []


def test_a_faulty_conversion_is_not_taken_for_a_broken_file(tmp_path: Path) -> None:
    """Only what the bytes are guilty of is said of the file."""
    path = made(tmp_path, {"c": ["x"]})
    with (
        session_in(tmp_path) as session,
        read(local(path), Parquet(), session, working(tmp_path)) as rows,
        pytest.raises(duckdb.ConversionException),
    ):
        session.rows(f"SELECT CAST(c AS INTEGER) FROM {rows.relation}")


@pytest.mark.parametrize(("module", "form"), [(parquet, Parquet()), (orc, Orc()), (avro, Avro())])
def test_a_table_without_columns_is_written_and_read(tmp_path: Path, module: Any, form: Any) -> None:
    """That is what a source of no bytes becomes."""
    with session_in(tmp_path) as session:
        writing = Writing(lambda n: tmp_path / f"{n}", working(tmp_path), alone=True)
        with module.write(form, (), session, writing) as to:
            (part,) = to.close()
        with module.read(local(part.path), form, session, working(tmp_path)) as rows:
            assert (part.rows, rows.fields, session.rows(f"FROM {rows.relation}")) == (0, (), [])
