"""Selections on both databases, against a second telling of what they mean in plain Python."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.record import And, Compare, Is, Operator, Or, RecordFilter, Selection, Standing
from headrace.core.workspace import Sheet
from headrace.store import record_pages
from headrace.store.database import Database, Transaction
from headrace.store.record_values import record_values
from sheet_rows import field, lay_records, lay_sheet
from store import record_model

WEIRD = 'a "b" \\é.$'
FIELDS = (
    field("name"),
    field("amount", "number"),
    field("done", "boolean"),
    field("due", "date"),
    field("state", "enum"),
    field("tags", "string-list"),
    field(WEIRD),
    field("7up", "enum-list"),
)
TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "Ä",
    "ä",
    "ß",
    "Σίσυφος",
    "100",
    "1e2",
    "-7.5",
    "yes",
    "false",
    "%",
    "a_b",
    "*[?]",
    "z\\",
    "2024-01-31",
    "😀",
]
PATTERNS = [*TEXTS[1:], "a%", "%b", "_", "%Ä%", "%*%", "_[_", "Z\\", "1%0"]
KEYS = st.sampled_from([item.key for item in FIELDS])
COMPARES = st.builds(
    Compare, st.one_of(st.none(), KEYS), st.sampled_from(Operator), st.one_of(st.none(), st.sampled_from(PATTERNS))
)
STATES = st.builds(Is, st.one_of(st.none(), KEYS), st.sampled_from(["error", "valid", "warning"]))
FILTERS: st.SearchStrategy[RecordFilter] = st.recursive(
    COMPARES | STATES,
    lambda inner: st.lists(inner, min_size=2, max_size=3).flatmap(
        lambda terms: st.sampled_from([And(tuple(terms)), Or(tuple(terms))])
    ),
    max_leaves=4,
)
_DRAWN = 40


@pytest.fixture
def reading(database: Database) -> Iterator[tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Return a transaction, a sheet with every kind of value, its records and their messages."""
    cells = [
        None,
        *TEXTS[1:],
        0,
        1,
        100,
        -7.5,
        0.30000000000000004,
        1e20,
        1e-7,
        2**53 + 1,
        100.0,
        True,
        False,
        {"a": "a"},
    ]
    lists = [[], ["a", "Ä"], [100, True, None], ["yes", [1]], "ab", 1e20]
    records = [
        {
            item.key: (lists + cells)[(row * 5 + column) % 37]
            if item.kind.is_list
            else cells[(row * 7 + column * 3) % len(cells)]
            for column, item in enumerate(FIELDS)
        }
        for row in range(_DRAWN)
    ]
    levels = ["error", "warn", "info"]
    messages = [
        {
            FIELDS[row % 8].key: [[levels[row % 3], "custom-logic", "error"]],
            "name": [[levels[row % 2], "custom-logic", "a"]],
        }
        if row % 4
        else {}
        for row in range(_DRAWN)
    ]
    with database.transaction() as tx:
        sheet = lay_sheet(tx, FIELDS)
        said = {row: found for row, found in enumerate(messages) if found}
        lay_records(tx, sheet, records, messages=said)
    with database.reading() as tx:
        yield tx, sheet, records, messages


def test_filters_mean_the_same_on_both_databases(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """What SQL selects is what the filter says of each record, whatever types its values have."""
    tx, sheet, records, messages = reading

    @settings(max_examples=40)
    @given(FILTERS)
    def check(where: RecordFilter) -> None:
        found = record_pages.walk(tx, sheet, Selection(where=where), None, 1000)
        wanted = [
            row
            for row in range(len(records))
            if record_model.holds(where, records[row], messages[row], sheet.blueprint)
        ]
        assert [record.position for record in found] == wanted

    check()


def test_a_search_finds_texts_of_any_type_in_any_case(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """A search goes by what a cell shows, in one field or in all of them."""
    tx, sheet, records, _ = reading
    for text in [*TEXTS[1::2], "3", "tr", "0000"]:
        for key in (None, "amount", "tags", WEIRD):
            for whole in (False, True):
                selection = Selection(search=text, search_field=key, search_whole=whole)
                found = record_pages.walk(tx, sheet, selection, None, 1000)
                wanted = [
                    row
                    for row, values in enumerate(records)
                    if record_model.found(text, key, values, sheet.blueprint, whole=whole)
                ]
                assert [record.position for record in found] == wanted, (text, key, whole)


def test_records_are_sorted_by_type_with_nulls_last(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Numbers sort as numbers, texts by code point, nulls last in either direction, ties in the order of insertion."""
    tx, sheet, records, _ = reading
    for key in sheet.blueprint.by_key:
        for descending in (False, True):
            selection = Selection(sort_field=key, descending=descending)
            pages = [record_pages.page(tx, sheet, selection, 15, number) for number in range(1, 5)]
            keys = [record_model.sort_key(values[key], key, sheet.blueprint) for values in records]
            order: list[int] = []
            for rank in sorted({rank for rank, _ in keys}):
                here = [row for row in range(len(records)) if keys[row][0] == rank]
                order += sorted(here, key=lambda row: keys[row][1], reverse=descending)
            assert [record.position for found in pages for record in found] == order, (key, descending)


def test_a_page_behind_the_last_one_is_empty(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Clients page on until nothing comes."""
    tx, sheet, _, _ = reading
    for standing in (Standing.ALL, Standing.VALID, Standing.ERROR):
        pages = [record_pages.page(tx, sheet, Selection(standing=standing), 7, number) for number in range(1, 9)]
        positions = [record.position for page in pages for record in page]
        assert positions == sorted(set(positions))
        assert pages[-1] == []
        assert len(positions) == record_pages.counts(tx, sheet, Selection(standing=standing)).total


def test_a_record_that_is_wrong_elsewhere_is_right_in_a_field(database: Database) -> None:
    """Where all records of a block are wrong, those that are right in the field are found all the same."""
    fields = [field("a"), field("b")]
    wrong = {row: {"b" if row else "a": [["error", "custom-logic", "no"]]} for row in range(3)}
    with database.transaction() as tx:
        sheet = lay_sheet(tx, fields)
        lay_records(tx, sheet, [{"a": "x"}] * 3, messages=wrong)
        for standing, rows in ((Standing.VALID, [1, 2]), (Standing.ERROR, [0])):
            selection = Selection(standing=standing, standing_field="a")
            assert [one.position for one in record_pages.walk(tx, sheet, selection, None, 10)] == rows
            assert [one.position for one in record_pages.page(tx, sheet, selection, 10)] == rows
            assert record_pages.page(tx, sheet, selection, 10**6, 10**16) == []


def test_counts_by_field_are_those_of_a_count_by_hand(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """For each field: records without and with an error in it, and those that have it empty."""
    tx, sheet, records, messages = reading
    where = Compare("amount", Operator.NE, None)
    found = record_pages.counts(tx, sheet, Selection(where=where), by_field=True)
    chosen = [row for row, values in enumerate(records) if values["amount"] is not None]
    assert found.by_field is not None
    assert found.total == len(chosen)
    for key, counted in found.by_field.items():
        wrong = sum(any(item[0] == "error" for item in messages[row].get(key, [])) for row in chosen)
        empty = sum(records[row][key] is None for row in chosen)
        assert (counted.total, counted.error, counted.valid, counted.empty) == (
            len(chosen),
            wrong,
            len(chosen) - wrong,
            empty,
        )


def test_places_of_records_are_those_on_the_pages(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Clients find the page of a record by its place, in every order."""
    tx, sheet, _, _ = reading
    for selection in (
        Selection(),
        Selection(standing=Standing.ERROR),
        Selection(sort_field="amount", descending=True),
        Selection(search="a"),
    ):
        ids = [record.id for record in record_pages.page(tx, sheet, selection, 1000)]
        assert record_pages.indices(tx, sheet, selection, [*ids, "us_rc_none"]) == {
            item: place for place, item in enumerate(ids)
        }


def test_values_of_a_field_come_once_each_with_their_counts(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Whoever filters by a value sees which there are; 100 and 100.0 are one number."""
    tx, sheet, records, _ = reading
    for key in sheet.blueprint.by_key:
        found = record_values(tx, sheet, key, limit=1000)
        assert sum(value.total for value in found) == len(records)
        distinct = {
            (isinstance(values[key], bool), repr(values[key]) if isinstance(values[key], list | dict) else values[key])
            for values in records
        }
        assert len(found) == len(distinct)
        assert record_values(tx, sheet, key, limit=2, offset=1) == found[1:3]
        ranks = [record_model.sort_key(value.value, key, sheet.blueprint)[0] for value in found]
        assert ranks == sorted(ranks)


def test_ids_are_included_or_excluded_however_many_there_are(
    reading: tuple[Transaction, Sheet, list[dict[str, Any]], list[dict[str, Any]]],
) -> None:
    """Deduplication sends thousands of ids."""
    tx, sheet, records, _ = reading
    ids = [record.id for record in record_pages.page(tx, sheet, Selection(), 1000)]
    many = (*ids[:7], *(f"us_rc_{number}" for number in range(40_000)))
    chosen = record_pages.walk(tx, sheet, Selection(ids=many), None, 1000)
    others = record_pages.walk(tx, sheet, Selection(ids=many, excludes=True), None, 1000)
    assert [record.position for record in chosen + others] == list(range(len(records)))
    assert len(chosen) == 7
    assert record_pages.counts(tx, sheet, Selection(standing=Standing.NONE)).total == 0
    assert record_pages.counts(tx, sheet, Selection(standing=Standing.NONE, ids=many)).total == 7


def test_a_comparison_may_mean_more_fields_than_a_chain_takes(sqlite_database: Database) -> None:
    """Of a sheet of thousands of fields too: SQLite takes no deeper expressions than of a thousand."""
    fields = tuple(field(f"k{number}", "string-list" if number == 1 else "string") for number in range(1_100))
    with sqlite_database.transaction() as tx:
        sheet = lay_sheet(tx, fields)
        lay_records(tx, sheet, [{"k0": "x", "k1": ["y"]}, {item.key: "x" for item in fields}])
    with sqlite_database.reading() as tx:
        for chosen, value, wanted in (
            (Operator.NE, "x", [0]),
            (Operator.EQ, None, [0]),
        ):
            found = record_pages.walk(tx, sheet, Selection(where=Compare(None, chosen, value)), None, 10)
            assert [record.position for record in found] == wanted, (chosen, value)
