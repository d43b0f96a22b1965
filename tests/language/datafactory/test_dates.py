"""The functions of the category Date, as expressions: values, and the texts of what fails."""

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.catalogue import FUNCTIONS
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate_text

# 2024-01-31T10:20:30.123456Z
STATE = FixedState(instant=Instant(1_706_696_430_123_456))

VALUES = {
    "@utcNow()": "2024-01-31T10:20:30.1234560Z",
    "@utcNow('D')": "Wednesday, January 31, 2024",
    "@addDays('2018-03-15T13:00:00Z', -15)": "2018-02-28T13:00:00.0000000Z",
    "@addDays('2018-03-15T23:00:00-02:00', 1, 'd')": "3/17/2018",
    "@addDays('9999-12-30', 1)": "9999-12-31T00:00:00.0000000",
    "@addDays('0001-01-02', -1)": "0001-01-01T00:00:00.0000000",
    "@addHours('2018-03-15', 25)": "2018-03-16T01:00:00.0000000",
    "@addMinutes('2018-03-15', 0)": "2018-03-15T00:00:00.0000000",
    "@addSeconds('2024-12-31T23:59:59.9999999Z', 1)": "2025-01-01T00:00:00.9999999Z",
    "@addSeconds('0001-01-01', 315537897599)": "9999-12-31T23:59:59.0000000",
    "@addToTime('2018-01-31', 13, 'month')": "2019-02-28T00:00:00.0000000",
    "@addToTime('2020-02-29', -4, 'YEAR')": "2016-02-29T00:00:00.0000000",
    "@addToTime('2018-01-01', 2, 'wEEk', 'MM-dd')": "01-15",
    "@subtractFromTime('2018-03-31T10:00:00+01:00', 1, 'Month')": "2018-02-28T09:00:00.0000000+00:00",
    "@subtractFromTime('2018-01-01', -1, 'Day')": "2018-01-02T00:00:00.0000000",
    "@getFutureTime(1, 'Month')": "2024-02-29T10:20:30.1234560Z",
    "@getPastTime(1, 'Second', 'HH:mm:ss')": "10:20:29",
    "@getPastTime(-1, 'Hour', 's')": "2024-01-31T11:20:30",
    "@startOfDay('2018-03-15T13:30:30.5Z')": "2018-03-15T00:00:00.0000000Z",
    "@startOfHour('2018-03-15T13:30:30.5')": "2018-03-15T13:00:00.0000000",
    "@startOfMonth('2018-03-31T23:30:00-01:00')": "2018-04-01T00:00:00.0000000+00:00",
    "@dayOfWeek('2018-03-18')": 0,
    "@dayOfWeek('2018-03-17T23:30:00-01:00')": 0,
    "@dayOfMonth('2018-03-01T00:30:00+01:00')": 28,
    "@dayOfYear('2024-12-31')": 366,
    "@ticks('0001-01-01')": 0,
    "@ticks('9999-12-31T23:59:59.9999999Z')": 3155378975999999999,
    "@formatDateTime('2018-03-15T12:00:00Z')": "2018-03-15T12:00:00.0000000Z",
    "@formatDateTime('2018-03-15T12:00:00Z', '')": "3/15/2018 12:00:00 PM",
    "@formatDateTime('2018-03-15T12:00:00Z', 'dddd d MMMM', 'fr-fr')": "jeudi 15 mars",
    "@convertFromUtc('2018-07-01T12:00:00Z', 'utc')": "2018-07-01T12:00:00.0000000Z",
    "@convertFromUtc('2018-07-01T12:00:00Z', 'Etc/UTC')": "2018-07-01T12:00:00.0000000",
    "@convertFromUtc('2018-07-01T12:00:00z', 'Tokyo Standard Time', 'HH:mmK')": "21:00",
    "@convertToUtc('2018-07-01T12:00:00', 'India Standard Time')": "2018-07-01T06:30:00.0000000Z",
    "@convertToUtc('2018-07-01T12:00:00', 'UTC', 'u')": "2018-07-01 12:00:00Z",
    "@convertTimeZone('2018-07-01T12:00:00+02:00', 'Tokyo Standard Time', 'Europe/London')": "2018-07-01T11:00:00.0000000",
    "@convertTimeZone('2018-07-01T12:00:00Z', 'Nowhere', 'UTC')": "2018-07-01T12:00:00.0000000Z",
    "@convertTimeZone('2018-01-01T23:00:00', 'Pacific Standard Time', 'UTC', 'o')": "2018-01-02T07:00:00.0000000Z",
}

DATE = "the value provided for date time string '{}' was not valid. The datetime string must match ISO 8601 format."
UNREPRESENTABLE = (
    "second parameter '{}' is not valid. The added or subtracted value results in an unrepresentable DateTime."
)
OUT_OF_RANGE = (
    "could not create time value with time interval '{}' and time unit '{}'. It results in an out of time range value."
)
UNIT = (
    "expects its second parameter to be a string that represents a valid time unit. "
    "The provided value '{}' is not a valid time unit."
)

FAILURES = {
    "@ticks('')": "In function 'ticks', " + DATE.format(""),
    "@startOfDay('2018-02-30')": "In function 'startOfDay', " + DATE.format("2018-02-30"),
    "@ADDDAYS('x', 1)": "In function 'addDays', " + DATE.format("x"),
    "@addDays('9999-12-31', 1)": "The function 'addDays' " + UNREPRESENTABLE.format("1"),
    "@addSeconds('0001-01-01', -1)": "The function 'addSeconds' " + UNREPRESENTABLE.format("-1"),
    "@addHours('2018-01-01', 9223372036854775807)": "The function 'addHours' "
    + UNREPRESENTABLE.format("9223372036854775807"),
    "@addToTime('2018-01-01', 9000, 'Year')": "The function 'addToTime' " + OUT_OF_RANGE.format("9000", "Year"),
    "@subtractFromTime('0001-01-15', 1, 'month')": "The function 'subtractFromTime' "
    + OUT_OF_RANGE.format("1", "month"),
    "@getFutureTime(9223372036854775807, 'Week')": "The function 'getFutureTime' "
    + OUT_OF_RANGE.format("9223372036854775807", "Week"),
    "@addToTime('2018-01-01', 1, 'Days')": "The function 'addToTime' " + UNIT.format("Days"),
    "@getPastTime(1, 'ms')": "The function 'getPastTime' " + UNIT.format("ms"),
    "@convertFromUtc('2018-01-01T00:00Z', '+02:00')": "In the function 'convertFromUtc', "
    "the value provided for the time zone id '+02:00' was not valid.",
    "@convertToUtc('2018-01-01', 'PST')": "In the function 'convertToUtc', "
    "the value provided for the time zone id 'PST' was not valid.",
    "@convertTimeZone('2018-01-01', 'UTC', '')": "In the function 'convertTimeZone', "
    "the value provided for the time zone id '' was not valid.",
    "@convertFromUtc('2018-01-01T00:00:00+00:00', 'UTC')": "The function 'convertFromUtc' expects its first parameter to be a string "
    "that contains a UTC date time. The value was '2018-01-01T00:00:00.0000000+00:00'.",
    "@convertToUtc('2018-03-11T02:30:00', 'Pacific Standard Time')": "In the function 'convertToUtc', the time '2018-03-11T02:30:00' "
    "is not one moment of the time zone 'Pacific Standard Time': it is skipped there.",
    "@convertTimeZone('2018-11-04T01:30:00', 'Pacific Standard Time', 'UTC')": "In the function 'convertTimeZone', the time "
    "'2018-11-04T01:30:00' is not one moment of the time zone 'Pacific Standard Time': it is repeated there.",
    "@convertToUtc('2018-01-01Z', 'Tokyo Standard Time')": "In the function 'convertToUtc', the date time string '2018-01-01Z' says its "
    "own zone, which does not match the time zone 'Tokyo Standard Time': leave out 'Z' or the offset.",
    "@formatDateTime('2018-01-01', 'D', 'xx')": "The function 'formatDateTime' locale parameter 'xx' is not valid. "
    "It must be the name of a culture, such as 'fr-FR'.",
    "@formatDateTime('2018-01-01', 'D', null)": "The function 'formatDateTime' expects its third parameter to be of type string. "
    "The provided value is of type 'Null'.",
    "@addDays('2018-01-01', true)": "The function 'addDays' expects its second parameter to be an integer. "
    "The provided value is of type 'Boolean'.",
    "@addDays('x', 1.0)": "The function 'addDays' expects its second parameter to be an integer. The provided value is of type 'Float'.",
    "@convertTimeZone('2018-01-01', 'UTC', null)": "The function 'convertTimeZone' expects its third parameter to be a string "
    "that contains the destination time zone. The provided value is of type 'Null'.",
}


@pytest.mark.parametrize(("expression", "expected"), VALUES.items())
def test_a_function_of_dates_has_a_value(expression: str, expected: object) -> None:
    """Kinds are kept, days clamp, units have any case, and what is converted is converted before it is looked at."""
    assert evaluate_text(expression, STATE) == expected


@pytest.mark.parametrize(("expression", "message"), FAILURES.items())
def test_a_function_of_dates_fails_in_the_services_words(expression: str, message: str) -> None:
    """The text names the function as the table spells it, and the value as it was given."""
    with pytest.raises(Problem) as caught:
        evaluate_text(expression, STATE)
    assert caught.value.code is Code.EXPRESSION_TYPE
    assert caught.value.message == message


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function.category == "Date"])
def test_a_format_is_refused_by_every_function_that_takes_one(name: str) -> None:
    """All functions that write dates know the same formats."""
    function = FUNCTIONS[name]
    arguments = {
        "timestamp": "'2018-03-15T12:00:00Z'",
        "days": "1",
        "hours": "1",
        "minutes": "1",
        "seconds": "1",
        "interval": "1",
        "timeUnit": "'Day'",
        "zone": "'UTC'",
        "from": "'UTC'",
        "to": "'UTC'",
        "format": "'W'",
    }
    if "[format" not in function.syntax and ", format" not in function.syntax:
        return
    inner = function.syntax.partition("(")[2].replace("[", "").replace("]", "").removesuffix(")")
    given = [arguments[each.strip()] for each in inner.split(",") if each.strip() in arguments]
    with pytest.raises(Problem, match=f"The function '{function.name}' format parameter 'W' is not supported"):
        evaluate_text(f"@{name}({', '.join(given)})", STATE)
