"""Formats of .NET: every standard letter, every token of custom formats, and what is no format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.language.datafactory.cultures import culture
from headrace.language.datafactory.dateformats import written
from headrace.language.datafactory.moments import LAST, Moment, read_moment

AFTERNOON = "2018-03-15T14:05:09.1200000Z"
MORNING = "2018-03-05T02:03:04"
CONVERTED = "2018-03-15T14:00:00+02:00"
MIDNIGHT = "2008-12-01T00:00:00Z"

WRITTEN = [
    (AFTERNOON, "d", "3/15/2018"),
    (AFTERNOON, "D", "Thursday, March 15, 2018"),
    (AFTERNOON, "f", "Thursday, March 15, 2018 2:05 PM"),
    (AFTERNOON, "F", "Thursday, March 15, 2018 2:05:09 PM"),
    (AFTERNOON, "g", "3/15/2018 2:05 PM"),
    (AFTERNOON, "G", "3/15/2018 2:05:09 PM"),
    (AFTERNOON, "", "3/15/2018 2:05:09 PM"),
    (AFTERNOON, "m", "March 15"),
    (AFTERNOON, "M", "March 15"),
    (AFTERNOON, "o", "2018-03-15T14:05:09.1200000Z"),
    (AFTERNOON, "O", "2018-03-15T14:05:09.1200000Z"),
    (CONVERTED, "o", "2018-03-15T12:00:00.0000000+00:00"),
    (MORNING, "o", "2018-03-05T02:03:04.0000000"),
    (AFTERNOON, "r", "Thu, 15 Mar 2018 14:05:09 GMT"),
    (AFTERNOON, "R", "Thu, 15 Mar 2018 14:05:09 GMT"),
    (CONVERTED, "r", "Thu, 15 Mar 2018 12:00:00 GMT"),
    (AFTERNOON, "s", "2018-03-15T14:05:09"),
    (AFTERNOON, "t", "2:05 PM"),
    (AFTERNOON, "T", "2:05:09 PM"),
    (AFTERNOON, "u", "2018-03-15 14:05:09Z"),
    (MORNING, "u", "2018-03-05 02:03:04Z"),
    (AFTERNOON, "U", "Thursday, March 15, 2018 2:05:09 PM"),
    (AFTERNOON, "y", "March 2018"),
    (AFTERNOON, "Y", "March 2018"),
    (MORNING, "%d|dd|ddd|dddd|ddddd", "5|05|Mon|Monday|Monday"),
    (MORNING, "%M|MM|MMM|MMMM|MMMMM", "3|03|Mar|March|March"),
    (MIDNIGHT, "%y|yy|yyy|yyyy|yyyyy", "8|08|2008|2008|02008"),
    ("0008-12-01", "%y|yy|yyy|yyyy|yyyyy", "8|08|008|0008|00008"),
    (AFTERNOON, "%h|hh|hhh", "2|02|02"),
    (MIDNIGHT, "%h|hh", "12|12"),
    (MORNING, "%H|HH|HHH", "2|02|02"),
    (MORNING, "%m|mm|%s|ss|sss", "3|03|4|04|04"),
    (AFTERNOON, "%t|tt|ttt", "P|PM|PM"),
    (MORNING, "%t|tt", "A|AM"),
    (AFTERNOON, "%f|ff|fff|ffff|fffff|ffffff|fffffff", "1|12|120|1200|12000|120000|1200000"),
    (AFTERNOON, "%F|FF|FFF|FFFFFFF", "1|12|12|12"),
    (MORNING, "%f|fff|%F|FFF", "0|000||"),
    (MORNING, "ss.FFF", "04"),
    (AFTERNOON, "ss.FFF", "09.12"),
    (MORNING, "ss'.'FFF", "04"),
    (MORNING, "ss.%Fx", "04x"),
    (MORNING, "ss,FFFx", "04,x"),
    ("2018-03-15T00:00:00.0012Z", "ss.FF", "00"),
    ("2018-03-15T00:00:00.9999999Z", "ss.f", "00.9"),
    (AFTERNOON, "%z|zz|zzz|zzzz|%K", "+0|+00|+00:00|+00:00|Z"),
    (MORNING, "%z|zz|zzz|K.", "+0|+00|+00:00|."),
    (CONVERTED, "HH K", "12 +00:00"),
    (AFTERNOON, "%g|gg|yyyy g", "AD|AD|2018 AD"),
    (AFTERNOON, "yyyy'y'MM\"M\"", "2018y03M"),
    (AFTERNOON, "'it''s'", "its"),
    (AFTERNOON, "'a\\'b'", "a'b"),
    (AFTERNOON, "'d\"d'\"M'M\"", "d\"dM'M"),
    (AFTERNOON, "yyyyMMdd\\THHmmss", "20180315T140509"),
    (AFTERNOON, "\\d\\\\dd", "d\\15"),
    (AFTERNOON, "yyyy-MM-ddTHH:mm:ssZ", "2018-03-15T14:05:09Z"),
    (AFTERNOON, "%dd", "1515"),
    (AFTERNOON, "abc", "abc"),
    (AFTERNOON, "q W", "q W"),
    (AFTERNOON, "  ", "  "),
    (AFTERNOON, "é–", "é–"),
    ("0001-01-01", "D", "Monday, January 1, 0001"),
    ("9999-12-31T23:59:59.9999999", "G", "12/31/9999 11:59:59 PM"),
]

NO_FORMATS = [
    *"abceEhHiIjJkKlLnNpPqQvVwWxXzZ -/:.0'\"\\%é",
    *("%", "%%", "yyyy%", "'open", '"open', "yyyy'", "\\", "yyyy\\", "'a\\", "ffffffff", "FFFFFFFF", "%'", "%\\"),
]


@pytest.mark.parametrize(("moment", "pattern", "expected"), WRITTEN)
def test_a_date_is_written(moment: str, pattern: str, expected: str) -> None:
    """Standard letters and custom tokens give what .NET gives in en-US, with a plain blank before AM and PM."""
    assert written(read_moment(moment), pattern) == expected


@pytest.mark.parametrize("pattern", NO_FORMATS)
def test_what_is_no_format_is_refused(pattern: str) -> None:
    """Single characters that are no standard format, open quotes, lone percent signs, more than seven decimals."""
    with pytest.raises(ValueError, match=r"."):
        written(read_moment(AFTERNOON), pattern)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("MMMM", "marzec"),
        ("d MMMM", "15 marca"),
        ("MMMM dd", "marca 15"),
        ("dddd MMMM", "czwartek marzec"),
        ("dd dddd MMMM", "15 czwartek marzec"),
        ("MMMM dddd", "marzec czwartek"),
        ("D", "czwartek, 15 marca 2018"),
        ("y", "marzec 2018"),
    ],
)
def test_months_are_in_the_genitive_beside_a_day(pattern: str, expected: str) -> None:
    """Only the nearest ``d``s on each side are looked at, as in .NET."""
    assert written(read_moment(AFTERNOON), pattern, culture("pl-PL")) == expected


@given(st.integers(0, LAST), st.text(st.sampled_from("dMyhHmstfFzKg'\"\\%:/ .xT"), max_size=12))
def test_a_format_gives_text_or_is_refused(ticks: int, pattern: str) -> None:
    """No format breaks the writer."""
    try:
        text = written(Moment(ticks), pattern)
    except ValueError:
        return
    assert len(text) <= 16 * max(len(pattern), 4)
