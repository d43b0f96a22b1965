"""Windows of a delta column as SQL conditions, half-open and exact for every type; pure.

A column has a grain: the smallest step between two of its values, in microseconds. Instants are rounded up to the grain on both sides,
so ``start <= value < end`` holds for the rounded bounds exactly when it holds for the true ones, and windows tile.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant, from_datetime, to_datetime
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.source import DeltaColumn, NullPolicy
from headrace.core.window import Window
from headrace.dataplane.connectors.databases.dialect import Column, Dialect, Family

_MILLISECOND = 1000
_NO_INSTANT = 10**18
"""Microseconds beyond every year that has a date."""
_LETTERS: tuple[tuple[str, str, int], ...] = (
    ("yyyy", "%Y", DAY),
    ("MM", "%m", DAY),
    ("dd", "%d", DAY),
    ("HH", "%H", HOUR),
    ("mm", "%M", MINUTE),
    ("ss", "%S", SECOND),
    ("SSSSSS", "%f", 1),
    ("SSS", "%f", _MILLISECOND),
)
_LEAST_LETTERS = 3
_TOKEN = re.compile(r"yyyy|MM|dd|HH|mm|ss|SSSSSS|SSS|'(?:[^']|'')*'|[^A-Za-z']")


@dataclass(frozen=True, slots=True)
class Axis:
    """How a column is compared with instants.

    ``sql`` is the column as an expression, ``grain`` its smallest step in microseconds, ``literal`` the SQL of a value (a multiple of the
    grain), ``micros`` the template that turns the largest value into text that ``parse`` reads (None: it cannot be read).
    """

    sql: str
    grain: int
    literal: Callable[[int], str]
    micros: str
    parse: Callable[[str], int | None]

    def up(self, instant: int) -> int:
        """Return the first value of the column's grain that is not before ``instant``."""
        return -(-instant // self.grain) * self.grain

    def down(self, instant: int) -> int:
        """Return the last value of the column's grain that is not after ``instant``."""
        return instant // self.grain * self.grain


def axis_of(delta: DeltaColumn, column: Column, dialect: Dialect) -> Axis:
    """Return how the delta column is compared; numbers are seconds where nobody said what they are.

    Raises:
        Problem: ``INVALID``: the type has no order of instants, or a text column has no format that sorts as time does.
    """
    scale = 1000 if delta.milliseconds else SECOND
    if column.family is Family.INTEGER:
        unit = _MILLISECOND if delta.milliseconds else SECOND
        return Axis(
            column.compared,
            unit,
            lambda v: str(v // unit),
            dialect.printed,
            lambda text: whole(text, _NO_INSTANT) * unit,
        )
    if column.family is Family.NUMBER:
        floored = dialect.floored.format("{}", scale)
        return Axis(column.compared, 1, lambda v: f"{Decimal(v) / scale:f}", floored, _number)
    if column.family is Family.TEXT:
        return _text_axis(delta, column, dialect)
    native = native_axis(column, dialect)
    if native is None:
        hint = "a timestamp, date, number or text column"
        message = f"the column {delta.name!r} of type {column.kind} has no order of instants"
        raise Problem.of_fields(Code.INVALID, "the delta column", (FieldError("delta.name", message, hint),))
    return native


def native_axis(column: Column, dialect: Dialect) -> Axis | None:
    """Return how a date or timestamp column is compared; None for every other type. Times without a zone are UTC."""
    if column.family not in (Family.INSTANT, Family.DATE):
        return None
    return Axis(
        column.compared,
        DAY if column.family is Family.DATE else column.grain,
        lambda value: instant_literal(value, column, dialect),
        dialect.printed,
        _parsed,
    )


def instant_literal(value: int, column: Column, dialect: Dialect) -> str:
    """Return the literal of an instant (microseconds) for a column of dates or of dates with times."""
    stamp = to_datetime(Instant(value)).strftime("%Y-%m-%d %H:%M:%S.%f").rjust(26, "0")
    return dialect.instants[column.kind].format(stamp[:10] if column.family is Family.DATE else stamp)


def _parsed(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None  # before the year 1, or a date that is none
    return from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def whole(text: str, otherwise: int) -> int:
    """Return the whole number that a database has printed; ``otherwise`` where it is infinite, or none."""
    try:
        return int(Decimal(text))
    except (ArithmeticError, ValueError):
        return otherwise


def _number(text: str) -> int | None:
    found = whole(text, _NO_INSTANT)
    return None if abs(found) >= _NO_INSTANT else found


def integer_axis(column: Column, dialect: Dialect) -> Axis | None:
    """Return how a whole-number column is compared with whole numbers; None for every other type."""
    return Axis(column.compared, 1, str, dialect.printed, int) if column.family is Family.INTEGER else None


def _text_axis(delta: DeltaColumn, column: Column, dialect: Dialect) -> Axis:
    pattern, grain, digits = _pattern_of(delta.format)

    def literal(value: int) -> str:
        text = to_datetime(Instant(value)).strftime(pattern.replace("%Y", f"{to_datetime(Instant(value)).year:04d}"))
        return dialect.literal(text[: len(text) - digits] if digits else text)

    def parse(text: str) -> int | None:
        try:
            return from_datetime(datetime.strptime(text, pattern).replace(tzinfo=UTC))
        except ValueError:
            return None

    return Axis(dialect.ordered.format(column.compared), grain, literal, "{}", parse)


def _pattern_of(form: str | None) -> tuple[str, int, int]:
    """Return the format as ``strftime`` wants it, its grain, and how many digits of the fraction are cut."""
    if form is None:
        raise _bad_format("a text column needs the format of its values")
    tokens = _TOKEN.findall(form)
    if "".join(tokens) != form:
        raise _bad_format(f"{form!r} has other letters than yyyy MM dd HH mm ss SSS SSSSSS, outside of quotes")
    letters = [entry for token in tokens for entry in _LETTERS if entry[0] == token]
    expected = [name for name, _, _ in _LETTERS[: len(letters)]]
    if len(letters) < _LEAST_LETTERS or [n[:3] for n, _, _ in letters] != [n[:3] for n in expected]:
        raise _bad_format(
            f"{form!r} does not sort as time does: year, month and day come first, and nothing is left out"
        )
    fraction = letters[-1][0]
    if fraction == "SSS" and not form.endswith("SSS"):
        raise _bad_format(f"{form!r}: milliseconds have to be at the end")
    by_name = {name: directive for name, directive, _ in _LETTERS}
    pattern = "".join(by_name.get(token) or _plain(token) for token in tokens)
    return pattern, letters[-1][2], 3 if fraction == "SSS" else 0


def _plain(token: str) -> str:
    text = token[1:-1].replace("''", "'") if token.startswith("'") else token
    return text.replace("%", "%%")


def _bad_format(message: str) -> Problem:
    error = FieldError("delta.format", message, "like yyyy-MM-dd'T'HH:mm:ss")
    return Problem.of_fields(Code.INVALID, "the delta column", (error,))


def condition(axis: Axis, window: Window, nulls: NullPolicy) -> str:
    """Return the condition that a row lies in ``window``; rows without a value as ``nulls`` says."""
    parts = []
    if window.start is not None:
        parts.append(f"{axis.sql} >= {axis.literal(axis.up(window.start))}")
    if window.end is not None:
        parts.append(f"{axis.sql} < {axis.literal(axis.up(window.end))}")
    inside = " AND ".join(parts) or f"{axis.sql} IS NOT NULL"
    return f"({inside} OR {axis.sql} IS NULL)" if reads_nulls(window, nulls) else f"({inside})"


def reads_nulls(window: Window, nulls: NullPolicy) -> bool:
    """Say whether rows without a value are read in this window."""
    return nulls is NullPolicy.INCLUDE and window.start is None


def bound(axis: Axis, now: int, lag_seconds: float, start: int | None) -> Instant:
    """Return the latest end that a window may have when nobody gave one: the present less the lag, at the column's grain."""
    latest = axis.down(now - round(lag_seconds * SECOND))
    return Instant(latest if start is None else max(latest, start))


def tightened(axis: Axis, window: Window, largest: str | None) -> Window:
    """Return the window with its end just behind the ``largest`` value that was found in it.

    A watermark moves to that end. So it never passes a value that nobody delivered: a writer whose clock is slow loses nothing. Without
    a value the window is empty, and nothing moves.
    """
    value = None if largest is None else axis.parse(largest)
    if largest is None:
        return Window(window.start, window.start)
    if value is None or window.end is None:
        return window
    return Window(window.start, Instant(min(window.end, value + axis.grain)))


def split(low: int, high: int, partitions: int) -> tuple[tuple[int | None, int | None], ...]:
    """Return at most ``partitions`` half-open ranges that tile everything; the outer ones are unbounded."""
    count = min(partitions, high - low + 1)
    cuts = sorted({low + (high - low + 1) * number // count for number in range(1, count)})
    return tuple(zip([None, *cuts], [*cuts, None], strict=True))
