"""Functions of dates and times.

A date-time is an instant (TIMESTAMP WITH TIME ZONE); a wall clock that names no zone is in UTC. ``zone_date_to_zone`` keeps the
instant and sets the zone in which ``format``, ``date_part`` and ``set_date_part`` read its wall clock.
"""

from dataclasses import replace
from typing import Final

from headrace.core.schema import Kind
from headrace.language.dataprep.casts import converted
from headrace.language.dataprep.instants import instant_of_text, instant_of_wall, wall_of_instant
from headrace.language.dataprep.patterns import PatternError, Reading, reading, written
from headrace.language.dataprep.refusal import did_you_mean
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import LONG, STRING, TIMESTAMP, Value, either, let, quote_text, strict
from headrace.language.dataprep.zones import ALIASES, UTC, ZONES

_DATE: Final = "date and time"
_FIRST: Final = "TIMESTAMP '0001-01-01'"
_LAST: Final = "TIMESTAMP '9999-12-31 23:59:59.999999'"


def _wall(sql: str, zone: str | None) -> str:
    """Return the wall clock (TIMESTAMP) of an instant in a zone."""
    return wall_of_instant(sql) if zone is None else f"timezone({zone}, {sql})"


def _instant(sql: str, zone: str | None) -> str:
    """Return the instant of a wall clock in a zone; of an hour that occurs twice, the later one."""
    return instant_of_wall(sql) if zone is None else f"timezone({zone}, {sql})"


def _zone_of(site: Site, index: int) -> tuple[str | None, tuple[Value, ...]]:
    """Return the zone that an argument names, as SQL (None for UTC), and the value to guard when it is computed.

    A zone that comes out of the data is NULL where it is unknown.

    Raises:
        Problem: ``EXPRESSION_TYPE``: a zone written as a text that is unknown.
    """
    value = site.take(index, STRING)
    if isinstance(value.constant, str):
        name = ALIASES.get(value.constant, value.constant)
        if name in UTC:
            return None, ()
        if name not in ZONES:
            raise site.refusal(index, f"unknown time zone {value.constant!r}{did_you_mean(name, ZONES)}")
        return quote_text(name), ()
    known = ", ".join(quote_text(name) for name in sorted(ZONES))
    return let([value.sql], lambda zone: f"CASE WHEN {zone} IN ({known}) THEN {zone} END"), (value,)


def _reading(site: Site, index: int) -> Reading:
    pattern = site.constant(index, "a pattern of dates")
    try:
        return reading(pattern)
    except PatternError as error:
        raise site.refusal(index, f"pattern {pattern!r}: {error}") from error


def _read(text: str, how: Reading) -> str:
    """Return the instant of a text (a column, a literal or a bound variable) in a pattern."""
    if how.zoned:
        shifted = f"regexp_replace({text}, 'Z$', '+00')"
        parsed = f"CAST(try_strptime({shifted}, {quote_text(how.strptime)}) AS TIMESTAMP WITH TIME ZONE)"
    else:
        parsed = instant_of_wall(f"try_strptime({text}, {quote_text(how.strptime)})")
    return f"CASE WHEN regexp_full_match({text}, {quote_text(how.shape)}) THEN {parsed} END"


def _moment(site: Site, index: int) -> Value:
    """Return an argument as an instant with its zone."""
    return site.take(index, TIMESTAMP)


@function("now()", _DATE, "The current instant, the same for all rows of a query.", "now() -> the current date-time")
def _now(_site: Site) -> Value:
    return Value("now()", TIMESTAMP)


@function(
    "timestamp()", _DATE, "The current instant in milliseconds since 1970.", "timestamp() -> the current milliseconds"
)
def _timestamp(_site: Site) -> Value:
    return Value("epoch_ms(now())", LONG)


@function(
    "date(s[, pattern[, default]])",
    _DATE,
    "A date-time from a text in a pattern, without one by the list of accepted forms. The default counts where s is null.",
    'date("2019-10-23 11:24", "yyyy-MM-dd HH:mm") -> 2019-10-23T11:24:00Z',
)
def _date(site: Site) -> Value:
    source = site.arguments[0]
    explicit = len(site) > 1 and site.arguments[1].type is not None
    how = _reading(site, 1) if explicit else None
    if how is not None and (source.type is None or source.type.kind in {Kind.STRING, Kind.JSON}):
        text = site.take(0, STRING)
        value = strict(let([text.sql], lambda sql: _read(sql, how)), TIMESTAMP, [text], fails=True)
    else:
        value = _moment(site, 0)
    if len(site) < 3:
        return value
    spare = site.arguments[2]
    if spare.type == STRING and how is not None:
        either_form = let([spare.sql], lambda sql: f"COALESCE({_read(sql, how)}, {instant_of_text(sql)})")
        spare = strict(either_form, TIMESTAMP, [spare], fails=True)
    else:
        spare = _moment(site, 2)
    later = f"({source.sql} IS NULL AND {spare.error})" if spare.error else None
    sql = f"CASE WHEN {source.sql} IS NULL THEN {spare.sql} ELSE {value.sql} END"
    return Value(sql, TIMESTAMP, either(value.error, later), sound=value.error is None and spare.sound)


def _formatted(site: Site, value: Value) -> Value:
    pattern = site.constant(1, "a pattern of dates")

    def body(instant: str, zone: str) -> str:
        wall = _wall(instant, value.zone and zone)
        offset = None if value.zone is None else f"((epoch_us({wall}) - epoch_us({instant})) // 60000000)"
        name = "'UTC'" if value.zone is None else zone
        return let(
            [wall, offset or "NULL", name],
            lambda clock, minutes, place: written(pattern, clock, offset and minutes, place),
        )

    try:
        return strict(let([value.sql, value.zone or "NULL"], body), STRING, [value])
    except PatternError as error:
        raise site.refusal(1, f"pattern {pattern!r}: {error}") from error


@function(
    "format(d, pattern)", _DATE, "A date-time as text.", 'format(date("2019-10-23"), "dd MMM yyyy") -> 23 Oct 2019'
)
def _format(site: Site) -> Value:
    return _formatted(site, _moment(site, 0))


@function(
    "dformat(ms, pattern)",
    _DATE,
    "Milliseconds since 1970 as text, in UTC.",
    'dformat(1571829875000, "yyyy-MM-dd HH:mm") -> 2019-10-23 11:24',
)
def _dformat(site: Site) -> Value:
    type_ = site.arguments[0].type
    is_instant = type_ is not None and type_.kind in {Kind.DATE, Kind.TIMESTAMP}
    return _formatted(site, _moment(site, 0) if is_instant else converted(site.take(0, LONG), TIMESTAMP))


_PARTS: Final[dict[str, str]] = {
    name: part
    for part, names in {
        "year({0})": "year yyyy yy",
        "quarter({0})": "quarter qq q",
        "month({0})": "month mm m",
        "dayofyear({0})": "dayofyear dy y",
        "day({0})": "day dd d",
        "weekofyear({0})": "week ww w",
        "isodow({0})": "weekday dw",
        "hour({0})": "hour hh hh24",
        "((hour({0}) + 11) % 12 + 1)": "hh12",
        "minute({0})": "minute mi n",
        "second({0})": "second ss s",
        "(millisecond({0}) % 1000)": "millisecond ms sss",
    }.items()
    for name in names.split()
}


@function(
    "date_part(component, d)",
    _DATE,
    "A part of a date-time as a number: year (yyyy yy), quarter (qq q), month (mm m), dayofyear (dy y), day (dd d), week (ww w), "
    "weekday (dw), hour (hh hh24 hh12), minute (mi n), second (ss s), millisecond (ms SSS), in any case. Weeks are ISO weeks, "
    "Monday is 1.",
    'date_part("MM", date("2019-10-17 11:55:12")) -> 10',
)
def _date_part(site: Site) -> Value:
    name = site.constant(0, "the component")
    part = _PARTS.get(name.lower())
    if part is None:
        raise site.refusal(0, f"unknown component {name!r}{did_you_mean(name, _PARTS)}")
    value = _moment(site, 1)

    def body(instant: str, zone: str) -> str:
        return part.format(_wall(instant, value.zone and zone))

    return strict(f"CAST({let([value.sql, value.zone or 'NULL'], body)} AS BIGINT)", LONG, [value])


_SETTERS: Final[dict[str, tuple[str, int, int, str]]] = {
    # what is added for (new - old), the range of new, and the part that is replaced
    "year": ("to_years({0})", 1, 9999, "year({0})"),
    "month": ("to_months({0})", 1, 12, "month({0})"),
    "day": ("to_days({0})", 1, 31, "day({0})"),
    "hour": ("to_hours({0})", 0, 23, "hour({0})"),
    "minute": ("to_minutes({0})", 0, 59, "minute({0})"),
    "second": ("to_seconds({0})", 0, 59, "second({0})"),
}


@function(
    "set_date_part(component, value, d)",
    _DATE,
    "A date-time with its year, month, day, hour, minute or second (named as in date_part) replaced. A day behind the end of the "
    "new month becomes its last one; a value out of range is a transform error.",
    'set_date_part("m", 4, date("2016-11-09")) -> 2016-04-09T00:00:00Z',
)
def _set_date_part(site: Site) -> Value:
    name = site.constant(0, "the component")
    setter = next((known for known in _SETTERS if _PARTS.get(name.lower()) == _SETTERS[known][3]), None)
    if setter is None:
        raise site.refusal(0, f"{name!r} cannot be set; expected one of {', '.join(_SETTERS)}")
    step, least, most, part = _SETTERS[setter]
    number, value = site.take(1, LONG), _moment(site, 2)

    def body(new: str, instant: str, zone: str) -> str:
        return let([_wall(instant, value.zone and zone), new, zone], _replaced)

    def _replaced(wall: str, new: str, zone: str) -> str:
        change = f"{wall} + {step.format(f'CAST({new} - {part.format(wall)} AS INTEGER)')}"
        top = f"least({most}, day(last_day({wall})))" if setter == "day" else str(most)
        inside = f"{wall} BETWEEN {_FIRST} AND {_LAST}"
        return (
            f"CASE WHEN {new} BETWEEN {least} AND {top} AND {inside} THEN {_instant(change, value.zone and zone)} END"
        )

    sql = let([number.sql, value.sql, value.zone or "NULL"], body)
    return replace(strict(sql, TIMESTAMP, [number, value], fails=True), zone=value.zone)


@function(
    "make_timestamp(year, month, day, hour, minute, second, nanosecond, zone)",
    _DATE,
    "The instant of a wall clock in a zone. Of an hour that daylight saving repeats, the later one; 24:00:00 is the end of the day.",
    'make_timestamp(2019, 10, 17, 11, 55, 12, 0, "America/Los_Angeles") -> 2019-10-17T18:55:12Z',
    "make_date_time",
)
def _make_timestamp(site: Site) -> Value:
    parts = [site.take(index, LONG) for index in range(7)]
    zone, computed = _zone_of(site, 7)
    wall = _clock([part.sql for part in parts[:6]])

    def body(clock: str, nano: str, place: str) -> str:
        exact = clock if nano == "0" else f"({clock} + to_microseconds({nano} // 1000))"
        fits = "" if nano == "0" else f" AND {nano} BETWEEN 0 AND 999999999"
        moment = _instant(exact, None if zone is None else place)
        return f"CASE WHEN {clock} BETWEEN {_FIRST} AND {_LAST}{fits} THEN {moment} END"

    sql = let([wall, parts[6].sql, zone or "NULL"], body)
    if parts[6].sql == "0" and not computed and any(value.type == STRING for value in site.arguments[:6]):
        # Texts that are just digits need not become numbers first; for all others, that is the second try.
        sql = f"COALESCE({_quick_instant([value.sql for value in site.arguments[:6]], zone)}, {sql})"
    return Value(
        sql, TIMESTAMP, _clock_error(site, sql, [*parts, *computed]), all(argument.sound for argument in site.arguments)
    )


def _clock_error(site: Site, sql: str, parts: list[Value]) -> str:
    """Return where no instant came out although no part is null, or a part could not be evaluated.

    Looking at each part's own error would cost as much as the value itself, so that is done for rows with a null only.
    """
    own = either(*(part.error for part in parts))
    nulls = either(*(f"{argument.sql} IS NULL" for argument in site.arguments if argument.may_be_null))
    if nulls is None or own is None:
        return strict(sql, TIMESTAMP, parts, fails=True).error or "false"
    error = f"({sql} IS NULL AND CASE WHEN {nulls} THEN {own} ELSE true END)"
    return error if all(argument.sound for argument in site.arguments) else f"({error} OR {own})"


def _written(parts: list[str]) -> list[str]:
    """Return the pieces of a wall clock's text."""
    pieces = [f"CAST({parts[0]} AS VARCHAR)"]
    for separator, part in zip(("'-'", "'-'", "' '", "':'", "':'"), parts[1:], strict=True):
        pieces += [separator, f"CAST({part} AS VARCHAR)"]
    return pieces


def _clock(parts: list[str]) -> str:
    """Return the wall clock of whole numbers. DuckDB parses them as text: that never raises, and takes each part once."""
    return f"TRY_CAST({' || '.join(_written(parts))} AS TIMESTAMP)"


def _quick_instant(parts: list[str], zone: str | None) -> str:
    """Return the instant of parts that are just digits, else NULL; concat is twice as fast as ||."""
    shape = r"'0{0,3}[1-9]\d{0,3}-\d\d?-\d\d? \d\d?:\d\d?:\d\d?'"

    def body(text: str) -> str:
        return (
            f"CASE WHEN regexp_full_match({text}, {shape}) THEN {_instant(f'TRY_CAST({text} AS TIMESTAMP)', zone)} END"
        )

    return let([f"concat({', '.join(_written(parts))})"], body)


@function(
    "zone_date_to_utc(d)",
    _DATE,
    "The same instant, with its wall clock in UTC.",
    'zone_date_to_utc(date("2019-10-17T11:55:12-07:00")) -> 2019-10-17T18:55:12Z',
)
def _zone_date_to_utc(site: Site) -> Value:
    return replace(_moment(site, 0), zone=None)


@function(
    "zone_date_to_zone(d, zone)",
    _DATE,
    "The same instant, with its wall clock in another zone.",
    'format(zone_date_to_zone(date("2019-10-17T18:55:12Z"), "America/Los_Angeles"), "HH:mm Z") -> 11:55 -0700',
)
def _zone_date_to_zone(site: Site) -> Value:
    value = _moment(site, 0)
    zone, computed = _zone_of(site, 1)
    if not computed:
        return replace(value, zone=zone)
    sql = f"CASE WHEN {zone} IS NOT NULL THEN {value.sql} END"
    return replace(strict(sql, TIMESTAMP, [value, *computed], fails=True), zone=zone)


FUNCTIONS: tuple[Function, ...] = (
    _now,
    _timestamp,
    _date,
    _format,
    _dformat,
    _date_part,
    _set_date_part,
    _make_timestamp,
    _zone_date_to_utc,
    _zone_date_to_zone,
)
"""The functions of dates and times."""
