"""Records that cells refer to (jobs contract 12.5: links)."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from headrace.core.workspace import Sheet
from headrace.service.records.keys import columns_of, rules_of
from headrace.store import record_keys, record_pages, sheets
from headrace.store.database import Transaction
from headrace.store.record_rows import values_of

Links: TypeAlias = Sequence[Mapping[str, Sequence[tuple[Sheet, Sequence[Any]]]]]
"""For each row, by the key of each field that refers, the records that it refers to: their sheet, and a row of ``store.record_rows.COLUMNS``."""

_VALUES = 2


def links_of(tx: Transaction, sheet: Sheet, rows: Sequence[Sequence[Any]]) -> Links:
    """Return what the cells of ``rows`` (of ``store.record_rows.COLUMNS``) refer to; of several records with one value the first."""
    rules = rules_of(sheet, sheets.of_workbook(tx, sheet.workbook_id)).links
    found: list[dict[str, list[tuple[Sheet, Sequence[Any]]]]] = [{rule.spec.key: [] for rule in rules} for _ in rows]
    needed = {key for rule in rules for key in (rule.spec.key, rule.by) if key is not None}
    columns = columns_of([values_of(row[_VALUES]) for row in rows], needed)
    for rule in rules:
        if rule.target is None:
            continue
        links = rule.links(columns, len(rows))
        ends = record_keys.ends(tx, rule.target.number, rule.target_rule, {key for key, _, _ in links})
        positions = sorted({first for first, _ in ends.values()})
        there = {row[0]: row for row in record_pages.rows_at(tx, rule.target, positions)}
        for key, index, _ in links:
            row = there.get(ends[key][0]) if key in ends else None
            if row is not None:
                found[index][rule.spec.key].append((rule.target, row))
    return found
