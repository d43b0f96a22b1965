"""From a mapping and a schema to SQL: every target column's value, and what can be wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from headrace.core.errors import Code, Problem
from headrace.core.mapping import MappingLanguage
from headrace.core.schema import Column, Schema
from headrace.core.settings import PromoteSettings
from headrace.dataplane.promotion.assembling import assemble
from headrace.dataplane.promotion.reading import CORRUPT, Source
from headrace.dataplane.promotion.session import Session, identifier
from headrace.dataplane.promotion.staging import Fallible, Staging, failed_name
from headrace.dataplane.promotion.targets import Given, plant
from headrace.dataplane.promotion.validation import Rule

REJECTED = "\u0001rejected"


@dataclass(frozen=True, slots=True)
class Mapped:
    """A source with its mapping: queries of accepted rows, of rejected ones, of warnings.

    ``columns`` are those of the target, in order; their values stand under ``final_name``. ``fallible``: places whose expressions can fail.
    """

    columns: tuple[Column, ...]
    steps: tuple[tuple[str, ...], ...]
    rules: tuple[Rule, ...]
    fallible: tuple[Fallible, ...]
    can_be_corrupt: bool
    reasons: tuple[str, ...] = ()

    @property
    def rejected(self) -> str:
        """Return SQL that is true where a row is rejected, else false, over the columns of ``reasoned``."""
        conditions = [rule.condition for rule in self.rules]
        if self.can_be_corrupt:
            conditions.insert(0, f"{identifier(CORRUPT)} IS NOT NULL")
        # The condition of a rule is null where the value is: a null breaks no rule but required.
        return f"COALESCE({' OR '.join(f'({condition})' for condition in conditions) or 'false'}, false)"

    def computed(self, rows: str) -> str:
        """Return the query of ``rows`` with values, failures and checked columns beside what ``rows`` has."""
        for step in self.steps:
            rows = f"SELECT {', '.join(step)} FROM ({rows})"
        return rows

    def accepted(self, rows: str, written: Mapping[str, str]) -> str:
        """Return the query of accepted rows; ``written``: target column to SQL of how it is stored, over its final value."""
        columns = ", ".join(f"{written[column.name]} AS {identifier(column.name)}" for column in self.columns)
        kept = [f"({rule.kept})" for rule in self.rules if rule.kept]
        if self.can_be_corrupt:
            kept.insert(0, f"{identifier(CORRUPT)} IS NULL")
        return f"SELECT {columns} FROM ({self.computed(rows)}) WHERE {' AND '.join(kept) or 'true'}"

    def reasoned(self, rows: str) -> str:
        """Return ``computed`` with what conditions of rules ask for beside it."""
        computed = self.computed(rows)
        return f"SELECT *, {', '.join(self.reasons)} FROM ({computed})" if self.reasons else computed

    def judged(self, rows: str) -> str:
        """Return ``reasoned`` with ``REJECTED`` beside it."""
        return f"SELECT *, {self.rejected} AS {identifier(REJECTED)} FROM ({self.reasoned(rows)})"

    def warnings(self, rows: str) -> str:
        """Return a query of one row: accepted rows with any warning, then accepted rows with one, by place of ``fallible``."""
        names = [failed_name(place.key) for place in self.fallible]
        counts = ", ".join(f"count(*) FILTER ({name})" for name in names)
        return (
            f"SELECT count(*) FILTER ({' OR '.join(names)}), {counts} "
            f"FROM ({self.judged(rows)}) WHERE NOT {identifier(REJECTED)}"
        )


def compile_mapping(settings: PromoteSettings, source: Source, language: MappingLanguage, session: Session) -> Mapped:
    """Return the mapping of ``source`` as SQL; without one every column of the source goes to the place of its name.

    A column of the schema that no mapping speaks of takes the source's column of its name.

    Raises:
        Problem: with all that is wrong in keys, expressions, conversions and rules.
    """
    if settings.absent_is_null:
        language = replace(language, compile=partial(language.compile, absent_is_null=True))
    given = {key: Given(expression=text) for key, text in (settings.mapping or {}).items()}
    if not given:
        given = {name: Given(column=name) for name in source.columns}
    by_name = settings.schema.by_name if settings.schema else {}
    roots, wrong = plant(by_name, given)
    for name, node in roots.items():
        if node.given is None and node.is_plain and name in source.columns:
            node.given = Given(column=name)
    staging = Staging(source, language, session)
    columns = tuple(assemble(staging, node) for node in roots.values())
    errors = (*wrong, *(error for _, error in staging.errors))
    if errors:
        code = Code.INVALID if wrong else staging.errors[0][0].code
        raise Problem.of_fields(code, "the mapping", errors)
    if not columns:
        raise Problem(Code.INVALID, "the mapping yields no column: name at least one target column")
    steps = tuple(tuple(step) for step in staging.steps)
    fallible, reasons = tuple(staging.fallible), tuple(staging.reasons)
    return Mapped(columns, steps, tuple(staging.rules), fallible, source.can_be_corrupt, reasons)


def schema_of(mapped: Mapped) -> Schema:
    """Return the schema of what the mapping yields."""
    return Schema(mapped.columns)
