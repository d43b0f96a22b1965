"""Values of rows as Lookup and Script give them."""

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from headrace.activities.datafactory.result_values import row_object, value_json
from headrace.dataplane.transfer.values import Field, ValueType

ZONE = dt.timezone(dt.timedelta(hours=2))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (ValueType.STRING, None, None),
        (ValueType.BOOLEAN, True, True),
        (ValueType.INT64, 1 << 60, 1 << 60),
        (ValueType.DOUBLE, 1.5, 1.5),
        (ValueType.DOUBLE, float("nan"), "NaN"),
        (ValueType.DECIMAL, Decimal("12.50"), 12.5),
        (ValueType.DECIMAL, Decimal("7.000"), 7),
        (ValueType.DATETIME, dt.datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02T03:04:05Z"),
        (ValueType.DATETIME, dt.datetime.fromisoformat("2026-01-02T03:04:05.12"), "2026-01-02T03:04:05.12Z"),
        (ValueType.DATETIME_OFFSET, dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=ZONE), "2026-01-02T01:04:05Z"),
        (ValueType.DATETIME, dt.date(2026, 1, 2), "2026-01-02T00:00:00Z"),
        (ValueType.TIMESPAN, 90_061_500_000, "1.01:01:01.5000000"),
        (ValueType.TIMESPAN, dt.time(1, 2, 3), "01:02:03"),
        (ValueType.TIMESPAN, dt.timedelta(seconds=-1), "-00:00:01"),
        (ValueType.BYTES, b"\x00\xff", "AP8="),
        (ValueType.GUID, UUID("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (ValueType.GUID, "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (ValueType.DOCUMENT, '{"a": [1]}', {"a": [1]}),
        (ValueType.STRING, "x", "x"),
    ],
)
def test_each_type_has_its_form(kind: ValueType, value: Any, expected: Any) -> None:
    """As the contract says, whatever the driver gives."""
    found = value_json(kind, value, decimals_as_text=False)
    assert (found, type(found)) == (expected, type(expected))


def test_decimals_are_texts_where_that_is_asked_for() -> None:
    """No digit is lost then."""
    row = ((Field("d", ValueType.DECIMAL), Decimal("12345678901234567890.50")), (Field("d"), "last"))
    assert row_object(row[:1], decimals_as_text=True) == {"d": "12345678901234567890.50"}
    assert row_object(row, decimals_as_text=True) == {"d": "last"}
