"""What is written comes back, in every format whose values have types."""

import tempfile
from datetime import UTC, datetime
from decimal import Context, Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataplane.transfer.formats import avro, orc, parquet
from headrace.dataplane.transfer.formats.landed import schema_of
from headrace.dataplane.transfer.request import Avro, Orc, Parquet
from headrace.dataplane.transfer.rows import Writing
from headrace.dataplane.transfer.values import Field, ValueType
from transfer_files import PlainStream, local, session_in, working

V = ValueType
EXACT = Context(prec=38)
CENTURIES = (datetime.fromisoformat("1700-01-01"), datetime.fromisoformat("2200-01-01"))
FIELDS: dict[Field, st.SearchStrategy[Any]] = {
    Field("boolean", V.BOOLEAN): st.booleans(),
    Field("sbyte", V.SBYTE): st.integers(-128, 127),
    Field("byte", V.BYTE): st.integers(0, 255),
    Field("int16", V.INT16): st.integers(-(2**15), 2**15 - 1),
    Field("uint32", V.UINT32): st.integers(0, 2**32 - 1),
    Field("int64", V.INT64): st.integers(-(2**63), 2**63 - 1),
    Field("uint64", V.UINT64): st.integers(0, 2**64 - 1),
    Field("single", V.SINGLE): st.floats(width=32, allow_nan=False),
    Field("double", V.DOUBLE): st.floats(allow_nan=False),
    Field("decimal", V.DECIMAL, 38, 18): st.integers(-(10**38) + 1, 10**38 - 1).map(
        lambda n: Decimal(n).scaleb(-18, EXACT)
    ),
    Field("datetime", V.DATETIME): st.datetimes(*CENTURIES),
    Field("datetime_offset", V.DATETIME_OFFSET): st.datetimes(*CENTURIES, timezones=st.just(UTC)),
    Field("timespan", V.TIMESPAN): st.integers(-(2**63), 2**63 - 1),
    Field("guid", V.GUID): st.uuids().map(str),
    Field("string"): st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    Field("bytes", V.BYTES): st.binary(max_size=8),
    Field("document", V.DOCUMENT): st.integers().map(lambda number: f'{{"n":{number}}}'),
}
ROWS = st.lists(st.tuples(*(st.none() | values for values in FIELDS.values())), max_size=4)
WIDER: dict[ModuleType, set[ValueType]] = {
    parquet: set(),
    orc: {V.BYTE, V.UINT32, V.UINT64},
    avro: {V.SBYTE, V.BYTE, V.INT16, V.UINT32, V.UINT64},
}
"""Types that come back as a larger one."""


@pytest.mark.parametrize(("module", "form"), [(parquet, Parquet()), (orc, Orc("snappy")), (avro, Avro("deflate"))])
def test_what_is_written_comes_back(module: Any, form: Any) -> None:
    """Every value of every type, and null; types too, where the format has them."""

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(ROWS)
    def check(rows: list[tuple[Any, ...]]) -> None:
        fields = tuple(FIELDS)
        schema = schema_of(fields)
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(fields)
        table = pa.Table.from_arrays(
            [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)], schema=schema
        )
        with tempfile.TemporaryDirectory() as name, session_in(Path(name)) as session:
            folder = Path(name)
            given_rows = session.register(table)
            with module.write(form, fields, session, Writing(lambda _: folder / "file", working(folder))) as to:
                to.add(PlainStream(session, given_rows, fields, fast=False))
                (part,) = to.close()
            with module.read(local(part.path), form, session, working(folder)) as found:
                casts = ", ".join(f'CAST("{field.name}" AS {field.sql}) AS "{field.name}"' for field in fields)
                came = pa.Table.from_batches(session.batches(f"SELECT {casts} FROM {found.relation}", 100), schema)
        assert came.to_pylist() == table.to_pylist()
        changed = {field.type for field, own in zip(fields, found.fields, strict=True) if field.sql != own.sql}
        assert changed <= WIDER[module]

    check()
