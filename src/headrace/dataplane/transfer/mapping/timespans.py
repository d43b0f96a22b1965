"""Lengths of time, held as microseconds, to text and back, as SQL: .NET's constant form ``[-][d.]hh:mm:ss[.fffffff]``, and its formats."""

import re

from headrace.dataplane.transfer.mapping.numbers import trimmed
from headrace.dataplane.transfer.mapping.patterns import tokens_of, wrong
from headrace.dataplane.transfer.session import literal

DAY = 86_400_000_000
_SECOND = 1_000_000
_CONSTANT = frozenset({"", "c", "t", "T"})
_UNITS = {"d": (86_400, 0), "h": (3600, 24), "m": (60, 60), "s": (1, 60)}
_WORDS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds", "f": "fraction", "F": "fraction"}
# Days alone; days and a clock, set apart by a point or a colon; a clock of hours and minutes, perhaps with seconds.
_CLOCK = r"([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.([0-9]{1,7}))?)?"
_FORMS = (
    ("([-]?)([0-9]{1,8})", ("sign", "days")),
    (rf"([-]?){_CLOCK}", ("sign", "hours", "minutes", "seconds", "fraction")),
    (rf"([-]?)([0-9]{{1,8}})\.{_CLOCK}", ("sign", "days", "hours", "minutes", "seconds", "fraction")),
    (
        r"([-]?)([0-9]{1,8}):([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]{1,7}))?",
        ("sign", "days", "hours", "minutes", "seconds", "fraction"),
    ),
)


def text_of(span: str, pattern: str = "") -> str:
    """Return SQL of a length of time in a format; empty: the constant one.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none.
    """
    if pattern in _CONSTANT:
        return _constant(span)
    size, pieces = f"abs({span})", []
    for token in tokens_of(pattern, _custom(pattern), "dhmsfF"):
        if not token.letter:
            pieces.append(literal(token.text))
        elif token.letter in "fF":
            digits = f"left(lpad(CAST({size} % {_SECOND} AS VARCHAR), 6, '0') || '0', {token.count})"
            pieces.append(digits if token.letter == "f" else f"rtrim({digits}, '0')")
        else:
            unit, most = _UNITS[token.letter]
            number = f"CAST(({size} // {unit * _SECOND}){f' % {most}' if most else ''} AS VARCHAR)"
            pieces.append(f"lpad({number}, CAST(greatest({token.count}, length({number})) AS INTEGER), '0')")
    text = " || ".join(pieces)
    if pattern == "g":
        text = (
            f"CASE WHEN {size} >= {DAY} THEN concat({size} // {DAY}, ':') ELSE '' END || rtrim(rtrim({text}, '0'), '.')"
        )
    signed = f"CASE WHEN {span} < 0 THEN '-' ELSE '' END || " if pattern in {"g", "G"} else ""
    return f"CASE WHEN {span} IS NOT NULL THEN {signed}{text} END"


def span_of(name: str, parsed: str, pattern: str = "") -> tuple[str, str]:
    """Return SQL of the microseconds that a text in a format tells (null where it is not so written), and SQL that ``parsed`` stands for.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none, or has a part twice.
    """
    if pattern in _CONSTANT | {"g", "G"}:
        return _any(name), ""
    names, pieces = list[str](), []
    for token in tokens_of(pattern, _custom(pattern), "dhmsfF"):
        if not token.letter:
            pieces.append(re.escape(token.text))
            continue
        if _WORDS[token.letter] in names:
            raise wrong(pattern, f"it has {_WORDS[token.letter]} twice")
        names.append(_WORDS[token.letter])
        low, high = (0, token.count) if token.letter == "F" else (token.count, token.count)
        if token.count == 1 and token.letter in "dhms":
            high = 8 if token.letter == "d" else 2
        pieces.append(f"([0-9]{{{low},{high}}})")
    if not names:
        raise wrong(pattern, "it has no part of a length of time")
    whole, listed = "".join(pieces), ", ".join(f"'{part}'" for part in names)
    total = _assembled({part: f"{parsed}.{part}" for part in names})
    taken = f"regexp_extract({name}, {literal(f'^(?:{whole})$')}, [{listed}])"
    return f"CASE WHEN regexp_full_match({name}, {literal(whole)}) THEN {total} END", taken


def _custom(pattern: str) -> str:
    if pattern == "g":
        return r"h\:mm\:ss\.ffffff"
    if pattern == "G":
        return r"d\:hh\:mm\:ss\.fffffff"
    if len(pattern) == 1:
        raise wrong(pattern, "the standard ones are c, g and G; one custom letter is written as %h")
    return pattern


def _constant(span: str) -> str:
    size, rest = f"abs({span})", f"abs({span}) % {_SECOND}"
    clock = f"strftime(make_timestamp({size} % {DAY}), '%H:%M:%S')"
    days = f"CASE WHEN {size} >= {DAY} THEN concat({size} // {DAY}, '.') ELSE '' END"
    fraction = f"CASE WHEN {rest} = 0 THEN '' ELSE concat('.', lpad(CAST({rest} AS VARCHAR), 6, '0'), '0') END"
    sign = f"CASE WHEN {span} < 0 THEN '-' ELSE '' END"
    return f"CASE WHEN {span} IS NOT NULL THEN concat({sign}, {days}, {clock}, {fraction}) END"


def _assembled(parts: dict[str, str]) -> str:
    """Return SQL of microseconds put together of ``parts`` (SQL of digits, empty or left out where missing); null where hours pass 23, …."""
    number = {
        name: f"coalesce(TRY_CAST({parts[name]} AS BIGINT), 0)" if name in parts else "0"
        for name in ("days", "hours", "minutes", "seconds")
    }
    fraction = "0"
    if "fraction" in parts:
        fraction = f"coalesce(TRY_CAST(rpad(left({parts['fraction']}, 6), 6, '0') AS BIGINT), 0)"
    sign = f"CASE WHEN {parts['sign']} = '-' THEN -1 ELSE 1 END" if "sign" in parts else "1"
    seconds = f"{number['hours']} * 3600 + {number['minutes']} * 60 + {number['seconds']}"
    total = f"{sign} * ({number['days']} * {DAY} + ({seconds}) * {_SECOND} + {fraction})"
    # .NET's longest one has 10,675,199 days.
    checks = f"{number['hours']} < 24 AND {number['minutes']} < 60 AND {number['seconds']} < 60 AND {number['days']} < 10675199"
    return f"CASE WHEN {checks} THEN {total} END"


def _any(text: str) -> str:
    """Return SQL of a text in the constant form, or in a general one, as microseconds."""
    plain, branches = trimmed(text), []
    for pattern, names in _FORMS:
        listed = ", ".join(f"'{name}'" for name in names)
        taken = f"regexp_extract({plain}, {literal(f'^(?:{pattern})$')}, [{listed}])"
        total = _assembled({name: f"x.{name}" for name in names})
        branches.append(
            f"WHEN regexp_full_match({plain}, {literal(pattern)}) THEN list_transform([{taken}], lambda x: {total})[1]"
        )
    return f"CASE {' '.join(branches)} END"
