"""What a culture calls its months and days, and how it writes dates: en-US as the contract has it, others from CLDR.

Patterns are those that .NET takes from the same data: dates are CLDR's full and short ones, with years of four digits.
All cultures count in the Gregorian calendar.
"""

import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import Any

from babel import Locale, UnknownLocaleError, localedata

_NAME = re.compile("[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
_LONGEST_NAME = 4


@dataclass(frozen=True, slots=True)
class Culture:
    """Names, and patterns in .NET's letters. Days begin with Sunday. ``genitive`` names stand beside a day's number."""

    months: tuple[str, ...]
    months_genitive: tuple[str, ...]
    months_short: tuple[str, ...]
    months_short_genitive: tuple[str, ...]
    days: tuple[str, ...]
    days_short: tuple[str, ...]
    am: str
    pm: str
    era: str
    short_date: str
    long_date: str
    short_time: str
    long_time: str
    month_day: str
    year_month: str

    @property
    def date_separator(self) -> str:
        """What ``/`` of a pattern becomes."""
        return _separator(self.short_date, "dMy", "/")

    @property
    def time_separator(self) -> str:
        """What ``:`` of a pattern becomes."""
        return _separator(self.long_time, "Hhms", ":")


def _separator(pattern: str, letters: str, default: str) -> str:
    found = re.search(f"[{letters}]((?:'[^']*'|[^{letters}'])+)[{letters}]", pattern)
    return found[1].replace("'", "").strip("\u200e\u200f") if found else default


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS_SHORT = tuple(name[:3] for name in _MONTHS)

EN_US = Culture(
    months=_MONTHS,
    months_genitive=_MONTHS,
    months_short=_MONTHS_SHORT,
    months_short_genitive=_MONTHS_SHORT,
    days=_DAYS,
    days_short=tuple(name[:3] for name in _DAYS),
    am="AM",
    pm="PM",
    era="AD",
    short_date="M/d/yyyy",
    long_date="dddd, MMMM d, yyyy",
    short_time="h:mm tt",
    long_time="h:mm:ss tt",
    month_day="MMMM d",
    year_month="MMMM yyyy",
)
"""The language's own culture. Its text is written down here, so that no release of CLDR changes it."""


INVARIANT = replace(
    EN_US,
    era="A.D.",
    short_date="MM/dd/yyyy",
    long_date="dddd, dd MMMM yyyy",
    short_time="HH:mm",
    long_time="HH:mm:ss",
    month_day="MMMM dd",
    year_month="yyyy MMMM",
)
"""The culture without a name."""

_WRITTEN_DOWN = {"": INVARIANT, "en-us": EN_US}


def culture(name: str) -> Culture:
    """Return the culture of a .NET name such as ``fr-FR``, in any letter case; ``""`` is the invariant one.

    Raises:
        LookupError: no such culture is known.
    """
    return _WRITTEN_DOWN.get(name.lower()) or _from_cldr(name.lower())


@lru_cache(maxsize=64)
def _from_cldr(name: str) -> Culture:
    if not _NAME.fullmatch(name):
        raise LookupError(name)
    try:
        locale = Locale.parse(name, sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise LookupError(name) from error
    data = _data(locale)
    months, days = data["months"], data["days"]
    periods = {**data["day_periods"]["format"]["abbreviated"], **data["day_periods"]["format"]["wide"]}
    skeletons = data["datetime_skeletons"]
    return Culture(
        months=_ordered(months["stand-alone"]["wide"], range(1, 13)),
        months_genitive=_ordered(months["format"]["wide"], range(1, 13)),
        months_short=_ordered(months["stand-alone"]["abbreviated"], range(1, 13)),
        months_short_genitive=_ordered(months["format"]["abbreviated"], range(1, 13)),
        days=_ordered(days["stand-alone"]["wide"], (6, 0, 1, 2, 3, 4, 5)),
        days_short=_ordered(days["stand-alone"]["abbreviated"], (6, 0, 1, 2, 3, 4, 5)),
        am=periods["am"],
        pm=periods["pm"],
        era=data["eras"]["abbreviated"][1],
        short_date=re.sub("(?<!y)yy(?!y)", "yyyy", _date_pattern(data["date_formats"]["short"].pattern)),
        long_date=_date_pattern(data["date_formats"]["full"].pattern),
        short_time=_time_pattern(data["time_formats"]["short"].pattern),
        long_time=_time_pattern(data["time_formats"]["medium"].pattern),
        month_day=_date_pattern(_skeleton(skeletons, "MMMMd", "MMMd")),
        year_month=_date_pattern(_skeleton(skeletons, "yMMMM", "yMMM")),
    )


def _data(locale: Locale) -> Any:
    """Return a copy of what CLDR says of dates in a locale.

    Babel resolves aliases in place, in tables that locales share: after Japanese, Italian's stand-alone months would be Japanese.
    """
    loaded: Mapping[Any, Any] = localedata.load(str(locale))
    keys = ("months", "days", "day_periods", "eras", "date_formats", "time_formats", "datetime_skeletons")
    return localedata.LocaleDataDict({key: deepcopy(loaded[key]) for key in keys})


def _ordered(names: Mapping[Any, str], keys: range | tuple[int, ...]) -> tuple[str, ...]:
    return tuple(names[key] for key in keys)


def _skeleton(skeletons: Mapping[Any, Any], wanted: str, short: str) -> str:
    """Return the locale's pattern for a skeleton; one with full names of months is made of one with short names."""
    if wanted in skeletons:
        return str(skeletons[wanted].pattern)
    return re.sub("MMM|LLL", "MMMM", str(skeletons[short].pattern))


def _date_pattern(pattern: str) -> str:
    """Return a pattern of CLDR in .NET's letters."""
    parts: list[str] = []
    for index, piece in enumerate(re.split("('[^']*')", pattern)):
        runs = ["".join(run) for _, run in groupby(piece)]
        parts += [piece] if index % 2 else [_date_letters(run) for run in runs]
    return "".join(parts)


def _date_letters(run: str) -> str:
    letter, count = run[0], len(run)
    if letter in "Eec":
        return "dddd" if count == _LONGEST_NAME else "ddd"
    if letter in "LM":
        return "M" * (count if count <= _LONGEST_NAME else 3)
    if letter == "y":
        return "yyyy" if count == 1 else run
    return "g" if letter == "G" else run


def _time_pattern(pattern: str) -> str:
    """Return a time's pattern in .NET's letters; special blanks become plain ones, parts of the day become AM and PM."""
    parts = re.findall(r"'[^']*'|[:.Hhms]|\s|[aBb]+|[^\sA-Za-z]", pattern)
    return "".join(" " if part.isspace() else "tt" if part[0] in "aBb" else part for part in parts)
