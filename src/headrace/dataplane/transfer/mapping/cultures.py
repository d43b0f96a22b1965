"""What numbers and dates look like in a culture, in .NET's names: written down for English, others from CLDR."""

import re
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale, UnknownLocaleError

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

_NAME = re.compile("[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?")
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
_BLANKS = " \u00a0\u202f"


@dataclass(frozen=True, slots=True)
class Culture:
    """``groups``: characters that may stand between thousands; ``order``: of day, month and year where all are numbers. Days begin with Sunday."""

    name: str
    decimal: str = "."
    groups: str = ","
    order: str = "Mdy"
    date_separator: str = "/"
    months: tuple[str, ...] = _MONTHS
    months_short: tuple[str, ...] = tuple(name[:3] for name in _MONTHS)
    days: tuple[str, ...] = _DAYS
    days_short: tuple[str, ...] = tuple(name[:3] for name in _DAYS)
    am: str = "AM"
    pm: str = "PM"

    @property
    def is_english(self) -> bool:
        """Say whether names of months and days are the English ones, which DuckDB knows."""
        return self.months == _MONTHS


INVARIANT = Culture("", date_separator="/")
EN_US = Culture("en-us")


def culture_of(name: str) -> Culture:
    """Return the culture of a name such as ``de-DE``, in any letter case; ``""`` is the one without a name.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: there is no such culture.
    """
    known = name.strip().lower()
    if known in {"", "invariant"}:
        return INVARIANT
    return EN_US if known in {"en-us", "en"} else _from_cldr(known)


@lru_cache(maxsize=64)
def _from_cldr(name: str) -> Culture:
    unknown = TransferProblem(
        Reason.REQUEST_INVALID,
        Side.NEITHER,
        f"the culture {name!r} is not known; names look like en-us, de-de or fr-fr",
    )
    if not _NAME.fullmatch(name):
        raise unknown
    try:
        locale = Locale.parse(name, sep="-")
    except (ValueError, UnknownLocaleError) as error:
        raise unknown from error
    symbols = locale.number_symbols.get("latn", {})
    group = str(symbols.get("group", ","))
    short = locale.date_formats["short"].pattern
    order = "".join(dict.fromkeys(letter for letter in short.replace("L", "M") if letter in "dMy"))
    separator = re.search("[dMy]([^dMy]+)[dMy]", short)
    months, days = locale.months["format"], locale.days["format"]
    periods = locale.day_periods.get("format", {}).get("wide", {})
    return Culture(
        name,
        decimal=str(symbols.get("decimal", ".")),
        groups=_alike(group),
        order=order if len(order) == 3 else "dMy",
        date_separator=separator[1] if separator else "/",
        months=tuple(months["wide"][number] for number in range(1, 13)),
        months_short=tuple(months["abbreviated"][number] for number in range(1, 13)),
        days=tuple(days["wide"][number] for number in (6, 0, 1, 2, 3, 4, 5)),
        days_short=tuple(days["abbreviated"][number] for number in (6, 0, 1, 2, 3, 4, 5)),
        am=periods.get("am", "AM"),
        pm=periods.get("pm", "PM"),
    )


def _alike(group: str) -> str:
    """Return the characters that people take for ``group``: any blank for a special one, either apostrophe."""
    if group in _BLANKS:
        return _BLANKS
    return "'\u2019" if group in "'\u2019" else group
