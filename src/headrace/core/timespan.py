"""Spans of time as text: ``d.hh:mm:ss``, as pipelines and triggers write them."""

import re

_SPAN = re.compile(
    r"(?P<sign>-)?(?:(?P<days>\d{1,8})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?"
)
_DAYS = re.compile(r"(?P<sign>-)?(?P<days>\d{1,8})")


def parse_timespan(text: str) -> float | None:
    """Return the seconds of ``[-][d.]hh:mm[:ss[.fffffff]]`` or of ``d`` (whole days); None: it is no such text."""
    text = text.strip()
    days = _DAYS.fullmatch(text)
    if days is not None:
        return (-1 if days["sign"] else 1) * int(days["days"]) * 86_400.0
    span = _SPAN.fullmatch(text)
    if span is None:
        return None
    hours, minutes, seconds = (int(span[name] or 0) for name in ("hours", "minutes", "seconds"))
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    whole = int(span["days"] or 0) * 86_400 + hours * 3600 + minutes * 60 + seconds
    fraction = int((span["fraction"] or "0").ljust(7, "0")) / 10_000_000
    return (-1 if span["sign"] else 1) * (whole + fraction)
