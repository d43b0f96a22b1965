"""Time zones by the names that Windows and the IANA database have for them, and the two ways through them.

zone         a name to its zone
to_local     ticks of UTC to ticks of the zone's clocks
to_utc       the way back, which does not exist for every local time
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from tzlocal.windows_tz import win_tz

from headrace.language.datafactory.moments import DAY, LAST, MICROSECOND, MINUTE

UTC_ID = "UTC"
"""The only name by which a zone is UTC itself: with it, results are marked as UTC."""

_NO_IDS = frozenset({"cet", "eet", "est", "hst", "met", "mst", "wet", "factory", "localtime", "posixrules"})
"""Names in the database that are abbreviations, or no zones: the service's language takes no abbreviations."""


def is_utc(name: str) -> bool:
    """Tell whether a name means UTC itself."""
    return name.upper() == UTC_ID


def zone(name: str) -> ZoneInfo:
    """Return the zone of a Windows or IANA id, in any letter case.

    Raises:
        LookupError: there is no such id; abbreviations (``PST``) and offsets (``+02:00``) are none.
    """
    return ZoneInfo(_ids()[name.lower()])


@cache
def _ids() -> dict[str, str]:
    """Return every zone's name in the database by its id in lower case."""
    known = {name.lower(): name for name in available_timezones()}
    windows = {name.lower(): place for name, place in win_tz.items() if place.lower() in known}
    return {name: place for name, place in (known | windows).items() if name not in _NO_IDS}


def to_local(ticks: int, zone: ZoneInfo) -> int:
    """Return what the zone's clocks show at a moment in UTC; it stays within the years 1 to 9999, as in .NET."""
    offset = _near(ticks).replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return min(max(ticks + _ticks(offset), 0), LAST)


def to_utc(ticks: int, zone: ZoneInfo) -> int:
    """Return when the zone's clocks show ``ticks``; it stays within the years 1 to 9999, as in .NET.

    Raises:
        ValueError: they never do, or do twice, since daylight saving begins or ends; the message says which.
    """
    local = _near(ticks).replace(tzinfo=zone)
    before, after = _ticks(local.utcoffset()), _ticks(local.replace(fold=1).utcoffset())
    if before != after:
        message = "skipped" if before < after else "repeated"
        raise ValueError(message)
    return min(max(ticks - before, 0), LAST)


def _near(ticks: int) -> datetime:
    """Return a date and time that has the same offset: the same one, except for the first and last days of all."""
    near = min(max(ticks, 2 * DAY), LAST - 2 * DAY)
    return datetime(1, 1, 1) + timedelta(microseconds=near // MICROSECOND)  # noqa: DTZ001 — the caller sets the zone


def _ticks(offset: timedelta | None) -> int:
    """Return an offset in ticks, without the seconds that local mean times had: .NET's offsets are whole minutes."""
    return int((offset or timedelta()) / timedelta(minutes=1)) * MINUTE
