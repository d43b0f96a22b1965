"""Random writes and changes of fields, against a model that checks every record from scratch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from fakes import CountingIds
from headrace.core.record import Level, Message, MessageSource, NewRecord, RecordChange
from headrace.core.workspace import Sheet
from headrace.service.records.keys import columns_of, rules_of
from headrace.service.records.writing import insert, remove, update
from headrace.store import sheets
from headrace.store.database import Database
from headrace.store.sheet_tables import BLOCK, sheet_blocks, sheet_keys
from service.records.house import ACTOR, WISH, House, make_house
from service.records.model import ModelRecord, ModelSheet, messages

_OPTIONS = {"options": [{"value": "x"}, {"value": "y"}]}
_UNIQUE: Mapping[str, Any] = {"type": "unique", "config": {"caseSensitive": False}}
PEOPLE: list[list[dict[str, Any]]] = [
    [
        {"key": "email", "type": "string", "constraints": [_UNIQUE, {"type": "required", "config": {"level": "warn"}}]},
        {"key": "team", "type": "reference", "config": {"ref": "teams", "key": "name"}},
        {"key": "size", "type": "number"},
        {"key": "kind", "type": "enum", "config": _OPTIONS, "constraints": [{"type": "required"}]},
        {"key": "tags", "type": "string-list", "constraints": [{"type": "unique"}]},
    ],
    [
        {"key": "email", "type": "string"},
        {
            "key": "team",
            "type": "reference",
            "config": {"ref": "teams", "key": "name", "filter": {"refField": "size", "recordField": "size"}},
        },
        {"key": "size", "type": "string", "constraints": [{"type": "unique", "config": {"message": "again"}}]},
        {"key": "tags", "type": "enum-list", "config": _OPTIONS},
    ],
    [
        {"key": "email", "type": "date", "constraints": [{"type": "unique"}]},
        {"key": "team", "type": "string", "constraints": [_UNIQUE]},
        {"key": "size", "type": "boolean"},
        {"key": "kind", "type": "string"},
        {"key": "tags", "type": "reference-list", "config": {"ref": "people", "key": "email"}},
    ],
]
TEAMS: list[list[dict[str, Any]]] = [
    [
        {"key": "name", "type": "string", "constraints": [{"type": "unique"}]},
        {"key": "size", "type": "number"},
        {"key": "lead", "type": "reference", "config": {"ref": "people", "key": "email"}},
    ],
    [{"key": "name", "type": "string-list"}, {"key": "size", "type": "string"}],
    [{"key": "size", "type": "number"}, {"key": "lead", "type": "string"}],
]
GROUPS: list[list[dict[str, Any]]] = [
    [],
    [{"type": "unique", "name": "both", "fields": ["email", "team"], "config": {"message": "twice"}}],
    [{"type": "unique", "name": "both", "fields": ["team", "size"], "requiredFields": ["email"]}],
]
_VALUES = st.sampled_from(
    [
        "a",
        "A",
        "x",
        "",
        None,
        "2020-01-31",
        "5",
        5,
        5.0,
        2.5,
        True,
        "yes",
        "1",
        ["a"],
        ["a", "x", "a"],
        [],
        {"o": 1},
        "é" * 80,
        "É" * 80,
    ]
)
_KEYS = st.sampled_from(["email", "team", "size", "kind", "tags", "name", "lead"])
_RECORD = st.dictionaries(_KEYS, _VALUES, max_size=5)
_SHEETS = st.sampled_from([0, 0, 1])
_PICKS = st.lists(st.integers(0, 30), min_size=1, max_size=4)
_STEPS = st.one_of(
    st.tuples(st.just("insert"), _SHEETS, st.lists(_RECORD, min_size=1, max_size=4)),
    st.tuples(st.just("insert"), _SHEETS, st.lists(_RECORD, min_size=1, max_size=4)),
    st.tuples(
        st.just("update"),
        _SHEETS,
        st.lists(st.tuples(st.integers(0, 30), _RECORD, st.booleans()), min_size=1, max_size=4),
    ),
    st.tuples(st.just("remove"), _SHEETS, _PICKS),
    st.tuples(st.just("rebuild"), _SHEETS, st.integers(0, 2)),
)
_NOTE = Message(Level.ERROR, MessageSource.CUSTOM, "note")


@dataclass
class _Pair:
    """A sheet, and the model of it."""

    sheet: Sheet
    model: ModelSheet
    ids: dict[int, str]


@pytest.mark.parametrize("examples", [12, pytest.param(300, marks=pytest.mark.soak)])
def test_what_is_said_of_records_is_what_a_check_from_scratch_says(database: Database, examples: int) -> None:
    """After any writes and changes of fields: values, messages, validity, counts of blocks and keys are those of a check of everything."""
    ids = CountingIds()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(st.lists(_STEPS, min_size=2, max_size=7))
    def run(steps: list[tuple[str, int, Any]]) -> None:
        house = make_house(database, ids=ids)
        # From the end of a block on, so that records lie in two.
        pairs = [_pair(house, "people", PEOPLE[0], BLOCK - 3), _pair(house, "teams", TEAMS[0], 0)]
        for kind, number, what in steps:
            _DO[kind](house, pairs[number], what)
            for pair in pairs:
                _compare(house, pair, [one.model for one in pairs])

    run()


def _pair(house: House, slug: str, fields: list[dict[str, Any]], first: int) -> _Pair:
    return _Pair(house.sheet(slug, *fields, first_position=first), ModelSheet(slug.title(), slug, fields, []), {})


def _insert(house: House, pair: _Pair, new: list[dict[str, Any]]) -> None:
    keys = {one["key"] for one in pair.model.fields}
    fitting = [{key: value for key, value in one.items() if key in keys} for one in new]
    written = insert(house.desk, ACTOR, pair.sheet.id, [NewRecord(one) for one in fitting], WISH)
    for shown, values in zip(written.created_ids, fitting, strict=True):
        position = next(one.position for one in house.records(pair.sheet) if one.id == shown)
        pair.ids[position] = shown
        pair.model.records.append(ModelRecord(position, pair.model.read(values)))


def _update(house: House, pair: _Pair, asked: list[tuple[int, dict[str, Any], bool]]) -> None:
    keys = {one["key"] for one in pair.model.fields}
    changes = []
    for pick, values, noted in asked:
        if pair.model.records:
            record = pair.model.records[pick % len(pair.model.records)]
            fitting = {key: value for key, value in values.items() if key in keys}
            said = dict.fromkeys(fitting, (_NOTE,) if noted else ())
            changes.append(RecordChange(pair.ids[record.position], fitting, said))
            record.values = pair.model.read({**record.values, **fitting})
            record.custom |= {key: [("error", "custom-logic", "note")] if noted else [] for key in fitting}
    update(house.desk, ACTOR, pair.sheet.id, changes, WISH)


def _remove(house: House, pair: _Pair, picks: list[int]) -> None:
    gone = {pick % len(pair.model.records) for pick in picks} if pair.model.records else set()
    ids = [pair.ids[pair.model.records[number].position] for number in sorted(gone)]
    remove(house.desk, ACTOR, pair.sheet.id, ids, WISH)
    pair.model.records = [one for number, one in enumerate(pair.model.records) if number not in gone]


def _rebuild(house: House, pair: _Pair, number: int) -> None:
    is_people = pair.model.slug == "people"
    pair.model.fields = (PEOPLE if is_people else TEAMS)[number]
    pair.model.constraints = GROUPS[number] if is_people else []
    pair.model.reread()
    pair.sheet = house.rebuild(pair.sheet, *pair.model.fields, constraints=pair.model.constraints)


_DO: Mapping[str, Callable[[House, _Pair, Any], None]] = {
    "insert": _insert,
    "update": _update,
    "remove": _remove,
    "rebuild": _rebuild,
}


def _compare(house: House, pair: _Pair, workbook: list[ModelSheet]) -> None:
    found = house.records(pair.sheet)
    assert [(one.position, one.values) for one in found] == [(one.position, one.values) for one in pair.model.records]
    expected = [messages(pair.model, workbook, one) for one in pair.model.records]
    said = [
        {key: sorted({(one.level, one.source, one.text) for one in items}) for key, items in record.messages.items()}
        for record in found
    ]
    assert said == expected
    wrong = [any(level == "error" for items in one.values() for level, _, _ in items) for one in expected]
    assert [not record.valid for record in found] == wrong
    positions = [record.position for record in found]
    blocks = dict.fromkeys((0, 1), (0, 0))
    for position, is_wrong in zip(positions, wrong, strict=True):
        total, error = blocks[position // BLOCK]
        blocks[position // BLOCK] = (total + 1, error + is_wrong)
    with house.database.reading() as tx:
        rows = tx.rows(sa.select(sheet_blocks).where(sheet_blocks.c.sheet == pair.sheet.number))
        counted = {row["block"]: (row["total"], row["error"]) for row in rows}
        kept = tx.rows(sa.select(sheet_keys).where(sheet_keys.c.sheet == pair.sheet.number))
        siblings = sheets.of_workbook(tx, pair.sheet.workbook_id)
    assert blocks | counted == blocks
    rules = rules_of(next(one for one in siblings if one.id == pair.sheet.id), siblings)
    columns = columns_of([record.values for record in found], rules.fields)
    keys = {(rule.name, key, positions[index]) for rule in rules.all for key, index in rule.pairs(columns, len(found))}
    assert {(row["rule"], row["key"], row["position"]) for row in kept} == keys
