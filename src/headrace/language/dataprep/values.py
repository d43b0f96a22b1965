"""SQL text with what the compiler knows of it, and how pieces of SQL are put together safely.

The invariants of a ``Value``, on which the whole compiler stands:

- ``sql`` never raises, whatever the row is. What cannot be evaluated is NULL.
- ``error`` is true exactly where the value could not be evaluated; it is never NULL; ``None`` means never.
- ``sound`` says that ``sql`` is NULL wherever ``error`` is true. Where it does not hold, the whole is wrapped at the end.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from headrace.core.schema import ColumnType, Kind

STRING = ColumnType(Kind.STRING)
BOOLEAN = ColumnType(Kind.BOOLEAN)
LONG = ColumnType(Kind.LONG)
DOUBLE = ColumnType(Kind.DOUBLE)
DATE = ColumnType(Kind.DATE)
TIMESTAMP = ColumnType(Kind.TIMESTAMP)
STRINGS = ColumnType(Kind.LIST, element=STRING)
JSON = ColumnType(Kind.JSON)
JSONS = ColumnType(Kind.LIST, element=JSON)
NUMBER = ColumnType(Kind.DECIMAL, 38, 18)
"""What to_bigint and to_decimal give: exact, 20 digits before the point and 18 behind it."""


@dataclass(frozen=True, slots=True)
class Value:
    """A compiled part of an expression.

    ``type`` is None when the value can only be null. ``constant`` is the Python value of a literal (with ``is_constant``).
    ``zone`` is SQL text of the time zone in which a timestamp shows its wall clock; None is UTC.
    """

    sql: str
    type: ColumnType | None
    error: str | None = None
    sound: bool = True
    is_constant: bool = False
    constant: object = None
    zone: str | None = None

    @property
    def may_be_null(self) -> bool:
        """Say whether the SQL can be NULL."""
        return not self.is_constant or self.constant is None

    def with_errors_of(self, *others: "Value") -> "Value":
        """Return the value, failing also where one of ``others`` fails."""
        error = either(self.error, *(other.error for other in others))
        if error is None:
            return self
        sound = self.sound and all(other.error is None for other in others)
        # What can fail is no constant: nobody may take its value without its error.
        return replace(self, error=error, sound=sound, is_constant=False, constant=None)


NULL = Value("NULL", None, is_constant=True, constant=None)

_ATOMIC = re.compile(
    r'(?:"(?:[^"]|"")*"\.)?"(?:[^"]|"")*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|NULL|true|false|_[velx]\d+(?:\.f\d+)?|\'(?:[^\']|\'\')*\''
)


def quote_identifier(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return a text as an SQL literal. NUL, which DuckDB's parser does not take, is put in by ``chr(0)``."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "concat(" + ", chr(0), ".join(parts) + ")"


def is_atomic(sql: str) -> bool:
    """Say whether SQL is a column or a literal, so that repeating it costs nothing."""
    return _ATOMIC.fullmatch(sql) is not None


def let(arguments: Sequence[str], body: Callable[..., str]) -> str:
    """Return ``body(*arguments)``, evaluating every argument once however often the body repeats it.

    DuckDB has no ``let``; a lambda over a list of one element is one, at about 8 ns a row. Without it, nested calls would grow
    the SQL exponentially. The lambda's variable has a name that occurs in none of the arguments, so it hides no column; the body
    must therefore use nothing but its arguments.
    """
    bound = [sql for sql in arguments if not is_atomic(sql)]
    if not bound:
        return body(*arguments)
    everything = " ".join(arguments).lower()
    number = 0
    while f"_v{number}" in everything:
        number += 1
    name = f"_v{number}"
    if len(bound) == 1:
        inner = body(*(sql if is_atomic(sql) else name for sql in arguments))
        return f"list_transform([{bound[0]}], lambda {name}: {inner})[1]"
    fields = iter(range(len(bound)))
    inner = body(*(sql if is_atomic(sql) else f"{name}.f{next(fields)}" for sql in arguments))
    packed = ", ".join(f"'f{index}': {sql}" for index, sql in enumerate(bound))
    return f"list_transform([{{{packed}}}], lambda {name}: {inner})[1]"


def variable(*sqls: str) -> str:
    """Return a name for the variable of a lambda over SQL: it occurs in none of the texts, so it hides no column in them."""
    everything = " ".join(sqls).lower()
    number = 0
    while f"_x{number}" in everything:
        number += 1
    return f"_x{number}"


def attempt(arguments: Sequence[str], body: Callable[..., str]) -> str:
    """Return ``body(*arguments)`` with NULL where it raises.

    TRY costs a microsecond for each row that raises, so it stands only where a guard would cost every row. DuckDB refuses it
    around a volatile function: an argument that has one is bound outside.
    """
    if any("uuid()" in sql for sql in arguments):
        return let(arguments, lambda *bound: f"TRY({body(*bound)})")
    return f"TRY({body(*arguments)})"


def either(*errors: str | None) -> str | None:
    """Return SQL that is true where any of ``errors`` is; None when there is none."""
    found = list(dict.fromkeys(error for error in errors if error is not None))
    return " OR ".join(found) if len(found) == 1 else "(" + " OR ".join(found) + ")" if found else None


def strict(sql: str, type_: ColumnType, arguments: Iterable[Value], *, fails: bool = False) -> Value:
    """Return the value of a function that is null when any argument is.

    With ``fails``, a null from arguments that are not null is a transform error.
    """
    given = list(arguments)
    error = either(*(argument.error for argument in given))
    if fails:
        conditions = dict.fromkeys(f"{argument.sql} IS NOT NULL" for argument in given if argument.may_be_null)
        own = "(" + " AND ".join([*conditions, f"{sql} IS NULL"]) + ")"
        error = either(error, own)
    return Value(sql, type_, error, sound=all(argument.error is None or argument.sound for argument in given))
