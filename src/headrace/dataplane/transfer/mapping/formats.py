""".NET's formats of dates and times, as SQL: values written by them, and texts read that are exactly so written."""

import re
from collections.abc import Iterator, Mapping

from headrace.dataplane.transfer.mapping import moments
from headrace.dataplane.transfer.mapping.cultures import Culture
from headrace.dataplane.transfer.mapping.patterns import Token, tokens_of, wrong
from headrace.dataplane.transfer.session import literal

_ISO = "yyyy-MM-ddTHH:mm:ss"
_RFC = "ddd, dd MMM yyyy HH:mm:ss 'GMT'"
_FIXED = {"s": _ISO, "u": "yyyy-MM-dd HH:mm:ss'Z'", "r": _RFC, "R": _RFC}
_ROUND_TRIP = "yyyy-MM-ddTHH:mm:ss.fffffffK"
_SHORT_TIME, _LONG_TIME, _LONG_DATE = "h:mm tt", "h:mm:ss tt", "dddd, MMMM d, yyyy"
_ZONES = ("([+-](?:0[0-9]|1[0-4]))", "([+-](?:0[0-9]|1[0-4]))", "([+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))")
_NAMED = 3
"""From so many letters on, a day or a month is a name."""
_FULL = 4


def moment_text(value: str, pattern: str, culture: Culture, *, offset: bool) -> str:
    """Return SQL of a time's text in a format. ``offset``: it is an instant, printed in UTC.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none.
    """
    pieces: list[str] = []
    code = ""
    for token in tokens_of(pattern, _moment_pattern(pattern, culture), "dMyhHmsfFtzKg/"):
        short = _code(token, culture)
        if short is not None:
            code += short
            continue
        piece = _piece(token, value, culture, offset=offset)
        if token.letter == "F" and code.endswith("."):
            # A point before no digits disappears.
            code, piece = code[:-1], f"CASE WHEN {piece} = '' THEN '' ELSE '.' || {piece} END"
        if code:
            pieces.append(f"strftime({value}, {literal(code)})")
            code = ""
        pieces.append(piece)
    if code:
        pieces.append(f"strftime({value}, {literal(code)})")
    return f"CASE WHEN {value} IS NOT NULL THEN {' || '.join(pieces) or literal('')} END"


def moment_of(name: str, parsed: str, pattern: str, culture: Culture, *, offset: bool) -> tuple[str, str]:
    """Return SQL of the time that a text in a format tells (null where it is not so written), and SQL that ``parsed`` stands for.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none, or has a part twice.
    """
    names: list[str] = []
    pieces: list[str] = []
    for token in tokens_of(pattern, _moment_pattern(pattern, culture), "dMyhHmsfFtzKg/"):
        part, piece = _group(token, culture)
        if part in names:
            # The same part twice has to be the same; only the first counts here.
            part, piece = "", "(?:" + piece[1:]
        if token.letter == "F" and pieces and pieces[-1] == r"\.":
            pieces[-1] = r"\.?"
        pieces.append(piece)
        if part:
            names.append(part)
    whole = literal("".join(pieces))
    if not names:
        raise wrong(pattern, "it has no part of a date or a time")
    listed = ", ".join(f"'{part}'" for part in names)
    taken = f"regexp_extract({name}, concat('^(?:', {whole}, ')$'), [{listed}])"
    moment = moments.assembled({part: f"{parsed}.{part}" for part in names}, culture)
    if offset:
        moment = moments.instant_of(moment)
    return f"CASE WHEN regexp_full_match({name}, {whole}) THEN {moment} END", taken


def _moment_pattern(pattern: str, culture: Culture) -> str:
    """Return the custom format that a standard one stands for."""
    if len(pattern) > 1:
        return pattern
    if pattern in _FIXED:
        return _FIXED[pattern]
    clock, long_clock, day, long_day = _SHORT_TIME, _LONG_TIME, "/".join(_numeric(culture)), _LONG_DATE
    if not culture.is_english:
        clock, long_clock, long_day = "HH:mm", "HH:mm:ss", "dddd, d MMMM yyyy"
        day = culture.date_separator.join(_numeric(culture))
    patterns = {
        "o": _ROUND_TRIP,
        "O": _ROUND_TRIP,
        "d": day,
        "D": long_day,
        "f": f"{long_day} {clock}",
        "F": f"{long_day} {long_clock}",
        "g": f"{day} {clock}",
        "G": f"{day} {long_clock}",
        "m": "MMMM d" if culture.is_english else "d MMMM",
        "M": "MMMM d" if culture.is_english else "d MMMM",
        "t": clock,
        "T": long_clock,
        "U": f"{long_day} {long_clock}",
        "y": "MMMM yyyy",
        "Y": "MMMM yyyy",
    }
    if pattern not in patterns:
        raise wrong(pattern, "the standard ones are d D f F g G m o r s t T u U y; one custom letter is written as %d")
    return patterns[pattern]


def _numeric(culture: Culture) -> Iterator[str]:
    two = culture.name not in {"", "en-us"}
    for letter in culture.order:
        yield "yyyy" if letter == "y" else letter * 2 if two or not culture.name else letter


_CODES: Mapping[tuple[str, int], str] = {
    ("d", 1): "%-d",
    ("d", 2): "%d",
    ("M", 1): "%-m",
    ("M", 2): "%m",
    ("y", 2): "%y",
    ("y", 4): "%Y",
    ("h", 1): "%-I",
    ("h", 2): "%I",
    ("H", 1): "%-H",
    ("H", 2): "%H",
    ("m", 1): "%-M",
    ("m", 2): "%M",
    ("s", 1): "%-S",
    ("s", 2): "%S",
    ("f", 6): "%f",
    ("f", 7): "%f0",
}
_NAMES: Mapping[tuple[str, int], str] = {("d", 3): "%a", ("d", 4): "%A", ("M", 3): "%b", ("M", 4): "%B"}


def _code(token: Token, culture: Culture) -> str | None:
    """Return what stands for a token in ``strftime``; None: nothing does."""
    if not token.letter:
        return token.text.replace("%", "%%")
    if token.letter == "/":
        return culture.date_separator * token.count
    count = (
        min(token.count, _FULL)
        if token.letter in "dM"
        else min(token.count, 2)
        if token.letter in "hHms"
        else token.count
    )
    named = _NAMES.get((token.letter, count)) if culture.is_english else None
    if token.letter == "t" and token.count > 1 and culture.am == "AM":
        return "%p"
    return named or _CODES.get((token.letter, count))


def _piece(token: Token, value: str, culture: Culture, *, offset: bool) -> str:
    """Return SQL of a token that ``strftime`` knows nothing for."""
    match token.letter:
        case "f" | "F":
            digits = f"left(strftime({value}, '%f0'), {token.count})"
            return digits if token.letter == "f" else f"rtrim({digits}, '0')"
        case "d" | "M":
            days = culture.days_short if token.count == _NAMED else culture.days
            months = culture.months_short if token.count == _NAMED else culture.months
            names, number = (days, f"dayofweek({value}) + 1") if token.letter == "d" else (months, f"month({value})")
            return f"[{', '.join(literal(name) for name in names)}][{number}]"
        case "y":
            year = f"CAST(year({value}) % 100 AS VARCHAR)" if token.count == 1 else f"CAST(year({value}) AS VARCHAR)"
            return f"lpad({year}, CAST(greatest({token.count}, length({year})) AS INTEGER), '0')"
        case "t":
            am, pm = (literal(half if token.count > 1 else half[:1]) for half in (culture.am, culture.pm))
            return f"CASE WHEN hour({value}) < 12 THEN {am} ELSE {pm} END"
        case "z":
            return literal(("+0", "+00", "+00:00")[min(token.count, 3) - 1])
        case "K":
            return literal("+00:00" if offset else "")
        case _:
            return literal("A.D.")


def _group(token: Token, culture: Culture) -> tuple[str, str]:
    """Return the part that a token is, and a pattern of it with one group; no part: the pattern of literal text."""
    letter, count = token.letter, token.count
    if letter in "dM" and letter and count >= _NAMED:
        return _named_group(letter, count, culture)
    halves = (culture.am, culture.pm) if count > 1 else (culture.am[:1], culture.pm[:1])
    groups = {
        "": ("", re.escape(token.text)),
        "/": ("", re.escape(culture.date_separator) * count),
        "y": ("year", ("", "([0-9]{1,2})", "([0-9]{2})", "([0-9]{3,4})", "([0-9]{4})", "([0-9]{5})")[min(count, 5)]),
        "f": ("fraction", f"([0-9]{{{count}}})"),
        "F": ("fraction", f"([0-9]{{0,{count}}})"),
        "t": ("half", f"((?i:{'|'.join(re.escape(half) for half in halves)}))"),
        "z": ("zone", _ZONES[min(count, 3) - 1]),
        "K": ("zone", f"(Z|{_ZONES[2][1:-1]}|)"),
        "g": ("", "(?:A\\.D\\.|AD)"),
    }
    if letter in groups:
        return groups[letter]
    part = {"d": "day", "M": "month", "h": "hour", "H": "hour", "m": "minute", "s": "second"}[letter]
    if letter in "Hh":
        hours = ("0?[0-9]|1[0-2]", "0[0-9]|1[0-2]") if letter == "h" else (moments.HOUR, "[01][0-9]|2[0-3]")
        return part, f"({hours[count > 1]})"
    return part, "([0-9]{1,2})" if count == 1 else "([0-9]{2})"


def _named_group(letter: str, count: int, culture: Culture) -> tuple[str, str]:
    short = count == _NAMED
    if letter == "M":
        names, part = (culture.months_short if short else culture.months), "name"
    else:
        # Names of days are checked where they are the English ones.
        names, part = (culture.days_short if short else culture.days), "weekday" if culture.is_english else ""
    listed = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    return part, f"((?i:{listed}))" if part else f"(?i:{listed})"
