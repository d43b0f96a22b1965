"""Text to dates with times, as SQL: the forms that .NET takes without being given a format (contract 11.4).

ISO 8601 is read by DuckDB itself, after a pattern has made sure that it is that; all other forms are taken apart by patterns and put together.
A text with ``Z`` or an offset is converted to UTC at once; one without counts as UTC where an instant is asked for.
"""

from collections.abc import Iterable, Mapping

from headrace.dataplane.transfer.mapping.cultures import Culture
from headrace.dataplane.transfer.mapping.numbers import trimmed
from headrace.dataplane.transfer.session import literal
from headrace.dataplane.transfer.values import ValueType

FIRST = "TIMESTAMP '0001-01-01 00:00:00'"
LAST = "TIMESTAMP '9999-12-31 23:59:59.999999'"

_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?"
_SHAPES = {
    "__________ %": "CAST({} AS VARCHAR)",
    "__________T________": "strftime({}, '%Y-%m-%dT%H:%M:%S')",
    "__________T________Z": "strftime({}, '%Y-%m-%dT%H:%M:%SZ')",
}
_PLAIN = rf"{_DAY}([T ]{_CLOCK}Z?)?"
_ZONED = rf"{_DAY}[T ]{_CLOCK}[+-](0[0-9]|1[0-3]):[0-5][0-9]"

_NAMES = ("hour", "minute", "second", "fraction", "half", "zone")
_HALF = r"(?:[\s]*([AaPp][Mm]))?"
_ZONE = r"(?:[\s]*([Zz]|[Gg][Mm][Tt]|[+-][0-9]{1,2}(?::?[0-9]{2})?))?"
_STRICT_TIME = rf"[\s]*[Tt][\s]*([0-9]{{2}}):([0-9]{{2}})(?::([0-9]{{2}})(?:\.([0-9]+))?)?{_HALF}{_ZONE}"
_TIME = rf"(?:(?:[\s]*,[\s]*|[\s]+)([0-9]{{1,2}}):([0-9]{{1,2}})(?::([0-9]{{1,2}})(?:\.([0-9]+))?)?{_HALF})?{_ZONE}"
_WEEKDAY = "(?:([Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)[a-z]*(?:[\\s]*[.,][\\s]*|[\\s]+))?"
_GAP = r"(?:[\s]*[.,][\s]*|[\s]+|-)"
_ENGLISH = "(?i:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:tember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_YEAR = "([0-9]{4}|[0-9]{1,2})"

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LATEST_TWO_DIGIT_YEAR = 2049


def parse(text: str) -> str:
    """Return SQL of what DuckDB makes of a text: null where that is nothing. ``moment`` judges it."""
    return f"TRY_CAST({text} AS TIMESTAMP)"


def moment(text: str, parsed: str, type_: ValueType, culture: Culture) -> str:
    """Return SQL of a text as a ``TIMESTAMP`` (in UTC) or, of an instant, a ``TIMESTAMPTZ``; null where it is none. ``parsed``: by ``parse``."""
    # What DuckDB would write itself is surely right, and takes a third of the time that a pattern takes.
    same = " OR ".join(
        f"({text} LIKE '{shape}' AND {written.format(parsed)} = {text})" for shape, written in _SHAPES.items()
    )
    date = f"{text} LIKE '____-__-__' AND {parsed} >= TIMESTAMP '1000-01-01'"
    sure = f"{same} OR ({date}) OR regexp_full_match({text}, {literal(_PLAIN)})"
    plain = f"{parsed} BETWEEN {FIRST} AND {LAST} AND ({sure})"
    found = f"CASE WHEN {plain} THEN {parsed} WHEN {text} IS NOT NULL THEN {_others(text, culture)} END"
    return instant_of(found) if type_ is ValueType.DATETIME_OFFSET else found


def instant_of(moment_: str) -> str:
    """Return SQL of a time in UTC as an instant; a cast would ask for the session's time zone, and take longer."""
    return f"make_timestamptz(epoch_us({moment_}))"


def _others(text: str, culture: Culture) -> str:
    """Return SQL of a text in any form, as a time in UTC."""
    zoned = f"TRY_CAST({text} AS TIMESTAMPTZ)"
    direct = f"WHEN regexp_full_match({text}, {literal(f'{_PLAIN}|{_ZONED}')}) THEN {in_range(f'CAST({zoned} AS TIMESTAMP)')}"
    branches = [direct]
    for pattern, names in _forms(culture):
        matched = f"regexp_full_match({trimmed(text)}, {literal(pattern)})"
        listed = ", ".join(f"'{name}'" for name in names)
        taken = f"regexp_extract({trimmed(text)}, {literal(f'^(?:{pattern})$')}, [{listed}])"
        parts = {name: f"x.{name}" for name in names}
        branches.append(f"WHEN {matched} THEN list_transform([{taken}], lambda x: {assembled(parts, culture)})[1]")
    return f"CASE {' '.join(branches)} END"


def _forms(culture: Culture) -> list[tuple[str, tuple[str, ...]]]:
    """Return patterns with the names of their groups, in the order in which they are tried."""
    numeric = {"M": ("month", "([0-9]{1,2})"), "d": ("day", "([0-9]{1,2})"), "y": ("year", _YEAR)}
    order = [numeric[letter] for letter in (culture.order if culture.order != "yMd" else "Mdy")]
    month = f"({_ENGLISH})" if culture.is_english else f"({_ENGLISH}|[^0-9\\s,]+(?:\\s[^0-9\\s,]+)?)"
    day = "([0-9]{1,2})[.]?"
    return [
        (rf"([0-9]{{4}})[-/]([0-9]{{1,2}})[-/]([0-9]{{1,2}}){_STRICT_TIME}", ("year", "month", "day", *_NAMES)),
        (rf"([0-9]{{4}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{1,2}}){_TIME}", ("year", "month", "day", *_NAMES)),
        ("[-/.]".join(part for _, part in order) + _TIME, (*(name for name, _ in order), *_NAMES)),
        (rf"{_WEEKDAY}{month}{_GAP}([0-9]{{1,2}}){_GAP}{_YEAR}{_TIME}", ("weekday", "name", "day", "year", *_NAMES)),
        (rf"{_WEEKDAY}{day}{_GAP}{month}{_GAP}{_YEAR}{_TIME}", ("weekday", "day", "name", "year", *_NAMES)),
    ]


def assembled(parts: Mapping[str, str], culture: Culture) -> str:
    """Return SQL of a time in UTC, put together of ``parts``: SQL of texts, empty where a part is missing; null where there is no such time.

    Names of parts: year, month (or name), day, weekday, hour, half, minute, second, fraction, zone. A part that is not named counts as missing:
    month and day are then 1, and the year, too.
    """
    year = _year(parts["year"]) if "year" in parts else "'0001'"
    month = _month(parts["name"], culture) if "name" in parts else _two(parts.get("month"), "01")
    hour, fraction = _hour(parts, culture), f"left({parts.get('fraction', chr(39) * 2)}, 6)"
    clock = (
        f"{hour}, ':', {_two(parts.get('minute'), '00')}, ':', {_two(parts.get('second'), '00')}, '.', {fraction}, '0'"
    )
    if "fraction" not in parts:
        clock = clock.rpartition(", '.'")[0]
    text = f"{year} || '-' || {month} || '-' || {_two(parts.get('day'), '01')} || ' ' || concat({clock})"
    checks = [f"{hour} < '24'"]
    if "weekday" in parts:
        weekday = parts["weekday"]
        checks.append(f"({weekday} = '' OR lower(left({weekday}, 3)) = lower(strftime(m, '%a')))")
    local = f"list_transform([TRY_CAST({text} AS TIMESTAMP)], lambda m: CASE WHEN {' AND '.join(checks)} THEN m END)[1]"
    if "zone" not in parts:
        return in_range(local)
    return in_range(f"{local} - {_offset(parts['zone'])}")


def in_range(moment_: str) -> str:
    """Return SQL that is null outside of the years 1 to 9999."""
    return f"list_transform([{moment_}], lambda r: CASE WHEN r BETWEEN {FIRST} AND {LAST} THEN r END)[1]"


def _two(part: str | None, missing: str) -> str:
    if part is None:
        return literal(missing)
    return f"lpad(CASE {part} WHEN '' THEN {literal(missing)} ELSE {part} END, 2, '0')"


def _year(part: str) -> str:
    """Return SQL of a year of four digits; one of two lies before 2050."""
    turn = _LATEST_TWO_DIGIT_YEAR % 100
    return (
        f"CASE WHEN length({part}) > 2 THEN lpad({part}, 4, '0') WHEN CAST({part} AS INTEGER) <= {turn} "
        f"THEN '20' || lpad({part}, 2, '0') ELSE '19' || lpad({part}, 2, '0') END"
    )


def _month(part: str, culture: Culture) -> str:
    """Return SQL of the two digits of a month's name."""
    known = {name: number for number, name in enumerate(MONTHS, 1)}
    english = f"list_position({_texts(known)}, lower(left({part}, 3)))"
    if culture.is_english:
        return f"lpad(CAST({english} AS VARCHAR), 2, '0')"
    long, short = (
        f"list_position({_texts(name.lower().rstrip('.') for name in names)}, rtrim(lower({part}), '.'))"
        for names in (culture.months, culture.months_short)
    )
    return f"lpad(CAST(coalesce({long}, {short}, {english}) AS VARCHAR), 2, '0')"


def _texts(names: Iterable[str]) -> str:
    return f"[{', '.join(literal(name) for name in names)}]"


def _hour(parts: Mapping[str, str], culture: Culture) -> str:
    """Return SQL of the two digits of an hour of 24. As in .NET's service, an afternoon's hour may be given in 24 hours already."""
    hour = _two(parts.get("hour"), "00")
    if "half" not in parts:
        return hour
    half, number = f"lower({parts['half']})", f"CAST({hour} AS INTEGER)"
    after = f"{half} IN ('p', 'pm', {literal(culture.pm.lower())}) AND {number} < 12"
    return (
        f"CASE WHEN {half} = '' THEN {hour} WHEN {after} THEN CAST({number} + 12 AS VARCHAR) "
        f"WHEN {half} IN ('a', 'am', {literal(culture.am.lower())}) THEN "
        f"CASE WHEN {number} > 12 THEN NULL WHEN {number} = 12 THEN '00' ELSE {hour} END ELSE {hour} END"
    )


def _offset(zone: str) -> str:
    """Return SQL of an interval; null where there is no such offset."""
    digits = f"replace(substr({zone}, 2), ':', '')"
    hours = (
        f"CAST(CASE WHEN length({digits}) > 2 THEN left({digits}, length({digits}) - 2) ELSE {digits} END AS INTEGER)"
    )
    minutes = f"CAST(CASE WHEN length({digits}) > 2 THEN right({digits}, 2) ELSE '0' END AS INTEGER)"
    total = f"({hours} * 60 + {minutes})"
    sign = f"CASE left({zone}, 1) WHEN '-' THEN -1 ELSE 1 END"
    return (
        f"CASE WHEN left({zone}, 1) NOT IN ('+', '-') THEN INTERVAL 0 MINUTE "
        f"WHEN {minutes} <= 59 AND {total} <= 840 THEN to_minutes({sign} * {total}) END"
    )
