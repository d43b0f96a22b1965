"""Conversions between all types, beside a model in Python."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.mapping.conversions import converts
from headrace.dataplane.transfer.request import Conversion
from headrace.dataplane.transfer.values import Field, ValueType
from mapping_desk import FAILED, MOMENTS, NUMBERS, WHOLE, Desk, model

V = ValueType
FLOATS = [
    0.0,
    -0.0,
    1.0,
    1.5,
    -2.5,
    0.1,
    255.9,
    1e16,
    123456789012345680.0,
    1e20,
    1e-5,
    0.0001,
    float("nan"),
    float("inf"),
    float("-inf"),
]
VALUES: dict[ValueType, list[Any]] = {
    **{type_: [None, 0, 1, 7, low, high, 100] for type_, (low, high) in WHOLE.items()},
    V.BOOLEAN: [None, True, False],
    V.SINGLE: [None, *(value for value in FLOATS if value != 123456789012345680.0)],
    V.DOUBLE: [None, *FLOATS, 1e300, 3.4e38, 3.5e38, 1e-50, 9007199254740993.0],
    V.DECIMAL: [
        None,
        *(
            Decimal(text)
            for text in ("0.000", "1.500", "-2.500", "255.999", "99999999999999999.999", "0.001", "-129.000")
        ),
    ],
    V.DATETIME: [
        None,
        datetime(1, 1, 1),  # noqa: DTZ001 — a time without a zone is what the type holds
        datetime(2024, 2, 29, 23, 59, 59, 999999),  # noqa: DTZ001 — as above
        datetime(9999, 12, 31, 23, 59, 59, 999999),  # noqa: DTZ001 — as above
    ],
    V.DATETIME_OFFSET: [None, datetime(1, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 1, 2, 3, 4, tzinfo=UTC)],
    V.TIMESPAN: [None, 0, 1, -1, 3_723_000_000, -90_061_000_001, 86_400_000_000 * 400],
    V.GUID: [None, "6f9619ff-8b86-d011-b42d-00c04fc964ff"],
    V.STRING: [None, "", " ", "1", "true", "text", "é"],
    V.BYTES: [None, b"", b"a", b"\x00\xff\xfe"],
    V.DOCUMENT: [None, '{"a":1}', "[]"],
}
PRECISE = {V.DECIMAL: (20, 3)}
NONE = frozenset[ValueType]()
TABLE = {
    V.BOOLEAN: {V.BOOLEAN, V.STRING, *NUMBERS},
    V.BYTES: {V.BYTES, V.STRING},
    **{number: {V.BOOLEAN, V.STRING, *NUMBERS} for number in NUMBERS},
    **{moment: {V.STRING, *MOMENTS} for moment in MOMENTS},
    V.GUID: {V.GUID, V.STRING},
    V.STRING: set(V),
    V.TIMESPAN: {V.TIMESPAN, V.STRING},
    V.DOCUMENT: {V.DOCUMENT, V.STRING},
}


def field(type_: ValueType) -> Field:
    """Return a column of a type."""
    return Field("x", type_, *PRECISE.get(type_, (38, 18)))


def same(found: list[Any], expected: list[Any]) -> None:
    """Compare, so that what is no number equals itself, and 0 is not -0."""
    assert [repr(value) for value in found] == [repr(value) for value in expected]


def test_the_types_that_convert_are_those_of_the_contract() -> None:
    """Every pair of the table in section 9.8, and no other one."""
    assert {source: {sink for sink in V if converts(source, sink)} for source in V} == TABLE


@pytest.mark.parametrize(
    "conversion", [Conversion(), Conversion(allow_truncation=False, boolean_as_number=True)], ids=["lossy", "exact"]
)
@pytest.mark.parametrize("source", [type_ for type_ in V if type_ not in {V.STRING, V.DOCUMENT}])
def test_values_convert_as_the_model_says(desk: Desk, source: ValueType, conversion: Conversion) -> None:
    """Each type to each other that it converts to, at the edges of both."""
    for sink in sorted(TABLE[source]):
        values = VALUES[source]
        expected = [model(value, field(source), field(sink), conversion) for value in values]
        same(desk.converted(field(source), field(sink), values, conversion), expected)


@pytest.mark.parametrize(
    ("source", "sink"), [(V.BYTES, V.INT32), (V.GUID, V.BOOLEAN), (V.TIMESPAN, V.DATETIME), (V.DOCUMENT, V.INT64)]
)
def test_types_that_never_convert_are_refused_before_any_row(desk: Desk, source: ValueType, sink: ValueType) -> None:
    """The column and both types are named; there is nothing to skip row by row."""
    with pytest.raises(TransferProblem, match=rf"'x'.*{sink}") as caught:
        desk.converted(field(source), field(sink), [])
    assert caught.value.reason is Reason.VALUE_INVALID


GUIDS = [
    "6F9619FF-8B86-D011-B42D-00C04FC964FF",
    "6f9619ff8b86d011b42d00c04fc964ff",
    " {6F9619FF-8B86-D011-B42D-00C04FC964FF}",
    "(6F9619FF-8B86-D011-B42D-00C04FC964FF)",
    "{6F9619FF-8B86-D011-B42D-00C04FC964FF)",
    "6F9619FF",
    "",
]
ODD = [
    "",
    " ",
    "1e3",
    "1_000",
    "0x1F",
    "1.5",
    " 7 ",
    "\v\f\r7\v\f\r",
    "\v1,000.5\f",
    "\t7\n",
    "+7",
    "7-",
    "(7)",
    "1,5",
    "1,00,000",
    "NaN",
    "Infinity",
    "1e400",
    "-1e400",
    "3.5e38",
    "1e-400",
    "0b1",
    "1.",
    ".5",
    ".",
    "-",
    "5e",
    "0.0005",
    "0.0015",
    "1.2345678901234567e17",
]
NUMBER_TEXTS = st.one_of(
    st.text("0123456789.,+-eE_ xX\u00a0\u0661", max_size=8),
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-(10**7), 10**7).map("{:,}".format),
    st.decimals(-(10**20), 10**20, allow_nan=False, places=4).map(str),
    st.floats().map(repr),
    st.sampled_from(ODD),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(NUMBER_TEXTS, min_size=20, max_size=60), st.sampled_from(sorted(NUMBERS)), st.booleans())
def test_texts_become_numbers_as_the_model_says(desk: Desk, texts: list[str], sink: ValueType, lossy: bool) -> None:
    """Signs, blanks, separators, exponents, what DuckDB takes and .NET does not."""
    conversion = Conversion(allow_truncation=lossy)
    if not lossy:
        texts = [text for text in texts if "e" not in text.lower()]
    expected = [model(text, field(V.STRING), field(sink), conversion) for text in texts]
    same(desk.converted(field(V.STRING), field(sink), texts, conversion), expected)


@pytest.mark.parametrize(
    ("sink", "texts"),
    [
        (V.BOOLEAN, ["true", "True", "TRUE", " false ", "fAlSe", "1", "0", "yes", "", "t"]),
        (V.GUID, GUIDS),
        (V.BYTES, ["", "YQ==", "AP/+", "Y Q\n==", "YQ=", "é", "YQ==YQ=="]),
        (V.STRING, ["", " a "]),
    ],
)
def test_texts_become_what_is_no_number_as_the_model_says(desk: Desk, sink: ValueType, texts: list[str]) -> None:
    """Words of truth, all forms of a GUID, bytes in base64."""
    for conversion in (Conversion(), Conversion(boolean_as_number=True)):
        expected = [model(text, field(V.STRING), field(sink), conversion) for text in texts]
        same(desk.converted(field(V.STRING), field(sink), texts, conversion), expected)


@pytest.mark.parametrize(
    ("culture", "texts", "expected"),
    [
        ("en-us", ["1,234.5", "1.234,5", "1,5"], [Decimal("1234.500"), FAILED, FAILED]),
        ("de-de", ["1.234,5", "1,234.5", "1,5", "1.5"], [Decimal("1234.500"), FAILED, Decimal("1.500"), FAILED]),
        ("fr-FR", ["1\u202f234,5", "1 234,5", "1\u00a0234,5", "1,5"], [Decimal("1234.500")] * 3 + [Decimal("1.500")]),
        ("de-ch", ["1\u2019234.5", "1'234.5", "1.5"], [Decimal("1234.500")] * 2 + [Decimal("1.500")]),
        ("en-in", ["12,34,567.5", "1,234"], [Decimal("1234567.500"), Decimal("1234.000")]),
        ("", ["1,234.5"], [Decimal("1234.500")]),
    ],
)
def test_text_becomes_a_number_with_the_separators_of_its_culture(
    desk: Desk, culture: str, texts: list[str], expected: list[Any]
) -> None:
    """Thousands that are set apart are whole, so that a decimal comma is never taken for one of them."""
    same(desk.converted(field(V.STRING), field(V.DECIMAL), texts, Conversion(culture=culture)), expected)
    floats = [value if value is FAILED else float(value) for value in expected]
    same(desk.converted(field(V.STRING), field(V.DOUBLE), texts, Conversion(culture=culture)), floats)


def test_a_culture_that_is_none_is_refused(desk: Desk) -> None:
    """A typo would else change numbers."""
    with pytest.raises(TransferProblem, match="culture 'xx-yyyy'") as caught:
        desk.converted(field(V.STRING), field(V.INT32), ["1"], Conversion(culture="xx-yyyy"))
    assert caught.value.reason is Reason.REQUEST_INVALID


def test_text_becomes_a_document_where_it_is_json(desk: Desk) -> None:
    """Columns of databases that hold JSON."""
    same(desk.converted(field(V.STRING), field(V.DOCUMENT), ['{"a":1}', "{a}", None]), ['{"a":1}', FAILED, None])
