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
    "__________T________": "strftime({}, '%Y-%m-%dT%H:%M:%S')",
    "__________T________Z": "strftime({}, '%Y-%m-%dT%H:%M:%SZ')",
}
_PLAIN = rf"{_DAY}([T ]{_CLOCK}Z?)?"
_ZONED = rf"{_DAY}[T ]{_CLOCK}[+-](0[0-9]|1[0-3]):[0-5][0-9]"

_NAMES = ("hour", "minute", "second", "fraction", "half", "zone")
HOUR = "(?:[01]?[0-9]|2[0-3])"
ZONE = "[+-](?:(?:0[0-9]|1[0-3])(?::?[0-5][0-9])?|14(?::?00)?)"
_ZONE = rf"(?:[\s]*(Z|z|(?i:GMT)|{ZONE}))?"
_CLOCK_PARTS = rf"({HOUR}):([0-5]?[0-9])(?::([0-5]?[0-9])(?:\.([0-9]+))?)?(?:[\s]*([AaPp][Mm]))?"
_STRICT_TIME = r"[\s]*[Tt][\s]*[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\..*)?)?(?:[^0-9].*)?"
_TIME = r"(?:(?:[\s]*,[\s]*|[\s]+)[0-9].*|[\s]*[Zz+-].*|[\s]+(?i:GMT))?"
"""What may be a time behind a date; ``_TAIL`` judges it."""
_TAIL = rf"(?:(?:[\s]*[,Tt][\s]*|[\s]+){_CLOCK_PARTS})?{_ZONE}"
_WEEKDAY = "(?:((?i:mon|tue|wed|thu|fri|sat|sun))[a-z]*(?:[\\s]*[.,][\\s]*|[\\s]+))?"
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
    # What DuckDB would write itself is surely right, and takes a third of the time that a pattern takes; lengths tell at once who need not look.
    same = " OR ".join(
        f"(strlen({text}) = {len(shape)} AND {text} LIKE '{shape}' AND {written.format(parsed)} = {text})"
        for shape, written in _SHAPES.items()
    )
    date = f"strlen({text}) = 10 AND {text} LIKE '____-__-__' AND {parsed} >= TIMESTAMP '1000-01-01'"
    sure = f"({date}) OR CAST({parsed} AS VARCHAR) = {text} OR {same} OR regexp_full_match({text}, {literal(_PLAIN)})"
    plain = f"{parsed} BETWEEN {FIRST} AND {LAST} AND ({sure})"
    found = f"CASE WHEN {plain} THEN {parsed} WHEN {text} IS NOT NULL THEN {_others(text, culture)} END"
    return instant_of(found) if type_ is ValueType.DATETIME_OFFSET else found


def instant_of(moment_: str) -> str:
    """Return SQL of a time in UTC as an instant; a cast would ask for the session's time zone, and take longer."""
    return f"make_timestamptz(epoch_us({moment_}))"


def _others(text: str, culture: Culture) -> str:
    """Return SQL of a text in any form, as a time in UTC.

    A form takes the date apart into ``year|month|day|name|weekday|time``; what that says is put together in one place, whatever the form.
    """
    zoned = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
    plain = trimmed(text)
    forms = " ".join(
        f"WHEN regexp_full_match({plain}, {literal(pattern)}) THEN regexp_replace({plain}, {literal(f'^(?:{pattern})$')}, '{order}')"
        for pattern, order in _forms(culture)
    )
    names = ", ".join(f"'{name}'" for name in _NAMES)
    parts = {name: f"x[{at}]" for at, name in enumerate(("year", "month", "day", "name", "weekday"), 1)}
    parts |= {name: f"z.{name}" for name in _NAMES}
    inner = f"list_transform([regexp_extract(x[6], {literal(f'^(?:{_TAIL})$')}, [{names}])], lambda z: {assembled(parts, culture)})[1]"
    whole = f"CASE WHEN regexp_full_match(x[6], {literal(_TAIL)}) THEN {inner} END"
    return (
        f"CASE WHEN regexp_full_match({text}, {literal(_ZONED)}) THEN {in_range(zoned)} "
        f"ELSE list_transform([string_split(CASE {forms} END, '|')], lambda x: {whole})[1] END"
    )


def _forms(culture: Culture) -> list[tuple[str, str]]:
    """Return patterns, in the order in which they are tried, and the order of their groups."""
    numeric = {"M": "([0-9]{1,2})", "d": "([0-9]{1,2})", "y": _YEAR}
    order = culture.order if culture.order != "yMd" else "Mdy"
    places = "|".join(f"\\{order.index(letter) + 1}" for letter in "yMd")
    month = f"({_ENGLISH})" if culture.is_english else f"({_ENGLISH}|[^0-9\\s,]+(?:\\s[^0-9\\s,]+)?)"
    return [
        (rf"([0-9]{{4}})[-/]([0-9]{{1,2}})[-/]([0-9]{{1,2}})({_STRICT_TIME})", r"\1|\2|\3|||\4"),
        (rf"([0-9]{{4}})[-/.]([0-9]{{1,2}})[-/.]([0-9]{{1,2}})({_TIME})", r"\1|\2|\3|||\4"),
        ("[-/.]".join(numeric[letter] for letter in order) + f"({_TIME})", rf"{places}|||\4"),
        (rf"{_WEEKDAY}{month}{_GAP}([0-9]{{1,2}}){_GAP}{_YEAR}({_TIME})", r"\4||\3|\2|\1|\5"),
        (rf"{_WEEKDAY}([0-9]{{1,2}})[.]?{_GAP}{month}{_GAP}{_YEAR}({_TIME})", r"\4||\2|\3|\1|\5"),
    ]


def assembled(parts: Mapping[str, str], culture: Culture) -> str:
    """Return SQL of a time in UTC, put together of ``parts``: SQL of texts, empty where a part is missing; null where there is no such time.

    Names of parts: year, month, name (of the month), day, weekday, hour (below 24), half, minute, second, fraction, zone (``ZONE``, or any word for
    UTC). A part that is not named counts as missing: month and day are then 1, and the year, too.
    """
    year = _year(parts["year"]) if "year" in parts else "'0001'"
    month, day = (f"lpad({parts[name]}, 2, '0')" if name in parts else "'01'" for name in ("month", "day"))
    if "name" in parts:
        known = _month(parts["name"], culture)
        month = f"CASE WHEN {parts['name']} = '' THEN {month} ELSE {known} END" if "month" in parts else known
    clock = [f"lpad({parts[name]}, 2, '0')" if name in parts else "'00'" for name in ("minute", "second")]
    pieces = [year, "'-'", month, "'-'", day, "' '", _hour(parts, culture), "':'", clock[0], "':'", clock[1]]
    if "fraction" in parts:
        pieces += ["'.'", f"left({parts['fraction']}, 6)", "'0'"]
    if "zone" in parts:
        pieces.append(f"CASE WHEN left({parts['zone']}, 1) IN ('+', '-') THEN {parts['zone']} ELSE '+00' END")
    # Put together by ||, so that one missing part makes it null.
    text, type_ = " || ".join(pieces), "TIMESTAMPTZ" if "zone" in parts else "TIMESTAMP"
    moment_ = f"TRY_CAST({text} AS {type_})"
    if "zone" in parts:
        moment_ = f"make_timestamp(epoch_us({moment_}))"
    if "weekday" not in parts:
        return in_range(moment_)
    local = f"TRY_CAST({' || '.join(pieces[:5])} AS DATE)"
    right = f"{parts['weekday']} = '' OR lower(left({parts['weekday']}, 3)) = lower(strftime({local}, '%a'))"
    return f"CASE WHEN {right} THEN {in_range(moment_)} END"


def in_range(moment_: str) -> str:
    """Return SQL that is null outside of the years 1 to 9999."""
    return f"list_transform([{moment_}], lambda r: CASE WHEN r BETWEEN {FIRST} AND {LAST} THEN r END)[1]"


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
    if "hour" not in parts:
        return "'00'"
    hour = f"lpad({parts['hour']}, 2, '0')"
    if "half" not in parts:
        return hour
    half = f"lower({parts['half']})"
    after, before = ({letter, f"{letter}m", name.lower()} for letter, name in (("p", culture.pm), ("a", culture.am)))
    pm, am = (", ".join(sorted(literal(name) for name in names)) for names in (after, before))
    return (
        f"CASE WHEN {half} IN ({pm}) AND {hour} < '12' THEN CAST(CAST({hour} AS INTEGER) + 12 AS VARCHAR) "
        f"WHEN {half} IN ({am}) AND {hour} >= '12' THEN CASE {hour} WHEN '12' THEN '00' END ELSE {hour} END"
    )
