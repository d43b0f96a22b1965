"""Text to instants without an explicit format: the list of section 8.6 of the contract, as one guarded CASE.

Each form is recognised strictly by its shape before DuckDB parses it, since DuckDB's own parsers also take what the list does
not have (``infinity``, ``epoch``, years before Christ) and its cast to TIMESTAMP drops an offset without a word. The two commonest
forms come first and are recognised by LIKE, which is five times as fast as a regular expression.
``make_timestamptz(epoch_us(…))`` turns a wall clock in UTC into an instant: three times as fast as a cast, which asks ICU.
"""

from typing import Final

from headrace.language.dataprep.values import let, quote_text

YEAR: Final = r"(?:\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})"
"""The shape of a year of four digits, from 0001 on: DuckDB reads 0000 as a year before Christ."""

_ISO: Final = YEAR + r"-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?"
_OFFSET: Final = r" ?(Z|[+-](0\d|1[0-8])(:?[0-5]\d)?)"

_QUICK: Final = ("____-__-__ __:__:__", "____-__-__", "____-__-__T__:__:__Z", "____-__-__T__:__:__")

_FORMS: Final[tuple[tuple[str, str, str], ...]] = (
    ("____/__/__", YEAR + r"/\d\d/\d\d", "%Y/%m/%d"),
    ("____.__.__", YEAR + r"\.\d\d\.\d\d", "%Y.%m.%d"),
    ("____-___-__", YEAR + r"-[A-Za-z]{3}-\d\d", "%Y-%b-%d"),
    ("__-__-____", r"\d\d-\d\d-" + YEAR, "%m-%d-%Y"),
    ("%/__/____", r"\d{1,2}/\d\d/" + YEAR, "%m/%d/%Y"),
    ("__.%.____", r"\d\d\.\d{1,2}\." + YEAR, "%d.%m.%Y"),
    (
        "%/__/____ __:__:__ __",
        r"\d{1,2}/\d\d/" + YEAR + r" (0[1-9]|1[0-2]):\d\d:\d\d [AaPp][Mm]",
        "%m/%d/%Y %I:%M:%S %p",
    ),
    (
        "__.%.____ __:__:__ __",
        r"\d\d\.\d{1,2}\." + YEAR + r" (0[1-9]|1[0-2]):\d\d:\d\d [AaPp][Mm]",
        "%d.%m.%Y %I:%M:%S %p",
    ),
    ("__.___.____", r"\d\d\.[A-Za-z]{3}\." + YEAR, "%d.%b.%Y"),
    ("__-___-____", r"\d\d-[A-Za-z]{3}-" + YEAR, "%d-%b-%Y"),
    ("________T%", r"\d{8}T\d{6}Z?", "%Y%m%dT%H%M%S"),
)

_ROLLING: Final = (("____-___", "%Y-%j"), ("____-W__-_", "%G-W%V-%u"))
"""ISO forms for which strptime takes day 366 of any year: the text must come out again."""


def instant_of_wall(sql: str) -> str:
    """Return the instant of a wall clock (TIMESTAMP) in UTC."""
    return f"make_timestamptz(epoch_us({sql}))"


def wall_of_instant(sql: str) -> str:
    """Return the wall clock (TIMESTAMP) of an instant in UTC."""
    return f"make_timestamp(epoch_us({sql}))"


def instant_of_text(sql: str) -> str:
    """Return the instant that a text names, NULL when no form fits. No zone means UTC."""
    return let([sql], _instant)


def date_of_text(sql: str) -> str:
    """Return the date that a text names, for a text with an offset the date in UTC."""
    return let(
        [sql],
        lambda text: (
            f"CASE WHEN {text} LIKE '____-__-__' AND {text} >= '0001' THEN TRY_CAST({text} AS DATE) "
            f"ELSE CAST({wall_of_instant(_instant(text))} AS DATE) END"
        ),
    )


def _instant(text: str) -> str:
    quick = " OR ".join(f"{text} LIKE '{shape}'" for shape in _QUICK)
    wall = instant_of_wall(f"TRY_CAST({text} AS TIMESTAMP)")
    zoned = f"TRY_CAST({text} AS TIMESTAMP WITH TIME ZONE)"
    cases = [
        f"WHEN ({quick}) AND {text} >= '0001' THEN {wall}",
        f"WHEN regexp_full_match({text}, {quote_text(_ISO)}) AND {text} >= '0001' THEN {wall}",
        f"WHEN regexp_full_match({text}, {quote_text(_ISO + _OFFSET)}) AND {text} >= '0001' THEN {zoned}",
        f"WHEN regexp_full_match({text}, '\\d{{8}}') THEN {_eight_digits(text)}",
    ]
    for shape, regex, form in _FORMS:
        parsed = instant_of_wall(f"try_strptime({_without_z(text, form)}, {quote_text(form)})")
        cases.append(f"WHEN {text} LIKE '{shape}' AND regexp_full_match({text}, {quote_text(regex)}) THEN {parsed}")
    for shape, form in _ROLLING:
        parsed = f"try_strptime({text}, '{form}')"
        cases.append(
            f"WHEN {text} LIKE '{shape}' AND strftime({parsed}, '{form}') = {text} THEN {instant_of_wall(parsed)}"
        )
    return "CASE " + " ".join(cases) + " END"


def _eight_digits(text: str) -> str:
    """YyyyMMdd where that is a date, else MMddyyyy."""
    first, second = (f"try_strptime({text}, '{form}')" for form in ("%Y%m%d", "%m%d%Y"))
    return instant_of_wall(f"COALESCE({first}, {second})")


def _without_z(text: str, form: str) -> str:
    """Cut the optional Z of the one form that has it: strptime's %Z would ask for a zone's name."""
    return f"left({text}, 15)" if form == "%Y%m%dT%H%M%S" else text
