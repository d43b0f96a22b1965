"""Functions of dates and times.

A date-time is an instant (TIMESTAMP WITH TIME ZONE); a wall clock that names no zone is in UTC. ``zone_date_to_zone`` keeps the
instant and sets the zone in which ``format``, ``date_part`` and ``set_date_part`` read its wall clock.
"""

from headrace.language.dataprep.instants import instant_of_wall, wall_of_instant
from headrace.language.dataprep.refusal import did_you_mean
from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import LONG, STRING, TIMESTAMP, Value, let, quote_text, strict
from headrace.language.dataprep.zones import ALIASES, UTC, ZONES

_DATE = "date and time"


def at_zone(sql: str, zone: str | None) -> str:
    """Return the wall clock (TIMESTAMP) of an instant in a zone."""
    return wall_of_instant(sql) if zone is None else f"timezone({zone}, {sql})"


def from_zone(sql: str, zone: str | None) -> str:
    """Return the instant of a wall clock in a zone; an hour that occurs twice is the later one."""
    return instant_of_wall(sql) if zone is None else f"timezone({zone}, {sql})"


def zone_of(site: Site, index: int) -> tuple[str | None, Value | None]:
    """Return the zone that an argument names, as SQL (None for UTC), and the value to guard when it is computed.

    Raises:
        Problem: ``EXPRESSION_TYPE``: a zone written as a text that is unknown.
    """
    value = site.take(index, STRING)
    if isinstance(value.constant, str):
        name = ALIASES.get(value.constant, value.constant)
        if name in UTC:
            return None, None
        if name not in ZONES:
            raise site.refusal(index, f"unknown time zone {value.constant!r}{did_you_mean(name, ZONES)}")
        return quote_text(name), None
    known = ", ".join(quote_text(name) for name in sorted(ZONES))
    return let([value.sql], lambda zone: f"CASE WHEN {zone} IN ({known}) THEN {zone} END"), value


@function(
    "make_timestamp(year, month, day, hour, minute, second, nanosecond, zone)",
    _DATE,
    "The instant of a wall clock in a zone. An hour that daylight saving repeats is the later one; 24:00:00 is the end of the day.",
    'make_timestamp(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles") -> 2019-10-17T18:55:12Z',
    "make_date_time",
)
def _make_timestamp(site: Site) -> Value:
    parts = [site.take(index, LONG) for index in range(7)]
    zone, computed = zone_of(site, 7)
    year, month, day, hour, minute, second, nano = parts
    texts = [f"CAST({part.sql} AS VARCHAR)" for part in (year, month, day, hour, minute, second)]
    # DuckDB parses the parts as text: four times as fast as guarding each part of make_timestamp, and it never raises.
    written = " || ".join(
        [texts[0], "'-'", texts[1], "'-'", texts[2], "' '", texts[3], "':'", texts[4], "':'", texts[5]]
    )
    wall = f"TRY_CAST({written} AS TIMESTAMP)"

    def body(clock: str, rest: str) -> str:
        micro = "" if rest == "0" else f" + to_microseconds({rest} // 1000)"
        fits = "" if rest == "0" else f" AND {rest} BETWEEN 0 AND 999999999"
        return (
            f"CASE WHEN {clock} BETWEEN TIMESTAMP '0001-01-02' AND TIMESTAMP '9999-12-30'{fits} "
            f"THEN {from_zone(clock + micro, zone)} END"
        )

    return strict(let([wall, nano.sql], body), TIMESTAMP, [*parts, *([computed] if computed else [])], fails=True)


FUNCTIONS: tuple[Function, ...] = (_make_timestamp,)
"""The functions of dates and times."""
