"""A target column from the places in it: values converted, objects made of their leaves, lists of their elements.

An object is there when one of its leaves is not null; defaults do not make one. A place can have several values, tried from the nearest on:
its own mapping's, then those that copies of whole objects around it bring (contract 8.3: more specific mappings override, null results are not
written). So an object that is copied is taken apart, and put together again from what the target knows.
"""

import json

from headrace.core.errors import Problem
from headrace.core.run import RejectCode
from headrace.core.schema import STRING, Column, ColumnType, Kind
from headrace.dataplane.promotion import elements
from headrace.dataplane.promotion.session import identifier, literal
from headrace.dataplane.promotion.staging import (
    MISSING,
    UNRULED,
    Built,
    Fallible,
    Held,
    Staging,
    any_of,
    convert,
    converted_name,
    failed_name,
    final_name,
    first_of,
    parts_name,
    refused_name,
    reusing,
    value_name,
)
from headrace.dataplane.promotion.targets import Given, Node, type_of
from headrace.dataplane.promotion.validation import Rule, constant, named, rules_of


def assemble(staging: Staging, node: Node) -> Column:
    """Put a column's SQL, under ``final_name`` of its key, and its rules on ``staging``; return the column as it is stored."""
    own = given_value(staging, node)
    if node.column is None:
        node.column = Column(node.key, own.type or STRING if own else STRING)
    place(staging, node, _helds(staging, node, own, ()), None)
    return node.column


def given_value(staging: Staging, node: Node) -> Held | None:
    """Return the value of the mapping of exactly this place; None: it has none, or one that is wrong, which is noted."""
    if node.given is None:
        return None
    try:
        return _value(staging, node.key, node.path, node.given, node.column)
    except Problem as problem:
        staging.fault(node.key, problem)
        return None


def _value(staging: Staging, key: str, path: str, given: Given, column: Column | None) -> Held:
    if given.expression is None:
        name = given.column or ""
        staging.put(0, identifier(name), value_name(key))
        return Held(value_name(key), staging.source.columns[name], 1, stands=True)
    compiled = staging.language.compile(given.expression, staging.source.columns)
    staging.put(0, compiled.sql, value_name(key))
    if compiled.error is None:
        return Held(value_name(key), compiled.type, 1, stands=True)
    staging.put(1, reusing(compiled.error, compiled.sql, value_name(key)), failed_name(key))
    has_default = column is not None and column.default is not None
    staging.fallible.append(Fallible(key, path, given.expression, has_default))
    return Held(value_name(key), compiled.type, 1, failed_name(key), stands=True)


def _helds(staging: Staging, node: Node, own: Held | None, copied: tuple[Held, ...]) -> tuple[Held, ...]:
    """Return all values that a place can have, the nearest first."""
    if own is None:
        return copied
    text = node.given.expression if node.given else None
    return (own,) if text is not None and copied and staging.language.removes(text) else (own, *copied)


def place(staging: Staging, node: Node, helds: tuple[Held, ...], inside: str | None) -> Built:
    """Return a place with one of the values ``helds``, or put together from the places below it.

    ``inside``: SQL of whether the object around it is there, for the place's rules, which are looked at after all steps; ``UNRULED``: its
    rules are looked at elsewhere.
    """
    kind = type_of(node).kind
    if kind is Kind.STRUCT:
        return _struct(staging, node, helds, inside)
    if kind is Kind.LIST:
        return elements.place_list(staging, node, helds, inside, _child)
    return leaf(staging, node, helds, inside)


def _child(staging: Staging, node: Node, copied: tuple[Held, ...], inside: str | None) -> Built:
    return place(staging, node, _helds(staging, node, given_value(staging, node), copied), inside)


def leaf(staging: Staging, node: Node, helds: tuple[Held, ...], inside: str | None) -> Built:
    """Return a place that is converted as a whole."""
    column, key = node.column or Column(node.key, STRING), node.key
    if not helds:
        helds = (Held("NULL", None, 0, stands=True),) if inside is not None else (_nothing(staging, key),)
    values, refused, step = convert(staging, node.key, type_of(node), helds)
    value = first_of(values)
    if len(values) > 1 and helds[0].failed is not None:
        value = f"CASE WHEN NOT {helds[0].failed} THEN {value} END"
    final = value
    if column.default is not None:
        final = f"COALESCE({value}, {constant(named(column, node.path), column.default, staging.language)})"
    staging.put(step, final, final_name(key))
    _leaf_rules(staging, node, helds, refused, inside)
    return Built(final_name(key), f"{value if column.default is not None else final_name(key)} IS NOT NULL", step + 1)


def _nothing(staging: Staging, key: str) -> Held:
    staging.put(0, "NULL", value_name(key))
    return Held(value_name(key), None, 1, stands=True)


def _leaf_rules(
    staging: Staging, node: Node, helds: tuple[Held, ...], refused: list[str], inside: str | None
) -> None:  # fmt: skip
    column, final = named(node.column or Column(node.key, STRING), node.path), final_name(node.key)
    wrong = any_of(refused) if refused else None
    if inside == UNRULED:
        inside, column = None, Column(column.name, column.type)
    if wrong is not None:
        message = f"the {helds[0].type or STRING} value cannot become {column.type}"
        # Without a default a refused value is null, which a required column asks for anyway.
        kept = "" if column.required and column.default is None and inside is None else f"NOT {wrong}"
        staging.rules.append(Rule(column.name, RejectCode.TYPE, message, wrong, kept))
    if column.required:
        around = "" if inside is None else f"{inside} AND "
        missing = f"{around}{final} IS NULL" + (f" AND NOT {wrong}" if wrong else "")
        if helds[0].failed is not None and node.given is not None:
            message = f"is required, but {node.given.expression} could not be evaluated"
            condition = f"{missing} AND {helds[0].failed}"
            staging.rules.append(Rule(column.name, RejectCode.TRANSFORM, message, condition, ""))
            missing += f" AND NOT {helds[0].failed}"
        kept = f"{final} IS NOT NULL" if inside is None else f"NOT {inside} OR {final} IS NOT NULL"
        staging.rules.append(Rule(column.name, RejectCode.REQUIRED, MISSING, missing, kept))
    staging.rules += rules_of(column, final, staging.language, staging.session)


def _require(staging: Staging, column: Column, path: str, built: Built, inside: str | None) -> None:
    """Add the rule of a required object."""
    if column.required and inside != UNRULED:
        around = "" if inside is None else f"{inside} AND "
        kept = f"{built.sql} IS NOT NULL" if inside is None else f"NOT {inside} OR {built.sql} IS NOT NULL"
        staging.rules.append(Rule(path, RejectCode.REQUIRED, MISSING, f"{around}{built.sql} IS NULL", kept))


def _struct(staging: Staging, node: Node, helds: tuple[Held, ...], inside: str | None) -> Built:
    type_, final = type_of(node), final_name(node.key)
    sources = [_opened(staging, node, held, number) for number, held in enumerate(helds)]
    if helds and helds[0].failed is not None:
        # What could not be evaluated is null; it does not fall back to what a copy brings.
        sources[1:] = [_unless(held, helds[0].failed) for held in sources[1:]]
    there = f"{final} IS NOT NULL"
    around = UNRULED if inside == UNRULED else there
    parts, present, step = [], [], 0
    for field in type_.fields:
        copied = tuple(held for source in sources if (held := _member(source, field.name)) is not None)
        if field.name not in node.fields and not copied:
            parts.append(f"{identifier(field.name)} := {staging.null(field.type)}")
            continue
        built = _child(staging, node.at(field.name), copied, around)
        parts.append(f"{identifier(field.name)} := {built.sql}")
        present.append(built.present)
        step = max(step, built.step)
    if not present:
        staging.put(0, staging.null(type_), final)
        built = Built(final, "false", 1)
    else:
        staging.put(step, f"CASE WHEN {any_of(present)} THEN struct_pack({', '.join(parts)}) END", final)
        built = Built(final, there, step + 1)
    if node.column is not None:
        _require(staging, node.column, node.path, built, inside)
    return built


def _opened(staging: Staging, node: Node, given: Held, number: int) -> Held:
    """Return a value whose members can be taken: a struct, or a struct of the members of a JSON object that the target knows."""
    if given.type is None or given.type.kind is Kind.STRUCT:
        return given
    held = staging.standing(given, value_name(node.key, number + 1))
    type_, refused = type_of(node), refused_name(node.key, number)
    message = f"the {held.type or STRING} value cannot become {type_}"
    if held.type is not None and held.type.kind is Kind.JSON:
        names = [field.name for field in type_.fields]
        wanted = json.dumps(dict.fromkeys(names, "JSON"), ensure_ascii=False)
        members = ColumnType(Kind.STRUCT, fields=tuple(Column(name, ColumnType(Kind.JSON)) for name in names))
        staging.put(held.step, f"json_transform({held.sql}, {literal(wanted)})", parts_name(node.key, number))
        staging.put(held.step, f"COALESCE(json_type({held.sql}) NOT IN ('OBJECT', 'NULL'), false)", refused)
        opened = Held(parts_name(node.key, number), members, held.step + 1, held.failed, stands=True)
    else:
        cast = staging.cast(node.key, held, type_)
        staging.put(held.step, cast.sql, converted_name(node.key, number))
        opened = Held(converted_name(node.key, number), type_, held.step + 1, held.failed, stands=True)
        if cast.error is None:
            return opened
        staging.put(held.step + 1, reusing(cast.error, cast.sql, opened.sql), refused)
    staging.rules.append(Rule(node.path, RejectCode.TYPE, message, refused, f"NOT {refused}"))
    return opened


def _unless(held: Held, failed: str) -> Held:
    return Held(f"CASE WHEN NOT {failed} THEN {held.sql} END", held.type, max(held.step, 2))


def _member(held: Held, name: str) -> Held | None:
    """Return a field of a struct; None: it has none of that name."""
    fields = held.type.fields if held.type is not None else ()
    for field in fields:
        if field.name == name:
            return Held(f"struct_extract({held.sql}, {literal(name)})", field.type, held.step)
    return None
