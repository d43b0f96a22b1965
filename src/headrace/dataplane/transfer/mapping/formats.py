""".NET's formats of dates, times and lengths of time, as SQL: values written by them, and texts read that are exactly so written."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.mapping import moments, timespans
from headrace.dataplane.transfer.mapping.cultures import Culture
from headrace.dataplane.transfer.session import literal

_ISO = "yyyy-MM-ddTHH:mm:ss"
_RFC = "ddd, dd MMM yyyy HH:mm:ss 'GMT'"
_FIXED = {"s": _ISO, "u": "yyyy-MM-dd HH:mm:ss'Z'", "r": _RFC, "R": _RFC}
_ROUND_TRIP = "yyyy-MM-ddTHH:mm:ss.fffffffK"
_SHORT_TIME, _LONG_TIME, _LONG_DATE = "h:mm tt", "h:mm:ss tt", "dddd, MMMM d, yyyy"
_SPANS = {"c": "", "t": "", "T": ""}
_MOST_DECIMALS = 7
_NAMED = 3
"""From so many letters on, a day or a month is a name."""
_FULL = 4


@dataclass(frozen=True, slots=True)
class _Token:
    """``letter`` repeated ``count`` times, or (no letter) literal text."""

    letter: str
    count: int = 0
    text: str = ""


def moment_text(value: str, pattern: str, culture: Culture, *, offset: bool) -> str:
    """Return SQL of a time's text in a format. ``offset``: it is an instant, printed in UTC.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none.
    """
    pieces: list[str] = []
    code = ""
    for token in _tokens(pattern, _moment_pattern(pattern, culture), "dMyhHmsfFtzKg/"):
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
    for token in _tokens(pattern, _moment_pattern(pattern, culture), "dMyhHmsfFtzKg/"):
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
        raise _wrong(pattern, "it has no part of a date or a time")
    listed = ", ".join(f"'{part}'" for part in names)
    taken = f"regexp_extract({name}, concat('^(?:', {whole}, ')$'), [{listed}])"
    moment = moments.assembled({part: f"{parsed}.{part}" for part in names}, culture)
    if offset:
        moment = moments.instant_of(moment)
    return f"CASE WHEN regexp_full_match({name}, {whole}) THEN {moment} END", taken


def span_text(value: str, pattern: str) -> str:
    """Return SQL of a length of time in a format.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none.
    """
    if pattern in _SPANS:
        return timespans.text_of(value)
    pieces = []
    for token in _tokens(pattern, _span_pattern(pattern), "dhmsfF"):
        size = f"abs({value})"
        match token.letter:
            case "":
                pieces.append(literal(token.text))
            case "f" | "F":
                digits = f"left(lpad(CAST({size} % 1000000 AS VARCHAR), 6, '0') || '0', {token.count})"
                pieces.append(digits if token.letter == "f" else f"rtrim({digits}, '0')")
            case letter:
                unit, most = {"d": (86_400, 0), "h": (3600, 24), "m": (60, 60), "s": (1, 60)}[letter]
                number = f"({size} // {unit * 1_000_000})" + (f" % {most}" if most else "")
                pieces.append(
                    f"lpad(CAST({number} AS VARCHAR), greatest({token.count}, length(CAST({number} AS VARCHAR))), '0')"
                )
    signed = f"CASE WHEN {value} < 0 THEN '-' ELSE '' END || " if pattern in {"g", "G"} else ""
    return f"CASE WHEN {value} IS NOT NULL THEN {signed}{' || '.join(pieces)} END"


def span_of(name: str, parsed: str, pattern: str) -> tuple[str, str]:
    """Return SQL of the microseconds that a text in a format tells, and SQL that ``parsed`` stands for; as ``moment_of``."""
    if pattern in _SPANS:
        return timespans.span_of(name), ""
    names, pieces = [], []
    if pattern in {"g", "G"}:
        names, pieces = ["sign"], ["([-]?)"]
    words = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "f": "fraction", "F": "fraction"}
    for token in _tokens(pattern, _span_pattern(pattern), "dhmsfF"):
        if not token.letter:
            pieces.append(re.escape(token.text))
            continue
        if words[token.letter] in names:
            raise _wrong(pattern, f"it has {words[token.letter]} twice")
        names.append(words[token.letter])
        low, high = (0, token.count) if token.letter == "F" else (token.count, token.count)
        if token.count == 1 and token.letter in "dhms":
            high = 8 if token.letter == "d" else 2
        pieces.append(f"([0-9]{{{low},{high}}})")
    if not names:
        raise _wrong(pattern, "it has no part of a length of time")
    whole, listed = literal("".join(pieces)), ", ".join(f"'{part}'" for part in names)
    total = timespans.assembled({part: f"{parsed}.{part}" for part in names})
    taken = f"regexp_extract({name}, concat('^(?:', {whole}, ')$'), [{listed}])"
    return f"CASE WHEN regexp_full_match({name}, {whole}) THEN {total} END", taken


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
        raise _wrong(pattern, "the standard ones are d D f F g G m o r s t T u U y; one custom letter is written as %d")
    return patterns[pattern]


def _numeric(culture: Culture) -> Iterator[str]:
    two = culture.name not in {"", "en-us"}
    for letter in culture.order:
        yield "yyyy" if letter == "y" else letter * 2 if two or not culture.name else letter


def _span_pattern(pattern: str) -> str:
    if pattern == "g":
        return r"d\:h\:mm\:ss\.FFFFFFF"
    if pattern == "G":
        return r"d\:hh\:mm\:ss\.fffffff"
    if len(pattern) == 1:
        raise _wrong(pattern, "the standard ones are c, g and G; one custom letter is written as %h")
    return pattern


def _tokens(given: str, pattern: str, letters: str) -> Iterator[_Token]:
    """Cut a custom format into its parts; ``given``: what the request says, for messages."""
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "%" and pattern[at + 1 : at + 2] not in {"", "%"}:
            at += 1
            continue
        if letter in letters:
            count = len(pattern[at:]) - len(pattern[at:].lstrip(letter))
            if letter in "fF" and count > _MOST_DECIMALS:
                raise _wrong(given, "it has more than seven decimals")
            yield _Token(letter, count)
            at += count
        elif letter in "'\"":
            text, at = _quoted(given, pattern, at)
            yield _Token("", text=text)
        elif letter == "\\" and at + 1 < len(pattern):
            yield _Token("", text=pattern[at + 1])
            at += 2
        elif letter in "%\\":
            raise _wrong(given, f"nothing stands behind {letter}")
        else:
            yield _Token("", text=letter)
            at += 1


def _quoted(given: str, pattern: str, at: int) -> tuple[str, int]:
    """Return what is between the quote at ``at`` and the next one like it, and where the pattern goes on."""
    quote, text = pattern[at], ""
    at += 1
    while at < len(pattern) and pattern[at] != quote:
        at += pattern[at] == "\\" and at + 1 < len(pattern)
        text += pattern[at]
        at += 1
    if at >= len(pattern):
        raise _wrong(given, f"the {quote} is not closed")
    return text, at + 1


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


def _code(token: _Token, culture: Culture) -> str | None:
    """Return what stands for a token in ``strftime``; None: nothing does."""
    if not token.letter:
        return token.text.replace("%", "%%")
    if token.letter == "/":
        return culture.date_separator * token.count
    count = (
        min(token.count, _FULL)
        if token.letter in "dMy"
        else min(token.count, 2)
        if token.letter in "hHms"
        else token.count
    )
    named = _NAMES.get((token.letter, count)) if culture.is_english else None
    if token.letter == "t" and token.count > 1 and culture.am == "AM":
        return "%p"
    return named or _CODES.get((token.letter, count))


def _piece(token: _Token, value: str, culture: Culture, *, offset: bool) -> str:
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
            return f"lpad({year}, greatest({token.count}, length({year})), '0')"
        case "t":
            am, pm = (literal(half if token.count > 1 else half[:1]) for half in (culture.am, culture.pm))
            return f"CASE WHEN hour({value}) < 12 THEN {am} ELSE {pm} END"
        case "z":
            return literal(("+0", "+00", "+00:00")[min(token.count, 3) - 1])
        case "K":
            return literal("+00:00" if offset else "")
        case _:
            return literal("A.D.")


def _group(token: _Token, culture: Culture) -> tuple[str, str]:
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
        "z": ("zone", ("([+-][0-9]{1,2})", "([+-][0-9]{2})", "([+-][0-9]{2}:[0-9]{2})")[min(count, 3) - 1]),
        "K": ("zone", "(Z|[+-][0-9]{2}:[0-9]{2}|)"),
        "g": ("", "(?:A\\.D\\.|AD)"),
    }
    if letter in groups:
        return groups[letter]
    part = {"d": "day", "M": "month", "h": "hour", "H": "hour", "m": "minute", "s": "second"}[letter]
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


def _wrong(pattern: str, why: str) -> TransferProblem:
    return TransferProblem(
        Reason.REQUEST_INVALID, Side.NEITHER, f"the format {pattern!r} of dates or times is not supported: {why}"
    )
