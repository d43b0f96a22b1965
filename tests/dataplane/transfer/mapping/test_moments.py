"""Dates, times and lengths of time: read from text and written, beside the language's own functions, which work on single values."""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from headrace.dataplane.transfer.faults import Reason, TransferProblem
from headrace.dataplane.transfer.request import Conversion
from headrace.dataplane.transfer.values import Field, ValueType
from headrace.language.datafactory.cultures import culture
from headrace.language.datafactory.dateformats import written
from headrace.language.datafactory.moments import DAY, Moment, read_moment
from mapping_desk import FAILED, Desk

V = ValueType
TEXT, DATETIME, OFFSET, SPAN = (Field("x", type_) for type_ in (V.STRING, V.DATETIME, V.DATETIME_OFFSET, V.TIMESPAN))
EPOCH = (date(1970, 1, 1).toordinal() - 1) * DAY
READ = [
    "2024-01-05",
    "2024-01-05 10:20",
    "2024-01-05T10:20:30",
    "2024-01-05T10:20:30Z",
    "2024-01-05T10:20:30z",
    "2024-01-05T10:20:30+02:00",
    "2024-01-05 10:20:30 -11:30",
    "2024-01-05T10:20:30.1234567",
    "2024-01-05 10:20:30.5",
    "2024-1-5",
    "2024/01/05",
    "2024/1/5 1:02",
    "3/15/2018",
    "3/15/2018 2:05 PM",
    "3/15/2018 14:05:06",
    "12/31/1999 12:00:00 AM",
    "Thu, 15 Mar 2018 14:00:00 GMT",
    "March 15, 2018",
    "15 March 2018",
    "2024-02-29",
    "0001-01-01",
    "9999-12-31 23:59:59.999999",
    "  2024-01-05  ",
    "2024-01-05T10:20:30 PM",
    "3/15/18",
]
REFUSED = [
    "",
    " ",
    "20180315",
    "15/03/2018",
    "15.03.2018",
    "2018-03-15T12",
    "2018-W11-4",
    "2018-074",
    "2018-03-15T24:00:00",
    "2018-03-15 24:00:00",
    "2018-03-15 23:59:60",
    "2018-03-15 10: 5:00",
    "2023-02-29",
    "2018-13-01",
    "0000-01-01",
    "10000-01-01",
    " 024-01-01 00:00:00Z5",
    "infinity",
    "epoch",
    "now",
    "Fri, 15 Mar 2018 14:00:00 GMT",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "2024-01-05T10:20:30+15:00",
    "2024-01-05 (BC)",
]
FORMATS = [
    "d", "D", "f", "F", "g", "G", "m", "M", "r", "R", "s", "t", "T", "u", "y", "Y", "yyyy-MM-dd", "yyyyMMddHHmmss", "dd/MM/yy", "M/d/yyyy h:mm:ss tt",
    "ddd dd MMM yyyy", "dddd, MMMM d, yyyy", "yyyy-MM-ddTHH:mm:ss.fff", "HH:mm:ss.FFFFFF", "ss.F", "h t", "'at' HH 'o''clock'", "\\d\\ad", "%d", "%h",
    "yyy y yyyyy", "ffffff", "H m s", "100%%", "zzz K", 'yyyy"year"', "MMMM", "d MMMM",
]  # fmt: skip


def expected(text: str) -> Any:
    """Return what the language's function reads, in microseconds since 1970."""
    try:
        moment = read_moment(text)
    except ValueError:
        return FAILED
    return (moment.ticks - EPOCH) // 10


@pytest.mark.parametrize("sink", [DATETIME, OFFSET], ids=["datetime", "instant"])
def test_text_becomes_a_time_in_the_forms_of_the_language(desk: Desk, sink: Field) -> None:
    """Section 11.4 of the contract, with zones converted to UTC."""
    assert desk.converted(TEXT, sink, READ) == [expected(text) for text in READ]
    assert FAILED not in desk.converted(TEXT, sink, READ)


def test_text_that_is_no_time_is_refused(desk: Desk) -> None:
    """What DuckDB would take besides: words, years before the first, the hour 24, seconds with a blank."""
    assert desk.converted(TEXT, DATETIME, REFUSED) == [FAILED] * len(REFUSED)
    assert desk.converted(TEXT, OFFSET, REFUSED) == [FAILED] * len(REFUSED)


TIMES = st.datetimes().map(lambda moment: moment.isoformat(" "))


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(TIMES, st.integers(0, 25), st.sampled_from("0123456789 :-.TZ+")), min_size=50, max_size=80))
def test_a_time_with_one_wrong_character_is_never_another_time(desk: Desk, given_: list[tuple[str, int, str]]) -> None:
    """Either it is read as the language reads it, or not at all."""
    texts = [text[:at] + letter + text[at + 1 :] for text, at, letter in given_]
    found = desk.converted(TEXT, DATETIME, texts)
    wrong = [
        (text, value)
        for text, value in zip(texts, found, strict=True)
        if value is not FAILED and value != expected(text) and expected(" ".join(text.split())) is not FAILED
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "text", "day"),
    [
        ("de-de", "15.03.2018", "2018-03-15"),
        ("de-de", "15. März 2018", "2018-03-15"),
        ("fr-fr", "15/03/2018", "2018-03-15"),
        ("en-gb", "15/03/2018", "2018-03-15"),
        ("en-us", "03/15/2018", "2018-03-15"),
        ("ja-jp", "2018/03/15", "2018-03-15"),
    ],
)
def test_dates_in_numbers_have_the_order_of_their_culture(desk: Desk, name: str, text: str, day: str) -> None:
    """The day comes first nearly everywhere."""
    assert desk.converted(TEXT, DATETIME, [text], Conversion(culture=name)) == desk.converted(TEXT, DATETIME, [day])


MOMENTS = [
    "2018-03-15 14:05:06",
    "2024-02-29 00:00:00.120",
    "0987-12-31 23:59:59.999999",
    "2000-01-01 12:00:00",
    "1999-09-09 09:09:09.000001",
]


@pytest.mark.parametrize("pattern", FORMATS)
def test_times_are_written_as_the_language_writes_them(desk: Desk, pattern: str) -> None:
    """Every standard format, and every letter of custom ones."""
    conversion = Conversion(datetime_format=pattern)
    values = [expected(text) for text in MOMENTS]
    try:
        wanted = [written(Moment(value * 10 + EPOCH), pattern) for value in values]
    except ValueError:
        with pytest.raises(TransferProblem):
            desk.converted(DATETIME, TEXT, values, conversion)
        return
    assert desk.converted(DATETIME, TEXT, [*values, None], conversion) == [*wanted, None]


@pytest.mark.parametrize("name", ["de-de", "fr-fr"])
def test_names_of_months_and_days_are_those_of_the_culture(desk: Desk, name: str) -> None:
    """They come from the same tables as the language's."""
    values = [expected(text) for text in MOMENTS]
    conversion = Conversion(datetime_format="dddd, d MMMM yyyy HH:mm", culture=name)
    wanted = [written(Moment(value * 10 + EPOCH), conversion.datetime_format, culture(name)) for value in values]
    assert desk.converted(DATETIME, TEXT, values, conversion) == wanted
    assert desk.converted(TEXT, DATETIME, wanted, conversion) == [value // 60_000_000 * 60_000_000 for value in values]


@pytest.mark.parametrize(
    ("pattern", "text", "moment"),
    [
        ("yyyyMMdd", "20240105", "2024-01-05"),
        ("yyyyMMdd", "2024015", ""),
        ("yyyyMMdd", "2024-01-05", ""),
        ("yyyyMMdd", "20240230", ""),
        ("dd.MM.yyyy HH:mm", "05.01.2024 14:30", "2024-01-05 14:30"),
        ("dd.MM.yyyy HH:mm", "5.1.2024 14:30", ""),
        ("d.M.yy", "5.1.24", "2024-01-05"),
        ("M/d/yyyy h:mm:ss tt", "1/5/2024 2:30:01 pm", "2024-01-05 14:30:01"),
        ("M/d/yyyy h:mm tt", "1/5/2024 12:30 AM", "2024-01-05 00:30"),
        ("ddd dd MMM yyyy", "Fri 05 Jan 2024", "2024-01-05"),
        ("ddd dd MMM yyyy", "Thu 05 Jan 2024", ""),
        ("yyyy-MM-ddTHH:mm:ss.fffffffK", "2024-01-05T10:20:30.1234560+02:00", "2024-01-05 08:20:30.123456"),
        ("o", "2024-01-05T10:20:30.1234560Z", "2024-01-05 10:20:30.123456"),
        ("yyyy-MM-dd HH:mm:ss.FFF", "2024-01-05 10:20:30", "2024-01-05 10:20:30"),
        ("yyyy-MM-dd HH:mm:ss.FFF", "2024-01-05 10:20:30.5", "2024-01-05 10:20:30.5"),
        ("HH:mm", "24:00", ""),
        ("yyyy-MM-dd", "", ""),
        ("'on' yyyy", "on 2024", "2024-01-01"),
        ("r", "Fri, 05 Jan 2024 10:20:30 GMT", "2024-01-05 10:20:30"),
    ],
)
def test_text_in_a_format_is_read_exactly(desk: Desk, pattern: str, text: str, moment: str) -> None:
    """A format says how many digits there are, and what stands between them; other forms are then refused."""
    wanted = expected(moment) if moment else FAILED
    assert desk.converted(TEXT, DATETIME, [text], Conversion(datetime_format=pattern)) == [wanted]
    assert desk.converted(TEXT, OFFSET, [text], Conversion(datetime_offset_format=pattern)) == [wanted]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text("yMdHhmsfFtzK%\\'\": /.-x", max_size=6))
def test_any_format_is_written_as_the_language_does_or_refused(desk: Desk, pattern: str) -> None:
    """No format gets through to the database as something else."""
    assume("%" not in pattern)
    values = [expected(text) for text in MOMENTS]
    conversion = Conversion(datetime_format=pattern)
    try:
        wanted = [written(Moment(value * 10 + EPOCH), pattern) for value in values]
    except ValueError:
        with pytest.raises(TransferProblem) as caught:
            desk.converted(DATETIME, TEXT, values, conversion)
        assert caught.value.reason is Reason.REQUEST_INVALID
        return
    if pattern:
        assert desk.converted(DATETIME, TEXT, values, conversion) == wanted


def test_instants_are_written_with_their_offset(desk: Desk) -> None:
    """All are in UTC."""
    value = expected("2024-01-05 10:20:30")
    for pattern, text in (
        ("", "2024-01-05 10:20:30.0000000 +00:00"),
        ("HH:mm zzz", "10:20 +00:00"),
        ("HHK", "10+00:00"),
    ):
        assert desk.converted(OFFSET, TEXT, [value], Conversion(datetime_offset_format=pattern)) == [text]


def test_dates_and_times_of_databases_have_formats_of_their_own(desk: Desk) -> None:
    """What the database calls a date has the format of dates; every other time that of times with a date."""
    conversion = Conversion(
        datetime_format="yyyyMMddHH", date_format="dd.MM.yyyy", timespan_format="hh", time_format="hh\\:mm"
    )
    value = expected("2024-01-05 10:20:30")
    assert desk.converted(Field("x", V.DATETIME, native="date"), TEXT, [value], conversion) == ["05.01.2024"]
    assert desk.converted(DATETIME, TEXT, [value], conversion) == ["2024010510"]
    assert desk.converted(Field("x", V.TIMESPAN, native="time"), TEXT, [3_660_000_000], conversion) == ["01:01"]
    assert desk.converted(SPAN, TEXT, [3_660_000_000], conversion) == ["01"]


SECOND = 1_000_000


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("00:00:00", 0),
        ("01:02:03", 3723 * SECOND),
        ("1:2", 3720 * SECOND),
        ("-01:02:03.5", -3723 * SECOND - 500_000),
        ("1.02:03:04", (86_400 + 7384) * SECOND),
        ("1:02:03:04.0000010", (86_400 + 7384) * SECOND + 1),
        ("5", 5 * 86_400 * SECOND),
        (" 10:00:00 ", 36_000 * SECOND),
        ("24:00:00", FAILED),
        ("01:60:00", FAILED),
        ("", FAILED),
        ("1.5", FAILED),
        ("99999999", FAILED),
    ],
)
def test_text_becomes_a_length_of_time(desk: Desk, text: str, span: Any) -> None:
    """The constant form of .NET, days before a point or a colon."""
    assert desk.converted(TEXT, SPAN, [text]) == [span]


@pytest.mark.parametrize(
    ("pattern", "span", "text"),
    [
        ("c", 3723 * SECOND, "01:02:03"),
        ("g", -(86_400 + 3723) * SECOND, "-1:1:02:03"),
        ("G", 3723 * SECOND, "0:01:02:03.0000000"),
        ("hh\\:mm", 3723 * SECOND, "01:02"),
        ("d' days 'hh", 86_400 * 12 * SECOND, "12 days 00"),
        ("ss\\.fff", 1_500_000, "01.500"),
        ("ss\\.FFF", 1_500_000, "01.5"),
        ("%h", 7200 * SECOND, "2"),
    ],
)
def test_lengths_of_time_are_written_in_a_format(desk: Desk, pattern: str, span: int, text: str) -> None:
    """And read again from what was written, as far as that tells all of it."""
    conversion = Conversion(timespan_format=pattern)
    assert desk.converted(SPAN, TEXT, [span, None], conversion) == [text, None]
    assert desk.converted(TEXT, SPAN, [text], conversion)[0] in {span, span // (60 * SECOND) * 60 * SECOND}


@pytest.mark.parametrize("pattern", ["x", "hh:", "hhh'", "h\\", "hh hh"])
def test_a_format_of_lengths_of_time_that_is_none_is_refused(desk: Desk, pattern: str) -> None:
    """A colon has to be escaped in .NET, too; here it may stand."""
    if pattern == "hh:":
        assert desk.converted(SPAN, TEXT, [0], Conversion(timespan_format=pattern)) == ["00:"]
        return
    with pytest.raises(TransferProblem) as caught:
        desk.converted(TEXT, SPAN, ["1"], Conversion(timespan_format=pattern))
    assert caught.value.reason is Reason.REQUEST_INVALID
