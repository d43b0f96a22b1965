"""SQL that is put together in steps: each step is a query around the one before it, so that nothing is computed twice.

    step 0: values of expressions → step 1: converted, failed → step 2: with defaults, refused → further steps where objects are nested

What a step computes stands beside all that earlier steps have computed, under names that no source can have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.mapping import CompiledCast, MappingLanguage
from headrace.core.schema import ColumnType
from headrace.dataplane.promotion.reading import Source
from headrace.dataplane.promotion.session import Session, identifier
from headrace.dataplane.promotion.validation import Rule

MAX_SQL = 20_000_000
"""Characters of SQL that a mapping may become: a thousand elements with ten thousand fields each would be gigabytes."""
MISSING = "is required, but missing or null"
"""What is said of a required value that is not there."""
UNRULED = "false"
"""In the place of whether the object around a place is there: the place is an element, whose list looks at all rules but that of types."""


@dataclass(frozen=True, slots=True)
class Held:
    """A value for a place: ``sql`` over what the steps before ``step`` have computed. ``type`` None: it is null.

    ``failed``: name of whether its expression could not be evaluated. ``stands`` says that ``sql`` is a name already.
    """

    sql: str
    type: ColumnType | None
    step: int
    failed: str | None = None
    stands: bool = False


@dataclass(frozen=True, slots=True)
class Built:
    """A finished place: ``sql`` of its value with defaults, and of whether anything but defaults is in it, both for ``step`` and later."""

    sql: str
    present: str
    step: int


@dataclass(frozen=True, slots=True)
class Fallible:
    """A place whose expression can fail; ``has_default`` means that a failure need not show as null."""

    key: str
    path: str
    expression: str
    has_default: bool


@dataclass(slots=True)
class Staging:
    """Steps, rules and faults of a mapping, while it is put together."""

    source: Source
    language: MappingLanguage
    session: Session
    steps: list[list[str]] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    fallible: list[Fallible] = field(default_factory=list)
    errors: list[tuple[Problem, FieldError]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    """What is computed only to say why rows are rejected, after all steps."""
    size: int = 0
    """Characters of SQL so far."""

    def put(self, step: int, sql: str, name: str) -> None:
        """Compute ``sql`` in a step, under ``name``.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: all of it together has become too much.
        """
        self._count(sql)
        while len(self.steps) <= step:
            self.steps.append(["*"])
        self.steps[step].append(f"{sql} AS {name}")

    def reason(self, sql: str) -> str:
        """Compute ``sql`` over what all steps have computed, where reasons of rejects are looked for; return its name.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: all of it together has become too much.
        """
        self._count(sql)
        name = identifier(f"\u0001reason {len(self.reasons)}")
        self.reasons.append(f"{sql} AS {name}")
        return name

    def _count(self, sql: str) -> None:
        self.size += len(sql)
        if self.size > MAX_SQL:
            message = (
                "the mapping and the schema are too large together: name fewer elements of lists, or map fewer fields"
            )
            raise Problem(Code.LIMIT_EXCEEDED, message)

    def standing(self, held: Held, name: str) -> Held:
        """Return ``held`` under a name, so that it can be written often."""
        if held.stands:
            return held
        self.put(held.step, held.sql, name)
        return Held(name, held.type, held.step + 1, held.failed, stands=True)

    def null(self, type_: ColumnType) -> str:
        """Return SQL of a null of ``type_``."""
        return self.language.cast("NULL", None, type_).sql

    def cast(self, key: str, held: Held, type_: ColumnType) -> CompiledCast:
        """Return the conversion of a value that stands under a name; one that cannot be is noted, and null."""
        try:
            return self.language.cast(held.sql, held.type, type_)
        except Problem as problem:
            self.fault(key, problem)
            return self.language.cast("NULL", None, type_)

    def fault(self, key: str, problem: Problem) -> None:
        """Note what is wrong with the mapping of ``key``."""
        self.errors.append((problem, FieldError(f"mapping.{key}", problem.message)))


def convert(staging: Staging, key: str, type_: ColumnType, helds: Sequence[Held]) -> tuple[list[str], list[str], int]:
    """Return the names of the converted values, SQL of when each of them is refused, and the step in which both can be used.

    A value that is not needed, since one before it is there, is not refused.
    """
    values: list[str] = []
    refused: list[str] = []
    step = 0
    for number, given in enumerate(helds):
        held = staging.standing(given, value_name(key, number + 1))
        cast = staging.cast(key, held, type_)
        name = converted_name(key, number)
        staging.put(held.step, cast.sql, name)
        if cast.error is not None:
            staging.put(held.step + 1, reusing(cast.error, cast.sql, name), refused_name(key, number))
            before = [f"{value} IS NULL" for value in values]
            refused.append(" AND ".join([*before, refused_name(key, number)]))
        values.append(name)
        step = max(step, held.step + 1)
    return values, refused, step


def value_name(key: str, number: int = 0) -> str:
    """Return the SQL name of a place's value before its conversion; ``number`` tells the values apart that are tried one after the other."""
    return identifier(f"\u0001value {key}{_suffix(number)}")


def converted_name(key: str, number: int = 0) -> str:
    """Return the SQL name of a place's converted value, before its default."""
    return identifier(f"\u0001converted {key}{_suffix(number)}")


def parts_name(key: str, number: int = 0) -> str:
    """Return the SQL name of the members of a JSON object."""
    return identifier(f"\u0001parts {key}{_suffix(number)}")


def refused_name(key: str, number: int = 0) -> str:
    """Return the SQL name of whether a place's value could not be converted."""
    return identifier(f"\u0001refused {key}{_suffix(number)}")


def failed_name(key: str) -> str:
    """Return the SQL name of whether a place's expression failed."""
    return identifier(f"\u0001failed {key}")


def final_name(key: str) -> str:
    """Return the SQL name of a place's converted value, with its default."""
    return identifier(f"\u0001final {key}")


def _suffix(number: int) -> str:
    return f"\u0001{number}" if number else ""


def reusing(sql: str, part: str, name: str) -> str:
    """Return ``sql`` with ``name``, which has the same value, in place of ``part``.

    DuckDB computes a CASE as often as it is written. Only such parts are replaced: they can be no part of a literal or of another expression.
    """
    whole = (part.startswith("CASE ") and part.endswith(" END")) or (
        part.startswith("list_transform(") and part.endswith(")[1]")
    )
    return sql.replace(part, name) if whole else sql


def first_of(values: Sequence[str]) -> str:
    """Return SQL of the first of ``values`` that is not null."""
    return values[0] if len(values) == 1 else f"COALESCE({', '.join(values)})"


def any_of(conditions: Sequence[str]) -> str:
    """Return SQL that is true where one of ``conditions`` is."""
    return (
        " OR ".join(conditions)
        if len(conditions) == 1
        else "(" + " OR ".join(conditions) + ")"
        if conditions
        else "false"
    )
