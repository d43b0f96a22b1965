"""How moments become text: .NET's standard and custom formats of dates, which the service's language takes over.

written    a moment in a format
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from headrace.language.datafactory.cultures import EN_US, INVARIANT, Culture
from headrace.language.datafactory.moments import Moment

ROUND_TRIP = "o"
"""The format of functions that are given none."""

_INVARIANT_FORMS: Mapping[str, str] = {
    "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
    "s": "yyyy-MM-ddTHH:mm:ss",
    "u": "yyyy-MM-dd HH:mm:ss'Z'",
}
_MOST_DECIMALS = 7
_FULL_NAME = 4
_SHORT_NAME = 3


def written(moment: Moment, pattern: str, culture: Culture = EN_US) -> str:
    """Return ``moment`` in a format: one letter is a standard one, ``""`` is ``G``, everything else is custom.

    Raises:
        ValueError: the format is not supported: an unknown letter, an open quote, a lone ``%``, more than seven decimals.
    """
    if pattern in {"o", "O"}:  # what most functions write: without the walk through a pattern
        day, time = moment.date.isoformat(), f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"
        return f"{day}T{time}.{moment.fraction:07}{moment.kind.value}"
    if pattern in _INVARIANT_FORMS:
        return _Writer(moment, _INVARIANT_FORMS[pattern], INVARIANT).text()
    if len(pattern) <= 1:
        pattern = _culture_pattern(pattern or "G", culture)
    return _Writer(moment, pattern, culture).text()


def _culture_pattern(letter: str, culture: Culture) -> str:
    patterns = {
        "d": culture.short_date,
        "D": culture.long_date,
        "f": f"{culture.long_date} {culture.short_time}",
        "F": f"{culture.long_date} {culture.long_time}",
        "g": f"{culture.short_date} {culture.short_time}",
        "G": f"{culture.short_date} {culture.long_time}",
        "m": culture.month_day,
        "M": culture.month_day,
        "t": culture.short_time,
        "T": culture.long_time,
        # The same time in UTC, which is what every time here is printed in.
        "U": f"{culture.long_date} {culture.long_time}",
        "y": culture.year_month,
        "Y": culture.year_month,
    }
    if letter not in patterns:
        message = f"{letter!r} is no standard format"
        raise ValueError(message)
    return patterns[letter]


@dataclass(slots=True)
class _Writer:
    """Walks through a custom format. ``at`` is where the present token begins, ``parts`` what has been written so far."""

    moment: Moment
    pattern: str
    culture: Culture
    parts: list[str] = field(default_factory=list)
    at: int = 0

    def text(self) -> str:
        while self.at < len(self.pattern):
            letter = self.pattern[self.at]
            if letter in "fF":
                part = self._decimals(letter)
            elif letter in _FIELDS:
                count = self._run(letter)
                part = _FIELDS[letter](self, count)
                self.at += count
            else:
                part = self._other(letter)
            if part:
                self.parts.append(part)
        return "".join(self.parts)

    def _run(self, letter: str) -> int:
        end = self.at
        while end < len(self.pattern) and self.pattern[end] == letter:
            end += 1
        return end - self.at

    def _decimals(self, letter: str) -> str:
        """Return decimals of the second; ``F`` leaves out zeros at the end, and takes away a point that has nothing behind it."""
        count = self._run(letter)
        self.at += count
        if count > _MOST_DECIMALS:
            message = "more than seven decimals"
            raise ValueError(message)
        digits = f"{self.moment.fraction:07}"[:count]
        if letter == "f":
            return digits
        digits = digits.rstrip("0")
        if not digits and self.parts and self.parts[-1].endswith("."):
            self.parts[-1] = self.parts[-1][:-1]
        return digits

    def _other(self, letter: str) -> str:
        """Return what a character that is no field stands for, and move behind it."""
        self.at += 1
        if letter in "'\"":
            return self._quoted(letter)
        if letter == "\\":
            return self._next("a backslash")
        if letter == "%":
            self._single(self._next("a percent sign"))
            return ""
        if letter == "/":
            return self.culture.date_separator
        return self.culture.time_separator if letter == ":" else letter

    def _single(self, letter: str) -> None:
        """Write what stands behind a percent sign: a custom format of one letter."""
        if letter == "%":
            message = "two percent signs"
            raise ValueError(message)
        _Writer(self.moment, letter, self.culture, self.parts).text()

    def _next(self, after: str) -> str:
        if self.at >= len(self.pattern):
            message = f"nothing behind {after}"
            raise ValueError(message)
        self.at += 1
        return self.pattern[self.at - 1]

    def _quoted(self, quote: str) -> str:
        parts: list[str] = []
        while (letter := self._next("a quote")) != quote:
            parts.append(self._next("a backslash") if letter == "\\" else letter)
        return "".join(parts)

    def day(self, count: int) -> str:
        day = self.moment.date
        if count < _SHORT_NAME:
            return f"{day.day:0{count}}"
        names = self.culture.days_short if count == _SHORT_NAME else self.culture.days
        return names[day.isoweekday() % 7]

    def month(self, count: int) -> str:
        month = self.moment.date.month
        if count < _SHORT_NAME:
            return f"{month:0{count}}"
        genitive, culture = self._beside_a_day(count), self.culture
        if count == _SHORT_NAME:
            return (culture.months_short_genitive if genitive else culture.months_short)[month - 1]
        return (culture.months_genitive if genitive else culture.months)[month - 1]

    def _beside_a_day(self, count: int) -> bool:
        """Tell whether the number of a day stands in the format: only the nearest ``d``s on each side are looked at, as in .NET."""
        before, after = self.pattern[: self.at], self.pattern[self.at + count :]
        stripped = before[: before.rfind("d") + 1]
        nearest_before = len(stripped) - len(stripped.rstrip("d"))
        start = after.find("d")
        nearest_after = len(after[start:]) - len(after[start:].lstrip("d")) if start >= 0 else 0
        return 1 <= nearest_before < _SHORT_NAME or 1 <= nearest_after < _SHORT_NAME

    def year(self, count: int) -> str:
        year = self.moment.date.year
        return f"{year % 100:0{count}}" if count < _SHORT_NAME else f"{year:0{count}}"

    def hour12(self, count: int) -> str:
        return f"{self.moment.hour % 12 or 12:0{min(count, 2)}}"

    def hour24(self, count: int) -> str:
        return f"{self.moment.hour:0{min(count, 2)}}"

    def minute(self, count: int) -> str:
        return f"{self.moment.minute:0{min(count, 2)}}"

    def second(self, count: int) -> str:
        return f"{self.moment.second:0{min(count, 2)}}"

    def half(self, count: int) -> str:
        name = self.culture.am if self.moment.hour < 12 else self.culture.pm
        return name[:1] if count == 1 else name

    def zone(self, count: int) -> str:
        """Every time is printed in UTC, and times without a zone count as UTC."""
        return ("+0", "+00", "+00:00")[min(count, 3) - 1]

    def kind(self, count: int) -> str:
        return self.moment.kind.value * count

    def era(self, count: int) -> str:
        del count  # any number of letters is one name
        return self.culture.era


_FIELDS: Mapping[str, Callable[[_Writer, int], str]] = {
    "d": _Writer.day,
    "M": _Writer.month,
    "y": _Writer.year,
    "h": _Writer.hour12,
    "H": _Writer.hour24,
    "m": _Writer.minute,
    "s": _Writer.second,
    "t": _Writer.half,
    "z": _Writer.zone,
    "K": _Writer.kind,
    "g": _Writer.era,
}
