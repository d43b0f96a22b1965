"""Everything in a sheet checked again, after its blueprint changed or because somebody asks for it.

Values that have become readable as their type are read so. Keys are made where rules are new, in SQL as far as SQL makes the same ones; what is there
twice, and what refers to nothing, is found in SQL. Records come in chunks: a sheet of any length takes the same memory.
"""

import operator
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec

from headrace.core.blueprint import Blueprint, FieldSpec
from headrace.core.clock import Instant
from headrace.core.job import Actor
from headrace.core.record import CommitWish, MessageSource
from headrace.core.workspace import Sheet
from headrace.service.records import commits
from headrace.service.records.cells import check_column, same, takes_several
from headrace.service.records.checking import is_wrong, json_texts
from headrace.service.records.desk import RecordDesk
from headrace.service.records.holding import hold, reachable
from headrace.service.records.judging import CHUNK, SaidOf, in_order, judge_again
from headrace.service.records.keys import LinkRule, Pair, Rules, TargetRule, UniqueRule, columns_of_texts, rules_of
from headrace.store import record_blocks, record_keys, record_scans, records, sheets
from headrace.store.database import Transaction

_ENTERED = 20_000
"""Records whose keys are made at once."""
_LOOKED_AT = 100_000
"""Positions at which is looked at once for records of which something is said."""
_OF_CELLS = frozenset({MessageSource.TYPE.value, MessageSource.OPTION.value, MessageSource.REQUIRED.value})
_messages = msgspec.json.Decoder(dict[str, list[list[str]]])


def revalidate(
    tx: Transaction, desk: RecordDesk, actor: Actor, before: Sheet | None, after: Sheet | None, now: Instant
) -> None:
    """Check again what a change of a sheet concerns: its own records, and those of sheets that refer to it.

    ``before`` None: it is new; ``after`` None: it is gone. The caller has written the sheet, and holds it.
    """
    some = after or before
    if some is None:
        return
    siblings = [one for one in sheets.of_workbook(tx, some.workbook_id) if after is not None or one.id != some.id]
    concerned = _concerned(before, after, siblings)
    held = {one.id: one for one in sheets.hold_several(tx, None, [one.id for one in concerned])}
    siblings = [held.get(one.id, one) for one in siblings]
    counts = {one.id: record_blocks.counts(tx, one) for one in held.values()}
    rules = {one.id: rules_of(one, siblings) for one in held.values()}
    recast: set[str] = set()
    if before is not None and after is not None:
        fields = _changed_fields(before.blueprint, after.blueprint)
        gone = before.blueprint.by_key.keys() - after.blueprint.by_key.keys()
        if fields or gone:
            sheet = held[after.id]
            for first in range(0, sheet.next_position, CHUNK):
                _check_chunk(tx, sheet, (fields, gone), first, recast)
    dropped: dict[str, bool] = {}
    for one in held.values():
        mine = after is not None and one.id == after.id
        dropped[one.id] = _keep_keys(tx, rules[one.id], recast if mine else set())
    for one in held.values():
        if rules[one.id].uniques or rules[one.id].links or dropped[one.id]:
            judge_again(tx, rules[one.id], _suspects(tx, rules[one.id]))
    for one in held.values():
        if record_blocks.counts(tx, one) != counts[one.id]:
            commits.tell_counts(tx, desk, one, actor, now, 0)


def revalidate_sheet(desk: RecordDesk, actor: Actor, sheet_id: str) -> None:
    """Check every record of a sheet again, in transactions of their own, one for some thousand records.

    Raises:
        Problem: ``NOT_FOUND``.
    """
    first, stop = 0, 1
    recast: set[str] = set()
    while first < stop:
        with desk.database.transaction() as tx:
            sheet = _held_rules(tx, actor, sheet_id).sheet
            _check_chunk(tx, sheet, (sheet.blueprint.fields, ()), first, recast)
        first, stop = first + CHUNK, sheet.next_position
    with desk.database.transaction() as tx:
        rules = _held_rules(tx, actor, sheet_id)
        _keep_keys(tx, rules, recast)
        found = _suspects(tx, rules)
    for start in range(0, len(found), CHUNK):
        with desk.database.transaction() as tx:
            judge_again(tx, _held_rules(tx, actor, sheet_id), found[start : start + CHUNK])
    with desk.database.transaction() as tx:
        sheet = _held_rules(tx, actor, sheet_id).sheet
        commits.tell_all_counts(
            tx, desk, sheet, (), CommitWish(actor_id=actor.id, request=actor.request), desk.clock.now(), 0
        )


def _held_rules(tx: Transaction, actor: Actor, sheet_id: str) -> Rules:
    sheet = reachable(hold(tx, actor.scope, sheet_id), actor)
    return rules_of(sheet, sheets.of_workbook(tx, sheet.workbook_id))


def _concerned(before: Sheet | None, after: Sheet | None, siblings: Sequence[Sheet]) -> list[Sheet]:
    """Return the sheet itself, those that refer to it, and those that it refers to."""
    own = [one for one in (before, after) if one is not None]
    slugs = {one.slug for one in own}
    named = {spec.reference.sheet for one in own for spec in one.blueprint.fields if spec.reference is not None}
    ids = {one.id for one in own}
    return [
        one
        for one in siblings
        if one.id in ids
        or one.slug in named
        or any(spec.reference is not None and spec.reference.sheet in slugs for spec in one.blueprint.fields)
    ]


def _changed_fields(before: Blueprint, after: Blueprint) -> list[FieldSpec]:
    """Return the fields of ``after`` whose cells have to be checked again."""
    old = before.by_key
    return [spec for spec in after.fields if spec.key not in old or _checks(old[spec.key]) != _checks(spec)]


def _checks(spec: FieldSpec) -> tuple[object, ...]:
    required = None if spec.required is None else (spec.required, spec.label)
    values = [(type(option.value), option.value) for option in spec.options]
    return spec.kind, required, values, spec.decimal_places, takes_several(spec)


def _check_chunk(
    tx: Transaction, sheet: Sheet, which: tuple[Sequence[FieldSpec], Collection[str]], first: int, recast: set[str]
) -> None:
    """Check cells of the records at ``CHUNK`` positions from ``first`` on; ``recast`` gets the fields whose values are read otherwise now.

    ``which``: the fields whose cells are checked, and those that are gone, of which nothing is said any more.
    """
    rows = record_scans.between(tx, sheet, first, first + CHUNK)
    fields, gone = which
    keys = [spec.key for spec in fields]
    columns = columns_of_texts([row[1] for row in rows], keys)
    said: dict[int, SaidOf] = {}
    changed: dict[int, dict[str, Any]] = {}
    for spec in fields:
        column = columns[spec.key]
        sent = list(column)
        for index, items in check_column(spec, column).items():
            said.setdefault(index, {})[spec.key] = items
        if any(map(operator.is_not, sent, column)):
            read = [index for index, value in enumerate(column) if value is not sent[index]]
            for index in read:
                if not same(column[index], sent[index]):
                    recast.add(spec.key)
                    changed.setdefault(index, {})[spec.key] = column[index]
    if changed:
        _recast(tx, sheet, rows, changed)
    _say(tx, sheet, rows, said, (frozenset(keys), frozenset(gone)))


def _recast(tx: Transaction, sheet: Sheet, rows: Sequence[Any], changed: Mapping[int, Mapping[str, Any]]) -> None:
    """Write values that are read otherwise now; their keys are made of what was there, and made anew later."""
    values: list[dict[str, Any]] = [{**msgspec.json.decode(rows[index][1]), **new} for index, new in changed.items()]
    texts = json_texts([{key: value for key, value in one.items() if value is not None} for one in values])
    records.recast(tx, sheet, [(rows[index][0], text) for index, text in zip(changed, texts, strict=True)])


def _say(
    tx: Transaction,
    sheet: Sheet,
    rows: Sequence[Any],
    said: Mapping[int, SaidOf],
    fields: tuple[Collection[str], Collection[str]],
) -> None:
    checked, gone = fields
    changes: list[tuple[int, SaidOf, bool]] = []
    for index, (position, _, text, valid) in enumerate(rows):
        if text is None and index not in said:
            continue
        before = {} if text is None else _messages.decode(text)
        after: SaidOf = {}
        for key, items in before.items():
            if key not in gone:
                after[key] = [one for one in items if key not in checked or one[1] not in _OF_CELLS]
        for key, items in said.get(index, {}).items():
            after.setdefault(key, []).extend(items)
        after = in_order(after)
        if after != before:
            changes.append((position, after, bool(valid)))
    texts = json_texts([after for _, after, _ in changes])
    judged = [
        records.Judgement(position, text if after else None, not is_wrong(after))
        for (position, after, _), text in zip(changes, texts, strict=True)
    ]
    records.judge(tx, sheet, judged)
    turned = [new for new, (_, _, valid) in zip(judged, changes, strict=True) if new.valid != valid]
    broken = [one.position for one in turned if not one.valid]
    record_blocks.changed(tx, sheet, broken, [one.position for one in turned if one.valid])


def _keep_keys(tx: Transaction, rules: Rules, recast: Collection[str]) -> bool:
    """Remove keys of rules that are no more, and make those of rules that are new, or of values that are read otherwise now.

    Returns:
        Whether rules are no more.
    """
    sheet = rules.sheet
    there = record_keys.rules(tx, sheet.number)
    wanted = {rule.name: rule for rule in rules.all}
    for name in there - wanted.keys():
        record_keys.delete_rule(tx, sheet.number, name)
    for name, rule in wanted.items():
        if name in there and _fields_of(rule).isdisjoint(recast):
            continue
        if name in there:
            record_keys.delete_rule(tx, sheet.number, name)
        if sheet.next_position > 0:
            _enter_all(tx, sheet, rule)
    return bool(there - wanted.keys())


def _enter_all(tx: Transaction, sheet: Sheet, rule: UniqueRule | TargetRule | LinkRule) -> None:
    """Write the keys of all records for ``rule``."""
    plain = _plain_field(rule)
    if tx.dialect == "sqlite" or plain is None:
        _enter(tx, sheet, rule, lambda at, stop: record_scans.values_between(tx, sheet, at, stop))
        return
    sensitive = not isinstance(rule, UniqueRule) or rule.unique.case_sensitive
    record_scans.enter_texts(tx, sheet, rule.name, plain, sensitive=sensitive)
    _enter(tx, sheet, rule, lambda at, stop: record_scans.left(tx, sheet, plain, at, stop, sensitive=sensitive))


def _enter(
    tx: Transaction,
    sheet: Sheet,
    rule: UniqueRule | TargetRule | LinkRule,
    read: Callable[[int, int], Sequence[tuple[int, str]]],
) -> None:
    fields = sorted(_fields_of(rule))

    def pairs() -> Iterator[list[Pair]]:
        for first in range(0, sheet.next_position, _ENTERED):
            rows = read(first, first + _ENTERED)
            columns = columns_of_texts([text for _, text in rows], fields)
            yield [(key, rows[index][0]) for key, index in rule.pairs(columns, len(rows))]

    record_keys.insert(tx, sheet.number, rule.name, chain.from_iterable(pairs()))


def _plain_field(rule: UniqueRule | TargetRule | LinkRule) -> str | None:
    """Return the only field that the keys of ``rule`` are made of, None where SQL cannot make them: of several fields, of lists only."""
    if isinstance(rule, LinkRule) and rule.spec.kind.is_list:
        return None
    fields = _fields_of(rule)
    return next(iter(fields)) if len(fields) == 1 and not _is_group(rule) else None


def _is_group(rule: UniqueRule | TargetRule | LinkRule) -> bool:
    return isinstance(rule, UniqueRule) and (len(rule.unique.fields) > 1 or bool(rule.unique.required))


def _fields_of(rule: UniqueRule | TargetRule | LinkRule) -> set[str]:
    match rule:
        case UniqueRule():
            return {*rule.unique.fields, *rule.unique.required}
        case TargetRule():
            return {rule.key} if rule.by is None else {rule.key, rule.by}
        case LinkRule():
            return {rule.spec.key} if rule.by is None else {rule.spec.key, rule.by}


def _suspects(tx: Transaction, rules: Rules) -> list[int]:
    """Return the positions of records that are to be judged again: of which something is said, or should be."""
    sheet = rules.sheet
    found: set[int] = set()
    for first in range(0, sheet.next_position, _LOOKED_AT):
        found.update(record_scans.with_messages(tx, sheet, first, first + _LOOKED_AT))
    for rule in rules.uniques:
        twice = record_scans.repeated(tx, sheet, rule.name)
        found.update(record_keys.holders(tx, sheet.number, rule.name, twice))
    for link in rules.links:
        found.update(record_scans.unlinked(tx, sheet, link.name, link.target, link.target_rule))
    return sorted(found)
