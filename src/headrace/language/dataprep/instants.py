"""Text to instants without an explicit format: the list of section 8.6 of the contract, as one guarded CASE.

Each form is recognised strictly by its shape before DuckDB parses it, since DuckDB's own parsers also take what the list does
not have (``infinity``, ``epoch``, years before Christ) and its cast to TIMESTAMP drops an offset without a word. The commonest
forms come first: a text that DuckDB would write again as it stands needs no regular expression (three times as fast).
``make_timestamptz(epoch_us(…))`` turns a wall clock in UTC into an instant: three times as fast as a cast, which asks ICU.
"""

from typing import Final

from headrace.language.dataprep.values import let, quote_text

YEAR: Final = r"(?:\d{3}[1-9]|\d\d[1-9]\d|\d[1-9]\d\d|[1-9]\d{3})"
"""The shape of a year of four digits, from 0001 on: DuckDB reads 0000 as a year before Christ."""

_ISO: Final = YEAR + r"-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?"
_OFFSET: Final = r" ?[+-](0\d|1[0-8])(:?[0-5]\d)?"
_SPACELESS: Final = "[0-9][0-9A-Za-z/.-]+"
_YEARS: Final = "BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'"

_FORMS: Final = (
    ("____/__/__", "%Y/%m/%d"),
    ("____.__.__", "%Y.%m.%d"),
    ("____-___-__", "%Y-%b-%d"),
    ("________", "%Y%m%d"),
    ("__-__-____", "%m-%d-%Y"),
    ("________", "%m%d%Y"),
    ("%/__/____", "%m/%d/%Y"),
    ("__.%.____", "%d.%m.%Y"),
    ("__.___.____", "%d.%b.%Y"),
    ("__-___-____", "%d-%b-%Y"),
    ("________T______", "%Y%m%dT%H%M%S"),
    ("________T______Z", "%Y%m%dT%H%M%SZ"),
)
"""Forms without a space: for these, the shape and strptime together are as strict as a regular expression."""

_TWELVE_HOURS: Final = r"\d{1,2}[/.]\d{1,2}[/.]\d{4} \d\d:\d\d:\d\d [AaPp][Mm]"
_TWELVE_HOUR_FORMS: Final = (("%/__/%", "%m/%d/%Y %I:%M:%S %p"), ("__.%.%", "%d.%m.%Y %I:%M:%S %p"))

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

    def body(text: str) -> str:
        day = f"TRY_CAST({text} AS DATE)"
        quick = f"CAST({day} AS VARCHAR) = {text} AND {day} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
        return f"CASE WHEN {quick} THEN {day} ELSE CAST({wall_of_instant(_instant(text))} AS DATE) END"

    return let([sql], body)


def _instant(text: str) -> str:
    """What DuckDB would write again as it stands is recognised by that; all other forms by their shape."""
    wall = f"TRY_CAST({text} AS TIMESTAMP)"
    day = f"TRY_CAST({text} AS DATE)"
    quick = f"CAST({wall} AS VARCHAR) = {text} AND {wall} {_YEARS}"
    quick_day = f"CAST({day} AS VARCHAR) = {text} AND {wall} {_YEARS}"
    iso = f"regexp_full_match({text}, {quote_text(_ISO + '( ?Z)?')})"
    zoned = f"regexp_full_match({text}, {quote_text(_ISO + _OFFSET)})"
    spaceless = f"regexp_full_match({text}, {quote_text(_SPACELESS)})"
    other = f"CASE WHEN {spaceless} THEN {_spaceless(text)} ELSE {_twelve_hours(text)} END"
    return (
        f"CASE WHEN {quick} THEN {instant_of_wall(wall)} WHEN {text} LIKE '____-__-__' AND {quick_day} THEN {instant_of_wall(wall)} "
        f"WHEN {iso} THEN {instant_of_wall(wall)} WHEN {zoned} THEN TRY_CAST({text} AS TIMESTAMP WITH TIME ZONE) "
        f"ELSE {instant_of_wall(_not_before_christ(other))} END"
    )


def _spaceless(text: str) -> str:
    """Return the wall clock of the forms without a space, each tried where its shape fits, in the order of the contract."""
    tried = [f"CASE WHEN {text} LIKE '{shape}' THEN try_strptime({text}, '{form}') END" for shape, form in _FORMS]
    for shape, form in _ROLLING:
        parsed = f"try_strptime({text}, '{form}')"
        tried.append(f"CASE WHEN {text} LIKE '{shape}' AND strftime({parsed}, '{form}') = {text} THEN {parsed} END")
    return f"COALESCE({', '.join(tried)})"


def _twelve_hours(text: str) -> str:
    cases = " ".join(
        f"WHEN {text} LIKE '{shape}' THEN try_strptime({text}, '{form}')" for shape, form in _TWELVE_HOUR_FORMS
    )
    return f"CASE WHEN regexp_full_match({text}, {quote_text(_TWELVE_HOURS)}) THEN CASE {cases} END END"


def _not_before_christ(wall: str) -> str:
    """DuckDB reads 0000 as a year before Christ; no form has such years."""
    return let([wall], lambda clock: f"CASE WHEN {clock} >= TIMESTAMP '0001-01-01' THEN {clock} END")
