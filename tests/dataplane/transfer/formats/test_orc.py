"""ORC files as rows, and rows as ORC files."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

from headrace.dataplane.transfer.faults import Reason
from headrace.dataplane.transfer.formats.orc import read, write
from headrace.dataplane.transfer.request import Orc
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import fault_of, rows_of, written

V = ValueType


def test_types_become_interim_types(tmp_path: Path) -> None:
    """As in Parquet."""
    path = tmp_path / "a.orc"
    columns = {
        "b": pa.array([True, None]),
        "i8": pa.array([-1, None], pa.int8()),
        "f": pa.array([1.5, None], pa.float32()),
        "dec": pa.array([Decimal("1.20"), None], pa.decimal128(9, 2)),
        "d": pa.array([date(2024, 2, 29), None]),
        "t": pa.array([1, None], pa.timestamp("us")),
        "z": pa.array([1, None], pa.timestamp("us", "UTC")),
        "s": pa.array(["ü", None]),
        "x": pa.array([b"\xff", None]),
        "l": pa.array([[{"a": 1.5}], None]),
    }
    orc.write_table(pa.table(columns), str(path))
    fields, (first, second) = rows_of(read, Orc(), path)
    kinds = [
        V.BOOLEAN,
        V.SBYTE,
        V.SINGLE,
        V.DECIMAL,
        V.DATETIME,
        V.DATETIME,
        V.DATETIME_OFFSET,
        V.STRING,
        V.BYTES,
        V.DOCUMENT,
    ]
    assert [field.type for field in fields] == kinds
    moment = datetime.fromisoformat("1970-01-01T00:00:00.000001")
    day = datetime.fromisoformat("2024-02-29")
    assert first[:6] == (True, -1, 1.5, Decimal("1.20"), day, moment)
    assert first[6:9] == ("1970-01-01 00:00:00.000001+00", "ü", b"\xff")
    assert json.loads(first[9]) == [{"a": 1.5}]
    assert second == (None,) * 10
    assert not list((tmp_path / "work").iterdir())


@pytest.mark.parametrize("codec", ["none", "zlib", "snappy", "lz4"])
def test_rows_are_written_with_types_that_orc_has(tmp_path: Path, codec: str) -> None:
    """Unsigned integers keep their values."""
    fields = (Field("u8", V.BYTE), Field("u64", V.UINT64), Field("z", V.DATETIME_OFFSET), Field("s"))
    sql = "(SELECT 255::UTINYINT AS u8, 18446744073709551615::UBIGINT AS u64, '2024-01-01 00:00:00+00'::TIMESTAMPTZ AS z, 'x' AS s FROM range(3))"
    (part,) = written(write, Orc(codec), tmp_path, sql, fields)
    table = orc.read_table(str(part.path))
    assert [str(kind) for kind in table.schema.types] == [
        "int16",
        "decimal128(20, 0)",
        "timestamp[ns, tz=UTC]",
        "string",
    ]
    value = {"u8": 255, "u64": Decimal(2**64 - 1), "z": datetime(2024, 1, 1, tzinfo=UTC), "s": "x"}
    assert [
        {**row, "z": row["z"].to_pydatetime() if hasattr(row["z"], "to_pydatetime") else row["z"]}
        for row in table.to_pylist()
    ] == [value] * 3
    assert orc.ORCFile(str(part.path)).compression.lower().replace("uncompressed", "none") == codec


def test_no_rows_give_a_file_with_the_columns(tmp_path: Path) -> None:
    """An empty table is a file, too."""
    (part,) = written(write, Orc(), tmp_path, "(SELECT 1::UTINYINT AS n LIMIT 0)", (Field("n", V.BYTE),))
    assert (part.rows, rows_of(read, Orc(), part.path)[1], orc.ORCFile(str(part.path)).schema.names) == (0, [], ["n"])


def _broken(path: Path, kind: str) -> None:
    orc.write_table(pa.table({"a": pa.array([f"text {n}" for n in range(1000)])}), str(path))
    content = path.read_bytes()
    rubbish = {
        "empty": b"",
        "magic": b"ORC",
        "other": b"x" * 100,
        "cut": content[:-5],
        "holed": content[:3] + b"\xff" * 200 + content[203:],
    }
    path.write_bytes(rubbish[kind])


@pytest.mark.parametrize("kind", ["empty", "magic", "other", "cut", "holed"])
def test_other_bytes_are_told_by_the_name_of_the_file(tmp_path: Path, kind: str) -> None:
    """Nothing of them is taken for rows."""
    path = tmp_path / "bad.orc"
    _broken(path, kind)
    problem = fault_of(read, Orc(), path)
    assert problem.reason is Reason.UNREADABLE
    assert "'bad.orc' cannot be read as ORC" in problem.message
    assert str(tmp_path) not in problem.message
    assert not list((tmp_path / "work").iterdir())
