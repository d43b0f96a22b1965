"""Values as people read them: numbers, sizes, durations, moments."""

import re

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime
from headrace.core.errors import Blame

NONE = "–"
"""Stands where there is no value."""
SHORT = 8
"""Characters of an id that are enough to name a thing."""
_THIN = "\u202f"
_TARGET = re.compile(r"Operation on target .+? failed: ", re.DOTALL)
_INNER = re.compile(r"Inner activity name: .+?, Error: ", re.DOTALL)
_SIDE = re.compile(
    r"(?:Failure happened on '\w+' side\. )?ErrorCode=\w+,'?Type=[\w.]+,Message=(.+),Source=[\w.]*,?'?", re.DOTALL
)
_LONG = 10_000
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
BLAMES = {
    Blame.YOURS: "yours to mend",
    Blame.SOURCE: "the source",
    Blame.TARGET: "the target",
    Blame.SCHEMA: "the schema",
    Blame.PLATFORM: "the platform",
}
"""Whose problem a failure is."""


def number(value: float | None) -> str:
    """Return ``1 234 567``, with narrow spaces that do not break."""
    if value is None:
        return NONE
    if value != int(value):
        return f"{value:,.1f}".replace(",", _THIN)
    return f"{int(value):,}".replace(",", _THIN)


def size(value: int | None) -> str:
    """Return bytes in the unit that fits: ``1.2 MB`` (powers of 1000)."""
    if value is None:
        return NONE
    amount, unit = float(value), _UNITS[0]
    for larger in _UNITS[1:]:
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    digits = 0 if unit == "B" or amount >= 99.5 else 1
    return f"{amount:.{digits}f}{_THIN}{unit}"


def duration(microseconds: int | None) -> str:
    """Return how long something took, in two units at most: ``340 ms``, ``4.2 s``, ``3 min 5 s``, ``2 h 4 min``, ``3 d 1 h``."""
    if microseconds is None:
        return NONE
    length = max(0, microseconds)
    if length < SECOND:
        return f"{length // 1000}{_THIN}ms"
    if length < 10 * SECOND:
        return f"{length // 100_000 / 10:.1f}{_THIN}s"
    if length < MINUTE:
        return f"{length // SECOND}{_THIN}s"
    for unit, below, name, smaller in ((DAY, HOUR, "d", "h"), (HOUR, MINUTE, "h", "min"), (MINUTE, SECOND, "min", "s")):
        if length >= unit:
            rest = length % unit // below
            return f"{length // unit}{_THIN}{name}" + (f" {rest}{_THIN}{smaller}" if rest else "")
    return NONE


def moment(instant: Instant | None) -> str:
    """Return ``2026-11-22 17:05:33``, in UTC."""
    return NONE if instant is None else to_datetime(instant).strftime("%Y-%m-%d %H:%M:%S")


def ago(instant: Instant, now: Instant) -> str:
    """Return how far ``instant`` lies from now, in one unit: ``5 min ago``, ``in 2 h``."""
    distance = abs(now - instant)
    if distance < 5 * SECOND:
        return "just now"
    length, unit = next(
        (distance // size, name)
        for size, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s"))
        if distance >= size
    )
    words = f"{length}{_THIN}{unit}"
    return f"in {words}" if instant > now else f"{words} ago"


def one_line(text: str, most: int = 160) -> str:
    """Return ``text`` in one line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def heart(message: str) -> str:
    """Return what went wrong, without the frames that a door's published words have around it: which activity, in which other one."""
    if len(message) > _LONG or len(_TARGET.findall(message)) > 1:
        return message
    text = _TARGET.sub("", message, count=1) if message.startswith("Operation on target ") else message
    *_, text = _INNER.split(text)
    framed = _SIDE.fullmatch(text.strip())
    return (framed[1] if framed else text).strip() or message


def short_scope(scope: str, most: int = 34) -> str:
    """Return a scope of at most about so many characters: its first segment and as many of the last ones as there is room for."""
    first, *others = scope.split("/")
    if len(scope) <= most or len(others) < 2:
        return scope
    kept = others.pop()
    while others and len(first) + len(others[-1]) + len(kept) + 4 <= most:
        kept = f"{others.pop()}/{kept}"
    return f"{first}/…/{kept}" if others else f"{first}/{kept}"


def words_of(name: str) -> str:
    """Return a name of the ledger as words: ``timed_out`` → ``timed out``."""
    return name.replace("_", " ")


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return ``1 run``, ``2 runs``."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"
