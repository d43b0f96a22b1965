"""Dates of requests (contract 1): ISO 8601, any offset, none means UTC, any number of digits of the second."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from headrace.core.clock import Instant, from_datetime

_DATE = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<clock>\d{2}:\d{2}(?::\d{2})?)(?:[.,](?P<fraction>\d{1,30}))?)?"
    r"\s*(?P<zone>[Zz]|(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})?)?"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """A date between two instants of the ledger, or on one (then both are the same)."""

    floor: Instant
    ceiling: Instant

    @property
    def instant(self) -> Instant | None:
        """Return the instant that it is on; None: it is finer than the ledger is."""
        return self.floor if self.floor == self.ceiling else None


def read_date(text: object) -> Moment | None:
    """Return the date that ``text`` is; None: it is none."""
    found = _DATE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    try:
        day = datetime.fromisoformat(f"{found['day']}T{found['clock'] or '00:00'}")
        floor = from_datetime(day.replace(tzinfo=_zone(found)).astimezone(UTC))
    except (ValueError, OverflowError):
        return None
    digits = found["fraction"] or ""
    floor = Instant(floor + int(digits[:6].ljust(6, "0")))
    return Moment(floor, Instant(floor + 1) if digits[6:].strip("0") else floor)


def _zone(found: re.Match[str]) -> timezone:
    if found["sign"] is None:
        return UTC
    offset = timedelta(hours=int(found["hours"]), minutes=int(found["minutes"] or 0))
    return timezone(-offset if found["sign"] == "-" else offset)
