"""Text to numbers, as SQL: .NET's rules, with the separators of a culture.

DuckDB's own casts take more (``1_000``, ``0x1F``, ``1.5`` for a whole number): what they give is kept where it is written in the plain form,
and everything else has to match a pattern first.
"""

import re

from headrace.dataplane.transfer.mapping.cultures import Culture
from headrace.dataplane.transfer.session import literal
from headrace.dataplane.transfer.values import Field, ValueType

BLANKS = " \t\n\v\f\r"
"""What may stand around a value."""

_WHOLE = frozenset(
    {
        ValueType.BYTE,
        ValueType.SBYTE,
        ValueType.INT16,
        ValueType.UINT16,
        ValueType.INT32,
        ValueType.UINT32,
        ValueType.INT64,
        ValueType.UINT64,
    }
)


def trimmed(text: str) -> str:
    """Return SQL of a text without blanks around it."""
    return f"trim({text}, {literal(BLANKS)})"


def parse(text: str, sink: Field) -> str:
    """Return SQL of what DuckDB makes of a text: null where it is no number at all. ``number`` judges it."""
    return f"TRY_CAST({text} AS {sink.sql})"


def number(text: str, parsed: str, sink: Field, culture: Culture, *, truncates: bool) -> str:
    """Return SQL of a text as a number; null where it is none, or none that the type holds. ``parsed``: SQL of what ``parse`` gave."""
    point = culture.decimal == "."
    if sink.type in _WHOLE:
        plain = f"WHEN CAST({parsed} AS VARCHAR) = {text} THEN {parsed} "
        return f"CASE {plain}{_tolerant(text, sink, culture, _whole(culture))} END"
    if sink.type is ValueType.DECIMAL:
        sure = f"{held(parsed, sink)} AND NOT contains({text}, '_')" + (
            "" if truncates else f" AND {_short(text, sink)}"
        )
        plain = f"WHEN {sure} THEN {parsed} " if point else ""
        pattern = _decimal(culture) if truncates else _decimal(culture, sink.scale)
        return f"CASE {plain}{_tolerant(text, sink, culture, pattern)} END"
    plain = f"WHEN isfinite({parsed}) AND NOT contains({text}, '_') THEN {parsed} " if point else ""
    return f"CASE {plain}{_tolerant(text, sink, culture, _decimal(culture))}{_special(text, sink)} END"


def held(decimal: str, sink: Field) -> str:
    """Return SQL that is true where a decimal is one of the type: DuckDB casts ``1.23e5`` to types that are too narrow for it."""
    digits = "9" * sink.precision
    most = f"{digits[sink.scale :] or '0'}.{digits[: sink.scale]}".rstrip(".")
    return f"{decimal} BETWEEN CAST('-{most}' AS {sink.sql}) AND CAST('{most}' AS {sink.sql})"


def _tolerant(text: str, sink: Field, culture: Culture, pattern: str) -> str:
    """Return the branch of texts with signs, blanks and separators."""
    # DuckDB passes over blanks around by itself, and its trim takes longer than all of this.
    plain = text
    for group in culture.groups:
        plain = f"replace({plain}, {literal(group)}, '')"
    if culture.decimal != ".":
        plain = f"replace({plain}, {literal(culture.decimal)}, '.')"
    cast = f"TRY_CAST({plain} AS {sink.sql})"
    if sink.type in {ValueType.SINGLE, ValueType.DOUBLE}:
        cast = f"CASE WHEN isfinite({cast}) THEN {cast} END"
    if sink.type is ValueType.DECIMAL:
        cast = f"CASE WHEN {held(cast, sink)} THEN {cast} END"
    return f"WHEN regexp_full_match({text}, {literal(_BLANK + pattern + _BLANK)}) THEN {cast}"


def _special(text: str, sink: Field) -> str:
    branches = "".join(
        f" WHEN '{word}' THEN CAST('{value}' AS {sink.sql})"
        for word, value in (
            ("nan", "nan"),
            ("infinity", "inf"),
            ("+infinity", "inf"),
            ("-infinity", "-inf"),
            ("\u221e", "inf"),
            ("-\u221e", "-inf"),
        )
    )
    return f" ELSE CASE lower({trimmed(text)}){branches} END"


_BLANK = r"[\t-\r ]*"


def _digits(culture: Culture) -> str:
    """Return the pattern of digits before the point: thousands, if set apart at all, are whole (``1,5`` is no fifteen)."""
    groups = "".join(re.escape(group) for group in culture.groups)
    if culture.name.endswith("-in"):  # 12,34,567
        return rf"([0-9]+|[0-9]{{1,3}}([{groups}][0-9]{{2,3}})*[{groups}][0-9]{{3}})"
    return rf"([0-9]+|[0-9]{{1,3}}([{groups}][0-9]{{3}})+)"


def _whole(culture: Culture) -> str:
    return rf"[+-]?{_digits(culture)}"


def _decimal(culture: Culture, scale: int | None = None) -> str:
    """Return the pattern of a number; with ``scale``, of one with no more than so many decimals that tell, and no exponent."""
    point, before = re.escape(culture.decimal), _digits(culture)
    if scale is None:
        return rf"[+-]?({before}({point}[0-9]*)?|{point}[0-9]+)([eE][+-]?[0-9]+)?"
    return rf"[+-]?({before}({point}[0-9]{{0,{scale}}}0*)?|{point}[0-9]{{1,{max(scale, 1)}}}0*)"


def _short(text: str, sink: Field) -> str:
    """Return SQL that is true where a number that DuckDB has read has no more decimals than the type holds."""
    pattern = rf"[^.eE]*([.][0-9]{{0,{sink.scale}}}0*)?[\t-\r ]*"
    return f"regexp_full_match({text}, {literal(pattern)})"
