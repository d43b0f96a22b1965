"""Points in time as the service's language has them: 100 ns steps since year 1, and how sure they are of their zone.

    Moment         a time with its kind
    read_moment    text to moment; the forms of section 11.4 of the contract
    added, added_months

Python's ``datetime`` stops at microseconds, so ticks are counted here; a ``date`` is made only of their days.
"""

import calendar
import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from headrace.core.clock import Instant
from headrace.language.datafactory.values import BLANKS

MICROSECOND = 10
"""Ticks in a microsecond: a tick is 100 ns."""
SECOND = 10_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LAST = 3_652_059 * DAY - 1
"""The last tick of the year 9999."""

_EPOCH = 719_162 * DAY
_LAST_OFFSET = 14 * 60
_LATEST_TWO_DIGIT_YEAR = 2049


class Kind(Enum):
    """What is known of a time's zone; the value is what the time is printed with."""

    UTC = "Z"
    OFFSET = "+00:00"
    """It was given with an offset, and has been converted to UTC."""
    UNSPECIFIED = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """A time between the years 1 and 9999. ``ticks`` are 100 ns each, since 0001-01-01T00:00."""

    ticks: int
    kind: Kind = Kind.UNSPECIFIED

    @property
    def date(self) -> date:
        """The day, in the Gregorian calendar that reaches back to year 1."""
        return date.fromordinal(self.ticks // DAY + 1)

    @property
    def hour(self) -> int:
        """The hour of the day, 0 to 23."""
        return self.ticks // HOUR % 24

    @property
    def minute(self) -> int:
        """The minute of the hour."""
        return self.ticks // MINUTE % 60

    @property
    def second(self) -> int:
        """The second of the minute."""
        return self.ticks // SECOND % 60

    @property
    def fraction(self) -> int:
        """The ticks of the second that has begun, 0 to 9,999,999."""
        return self.ticks % SECOND


def from_instant(instant: Instant) -> Moment:
    """Return an instant as a moment in UTC."""
    return Moment(_EPOCH + instant * MICROSECOND, Kind.UTC)


def start_of_day(day: date) -> int:
    """Return the ticks at which a day begins."""
    return (day.toordinal() - 1) * DAY


def added(moment: Moment, ticks: int) -> Moment:
    """Return the moment ``ticks`` later, of the same kind.

    Raises:
        OverflowError: it would lie outside of the years 1 to 9999.
    """
    return Moment(_in_range(moment.ticks + ticks), moment.kind)


def added_months(moment: Moment, months: int) -> Moment:
    """Return the same day and time so many months later; a day that the month does not have becomes its last.

    Raises:
        OverflowError: it would lie outside of the years 1 to 9999.
    """
    day = moment.date
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not 1 <= year <= 9999:
        message = f"the year {year}"
        raise OverflowError(message)
    moved = date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
    return Moment(start_of_day(moved) + moment.ticks % DAY, moment.kind)


def _in_range(ticks: int) -> int:
    if 0 <= ticks <= LAST:
        return ticks
    message = f"tick {ticks}"
    raise OverflowError(message)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH = (
    "(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?"
    "|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = (
    r"(?:(?P<weekday>mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
    r"(?:\s*[.,]\s*|\s+))?"
)
_OFFSET = r"(?P<sign>[+-])(?P<zone_hour>[0-9]{1,2})(?::?(?P<zone_minute>[0-9]{2}))?"
_HALF = r"(?:\s*(?P<half>AM|PM))?"
_ISO_CLOCK = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]+))?)?" + _HALF
_CLOCK = (
    r"(?:(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.(?P<fraction>[0-9]+))?)?"
    + _HALF
    + r"|(?P<hour_only>[0-9]{1,2})\s*(?P<half_only>AM|PM))"
)
_YEAR = "(?P<year>[0-9]{4}|[0-9]{1,2})"
_DAY = "(?P<day>[0-9]{1,2})"
_YEAR_FIRST = r"(?P<year>[0-9]{4})([-/])(?P<month>[0-9]{1,2})"
_GAP = r"(?:\s*,\s*|\s+)"
# .NET passes over points and commas within dates as over blanks, and takes either separator.
_BETWEEN = r"(?:[-/]|\s*[.,]\s*|\s+)"
_FORMS = (
    # ISO 8601 with a T has two digits everywhere behind it; all other forms are more tolerant.
    re.compile(rf"{_YEAR_FIRST}\2{_DAY}\s*T\s*{_ISO_CLOCK}(?:\s*(?P<zone>Z|{_OFFSET}))?", re.IGNORECASE),
    *(
        re.compile(rf"{day}(?:{_GAP}{_CLOCK})?(?:\s*(?P<zone>Z|GMT|{_OFFSET}))?", re.IGNORECASE)
        for day in (
            rf"(?P<year>[0-9]{{4}}){_BETWEEN}(?P<month>[0-9]{{1,2}})(?:{_BETWEEN}{_DAY})?",
            rf"(?P<month>[0-9]{{1,2}}){_BETWEEN}{_DAY}{_BETWEEN}{_YEAR}",
            rf"{_WEEKDAY}{_MONTH}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR}",
            rf"{_WEEKDAY}{_DAY}{_BETWEEN}{_MONTH}{_BETWEEN}{_YEAR}",
            rf"{_WEEKDAY}(?P<year>[0-9]{{4}}){_BETWEEN}{_MONTH}{_BETWEEN}{_DAY}",
            rf"{_MONTH}{_BETWEEN}(?P<year>[0-9]{{4}})",
        )
    ),
)


def read_moment(text: str) -> Moment:
    """Return the time that ``text`` tells, in one of the forms that the service takes.

    With ``Z`` or ``GMT`` it is UTC; with an offset it is converted to UTC at once; else its zone is unspecified.

    Raises:
        ValueError: it is in no such form, or no such day or time exists.
    """
    text = text.strip(BLANKS)
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _moment(found.groupdict())
    message = f"{text!r} is no date"
    raise ValueError(message)


def _moment(parts: dict[str, str | None]) -> Moment:
    day = _day(parts)
    hour = _hour(int(parts["hour"] or parts.get("hour_only") or 0), parts["half"] or parts.get("half_only"))
    minute, second = int(parts["minute"] or 0), int(parts["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        message = "no such time of day"
        raise ValueError(message)
    ticks = start_of_day(day) + hour * HOUR + minute * MINUTE + second * SECOND + _rounded(parts["fraction"] or "")
    kind, offset = _zone(parts)
    try:
        return Moment(_in_range(ticks - offset * MINUTE), kind)
    except OverflowError as error:
        message = "outside of the years 1 to 9999"
        raise ValueError(message) from error


def _day(parts: dict[str, str | None]) -> date:
    year_text = parts["year"] or ""
    year = int(year_text)
    if len(year_text) <= 2:
        year += 2000 if 2000 + year <= _LATEST_TWO_DIGIT_YEAR else 1900
    name = parts.get("name")
    month = _MONTHS.index(name[:3].lower()) + 1 if name else int(parts["month"] or 0)
    day = date(year, month, int(parts.get("day") or 1))
    weekday = parts.get("weekday")
    if weekday and _WEEKDAYS[day.weekday()] != weekday[:3].lower():
        message = "another day of the week"
        raise ValueError(message)
    return day


def _hour(hour: int, half: str | None) -> int:
    """Return the hour of 24. As in the service, an afternoon's hour may be given in 24 hours already."""
    if half is None:
        return hour
    if half.upper() == "PM":
        return hour + 12 if hour < 12 else hour
    if hour > 12:
        message = "no such hour before noon"
        raise ValueError(message)
    return hour % 12


def _rounded(digits: str) -> int:
    """Return the ticks of a second's decimals.

    Summed up in binary floating point, digit by digit, and rounded half to even: as .NET does it, so that the last tick is the same.
    """
    fraction, place = 0.0, 0.1
    for digit in digits[:30]:
        fraction += int(digit) * place
        place *= 0.1
    return round(fraction * SECOND)


def _zone(parts: dict[str, str | None]) -> tuple[Kind, int]:
    """Return the kind, and the offset in minutes."""
    if parts["zone"] is None:
        return Kind.UNSPECIFIED, 0
    if parts["sign"] is None:
        return Kind.UTC, 0
    minutes = int(parts["zone_minute"] or 0)
    offset = int(parts["zone_hour"] or 0) * 60 + minutes
    if minutes > 59 or offset > _LAST_OFFSET:
        message = "no such offset"
        raise ValueError(message)
    return Kind.OFFSET, offset if parts["sign"] == "+" else -offset
