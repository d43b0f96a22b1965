"""Rejected rows with objects and lists in them: kept as they came, corrected, and promoted like the source's own."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from headrace.core.source import FileFormat, FileType
from headrace.dataplane.quarantine import corrected, layout
from promoting import BATCH, Bench, schema

PARQUET = FileFormat(type=FileType.PARQUET)
INNER = "struct<at: timestamp, d: date, n: decimal(10,2), b: boolean, t: string>"


def test_nested_rows_are_kept_as_they_came_and_play_again(bench: Bench) -> None:
    """Types of Parquet go through JSON and come back; the mapping reads both alike."""
    inner = {
        "at": datetime(2024, 2, 29, 10, 0, 0, 500000, tzinfo=UTC),
        "d": date(2024, 2, 29),
        "n": Decimal("1.50"),
        "b": True,
        "t": "1",
    }
    rows = [{"p": inner, "l": [inner, None], "k": "x", "at": inner["at"]}]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    columns = schema(p=INNER, out=f"list<{INNER}>", k="integer", at="timestamp", day="date")
    mapping = {"p": "p", "out": "l", "out[1].t": "l[0].t", "k": "k", "at": "at", "day": "p.at"}
    bench.promote({"in.parquet": out.getvalue()}, format=PARQUET, mapping=mapping, schema=columns)
    (reject,) = bench.rejects()
    assert reject["_errors"][0]["column"] == "k"
    assert reject["l"][1] is None
    stream = io.BytesIO(json.dumps({**reject, "k": 5}).encode())
    rejects = corrected.Rejects(BATCH, delimited=False, is_open=lambda _: True)
    bench.run = "run-2"
    landed = corrected.land(bench.roots, "run-2", rejects, stream, name="corrected.json")
    layout.remove(bench.roots, BATCH)
    bench.promote(landed.landing, format=corrected.LINES, mapping=mapping, schema=columns)
    assert corrected.accepted(bench.roots, landed.numbers, BATCH) == (1,)
    (row,) = DeltaTable(bench.roots.lake / "rows").to_pyarrow_table().to_pylist()
    second = {**dict.fromkeys(inner), "t": "1"}
    assert row == {"p": inner, "out": [inner, second], "k": 5, "at": inner["at"], "day": inner["d"]}
