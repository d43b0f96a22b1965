"""Mapping rules (contract 11.3): read from what clients send, and run in their order over whole columns.

A program is what a map job executes: rules, or the edges of an execution plan (``core.mapping_plans``).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from headrace.core import equations
from headrace.core import mapping_columns as columns
from headrace.core.automap import text_of
from headrace.core.blueprint import Blueprint
from headrace.core.codec import Json
from headrace.core.equations import EquationError
from headrace.core.errors import Problem
from headrace.core.mapping_columns import BUILT, Act, Building, Column
from headrace.core.shapes import Shapes
from headrace.core.text_budget import TextBudget, letters_in

MAX_DEPTH = 10
"""Programs in one another."""
MAX_SOURCES = 1_000
"""Fields that one rule makes one of; in a template, each time that it is named."""
MOST_BUILT = 512 << 20
"""Letters of the records of one commit, those that stand there already included."""
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_TRANSFORMS: Mapping[str, Callable[[str], str]] = {"uppercase": str.upper, "lowercase": str.lower}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: what it does, to the records that ``filter`` selects (None: all). ``path``: where it stands in what was sent."""

    path: str
    act: Act
    filter: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """Rules in their order."""

    rules: tuple[Rule, ...]

    def run(self, building: Building) -> dict[str, Column]:
        """Return the columns of the records that are built, by field of the destination.

        Raises:
            Problem: ``LIMIT_EXCEEDED``: more text than records of one commit may have.
        """
        for rule in self.rules:
            mask = None if rule.filter is None else building.masks(rule.filter)
            for name, column in rule.act(building).items():
                before = building.built.get(name) or [None] * building.size
                building.built[name] = (
                    column
                    if mask is None
                    else [new if chosen else old for chosen, new, old in zip(mask, column, before, strict=True)]
                )
        self._check(building)
        return building.built

    def _check(self, building: Building) -> None:
        """Look how much text there is: a constant is one text here, and one for each record where it is written down."""
        known = set(map(id, building.source.values()))
        budget = TextBudget("mappingRules", MOST_BUILT)
        for column in building.built.values():
            if id(column) not in known:
                budget.take(letters_in(column))


def read_rules(
    raw: object, source: Blueprint, destination: Blueprint, path: str, filtering: Callable[[str], None]
) -> Program:
    """Return the program that a list of rules is; ``filtering`` looks at the filters of rules, and raises what is wrong with one.

    Raises:
        Problem: ``INVALID``, with all that is wrong and its path (below ``path``).
    """
    shapes = Shapes()
    reader = _Reader(shapes, source, destination, filtering)
    rules = reader.rules({path: raw}, path, "", 0)  # type: ignore[dict-item]  # whatever was sent
    shapes.finish("the mapping rules")
    return Program(rules)


@dataclass(frozen=True, slots=True)
class _Reader:
    shapes: Shapes
    source: Blueprint
    destination: Blueprint
    filtering: Callable[[str], None]

    def rules(self, holder: Mapping[str, Json], name: str, path: str, depth: int) -> tuple[Rule, ...]:
        if depth > MAX_DEPTH:
            self.shapes.wrong(path + name, f"at most {MAX_DEPTH} programs stand in one another")
            return ()
        found = [self._rule(raw, where, depth) for where, raw in self.shapes.objects(holder, name, path, required=True)]
        return tuple(rule for rule in found if rule is not None)

    def _rule(self, raw: Mapping[str, Json], path: str, depth: int) -> Rule | None:
        kind = self.shapes.one_of(raw, "type", (*_READERS, "subprogram"), path)
        if kind is None:
            if raw.get("type") is None:
                self.shapes.wrong(f"{path}type", "type is required")
            return None
        # A rule of POST /mapping has its fields below config.
        inner = raw.get("config")
        given = {**inner, **raw} if isinstance(inner, Mapping) else raw
        for name in ("name", "description"):
            self.shapes.text(raw, name, path)
        asked = self.shapes.text(given, "filter", path)
        if asked:
            try:
                self.filtering(asked)
            except Problem as problem:
                self.shapes.wrong(f"{path}filter", problem.message)
        fields = _Fields(self.shapes, given, path, self.source, self.destination)
        act = _program(self.rules(given, "rules", path, depth + 1)) if kind == "subprogram" else _READERS[kind](fields)
        return Rule(path, act, asked or None)


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields of one rule; what is wrong goes to ``shapes``, and what is returned is of no use then."""

    shapes: Shapes
    raw: Mapping[str, Json]
    path: str
    from_: Blueprint
    to: Blueprint

    def source(self, name: str = "sourceField") -> str:
        value = self.shapes.text(self.raw, name, self.path, required=True) or ""
        self._check_source(value, name)
        return value

    def sources(self) -> tuple[str, ...]:
        values = self.shapes.texts(self.raw, "sourceFields", self.path, required=True)
        if len(values) > MAX_SOURCES:
            self.wrong("sourceFields", f"sourceFields has {len(values):,} fields, {MAX_SOURCES:,} are allowed")
        for value in values:
            self._check_source(value, "sourceFields")
        if not values and isinstance(self.raw.get("sourceFields"), list | tuple):
            self.shapes.wrong(f"{self.path}sourceFields", "sourceFields must name at least one field")
        return values

    def destination(self) -> str:
        value = (self.shapes.text(self.raw, "destinationField", self.path, required=True) or "").removeprefix(BUILT)
        self._check_destination(value, "destinationField")
        return value

    def destinations(self) -> tuple[str, ...]:
        values = self.shapes.texts(self.raw, "destinationFields", self.path, required=True)
        for value in values:
            self._check_destination(value, "destinationFields")
        return tuple(value.removeprefix(BUILT) for value in values)

    def text(self, *names: str, required: bool = True) -> str:
        name = next((name for name in names if self.raw.get(name) is not None), names[0])
        return self.shapes.text(self.raw, name, self.path, required=required) or ""

    def wrong(self, name: str, message: str) -> None:
        self.shapes.wrong(self.path + name, message)

    def _check_source(self, value: str, name: str) -> None:
        if value.startswith(BUILT):
            self._check_destination(value.removeprefix(BUILT), name)
        elif value and value not in self.from_.by_key:
            self.wrong(name, f"the source sheet has no field {value!r}")

    def _check_destination(self, value: str, name: str) -> None:
        if value and value not in self.to.by_key and not self.to.allows_more_fields:
            self.wrong(name, f"the destination sheet has no field {value!r}")


def _program(rules: tuple[Rule, ...]) -> Act:
    def act(building: Building) -> Mapping[str, Column]:
        inner = replace(building, built=dict(building.built))
        Program(rules).run(inner)
        return {name: column for name, column in inner.built.items() if building.built.get(name) is not column}

    return act


def _assign(fields: _Fields) -> Act:
    source, destination = fields.source(), fields.destination()
    return lambda building: {destination: building.column(source)}


def _ignore(fields: _Fields) -> Act:
    fields.source()
    return lambda _building: {}


def _delete(fields: _Fields) -> Act:
    destination = fields.destination()
    return lambda building: {destination: [None] * building.size}


def _constant(fields: _Fields) -> Act:
    destination, value = fields.destination(), fields.raw.get("value")
    return lambda building: {destination: [value] * building.size}


def _find_replace(fields: _Fields) -> Act:
    destination = fields.destination()
    pairs = fields.shapes.objects(fields.raw, "values", fields.path, required=True)
    empty = next((pair.get("replace") for _, pair in pairs if text_of(pair.get("find")) == ""), None)
    values = {text: pair.get("replace") for _, pair in reversed(pairs) if (text := text_of(pair.get("find")))}
    return lambda building: {destination: columns.replaced(building.column(BUILT + destination), values, empty)}


def _transform(fields: _Fields) -> Act:
    source, destination = fields.source(), fields.destination()
    fields.text("transform")
    name = fields.shapes.one_of(fields.raw, "transform", tuple(_TRANSFORMS), fields.path)
    change = _TRANSFORMS[name or "uppercase"]
    return lambda building: {destination: columns.cased(building.column(source), change)}


def _regex_extract(fields: _Fields) -> Act:
    source, regex, destinations = fields.source(), fields.text("regex"), fields.destinations()

    def act(building: Building) -> Mapping[str, Column]:
        found = columns.extracted(building, regex, building.column(source), len(destinations))
        return dict(zip(destinations, found, strict=True))

    return act


def _interpolate(fields: _Fields) -> Act:
    sources, destination, output = fields.sources(), fields.destination(), fields.text("output", "template")
    pieces, names = [""], list[str]()
    place = 0
    for found in _PLACEHOLDER.finditer(output):
        name = found[1].strip()
        if name.isdecimal() and name not in sources:
            name = sources[int(name)] if int(name) < len(sources) else name
        if name not in sources:
            fields.wrong("output", f"{found[0]} names none of sourceFields")
        pieces[-1] += output[place : found.start()]
        names.append(name)
        pieces.append("")
        place = found.end()
    pieces[-1] += output[place:]
    if len(names) > MAX_SOURCES:
        fields.wrong("output", f"output names {len(names):,} fields, {MAX_SOURCES:,} are allowed")
    if not names:
        return lambda building: {destination: [output or None] * building.size}
    return lambda building: {destination: columns.interpolated(pieces, building.columns(names), building.budget)}


def _arithmetic(fields: _Fields) -> Act:
    sources, destination, text = fields.sources(), fields.destination(), fields.text("equation")
    try:
        equation = equations.parse(text, sources)
    except EquationError as error:
        if text:
            fields.wrong("equation", str(error))
        return lambda _building: {}
    return lambda building: {destination: equation.column(building.columns(sources))}


def _coalesce(fields: _Fields) -> Act:
    sources, destination, default = fields.sources(), fields.destination(), fields.raw.get("defaultValue")
    return lambda building: {destination: columns.first_filled(building.columns(sources), default)}


def _concatenate(fields: _Fields) -> Act:
    sources, destination = fields.sources(), fields.destination()
    separator = fields.text("separator", required=False) if fields.raw.get("separator") is not None else ","
    return lambda building: {destination: columns.joined(building.columns(sources), separator, building.budget)}


def _array(fields: _Fields) -> Act:
    sources, destination = fields.sources(), fields.destination()
    return lambda building: {destination: columns.listed(building.columns(sources))}


def _nest(fields: _Fields) -> Act:
    destination = fields.destination()
    subfields: list[tuple[str, str]] = []
    for path, raw in fields.shapes.objects(fields.raw, "subfields", fields.path, required=True):
        regex = fields.shapes.text(raw, "sourceRegex", path, required=True)
        name = fields.shapes.text(raw, "destinationSubfield", path, required=True)
        subfields.append((regex or "", name or ""))
    return lambda building: {destination: columns.nested(building, subfields)}


_READERS: Mapping[str, Callable[[_Fields], Act]] = {
    "assign": _assign,
    "ignore": _ignore,
    "delete": _delete,
    "constant": _constant,
    "find-replace": _find_replace,
    "transform": _transform,
    "regex-extract": _regex_extract,
    "interpolate": _interpolate,
    "arithmetic": _arithmetic,
    "coalesce": _coalesce,
    "concatenate": _concatenate,
    "array": _array,
    "nest": _nest,
}
