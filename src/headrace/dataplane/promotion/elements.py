"""Lists: converted as a whole, put together from numbered elements, or from every element of the source's lists; and the rules of elements."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from headrace.core.errors import Code, Problem
from headrace.core.mapping import MappingLanguage
from headrace.core.run import RejectCode
from headrace.core.schema import STRING, Column, ColumnType, Kind
from headrace.dataplane.promotion.session import Session, identifier, literal
from headrace.dataplane.promotion.staging import (
    MISSING,
    UNRULED,
    Built,
    Fallible,
    Held,
    Staging,
    any_of,
    convert,
    failed_name,
    final_name,
    first_of,
    value_name,
)
from headrace.dataplane.promotion.targets import Given, Node, element_column, type_of
from headrace.dataplane.promotion.validation import Rule, constant, named, rules_of

Child: TypeAlias = Callable[[Staging, Node, tuple[Held, ...], str | None], Built]
"""Builds a place below a list: its node, the values that copies bring, and what it is inside of."""

MAX_LISTS = 3
"""How many lists can be in one another where their elements have to be converted: the work to plan that doubles with each."""

_ELEMENT = "\u0001element"


def place_list(staging: Staging, node: Node, helds: tuple[Held, ...], inside: str | None, child: Child) -> Built:
    """Return a list: what ``helds`` bring, overridden by numbered elements, or filled element by element."""
    type_, final = type_of(node), final_name(node.key)
    whole: str | None = None
    refused: list[str] = []
    step = 0
    if _depth(type_) > MAX_LISTS and any(held.type not in (None, type_) for held in helds):
        what = f"lists in lists can be converted {MAX_LISTS} deep; make the inner ones json, or give values of the same type"
        staging.fault(node.key, Problem(Code.LIMIT_EXCEEDED, f"{node.path} is a {type_}: {what}"))
        helds = ()
    helds = tuple(staging.standing(held, value_name(node.key, number)) for number, held in enumerate(helds, 1))
    if helds:
        values, refused, step = convert(staging, node.key, type_, helds)
        _type_rules(staging, node, helds, refused)
        whole = first_of(values)
        if helds[0].failed is not None and len(helds) > 1:
            whole = f"CASE WHEN NOT {helds[0].failed} THEN {whole} END"
        whole = normal(whole, type_, staging.language)
    if node.every is not None:
        step, whole = _filled(staging, node, node.every, whole, step)
    elif node.elements:
        step, whole = _numbered(staging, node, whole, step, child)
    whole = whole or staging.null(type_)
    if node.column is not None and node.column.default is not None:
        default = constant(named(node.column, node.path), node.column.default, staging.language)
        whole = f"COALESCE({whole}, {default})"
    staging.put(step, whole, final)
    if inside != UNRULED and node.column is not None:
        _require(staging, node, helds, refused, inside)
        _rules(staging, node, node.column)
    return Built(final, f"{final} IS NOT NULL", step + 1)


def _depth(type_: ColumnType) -> int:
    """Return how many lists are in one another."""
    if type_.kind is Kind.LIST:
        return 1 + (0 if type_.element is None else _depth(type_.element))
    return max((_depth(field.type) for field in type_.fields), default=0)


def _numbered(staging: Staging, node: Node, whole: str | None, step: int, child: Child) -> tuple[int, str]:
    """Return a list in which numbered elements stand over those of ``whole``; nulls at its end are left out, but for those of ``whole``."""
    copied = None
    if whole is not None:
        copied = value_name(f"{node.key}[]")
        staging.put(step, whole, copied)
        step += 1
    element = type_of(node).element or STRING
    count = max(node.elements) + 1
    values: list[str] = []
    present: list[str] = []
    nothing = value_name(f"{node.key}[] null")
    if copied is None and len(node.elements) < count:
        staging.put(0, staging.null(element), nothing)
        step = max(step, 1)
    for number in range(count):
        brought: tuple[Held, ...] = (
            () if copied is None else (Held(f"list_extract({copied}, {number + 1})", element, step),)
        )
        inner = node.elements.get(number)
        if inner is None:
            # Elements that are copied need no look here: the list is as long as the copy at least.
            values.append(brought[0].sql if brought else nothing)
            continue
        built = child(staging, inner, brought, UNRULED)
        values.append(built.sql)
        present.append(f"WHEN {built.present} THEN {number + 1}")
        step = max(step, built.step)
    last = f"CASE {' '.join(reversed(present))} END" if present else "NULL"
    items = f"[{', '.join(values)}]"
    if copied is not None:
        last = f"greatest({last}, len({copied}))"
        items = f"list_concat({items}, list_slice({copied}, {count + 1}, len({copied})))"
    return step, f"list_slice({items}, 1, {last})"


@dataclass(frozen=True, slots=True)
class _Leaf:
    """What a place below ``[*]`` is filled with: a list of values, one for each element, or one value for all (``is_list`` False)."""

    sql: str
    is_list: bool


def _filled(staging: Staging, node: Node, every: Node, whole: str | None, step: int) -> tuple[int, str]:
    """Return a list with as many elements as the longest list that fills it."""
    leaves: dict[str, _Leaf] = {}
    for inner in _given_below(every):
        found, ready = _leaf(staging, inner)
        leaves[inner.key] = found
        step = max(step, ready)
    lists = [leaf.sql for leaf in leaves.values() if leaf.is_list]
    copied = None
    if whole is not None:
        name = value_name(f"{node.key}[]")
        staging.put(step, whole, name)
        lists.append(name)
        copied = f"list_extract({name}, _i)"
        step += 1
    if not lists:
        problem = Problem(Code.INVALID, "no list is gone through: name one in the expression, as in items[*].sku")
        staging.fault(every.key, problem)
        return step, staging.null(type_of(node))
    lengths = [f"len({sql})" for sql in lists]
    count = lengths[0] if len(lengths) == 1 else f"greatest({', '.join(lengths)})"
    value = _element(staging, every, leaves, copied)
    filled = f"list_transform(range(1, {count} + 1), lambda _i: {value})"
    return step, normal(filled, type_of(node), staging.language)


def _given_below(node: Node) -> Iterator[Node]:
    if node.given is not None:
        yield node
    for inner in node.fields.values():
        yield from _given_below(inner)


def _element(staging: Staging, node: Node, leaves: Mapping[str, _Leaf], copied: str | None) -> str:
    """Return SQL of the element with the number ``_i``, or of a place in it."""
    own = leaves.get(node.key)
    values = [] if own is None else [f"list_extract({own.sql}, _i)" if own.is_list else own.sql]
    if copied is not None:
        values.append(copied)
    if node.elements or node.every is not None:
        staging.fault(node.key, Problem(Code.INVALID, "a list in a list cannot be filled element by element"))
    type_ = type_of(node)
    if type_.kind is not Kind.STRUCT or (node.is_plain and len(values) <= 1):
        return first_of(values) if values else staging.null(type_)
    parts = []
    for field in type_.fields:
        brought = [f"struct_extract({value}, {literal(field.name)})" for value in values]
        inner = node.fields.get(field.name)
        if inner is None:
            sql = first_of(brought) if brought else staging.null(field.type)
        else:
            sql = _element(staging, inner, leaves, first_of(brought) if brought else None)
        parts.append(f"{identifier(field.name)} := {sql}")
    return f"struct_pack({', '.join(parts)})"


def _leaf(staging: Staging, node: Node) -> tuple[_Leaf, int]:
    """Put the value of a place below ``[*]`` on ``staging``: converted, with its rule of types; return it and the step in which it can be used."""
    given, type_ = node.given or Given(), type_of(node)
    text = given.expression or identifier(given.column or "")
    try:
        apart = staging.language.each(text, _ELEMENT) if given.expression else None
        held, is_list = (_value(staging, node, text), False) if apart is None else (_each(staging, node, *apart), True)
    except Problem as problem:
        staging.fault(node.key, problem)
        return _Leaf(staging.null(ColumnType(Kind.LIST, element=type_)), is_list=True), 0
    wanted = ColumnType(Kind.LIST, element=type_) if is_list else type_
    values, refused, step = convert(staging, node.key, wanted, [held])
    if refused:
        message = f"a value cannot become {type_}"
        staging.rules.append(Rule(node.path, RejectCode.TYPE, message, refused[0], f"NOT {refused[0]}"))
    return _Leaf(values[0], is_list), step


def _value(staging: Staging, node: Node, text: str) -> Held:
    compiled = staging.language.compile(text, staging.source.columns)
    staging.put(0, compiled.sql, value_name(node.key))
    _note_failure(staging, node, compiled.error, text)
    return Held(value_name(node.key), compiled.type, 1, stands=True)


def _each(staging: Staging, node: Node, list_text: str, element_text: str) -> Held:
    """Return the list of what ``element_text`` makes of each element of ``list_text``."""
    language, name = staging.language, value_name(f"{node.key} of")
    compiled = language.compile(list_text, staging.source.columns)
    # What is always null has elements of any shape.
    type_ = compiled.type or ColumnType(Kind.LIST, element=ColumnType(Kind.JSON))
    staging.put(0, compiled.sql if compiled.type else f"CAST({compiled.sql} AS JSON[])", name)
    no_list = None
    if type_.kind is Kind.JSON:
        no_list = f"COALESCE(json_type({name}) NOT IN ('ARRAY', 'NULL'), false)"
        type_ = ColumnType(Kind.LIST, element=ColumnType(Kind.JSON))
        elements = f"CASE WHEN json_type({name}) = 'ARRAY' THEN json_extract({name}, '$[*]') END"
        staging.put(1, elements, value_name(f"{node.key} in"))
        name = value_name(f"{node.key} in")
    if type_.kind is not Kind.LIST:
        raise Problem(Code.EXPRESSION_TYPE, f"{list_text} is a {type_}, no list")
    one = language.compile(element_text, {**staging.source.columns, _ELEMENT: type_.element or STRING})
    variable = identifier(_ELEMENT)
    staging.put(2, f"list_transform({name}, lambda {variable}: {one.sql})", value_name(node.key))
    error = no_list
    if one.error is not None:
        failing = f"COALESCE(len(list_filter({name}, lambda {variable}: {one.error})) > 0, false)"
        error = failing if no_list is None else f"({no_list} OR {failing})"
    _note_failure(staging, node, error, element_text)
    return Held(value_name(node.key), ColumnType(Kind.LIST, element=one.type or STRING), 3, stands=True)


def _note_failure(staging: Staging, node: Node, error: str | None, text: str) -> None:
    if error is not None:
        shown = node.given.expression if node.given and node.given.expression else text
        staging.put(2, error, failed_name(node.key))
        staging.fallible.append(Fallible(node.key, node.path, shown, has_default=True))


def normal(sql: str, type_: ColumnType, language: MappingLanguage, depth: int = 0) -> str:
    """Return a list with the objects in it as targets have them: null where none of their leaves is not null, and with their defaults."""
    element = type_.element
    if type_.kind is not Kind.LIST or element is None or not _has_objects(element):
        return sql
    name = f"_n{depth}"
    return f"list_transform({sql}, lambda {name}: {_normal(name, element, language, depth + 1)})"


def _has_objects(type_: ColumnType) -> bool:
    if type_.kind is Kind.LIST:
        return type_.element is not None and _has_objects(type_.element)
    return type_.kind is Kind.STRUCT


def _normal(sql: str, type_: ColumnType, language: MappingLanguage, depth: int) -> str:
    if type_.kind is Kind.LIST:
        return normal(sql, type_, language, depth)
    if type_.kind is not Kind.STRUCT:
        return sql
    parts = [f"{identifier(field.name)} := {_field(sql, field, language, depth)}" for field in type_.fields]
    return f"CASE WHEN {any_of(list(_leaves(sql, type_)))} THEN struct_pack({', '.join(parts)}) END"


def _field(sql: str, field: Column, language: MappingLanguage, depth: int) -> str:
    value = _normal(f"struct_extract({sql}, {literal(field.name)})", field.type, language, depth)
    return value if field.default is None else f"COALESCE({value}, {constant(field, field.default, language)})"


def _leaves(sql: str, type_: ColumnType) -> Iterator[str]:
    """Yield SQL of whether each leaf of an object is there."""
    for field in type_.fields:
        inner = f"struct_extract({sql}, {literal(field.name)})"
        if field.type.kind is Kind.STRUCT:
            yield from _leaves(inner, field.type)
        else:
            yield f"{inner} IS NOT NULL"


def _require(
    staging: Staging, node: Node, helds: tuple[Held, ...], refused: list[str], inside: str | None
) -> None:  # fmt: skip
    """Add the rule of a list that is required."""
    if node.column is None or not node.column.required:
        return
    final = final_name(node.key)
    missing = f"{final} IS NULL" if inside is None else f"{inside} AND {final} IS NULL"
    if refused:
        missing += f" AND NOT {any_of(refused)}"
    if helds and helds[0].failed is not None and node.given is not None:
        message = f"is required, but {node.given.expression} could not be evaluated"
        condition = f"{missing} AND {helds[0].failed}"
        staging.rules.append(Rule(node.path, RejectCode.TRANSFORM, message, condition, ""))
        missing += f" AND NOT {helds[0].failed}"
    kept = f"{final} IS NOT NULL" if inside is None else f"NOT {inside} OR {final} IS NOT NULL"
    staging.rules.append(Rule(node.path, RejectCode.REQUIRED, MISSING, missing, kept))


def _rules(staging: Staging, node: Node, column: Column) -> None:
    """Add the rules of a list, of its elements, and of what is in them."""
    final = final_name(node.key)
    own = named(column, node.path)
    staging.rules += rules_of(own, final, staging.language, staging.session)
    found = list(_element_rules(element_column(column), "_r0", f"{node.path}[]", staging.language, staging.session, 1))
    if not found:
        return
    broken = any_of([f"({rule.condition})" for rule in found])
    kept = f"COALESCE(len(list_filter({final}, lambda _r0: {broken})) = 0, true)"
    for rule in found:
        condition = f"len(list_filter({final}, lambda _r0: {rule.condition})) > 0"
        staging.rules.append(Rule(rule.column, rule.code, rule.message, condition, kept))
        kept = ""


def _element_rules(
    column: Column, sql: str, path: str, language: MappingLanguage, session: Session, depth: int
) -> Iterator[Rule]:
    """Yield what can be wrong with ``sql``, an element or a place in it, and with what is below."""
    type_ = column.type
    if type_.kind is not Kind.STRUCT:
        yield from rules_of(named(column, path), sql, language, session)
    for field in type_.fields:
        inner = f"struct_extract({sql}, {literal(field.name)})"
        if field.required:
            missing = f"{sql} IS NOT NULL AND {inner} IS NULL"
            yield Rule(f"{path}.{field.name}", RejectCode.REQUIRED, MISSING, missing, "")
        yield from _element_rules(field, inner, f"{path}.{field.name}", language, session, depth)
    if type_.kind is Kind.LIST:
        name = f"_r{depth}"
        inner_column = element_column(column)
        for rule in _element_rules(inner_column, name, f"{path}[]", language, session, depth + 1):
            condition = f"len(list_filter({sql}, lambda {name}: {rule.condition})) > 0"
            yield Rule(rule.column, rule.code, rule.message, condition, "")


def _type_rules(staging: Staging, node: Node, helds: tuple[Held, ...], refused: list[str]) -> None:
    """Add the rule that the list can be converted, told where in its elements the fault is, as far as that can be seen."""
    if not refused:
        return
    wrong = any_of(refused)
    source = helds[0].type or STRING
    found = list(_misfits(helds[0].sql, source, type_of(node), node.path, staging.language))
    told = [
        staging.reason(f"CASE WHEN {wrong} THEN COALESCE({condition}, false) ELSE false END") for *_, condition in found
    ]
    for (path, message, _), condition in zip(found, told, strict=True):
        staging.rules.append(Rule(path, RejectCode.TYPE, message, condition, ""))
    rest = f" AND NOT {any_of(told)}" if told else ""
    message = f"the {source} value cannot become {type_of(node)}"
    staging.rules.append(Rule(node.path, RejectCode.TYPE, message, f"{wrong}{rest}", f"NOT {wrong}"))


def _misfits(
    sql: str, source: ColumnType, target: ColumnType, path: str, language: MappingLanguage, depth: int = 0
) -> Iterator[tuple[str, str, str]]:
    """Yield path, message and condition of each place in ``sql`` that cannot become what it should."""
    # Names like these are known to the language: what it repeats of them, it does not bind anew.
    name = f"_l{depth}"
    wrong = f"the {source} value cannot become {target}"
    if target.kind is Kind.LIST and target.element is not None:
        inner = source.element or STRING
        if source.kind is Kind.JSON:
            yield path, wrong, f"json_type({sql}) NOT IN ('ARRAY', 'NULL')"
            sql, inner = f"json_extract({sql}, '$[*]')", source
        elif source.kind is not Kind.LIST:
            return
        for where, message, condition in _misfits(name, inner, target.element, f"{path}[]", language, depth + 1):
            yield where, message, f"len(list_filter({sql}, lambda {name}: {condition})) > 0"
    elif target.kind is Kind.STRUCT and source.kind in (Kind.JSON, Kind.STRUCT):
        if source.kind is Kind.JSON:
            yield path, wrong, f"json_type({sql}) NOT IN ('OBJECT', 'NULL')"
        have = {field.name: field.type for field in source.fields}
        for field in target.fields:
            if source.kind is Kind.JSON:
                member, type_ = f"json_extract({sql}, {_member(field.name)})", source
            elif field.name in have:
                member, type_ = f"struct_extract({sql}, {literal(field.name)})", have[field.name]
            else:
                continue
            yield from _misfits(member, type_, field.type, f"{path}.{field.name}", language, depth)
    elif source != target:
        cast = language.cast(name, source, target)
        if cast.error is not None:
            yield path, wrong, f"list_contains(list_transform([{sql}], lambda {name}: {cast.error}), true)"


def _member(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return literal(f'$."{escaped}"')
