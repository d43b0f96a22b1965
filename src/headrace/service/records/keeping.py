"""Keys kept in step with records, and what their coming and going means for other records."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from headrace.core.codec import Json
from headrace.core.record import Record
from headrace.service.records.checking import Batch
from headrace.service.records.judging import Aftermath
from headrace.service.records.keys import Pair, Rules, TargetRule, UniqueRule, columns_of
from headrace.store import record_keys
from headrace.store.database import Transaction


def enter(tx: Transaction, rules: Rules, batch: Batch, first: int) -> Aftermath:
    """Write the keys of new records from position ``first`` on, and say in ``batch`` which of their values are not unique or refer to nothing."""
    aftermath = Aftermath()
    if not rules.all:
        return aftermath
    sheet = rules.sheet.number
    columns = {spec.key: column for spec, column in zip(batch.blueprint.fields, batch.columns, strict=True)}
    for rule in rules.uniques:
        pairs = rule.pairs(columns, batch.size)
        aftermath.others |= _enter_unique(tx, rules, rule, batch, pairs)
        record_keys.insert(tx, sheet, rule.name, _placed(pairs, first))
    for target in rules.targets:
        pairs = target.pairs(columns, batch.size)
        keys = {key for key, _ in pairs}
        aftermath.links[target.name] = keys - record_keys.there(tx, sheet, target.name, keys)
        record_keys.insert(tx, sheet, target.name, _placed(pairs, first))
    for link in rules.links:
        links = link.links(columns, batch.size)
        record_keys.insert(tx, sheet, link.name, _placed([(key, index) for key, index, _ in links], first))
        # A record may refer to one that comes with it, so this is asked after its keys are there.
        found: set[str] = set()
        if link.target is not None:
            found = record_keys.there(tx, link.target.number, link.target_rule, {key for key, _, _ in links})
        for key, index, value in links:
            if key not in found:
                batch.say(index, link.spec.key, [link.said(value)])
    return aftermath


def change(tx: Transaction, rules: Rules, before: Sequence[Record], after: Sequence[Mapping[str, Json]]) -> Aftermath:
    """Replace the keys of records by those of their new values ``after``."""
    aftermath = Aftermath()
    if not rules.all:
        return aftermath
    sheet, fields = rules.sheet.number, rules.fields
    old_columns = columns_of([record.values for record in before], fields)
    new_columns = columns_of(after, fields)
    positions = [record.position for record in before]
    for rule in rules.all:
        old, new = (
            _at(rule.pairs(old_columns, len(before)), positions),
            _at(rule.pairs(new_columns, len(before)), positions),
        )
        lost, gained = old - new, new - old
        came, went = {key for key, _ in gained}, {key for key, _ in lost}
        single = _single(tx, rules, rule, came) if isinstance(rule, UniqueRule) else set()
        known = record_keys.there(tx, sheet, rule.name, came) if isinstance(rule, TargetRule) else set()
        record_keys.delete(tx, sheet, rule.name, lost)
        record_keys.insert(tx, sheet, rule.name, gained)
        if isinstance(rule, UniqueRule):
            aftermath.others |= single | _single(tx, rules, rule, went)
        elif isinstance(rule, TargetRule):
            gone = went - record_keys.there(tx, sheet, rule.name, went)
            aftermath.links[rule.name] = gone | (came - known)
    aftermath.others.difference_update(positions)
    return aftermath


def leave(tx: Transaction, rules: Rules, gone: Sequence[Record]) -> Aftermath:
    """Remove the keys of records that are removed."""
    return change(tx, rules, gone, [{}] * len(gone))


def _enter_unique(tx: Transaction, rules: Rules, rule: UniqueRule, batch: Batch, pairs: list[Pair]) -> set[int]:
    """Say in ``batch`` which values are not unique; return the positions of records whose value was, until now."""
    keys = {key for key, _ in pairs}
    before = record_keys.ends(tx, rules.sheet.number, rule.name, keys)
    twice = set(before)
    if len(keys) < len(pairs):
        twice |= {key for key, count in Counter(key for key, _ in pairs).items() if count > 1}
    if twice:
        for key, index in pairs:
            if key in twice:
                for name in rule.unique.fields:
                    batch.say(index, name, [rule.said])
    return {first for first, last in before.values() if first == last}


def _single(tx: Transaction, rules: Rules, rule: UniqueRule, keys: set[str]) -> set[int]:
    """Return the positions of records that alone have one of the keys."""
    ends = record_keys.ends(tx, rules.sheet.number, rule.name, keys)
    return {first for first, last in ends.values() if first == last}


def _placed(pairs: Iterable[Pair], first: int) -> Iterable[Pair]:
    return [(key, first + index) for key, index in pairs]


def _at(pairs: Iterable[Pair], positions: Sequence[int]) -> set[Pair]:
    return {(key, positions[index]) for key, index in pairs}
