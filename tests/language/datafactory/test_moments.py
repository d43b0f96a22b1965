"""Which texts are dates, and what time they tell."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.language.datafactory.dateformats import written
from headrace.language.datafactory.moments import (
    LAST,
    Kind,
    Moment,
    added,
    added_months,
    from_instant,
    read_moment,
)

MOMENTS = st.builds(Moment, st.integers(0, LAST), st.sampled_from(Kind))

READ = {
    "2018-03-15": "2018-03-15T00:00:00.0000000",
    "2018-3-5": "2018-03-05T00:00:00.0000000",
    "2018/03/15": "2018-03-15T00:00:00.0000000",
    "\t2018-03-15 \u00a0": "2018-03-15T00:00:00.0000000",
    "2018-03": "2018-03-01T00:00:00.0000000",
    "2018-03-15T13:00": "2018-03-15T13:00:00.0000000",
    "2018-03-15 13:00": "2018-03-15T13:00:00.0000000",
    "2018-03-15t13:00:01": "2018-03-15T13:00:01.0000000",
    "2018-03-15T13:00Z": "2018-03-15T13:00:00.0000000Z",
    "2018-03-15T13:00:00 z": "2018-03-15T13:00:00.0000000Z",
    "2018-03-15Z": "2018-03-15T00:00:00.0000000Z",
    "2018-03-15T13:00:00+02:00": "2018-03-15T11:00:00.0000000+00:00",
    "2018-03-15T13:00:00 -0830": "2018-03-15T21:30:00.0000000+00:00",
    "2018-03-15T13:00:00+00:00": "2018-03-15T13:00:00.0000000+00:00",
    "2018-03-15T01:00:00+14": "2018-03-14T11:00:00.0000000+00:00",
    "2018-03-15 2:03 PM": "2018-03-15T14:03:00.0000000",
    "2018-03-15T02:03:04pm": "2018-03-15T14:03:04.0000000",
    "2018-03-15 12:30 AM": "2018-03-15T00:30:00.0000000",
    "2018-03-15 12:30 PM": "2018-03-15T12:30:00.0000000",
    "2018-03-15 13:30 PM": "2018-03-15T13:30:00.0000000",
    "2018-03-15 02:03 PM +01:00": "2018-03-15T13:03:00.0000000+00:00",
    "2018-3-5T02:03:04.5 z": "2018-03-05T02:03:04.5000000Z",
    "2018-3-5 2:3:4": "2018-03-05T02:03:04.0000000",
    "2018-03-15 12:00 GMT": "2018-03-15T12:00:00.0000000Z",
    "3/15/2018": "2018-03-15T00:00:00.0000000",
    "03/05/2018 9:05": "2018-03-05T09:05:00.0000000",
    "3/15/2018 2:03:04 PM": "2018-03-15T14:03:04.0000000",
    "3/15/18": "2018-03-15T00:00:00.0000000",
    "3/15/50": "1950-03-15T00:00:00.0000000",
    "Thu, 15 Mar 2018 12:00:00 GMT": "2018-03-15T12:00:00.0000000Z",
    "Thursday, March 15, 2018 2:00 PM": "2018-03-15T14:00:00.0000000",
    "March 15, 2018": "2018-03-15T00:00:00.0000000",
    "mar 15 2018": "2018-03-15T00:00:00.0000000",
    "15 March 2018": "2018-03-15T00:00:00.0000000",
    "15-Mar-2018": "2018-03-15T00:00:00.0000000",
    "March 2018": "2018-03-01T00:00:00.0000000",
    "2018-03-15T13:00:00.1": "2018-03-15T13:00:00.1000000",
    "2018-03-15T13:00:00.1234567": "2018-03-15T13:00:00.1234567",
    "2018-03-15T13:00:00.12345674": "2018-03-15T13:00:00.1234567",
    "2018-03-15T13:00:00.123456789123": "2018-03-15T13:00:00.1234568",
    "2018-03-15T23:59:59.99999999": "2018-03-16T00:00:00.0000000",
    "2018-03-15T13:00:00." + "0" * 500: "2018-03-15T13:00:00.0000000",
    "0001-01-01": "0001-01-01T00:00:00.0000000",
    "9999-12-31T23:59:59.9999999Z": "9999-12-31T23:59:59.9999999Z",
    "2024-02-29": "2024-02-29T00:00:00.0000000",
    "03.15.2018": "2018-03-15T00:00:00.0000000",
    "2018.3.15 13:00": "2018-03-15T13:00:00.0000000",
    "2018-03/15": "2018-03-15T00:00:00.0000000",
    "3 15 2018": "2018-03-15T00:00:00.0000000",
    "3/15/2018, 13:00": "2018-03-15T13:00:00.0000000",
    "1/2/3": "2003-01-02T00:00:00.0000000",
    "2018-Mar-15": "2018-03-15T00:00:00.0000000",
    "2018 March 15": "2018-03-15T00:00:00.0000000",
    "15/Mar/2018": "2018-03-15T00:00:00.0000000",
    "Mar. 15, 2018": "2018-03-15T00:00:00.0000000",
    "2000-02-29": "2000-02-29T00:00:00.0000000",
}

REFUSED = (
    *("", " ", "garbage", "20180315", "2018", "15/03/2018", "15.03.2018", "2018-13-01", "2018-00-10"),
    *(
        "2018-03-32",
        "2018-02-29",
        "1900-02-29",
        "2018-W11-4",
        "2018-W11",
        "2018-074",
        "2018-03-15T12",
        "2018-03-15T9:00",
        "2018-03-15T12:0",
        "2018-03-15T12:00 GMT",
        "2018-03-15 12",
    ),
    *(
        "2018-03-15T24:00:00Z",
        "2018-03-15T23:59:60Z",
        "2018-03-15T12:60",
        "2018-03-15T12:00:00,5",
        "2018-03-15T12:00:00.",
    ),
    *("2018-03-15T12:00+15:00", "2018-03-15T12:00+14:01", "2018-03-15T12:00+02:60", "2018-03-15T12:00 PST"),
    *(
        "2018-03-15T12:00Z+01:00",
        "2018-03-15 13:00 AM",
        "2018-03-15 13:00 XM",
        "0000-01-01",
        "10000-01-01",
        "-2018-03-15",
    ),
    *(
        "Fri, 15 Mar 2018 12:00:00 GMT",
        "March 32, 2018",
        "Mars 15, 2018",
        "12:00",
        "0001-01-01T00:00+01:00",
    ),
    *("9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.99999999", "２０１８-03-15", "2018-03-15T12:00ZZ"),  # noqa: RUF001 — wide digits
)


@pytest.mark.parametrize(("text", "expected"), READ.items())
def test_a_date_is_read(text: str, expected: str) -> None:
    """All forms of the contract are taken; with an offset a time is converted at once."""
    assert written(read_moment(text), "o") == expected


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_date_is_refused(text: str) -> None:
    """Compact, European, week and ordinal forms are no dates, nor are days and times that do not exist."""
    with pytest.raises(ValueError, match=r"."):
        read_moment(text)


@given(MOMENTS)
def test_the_round_trip_format_is_read_again(moment: Moment) -> None:
    """No tick and no kind is lost between two functions."""
    assert read_moment(written(moment, "o")) == moment


@given(st.datetimes())
def test_ticks_are_those_of_datetime(moment: datetime) -> None:
    """A tick is a tenth of a microsecond since year 1."""
    expected = (moment - datetime(1, 1, 1)) // timedelta(microseconds=1) * 10  # noqa: DTZ001 — times without zones
    found = read_moment(moment.isoformat())
    assert found == Moment(expected)
    parts = (found.date, found.hour, found.minute, found.second, found.fraction)
    assert parts == (moment.date(), moment.hour, moment.minute, moment.second, moment.microsecond * 10)


@given(st.integers(0, 4_000_000_000_000_000))
def test_an_instant_is_a_moment_in_utc(instant: int) -> None:
    """The clock's microseconds since 1970 are ticks since year 1."""
    expected = datetime(1970, 1, 1) + timedelta(microseconds=instant)  # noqa: DTZ001 — times without zones
    assert written(from_instant(instant), "yyyy-MM-ddTHH:mm:ss.ffffff") == expected.isoformat(timespec="microseconds")  # type: ignore[arg-type]  # an instant is an integer


@given(MOMENTS, st.integers(-30_000, 30_000))
def test_months_clamp_to_the_last_day(moment: Moment, months: int) -> None:
    """A day that the month does not have becomes its last one; time and kind stay."""
    year, month = divmod(moment.date.year * 12 + moment.date.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        with pytest.raises(OverflowError):
            added_months(moment, months)
        return
    found = added_months(moment, months)
    assert (found.date.year, found.date.month - 1, found.kind) == (year, month, moment.kind)
    assert (found.hour, found.minute, found.second, found.fraction) == (
        *(moment.hour, moment.minute, moment.second),
        moment.fraction,
    )
    day_after = added(found, 24 * 3600 * 10**7).date.day if found.date.year < 9999 else 1
    assert found.date.day == moment.date.day or (found.date.day < moment.date.day and day_after == 1)


@given(MOMENTS, st.integers(-(10**20), 10**20))
def test_times_stay_within_the_years_1_to_9999(moment: Moment, ticks: int) -> None:
    """What would leave them is an error, never a time that wraps around."""
    if 0 <= moment.ticks + ticks <= LAST:
        assert added(moment, ticks).ticks - moment.ticks == ticks
    else:
        with pytest.raises(OverflowError):
            added(moment, ticks)
