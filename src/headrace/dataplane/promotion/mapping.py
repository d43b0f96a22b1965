"""From a mapping and a schema to SQL: every target column's value, and what can be wrong with it.

    source columns → value (expression; null where it fails) → converted, default → checked

Each step is a query around the one before it, so that nothing is computed twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.mapping import MappingLanguage
from headrace.core.run import RejectCode
from headrace.core.schema import STRING, Column, ColumnType, Kind, Schema
from headrace.core.settings import PromoteSettings
from headrace.dataplane.promotion.reading import CORRUPT, Source
from headrace.dataplane.promotion.session import Session, identifier
from headrace.dataplane.promotion.validation import Rule, constant, rules_of

REJECTED = "\u0001rejected"


@dataclass(frozen=True, slots=True)
class Target:
    """One column of the target.

    ``value`` and ``failed`` are SQL over the source's columns (``failed`` None: the expression cannot fail), ``type`` that of the value.
    """

    column: Column
    value: str
    failed: str | None
    type: ColumnType | None
    expression: str | None

    @property
    def key(self) -> str:
        """Return the name that tells this column's intermediate values apart."""
        return self.column.name


@dataclass(frozen=True, slots=True)
class Mapped:
    """A source with its mapping: queries of accepted rows, of rejected ones, of warnings."""

    targets: tuple[Target, ...]
    rules: tuple[Rule, ...]
    language: MappingLanguage
    can_be_corrupt: bool

    @property
    def fallible(self) -> tuple[Target, ...]:
        """Return the columns whose expressions can fail."""
        return tuple(target for target in self.targets if target.failed is not None)

    @property
    def rejected(self) -> str:
        """Return SQL that is true where a row is rejected, else false, over the columns of ``computed``."""
        conditions = [rule.condition for rule in self.rules]
        if self.can_be_corrupt:
            conditions.insert(0, f"{identifier(CORRUPT)} IS NOT NULL")
        # The condition of a rule is null where the value is: a null breaks no rule but required.
        return f"COALESCE({' OR '.join(f'({condition})' for condition in conditions) or 'false'}, false)"

    def computed(self, rows: str) -> str:
        """Return the query of ``rows`` with values, failures and checked columns beside what ``rows`` has."""
        first, second, third = ["*"], ["*"], ["*"]
        for target in self.targets:
            key, column = target.key, target.column
            cast = self.language.cast(value_name(key), target.type, column.type)
            final = converted_name(key)
            if column.default is not None:
                final = f"COALESCE({final}, {constant(column, column.default, self.language)})"
            first.append(f"{target.value} AS {value_name(key)}")
            second.append(f"{cast.sql} AS {converted_name(key)}")
            third.append(f"{final} AS {final_name(key)}")
            if target.failed is not None:
                second.append(f"{_reusing(target.failed, target.value, value_name(key))} AS {failed_name(key)}")
            if cast.error is not None:
                third.append(f"{_reusing(cast.error, cast.sql, converted_name(key))} AS {refused_name(key)}")
        for step in (first, second, third):
            rows = f"SELECT {', '.join(step)} FROM ({rows})"
        return rows

    def accepted(self, rows: str, written: Mapping[str, str]) -> str:
        """Return the query of accepted rows; ``written``: target column to SQL of how it is stored, over its final value."""
        columns = ", ".join(f"{written[target.key]} AS {identifier(target.key)}" for target in self.targets)
        kept = [f"({rule.kept})" for rule in self.rules if rule.kept]
        if self.can_be_corrupt:
            kept.insert(0, f"{identifier(CORRUPT)} IS NULL")
        return f"SELECT {columns} FROM ({self.computed(rows)}) WHERE {' AND '.join(kept) or 'true'}"

    def judged(self, rows: str) -> str:
        """Return ``computed`` with ``REJECTED`` beside it."""
        return f"SELECT *, {self.rejected} AS {identifier(REJECTED)} FROM ({self.computed(rows)})"

    def warnings(self, rows: str) -> str:
        """Return a query of one row: accepted rows with any warning, then accepted rows with one, by column of ``fallible``."""
        names = [failed_name(target.key) for target in self.fallible]
        counts = ", ".join(f"count(*) FILTER ({name})" for name in names)
        return (
            f"SELECT count(*) FILTER ({' OR '.join(names)}), {counts} "
            f"FROM ({self.judged(rows)}) WHERE NOT {identifier(REJECTED)}"
        )


def value_name(key: str) -> str:
    """Return the SQL name of a target column's value before its conversion."""
    return identifier(f"\u0001value {key}")


def _reusing(sql: str, part: str, name: str) -> str:
    """Return ``sql`` with ``name``, which has the same value, in place of ``part``.

    DuckDB computes a CASE as often as it is written. Only such parts are replaced: they can be no part of a literal or of another expression.
    """
    whole = (part.startswith("CASE ") and part.endswith(" END")) or (
        part.startswith("list_transform(") and part.endswith(")[1]")
    )
    return sql.replace(part, name) if whole else sql


def converted_name(key: str) -> str:
    """Return the SQL name of a target column's converted value, before its default."""
    return identifier(f"\u0001converted {key}")


def failed_name(key: str) -> str:
    """Return the SQL name of whether a target column's expression failed."""
    return identifier(f"\u0001failed {key}")


def final_name(key: str) -> str:
    """Return the SQL name of a target column's converted value, with its default."""
    return identifier(f"\u0001final {key}")


def refused_name(key: str) -> str:
    """Return the SQL name of whether a target column's value could not be converted."""
    return identifier(f"\u0001refused {key}")


def compile_mapping(settings: PromoteSettings, source: Source, language: MappingLanguage, session: Session) -> Mapped:
    """Return the mapping of ``source`` as SQL.

    Raises:
        Problem: with all that is wrong in expressions, conversions and rules.
    """
    targets, errors = [], []
    for name, (expression, column) in _wanted(settings, source).items():
        try:
            target = _target(name, expression, column, source, language)
            language.cast(value_name(name), target.type, target.column.type)
        except Problem as problem:
            errors.append((problem.code, FieldError(f"mapping.{name}", problem.message)))
            continue
        targets.append(target)
    if errors:
        raise Problem.of_fields(errors[0][0], "the mapping", tuple(error for _, error in errors))
    if not targets:
        raise Problem(Code.INVALID, "the mapping yields no column: name at least one target column")
    rules = [rule for target in targets for rule in _rules(target, language, session)]
    return Mapped(tuple(targets), tuple(rules), language, source.can_be_corrupt)


def _wanted(settings: PromoteSettings, source: Source) -> dict[str, tuple[str | None, Column | None]]:
    """Return, by target column, the expression (None: the source column of that name, or nothing) and the schema's column."""
    by_name = settings.schema.by_name if settings.schema else {}
    names = dict.fromkeys([*(settings.mapping or source.columns), *by_name])
    return {name: ((settings.mapping or {}).get(name), by_name.get(name)) for name in names}


def _target(
    name: str, expression: str | None, column: Column | None, source: Source, language: MappingLanguage
) -> Target:
    if expression is not None:
        compiled = language.compile(expression, source.columns)
        column = column or Column(name, _storable(compiled.type or STRING))
        return Target(column, compiled.sql, compiled.error, compiled.type, expression)
    if name in source.columns:
        type_ = source.columns[name]
        return Target(column or Column(name, _storable(type_)), identifier(name), None, type_, None)
    return Target(column or Column(name, STRING), "NULL", None, None, None)


def _storable(type_: ColumnType) -> ColumnType:
    """Return the type that a column of no schema gets."""
    return ColumnType(Kind.STRING) if type_.kind is Kind.JSON else type_


def _rules(target: Target, language: MappingLanguage, session: Session) -> list[Rule]:
    final, column = final_name(target.key), target.column
    cast = language.cast(value_name(target.key), target.type, column.type)
    found: list[Rule] = []
    refused = refused_name(target.key) if cast.error is not None else None
    if refused:
        message = f"the {target.type or STRING} value cannot become {column.type}"
        # Without a default a refused value is null, which a required column asks for anyway.
        kept = "" if column.required and column.default is None else f"NOT {refused}"
        found.append(Rule(column.name, RejectCode.TYPE, message, refused, kept))
    if column.required:
        missing = f"{final} IS NULL" + (f" AND NOT {refused}" if refused else "")
        if target.failed is not None:
            failed = failed_name(target.key)
            message = f"is required, but {target.expression} could not be evaluated"
            found.append(Rule(column.name, RejectCode.TRANSFORM, message, f"{missing} AND {failed}", ""))
            missing += f" AND NOT {failed}"
        message = "is required, but missing or null"
        found.append(Rule(column.name, RejectCode.REQUIRED, message, missing, f"{final} IS NOT NULL"))
    return found + rules_of(column, final, language, session)


def schema_of(mapped: Mapped) -> Schema:
    """Return the schema of what the mapping yields."""
    return Schema(tuple(target.column for target in mapped.targets))
