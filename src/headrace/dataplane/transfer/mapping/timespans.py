"""Lengths of time, held as microseconds, to text and back, as SQL: .NET's constant form ``[-][d.]hh:mm:ss[.fffffff]``."""

from headrace.dataplane.transfer.mapping.numbers import trimmed
from headrace.dataplane.transfer.session import literal

DAY = 86_400_000_000
_SECOND = 1_000_000
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


def text_of(span: str) -> str:
    """Return SQL of a length of time in the constant form."""
    size, rest = f"abs({span})", f"abs({span}) % {_SECOND}"
    clock = f"strftime(make_timestamp({size} % {DAY}), '%H:%M:%S')"
    days = f"CASE WHEN {size} >= {DAY} THEN concat({size} // {DAY}, '.') ELSE '' END"
    fraction = f"CASE WHEN {rest} = 0 THEN '' ELSE concat('.', lpad(CAST({rest} AS VARCHAR), 6, '0'), '0') END"
    sign = f"CASE WHEN {span} < 0 THEN '-' ELSE '' END"
    return f"CASE WHEN {span} IS NOT NULL THEN concat({sign}, {days}, {clock}, {fraction}) END"


def span_of(text: str) -> str:
    """Return SQL of a text as microseconds; null where it is no length of time."""
    plain, branches = trimmed(text), []
    for pattern, names in _FORMS:
        listed = ", ".join(f"'{name}'" for name in names)
        taken = f"regexp_extract({plain}, {literal(f'^(?:{pattern})$')}, [{listed}])"
        total = assembled({name: f"x.{name}" for name in names})
        branches.append(
            f"WHEN regexp_full_match({plain}, {literal(pattern)}) THEN list_transform([{taken}], lambda x: {total})[1]"
        )
    return f"CASE {' '.join(branches)} END"


def assembled(parts: dict[str, str]) -> str:
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
