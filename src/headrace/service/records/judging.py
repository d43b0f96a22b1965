"""What is to be said of records that are there: all of it made anew, except what clients said."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from headrace.core.record import Messages, MessageSource, Record
from headrace.core.workspace import Sheet
from headrace.service.records.cells import Said, check_column
from headrace.service.records.checking import is_wrong, json_texts
from headrace.service.records.keys import Columns, Rules, columns_of, rules_of
from headrace.store import record_blocks, record_keys, records
from headrace.store.database import Transaction

SaidOf: TypeAlias = dict[str, list[Said]]
"""Messages of one record by field, as they are kept."""

CHUNK = 5_000
"""Records that are in memory at once."""
_RANK = {source.value: rank for rank, source in enumerate(MessageSource)}
_OF_SETS = frozenset({MessageSource.UNIQUE.value, MessageSource.UNLINKED.value})


@dataclass(slots=True)
class Aftermath:
    """What a change of records means for others.

    ``others``: positions in the same sheet whose values became, or are no longer, unique. ``links``: by the rule of a target, keys that came or went.
    """

    others: set[int] = field(default_factory=set)
    links: dict[str, set[str]] = field(default_factory=dict)


def raw_messages(messages: Messages) -> SaidOf:
    """Return messages as they are kept."""
    return {
        key: [
            [one.level.value, one.source.value, one.text, *(() if one.path is None else (one.path,))] for one in items
        ]
        for key, items in messages.items()
    }


def in_order(said: Mapping[str, Sequence[Said]]) -> SaidOf:
    """Return messages in the order of their sources, each once, without fields of which nothing is said."""
    found: SaidOf = {}
    for key, items in said.items():
        if len(items) == 1:
            found[key] = list(items)
        elif items:
            once = {tuple(one): one for one in items}
            found[key] = sorted(once.values(), key=lambda one: _RANK[one[1]])
    return found


def custom_only(said: SaidOf) -> SaidOf:
    """Return what clients said."""
    return {
        key: kept for key, items in said.items() if (kept := [one for one in items if one[1] == MessageSource.CUSTOM])
    }


def check_cells(rules: Rules, columns: Columns, said: Sequence[SaidOf]) -> None:
    """Read the values of ``columns`` in place, and add to ``said`` what is wrong in each cell alone."""
    for spec in rules.sheet.blueprint.fields:
        for index, items in check_column(spec, columns[spec.key]).items():
            said[index].setdefault(spec.key, []).extend(items)


def check_sets(tx: Transaction, rules: Rules, columns: Columns, said: Sequence[SaidOf]) -> None:
    """Add to ``said`` which values are there twice, and which refer to nothing. The keys of the records are there."""
    for rule in rules.uniques:
        pairs = rule.pairs(columns, len(said))
        ends = record_keys.ends(tx, rules.sheet.number, rule.name, {key for key, _ in pairs})
        for key, index in pairs:
            first, last = ends.get(key, (0, 0))
            if first != last:
                for name in rule.unique.fields:
                    said[index].setdefault(name, []).append(rule.said)
    for link in rules.links:
        links = link.links(columns, len(said))
        found: set[str] = set()
        if link.target is not None:
            found = record_keys.there(tx, link.target.number, link.target_rule, {key for key, _, _ in links})
        for key, index, value in links:
            if key not in found:
                said[index].setdefault(link.spec.key, []).append(link.said(value))


def judge_again(tx: Transaction, rules: Rules, positions: Sequence[int], *, cells: bool = False) -> int:
    """Say anew what is to be said of the records at ``positions``; with ``cells``, also of each cell alone. Return how many changed.

    Values stay as they are, whatever ``cells`` reads in them: only what is said changes, and the counts of blocks with it.
    """
    changed = 0
    for start in range(0, len(positions), CHUNK):
        found = records.at(tx, rules.sheet, positions[start : start + CHUNK])
        changed += judge_records(tx, rules, found, cells=cells)
    return changed


def judge_records(tx: Transaction, rules: Rules, found: Sequence[Record], *, cells: bool) -> int:
    """Do the same for records that have been read."""
    before = [raw_messages(record.messages) for record in found]
    keys = rules.sheet.blueprint.by_key if cells else rules.fields & rules.sheet.blueprint.by_key.keys()
    columns = columns_of([record.values for record in found], keys)
    if cells:
        said = [custom_only(one) for one in before]
        check_cells(rules, columns, said)
    else:
        said = [_without_sets(one) for one in before]
    check_sets(tx, rules, columns, said)
    after = [in_order(one) for one in said]
    different = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    write(tx, rules.sheet, [(found[index], after[index]) for index in different])
    return len(different)


def write(tx: Transaction, sheet: Sheet, judged: Sequence[tuple[Record, SaidOf]]) -> None:
    """Write what is to be said of records, and count those that got errors or lost theirs."""
    texts = json_texts([said for _, said in judged])
    valid = [not is_wrong(said) for _, said in judged]
    records.judge(
        tx,
        sheet,
        [
            records.Judgement(record.position, text if said else None, good)
            for (record, said), text, good in zip(judged, texts, valid, strict=True)
        ],
    )
    turned = [(record, good) for (record, _), good in zip(judged, valid, strict=True) if record.valid != good]
    record_blocks.changed(
        tx,
        sheet,
        [record.position for record, good in turned if not good],
        [record.position for record, good in turned if good],
    )


def settle(tx: Transaction, rules: Rules, siblings: Sequence[Sheet], aftermath: Aftermath) -> set[str]:
    """Judge again whom a change concerns. Return the ids of other sheets in which something is said anew; they are held."""
    if aftermath.others:
        judge_again(tx, rules, sorted(aftermath.others))
    touched: set[str] = set()
    for other, link in rules.referrers:
        keys: Collection[str] = aftermath.links.get(link.target_rule, ())
        positions = record_keys.holders(tx, other.number, link.name, keys) if keys else []
        its_rules = rules if other.id == rules.sheet.id else rules_of(other, siblings)
        if positions and judge_again(tx, its_rules, positions) and other.id != rules.sheet.id:
            touched.add(other.id)
    return touched


def _without_sets(said: SaidOf) -> SaidOf:
    return {key: kept for key, items in said.items() if (kept := [one for one in items if one[1] not in _OF_SETS])}
