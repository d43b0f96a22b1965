"""Time zones: their names, and the way to their clocks and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.language.datafactory.dateformats import written
from headrace.language.datafactory.moments import LAST, Moment, read_moment
from headrace.language.datafactory.zones import to_local, to_utc, zone

TO_LOCAL = [
    ("2018-01-01T12:00", "W. Europe Standard Time", "2018-01-01T13:00:00"),
    ("2018-07-01T12:00", "w. europe standard time", "2018-07-01T14:00:00"),
    ("2018-07-01T12:00", "Europe/Berlin", "2018-07-01T14:00:00"),
    ("2018-07-01T12:00", "europe/berlin", "2018-07-01T14:00:00"),
    ("2018-03-25T00:59:59", "Central Europe Standard Time", "2018-03-25T01:59:59"),
    ("2018-03-25T01:00:00", "Central Europe Standard Time", "2018-03-25T03:00:00"),
    ("2018-10-28T00:30", "Romance Standard Time", "2018-10-28T02:30:00"),
    ("2018-10-28T01:30", "Romance Standard Time", "2018-10-28T02:30:00"),
    ("2018-07-01T12:00", "India Standard Time", "2018-07-01T17:30:00"),
    ("2018-07-01T12:00", "Nepal Standard Time", "2018-07-01T17:45:00"),
    ("2018-07-01T12:00", "AUS Eastern Standard Time", "2018-07-01T22:00:00"),
    ("2018-01-01T12:00", "AUS Eastern Standard Time", "2018-01-01T23:00:00"),
    ("2018-07-01T12:00", "Lord Howe Standard Time", "2018-07-01T22:30:00"),
    ("2018-07-01T12:00", "Newfoundland Standard Time", "2018-07-01T09:30:00"),
    ("2018-07-01T12:00", "UTC", "2018-07-01T12:00:00"),
    ("2018-07-01T12:00", "utc-02", "2018-07-01T10:00:00"),
    ("2018-07-01T12:00", "GMT Standard Time", "2018-07-01T13:00:00"),
    ("2060-07-01T12:00", "Pacific Standard Time", "2060-07-01T05:00:00"),
    ("0001-01-01T00:00", "Etc/GMT+5", "0001-01-01T00:00:00"),
    ("9999-12-31T23:59:59", "Tokyo Standard Time", "9999-12-31T23:59:59"),
]

SKIPPED = [
    ("2018-03-11T02:30", "Pacific Standard Time"),
    ("2018-03-11T02:00", "America/New_York"),
    ("2018-03-25T02:00", "W. Europe Standard Time"),
    ("2018-03-25T01:59:59.9999999", "GMT Standard Time"),
    ("2018-10-07T02:15", "Australia/Lord_Howe"),
]

REPEATED = [
    ("2018-11-04T01:30", "Pacific Standard Time"),
    ("2018-11-04T01:00", "America/New_York"),
    ("2018-10-28T02:59:59.9999999", "W. Europe Standard Time"),
    ("2018-04-01T02:30", "AUS Eastern Standard Time"),
]


@pytest.mark.parametrize(("utc", "name", "expected"), TO_LOCAL)
def test_a_time_is_shown_by_a_zones_clocks(utc: str, name: str, expected: str) -> None:
    """Windows and IANA names are known in any letter case, with their daylight saving; the ends of time hold."""
    assert written(Moment(to_local(read_moment(utc).ticks, zone(name))), "s") == expected


@pytest.mark.parametrize(
    "name", ["", "PST", "CET", "EST", "+02:00", "UTC+2", "Nowhere", "Factory", "../etc/passwd", "Europe", "W. Europe"]
)
def test_what_is_no_zone_is_refused(name: str) -> None:
    """Abbreviations and offsets are no names of zones."""
    with pytest.raises(LookupError):
        zone(name)


@pytest.mark.parametrize(("local", "name"), SKIPPED)
def test_a_skipped_time_is_no_moment(local: str, name: str) -> None:
    """Between 2 and 3 in the night when summer begins, no clock shows any time."""
    with pytest.raises(ValueError, match="skipped"):
        to_utc(read_moment(local).ticks, zone(name))


@pytest.mark.parametrize(("local", "name"), REPEATED)
def test_a_repeated_time_is_two_moments(local: str, name: str) -> None:
    """When summer ends, an hour comes twice: to guess one would be wrong half of the times."""
    with pytest.raises(ValueError, match="repeated"):
        to_utc(read_moment(local).ticks, zone(name))


@pytest.mark.parametrize(
    ("local", "name", "expected"),
    [
        ("2018-03-11T01:59:59.9999999", "Pacific Standard Time", "2018-03-11T09:59:59.9999999"),
        ("2018-03-11T03:00", "Pacific Standard Time", "2018-03-11T10:00:00.0000000"),
        ("2018-11-04T00:59:59.9999999", "Pacific Standard Time", "2018-11-04T07:59:59.9999999"),
        ("2018-11-04T02:00", "Pacific Standard Time", "2018-11-04T10:00:00.0000000"),
        ("1800-01-01T00:00", "Europe/Berlin", "1799-12-31T23:07:00.0000000"),
        ("0001-01-01T00:00", "Tokyo Standard Time", "0001-01-01T00:00:00.0000000"),
    ],
)
def test_a_local_time_is_a_moment(local: str, name: str, expected: str) -> None:
    """To the tick, right beside the gap and the overlap as well; old local mean times count in whole minutes."""
    assert written(Moment(to_utc(read_moment(local).ticks, zone(name))), "o") == expected


@given(
    st.integers(0, LAST),
    st.sampled_from(["Europe/Berlin", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"]),
)
def test_there_and_back_is_the_same_moment(ticks: int, name: str) -> None:
    """Unless the local time is repeated, or lies beyond the ends of time."""
    local = to_local(ticks, zone(name))
    if 0 < local < LAST:
        try:
            assert to_utc(local, zone(name)) == ticks
        except ValueError as error:
            assert str(error) == "repeated"  # noqa: PT017 — one of two outcomes
