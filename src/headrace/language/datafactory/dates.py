"""The functions of the category Date: arguments in, text or a number out. The rules are in ``moments`` and its neighbours."""

from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

from headrace.language.datafactory import zones
from headrace.language.datafactory.cultures import EN_US, Culture, culture
from headrace.language.datafactory.dateformats import ROUND_TRIP, written
from headrace.language.datafactory.moments import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Kind,
    Moment,
    added,
    added_months,
    from_instant,
    read_moment,
    start_of_day,
)
from headrace.language.datafactory.table import Call, Function

_A_TIME = "to be a string that contains the time"
_A_TIMESTAMP = "to be a string that represents a timestamp"
_A_UNIT = "to be a string that contains the time unit"
_A_FORMAT = "to be a string that contains a date time format"
_LONGEST_NAME = 16
"""Characters that a letter of a format can become, in any culture."""

_UNITS = {"second": SECOND, "minute": MINUTE, "hour": HOUR, "day": DAY, "week": 7 * DAY}
_UNITS_IN_MONTHS = {"month": 1, "year": 12}


def _moment(call: Call, text: str) -> Moment:
    try:
        return read_moment(text)
    except ValueError as error:
        message = (
            f"In function '{call.name}', the value provided for date time string '{text}' was not valid. "
            "The datetime string must match ISO 8601 format."
        )
        raise call.refusal(message) from error


def _format(call: Call, index: int, expected: str = "to be of type string") -> str:
    """Return the format, which is the last argument and may be left out."""
    return call.text(index, expected) if index < len(call) else ROUND_TRIP


def _written(call: Call, moment: Moment, pattern: str, in_culture: Culture = EN_US) -> str:
    call.budget.produce_text(_LONGEST_NAME * len(pattern))
    try:
        return written(moment, pattern, in_culture)
    except ValueError as error:
        message = (
            f"The function '{call.name}' format parameter '{pattern}' is not supported. The format must be a valid single format "
            "specifier character (such as 'd' or 'g') or a valid custom format pattern (such as 'MMMM dd, yyyy' or 'hh:mm:ss.ff'). "
            "For details please review the Standard Date and Time Format Strings and the Custom Date and Time Format Strings "
            "of the .Net framework."
        )
        raise call.refusal(message) from error


def _utc_now(call: Call) -> str:
    return _written(call, from_instant(call.state.now()), _format(call, 0))


def _add(ticks: int) -> Callable[[Call], str]:
    """Return ``addDays`` and its like, for a unit of so many ticks."""

    def add(call: Call) -> str:
        text, count, pattern = call.text(0, _A_TIME), call.integer(1), _format(call, 2)
        moment = _moment(call, text)
        try:
            moment = added(moment, count * ticks)
        except OverflowError as error:
            message = (
                f"The function '{call.name}' second parameter '{count}' is not valid. "
                "The added or subtracted value results in an unrepresentable DateTime."
            )
            raise call.refusal(message) from error
        return _written(call, moment, pattern)

    return add


def _shift(sign: int) -> Callable[[Call], str]:
    """Return ``addToTime`` or ``subtractFromTime``."""

    def shift(call: Call) -> str:
        text, count, unit = call.text(0, _A_TIME), call.integer(1), call.text(2, _A_UNIT)
        pattern = _format(call, 3, _A_FORMAT)
        return _written(call, _shifted(call, _moment(call, text), count, sign, unit), pattern)

    return shift


def _from_now(sign: int) -> Callable[[Call], str]:
    """Return ``getFutureTime`` or ``getPastTime``."""

    def from_now(call: Call) -> str:
        count, unit, pattern = call.integer(0), call.text(1, _A_UNIT), _format(call, 2, _A_FORMAT)
        return _written(call, _shifted(call, from_instant(call.state.now()), count, sign, unit), pattern)

    return from_now


def _shifted(call: Call, moment: Moment, count: int, sign: int, unit: str) -> Moment:
    known = unit.lower()
    if known not in _UNITS and known not in _UNITS_IN_MONTHS:
        message = (
            f"The function '{call.name}' expects its second parameter to be a string that represents a valid time unit. "
            f"The provided value '{unit}' is not a valid time unit."
        )
        raise call.refusal(message)
    try:
        if known in _UNITS:
            return added(moment, sign * count * _UNITS[known])
        return added_months(moment, sign * count * _UNITS_IN_MONTHS[known])
    except OverflowError as error:
        message = (
            f"The function '{call.name}' could not create time value with time interval '{count}' and time unit '{unit}'. "
            "It results in an out of time range value."
        )
        raise call.refusal(message) from error


def _start(begin: Callable[[Moment], int]) -> Callable[[Call], str]:
    """Return ``startOfDay`` and its like; ``begin`` tells the ticks at which a moment's day, hour or month begins."""

    def start(call: Call) -> str:
        text, pattern = call.text(0, _A_TIMESTAMP), _format(call, 1)
        moment = _moment(call, text)
        return _written(call, Moment(begin(moment), moment.kind), pattern)

    return start


def _number(of: Callable[[Moment], int]) -> Callable[[Call], int]:
    """Return a function of one timestamp that tells a number."""
    return lambda call: of(_moment(call, call.text(0, _A_TIMESTAMP)))


def _format_date_time(call: Call) -> str:
    text, pattern = call.text(0), call.text(1) if len(call) > 1 else ROUND_TRIP
    name = call.text(2) if len(call) > 2 else "en-US"
    moment = _moment(call, text)
    try:
        return _written(call, moment, pattern, culture(name))
    except LookupError as error:
        message = f"The function '{call.name}' locale parameter '{name}' is not valid. It must be the name of a culture, such as 'fr-FR'."
        raise call.refusal(message) from error


def _zone(call: Call, name: str) -> ZoneInfo:
    try:
        return zones.zone(name)
    except LookupError as error:
        message = f"In the function '{call.name}', the value provided for the time zone id '{name}' was not valid."
        raise call.refusal(message) from error


def _to_zone(call: Call, ticks: int, name: str) -> Moment:
    """Return ticks of UTC as a time in a zone: without a kind, unless the zone is UTC itself."""
    zone = _zone(call, name)
    return Moment(ticks, Kind.UTC) if zones.is_utc(name) else Moment(zones.to_local(ticks, zone))


def _from_zone(call: Call, local: Moment, name: str) -> int:
    """Return the ticks of UTC at which a zone's clocks show a time."""
    zone = _zone(call, name)
    try:
        return zones.to_utc(local.ticks, zone)
    except ValueError as error:
        time = written(local, "s")
        message = f"In the function '{call.name}', the time '{time}' is not one moment of the time zone '{name}': it is {error} there."
        raise call.refusal(message) from error


def _convert_from_utc(call: Call) -> str:
    text, name = call.text(0, _A_TIME), call.text(1, "to be a string that contains the destination time zone")
    pattern = _format(call, 2, _A_FORMAT)
    moment = _moment(call, text)
    if moment.kind is not Kind.UTC:
        message = (
            "The function 'convertFromUtc' expects its first parameter to be a string that contains a UTC date time. "
            f"The value was '{written(moment, ROUND_TRIP)}'."
        )
        raise call.refusal(message)
    return _written(call, _to_zone(call, moment.ticks, name), pattern)


def _convert_to_utc(call: Call) -> str:
    text, name = call.text(0, _A_TIME), call.text(1, "to be a string that contains the source time zone")
    pattern = _format(call, 2, _A_FORMAT)
    moment = _moment(call, text)
    if moment.kind is Kind.UNSPECIFIED:
        return _written(call, Moment(_from_zone(call, moment, name), Kind.UTC), pattern)
    _zone(call, name)
    if moment.kind is Kind.UTC and zones.is_utc(name):
        return _written(call, moment, pattern)
    message = (
        f"In the function '{call.name}', the date time string '{text}' says its own zone, which does not match the time zone '{name}': "
        "leave out 'Z' or the offset."
    )
    raise call.refusal(message)


def _convert_time_zone(call: Call) -> str:
    text, source = call.text(0, _A_TIME), call.text(1, "to be a string that contains the source time zone")
    target = call.text(2, "to be a string that contains the destination time zone")
    pattern = _format(call, 3, _A_FORMAT)
    moment = _moment(call, text)
    ticks = _from_zone(call, moment, source) if moment.kind is Kind.UNSPECIFIED else moment.ticks
    return _written(call, _to_zone(call, ticks, target), pattern)


def _adding(name: str, unit: str, ticks: int) -> Function:
    return Function(
        name=name,
        least=2,
        most=3,
        implementation=_add(ticks),
        category="Date",
        syntax=f"{name}(timestamp, {unit}[, format])",
        doc=f"Adds a whole number of {unit}, which may be negative.",
        example=f"{name}('2018-03-15T13:00:00Z', 10)",
        expects=f"a timestamp as the first parameter, the number of {unit} to add as the second parameter, "
        "and an optional format string as the third parameter",
    )


def _shifting(name: str, sign: int, doc: str) -> Function:
    return Function(
        name=name,
        least=3,
        most=4,
        implementation=_shift(sign),
        category="Date",
        syntax=f"{name}(timestamp, interval, timeUnit[, format])",
        doc=f"{doc} The unit is `Second`, `Minute`, `Hour`, `Day`, `Week`, `Month` or `Year`; a day that a month does not have "
        "becomes its last.",
        example=f"{name}('2018-03-31T13:00:00Z', 1, 'Month')",
        expects="a timestamp as the first parameter, an interval as the second parameter, a time unit as the third parameter, "
        "and an optional format string as the fourth parameter",
    )


def _leading_from_now(name: str, sign: int, doc: str) -> Function:
    return Function(
        name=name,
        least=2,
        most=3,
        implementation=_from_now(sign),
        category="Date",
        syntax=f"{name}(interval, timeUnit[, format])",
        doc=doc,
        expects="an interval as the first parameter, a time unit as the second parameter, "
        "and an optional format string as the third parameter",
    )


def _starting(name: str, doc: str, begin: Callable[[Moment], int]) -> Function:
    return Function(
        name=name,
        least=1,
        most=2,
        implementation=_start(begin),
        category="Date",
        syntax=f"{name}(timestamp[, format])",
        doc=doc,
        example=f"{name}('2018-03-15T13:30:30Z')",
        expects="a timestamp as the first parameter and an optional format string as the second parameter",
    )


def _telling(name: str, doc: str, of: Callable[[Moment], int]) -> Function:
    return Function(
        name=name,
        least=1,
        most=1,
        implementation=_number(of),
        category="Date",
        syntax=f"{name}(timestamp)",
        doc=doc,
        example=f"{name}('2018-03-15T13:27:36Z')",
        expects="a single parameter that is a timestamp",
    )


FUNCTIONS: Final = (
    Function(
        name="utcNow",
        least=0,
        most=1,
        implementation=_utc_now,
        category="Date",
        syntax="utcNow([format])",
        doc="The present time in UTC.",
        expects="no parameters or an optional format parameter",
    ),
    _adding("addDays", "days", DAY),
    _adding("addHours", "hours", HOUR),
    _adding("addMinutes", "minutes", MINUTE),
    _adding("addSeconds", "seconds", SECOND),
    _shifting("addToTime", 1, "Adds so many units of time."),
    _shifting("subtractFromTime", -1, "Takes away so many units of time."),
    _leading_from_now("getFutureTime", 1, "The present time in UTC and so many units of time."),
    _leading_from_now("getPastTime", -1, "The present time in UTC less so many units of time."),
    _starting("startOfDay", "The day's begin.", lambda moment: moment.ticks - moment.ticks % DAY),
    _starting("startOfHour", "The hour's begin.", lambda moment: moment.ticks - moment.ticks % HOUR),
    _starting("startOfMonth", "The month's begin.", lambda moment: start_of_day(moment.date.replace(day=1))),
    _telling("dayOfWeek", "The day of the week; Sunday is 0.", lambda moment: moment.date.isoweekday() % 7),
    _telling("dayOfMonth", "The day of the month.", lambda moment: moment.date.day),
    _telling("dayOfYear", "The day of the year.", lambda moment: moment.date.timetuple().tm_yday),
    _telling("ticks", "The time as 100 ns since 0001-01-01T00:00:00.", lambda moment: moment.ticks),
    Function(
        name="formatDateTime",
        least=1,
        most=3,
        implementation=_format_date_time,
        category="Date",
        syntax="formatDateTime(timestamp[, format[, locale]])",
        doc="The time in a format of .NET, with the names of a culture such as `fr-FR` (default `en-US`).",
        example="formatDateTime('2018-03-15T12:00:00Z', 'dddd, d MMMM', 'fr-FR')",
        expects="a timestamp as the first parameter, an optional format string as the second parameter, "
        "and an optional locale as the third parameter",
    ),
    Function(
        name="convertFromUtc",
        least=2,
        most=3,
        implementation=_convert_from_utc,
        category="Date",
        syntax="convertFromUtc(timestamp, zone[, format])",
        doc="A time that ends in `Z`, as a zone's clocks show it; zones have their Windows or IANA names.",
        example="convertFromUtc('2018-07-01T08:00:00Z', 'Pacific Standard Time')",
        expects="a timestamp as the first parameter, a target time zone as the second parameter, "
        "and an optional format string as the third parameter",
    ),
    Function(
        name="convertToUtc",
        least=2,
        most=3,
        implementation=_convert_to_utc,
        category="Date",
        syntax="convertToUtc(timestamp, zone[, format])",
        doc="The moment at which a zone's clocks show a time; fails for times that daylight saving skips or repeats.",
        example="convertToUtc('01/01/2018 00:00:00', 'Pacific Standard Time')",
        expects="a timestamp as the first parameter, a source time zone as the second parameter, "
        "and an optional format string as the third parameter",
    ),
    Function(
        name="convertTimeZone",
        least=3,
        most=4,
        implementation=_convert_time_zone,
        category="Date",
        syntax="convertTimeZone(timestamp, from, to[, format])",
        doc="A time of one zone, as another zone's clocks show it; a time with `Z` or an offset says its own zone.",
        example="convertTimeZone('2018-07-01T12:00:00', 'UTC', 'Tokyo Standard Time')",
        expects="a timestamp as the first parameter, a source time zone as the second parameter, "
        "a target time zone as the third parameter, and an optional format string as the fourth parameter",
    ),
)
"""All functions of the category Date."""
