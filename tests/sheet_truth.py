"""What must hold of sheets and of what listeners were told, made anew from the records: blocks, keys, commits, ranges, old states, verdicts."""

import json
from collections import Counter, defaultdict
from typing import Any

import sqlalchemy as sa

from headrace.core.record import Message, Record
from headrace.core.workspace import Sheet
from headrace.service.records.cells import check_column
from headrace.service.records.keys import LinkRule, columns_of, rules_of
from headrace.store import records, sheets
from headrace.store.database import Database, Transaction
from headrace.store.job_tables import happenings
from headrace.store.sheet_tables import (
    BLOCK,
    commit_ranges,
    record_versions,
    sheet_blocks,
    sheet_commits,
    sheet_keys,
    sheet_records,
)
from headrace.store.sheet_tables import sheets as sheets_table

_ALL = 1_000_000


def faults(database: Database) -> list[str]:
    """Return everything in a ledger that does not agree with the records of its sheets; of a sound one nothing."""
    found: list[str] = []
    with database.reading() as tx:
        ids = [row["id"] for row in tx.rows(sa.select(sheets_table.c.id).where(sheets_table.c.scope != ""))]
        for sheet_id in ids:
            sheet = sheets.get(tx, None, sheet_id)
            kept = records.after(tx, sheet, -1, _ALL)
            said = [*_blocks(tx, sheet), *_commits(tx, sheet), *_versions(tx, sheet), *_keys(tx, sheet, kept)]
            said += _verdicts(tx, sheet, kept)
            found += [f"{sheet.slug}: {one}" for one in said]
        return found + _numbers(tx)


def _blocks(tx: Transaction, sheet: Sheet) -> list[str]:
    rows = tx.rows(
        sa.select(sheet_records.c.position, sheet_records.c.valid).where(sheet_records.c.sheet == sheet.number)
    )
    totals = Counter(row["position"] // BLOCK for row in rows)
    errors = Counter(row["position"] // BLOCK for row in rows if not row["valid"])
    true = {block: (total, errors[block]) for block, total in totals.items()}
    kept = {
        row["block"]: (row["total"], row["error"])
        for row in tx.rows(sa.select(sheet_blocks).where(sheet_blocks.c.sheet == sheet.number))
        if row["total"] or row["error"]
    }
    return [] if kept == true else [f"blocks are {kept}, of the records {true}"]


def _commits(tx: Transaction, sheet: Sheet) -> list[str]:
    top = tx.rows(sa.select(sheets_table).where(sheets_table.c.number == sheet.number))[0]
    numbers = {row["number"] for row in tx.rows(sa.select(sheet_commits).where(sheet_commits.c.sheet == sheet.number))}
    ranges: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for row in tx.rows(sa.select(commit_ranges).where(commit_ranges.c.sheet == sheet.number)):
        ranges[row["commit_number"]].append((row["first"], row["last"]))
    found = [f"commit {one} is to come yet" for one in numbers if one >= top["next_commit"]]
    found += [f"ranges of no commit {one}" for one in ranges.keys() - numbers]
    named = ("position", "created_commit", "updated_commit")
    for row in tx.rows(
        sa.select(*(sheet_records.c[name] for name in named)).where(sheet_records.c.sheet == sheet.number)
    ):
        place = row["position"]
        if place >= top["next_position"]:
            found.append(f"position {place} is to come yet")
        for name in named[1:]:
            # What joins a commit takes a number of its own, and is in the ranges of the one that it joins.
            number = row[name] if row[name] in numbers else None
            if row[name] >= top["next_commit"]:
                found.append(f"{name} {row[name]} of {place} is to come yet")
            within = ranges[number] if number is not None else [one for parts in ranges.values() for one in parts]
            if not any(first <= place <= last for first, last in within):
                found.append(f"{name} {row[name]} does not have {place} in its ranges")
    return found


def _versions(tx: Transaction, sheet: Sheet) -> list[str]:
    query = sa.select(record_versions).where(record_versions.c.sheet == sheet.number)
    found: list[str] = []
    ends: dict[int, int] = {}
    for row in tx.rows(query.order_by(record_versions.c.position, record_versions.c.until_commit)):
        place, since, until = row["position"], row["since_commit"], row["until_commit"]
        if since >= until or ends.get(place, -1) > since:
            found.append(f"the old state of {place} from {since} until {until} overlaps")
        ends[place] = until
    return found


def _keys(tx: Transaction, sheet: Sheet, kept: list[Record]) -> list[str]:
    true = set()
    for rule in _rules(tx, sheet).all:
        columns = columns_of([one.values for one in kept], sheet.blueprint.by_key)
        pairs = rule.links(columns, len(kept)) if isinstance(rule, LinkRule) else rule.pairs(columns, len(kept))
        true |= {(rule.name, one[0], kept[one[1]].position) for one in pairs}
    rows = tx.rows(sa.select(sheet_keys).where(sheet_keys.c.sheet == sheet.number))
    there = {(row["rule"], row["key"], row["position"]) for row in rows}
    more, less = sorted(there - true), sorted(true - there)
    return [] if not more and not less else [f"keys too many {more[:3]}, missing {less[:3]}"]


def _verdicts(tx: Transaction, sheet: Sheet, kept: list[Record]) -> list[str]:
    """Compare messages of the system, made anew from what all sheets of the workbook have."""
    rules = _rules(tx, sheet)
    columns = columns_of([one.values for one in kept], sheet.blueprint.by_key)
    true: list[set[tuple[str, str]]] = [set() for _ in kept]
    for spec in sheet.blueprint.fields:
        for index, said in check_column(spec, list(columns[spec.key])).items():
            true[index] |= {(spec.key, one[1]) for one in said}
    for rule in rules.uniques:
        pairs = rule.pairs(columns, len(kept))
        often = Counter(key for key, _ in pairs)
        for key, index in pairs:
            if often[key] > 1:
                true[index] |= {(name, rule.said[1]) for name in rule.unique.fields}
    for link in rules.links:
        there = _targets(tx, link)
        for key, index, value in link.links(columns, len(kept)):
            if key not in there:
                true[index].add((link.spec.key, link.said(value)[1]))
    found = []
    for record, expected in zip(kept, true, strict=True):
        is_said = {(key, one.source.value) for key, items in record.messages.items() for one in items}
        is_said = {one for one in is_said if one[1] != "custom-logic"}
        if is_said != expected:
            found.append(f"of {record.position} is said {sorted(is_said)}, true is {sorted(expected)}")
        if record.valid == any(_is_error(one) for items in record.messages.values() for one in items):
            found.append(f"{record.position} is valid={record.valid} with {record.messages}")
    return found


def _targets(tx: Transaction, link: LinkRule) -> set[str]:
    """Return the keys of all that a field may refer to."""
    if link.target is None:
        return set()
    theirs = records.after(tx, link.target, -1, _ALL)
    target = next(one for one in _rules(tx, link.target).targets if one.name == link.target_rule)
    columns = columns_of([one.values for one in theirs], link.target.blueprint.by_key)
    return {key for key, _ in target.pairs(columns, len(theirs))}


def _is_error(message: Message) -> bool:
    return message.level.value == "error"


def _rules(tx: Transaction, sheet: Sheet) -> Any:
    return rules_of(sheet, sheets.of_workbook(tx, sheet.workbook_id))


def _numbers(tx: Transaction) -> list[str]:
    """Look at what was told: without gaps in each environment; each attempt of a job began once and ended at most once."""
    found = []
    numbers: dict[str, list[int]] = defaultdict(list)
    told: dict[str, list[str]] = defaultdict(list)
    for row in tx.rows(sa.select(happenings).order_by(happenings.c.written)):
        if row["number"] is not None:
            numbers[row["scope"]].append(row["number"])
        if row["job_id"] and row["topic"].startswith("job:"):
            body = row["body"] if isinstance(row["body"], dict) else json.loads(row["body"])
            told[row["job_id"]].append(f"{row['topic'][4:]}={body['payload']['status']}")
    for scope, given in numbers.items():
        if sorted(given) != list(range(min(given), min(given) + len(given))):
            found.append(f"the numbers of {scope} have gaps or doubles")
    for job_id, words in told.items():
        ends = [one for one in words if one.split("=")[0] in {"completed", "failed"} or one == "updated=canceled"]
        begins = sum(one.startswith("ready=") for one in words)
        made = sum(one.startswith("created=") for one in words)
        if made != 1 or len(ends) > max(begins, 1):
            found.append(f"of the job {job_id} was told {words}")
    return found
