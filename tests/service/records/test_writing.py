"""Records inserted, changed and removed: what is kept, what is refused, and that it is all or nothing."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import msgspec
import pytest
import sqlalchemy as sa

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job import Actor
from headrace.core.job_limits import JobLimits
from headrace.core.record import CommitWish, Level, Message, MessageSource, NewRecord, RecordChange
from headrace.core.workspace import Sheet
from headrace.service.records import changing
from headrace.service.records.holding import hold
from headrace.service.records.writing import insert, insert_in, insert_page, remove, update
from headrace.store import record_blocks, record_commits, records, sheets
from headrace.store.database import Database
from headrace.store.sheet_tables import commit_ranges, record_versions, sheet_commits, sheet_keys
from headrace.store.sheet_tables import snapshots as snapshot_table
from service.records.house import ACTOR, SCOPE, WISH, House, make_house

TEXT: Mapping[str, Json] = {"key": "name", "type": "string"}
UNIQUE: Mapping[str, Json] = {"key": "email", "type": "string", "constraints": [{"type": "unique"}]}


def _page(house: House, sheet: Sheet, *new: object) -> None:
    insert_page(house.desk, ACTOR, sheet.id, msgspec.json.encode(new), WISH)


def _ranges(house: House, sheet: Sheet, number: int) -> list[tuple[int, int]]:
    with house.database.reading() as tx:
        mine = (commit_ranges.c.sheet == sheet.number, commit_ranges.c.commit_number == number)
        rows = tx.rows(sa.select(commit_ranges).where(*mine).order_by(commit_ranges.c.first))
    return [(row["first"], row["last"]) for row in rows]


def test_a_page_from_the_wire_is_kept_in_its_order(house: House) -> None:
    """Cells and bare values are alike, "" and null are nothing, and text comes back as it was, whatever the databases' copies make of it."""
    sheet = house.sheet("s", TEXT, {"key": "n", "type": "number"})
    odd = "tab\t, back\\slash, \\N, line\nend, ü, 𝄞, \\u0000"
    _page(
        house, sheet, {"name": {"value": odd}, "n": 1}, {"name": "", "n": {"value": None}}, {}, {"n": {}, "name": "x"}
    )
    assert [record.values for record in house.records(sheet)] == [{"name": odd, "n": 1}, {}, {}, {"name": "x"}]
    assert [record.position for record in house.records(sheet)] == [0, 1, 2, 3]


def test_a_page_keeps_what_clients_say_and_drops_what_only_the_server_says(house: House) -> None:
    """Messages of clients are kept; those of system sources are made anew, so what is sent of them does not count."""
    sheet = house.sheet("s", TEXT)
    said = [{"type": "error", "source": "unique-constraint", "message": "no"}, {"type": "error", "message": "bad"}]
    _page(house, sheet, {"name": {"value": "x", "messages": said}}, {"name": {"value": "y", "messages": []}})
    first, second = house.records(sheet)
    assert first.messages == {"name": (Message(Level.ERROR, MessageSource.CUSTOM, "bad"),)}
    assert (first.valid, second.valid, second.messages) == (False, True, {})


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'[{"nome": 1}, {"name": 1, "eta": 2}]', "eta"),
        (b'[{"name": {"value": "x", "messages": [{"message": 5}]}}]', "[0].name.messages[0].message"),
        (b'[{"name": {"value": "x", "messages": [{"type": "fatal"}]}}]', "[0].name.messages"),
        (b'{"name": "x"}', "records"),
        (b'[{"name": "a\\u0000b"}]', None),
        (b'[{"name": ', None),
    ],
)
def test_a_page_that_is_none_is_refused_with_its_place(sqlite_house: House, body: bytes, key: str | None) -> None:
    """Nothing is written, and the refusal names the field or the place."""
    sheet = sqlite_house.sheet("s", TEXT)
    with pytest.raises(Problem) as refused:
        insert_page(sqlite_house.desk, ACTOR, sheet.id, body, WISH)
    assert refused.value.code in {Code.INVALID, Code.MALFORMED}
    assert key is None or refused.value.fields[0].path == key
    assert sqlite_house.records(sheet) == []


@pytest.fixture
def sqlite_house(sqlite_ledger_url: str) -> House:
    """Return a house on SQLite."""
    return make_house(Database(sqlite_ledger_url))


def test_a_sheet_that_allows_more_fields_gets_those_that_records_bring(house: House) -> None:
    """An unknown key becomes a field of text, by an insert as by a change, and listeners are told of it."""
    sheet = house.sheet("s", TEXT, more=True)
    _page(house, sheet, {"name": "x", "size": 5})
    changes = [RecordChange(house.records(sheet)[0].id, {"colour": "red"})]
    update(house.desk, ACTOR, sheet.id, changes, WISH)
    assert house.records(sheet)[0].values == {"name": "x", "size": "5", "colour": "red"}
    assert house.topics().count("sheet:updated") == 2


def test_large_writes_are_cut_into_commits(database: Database) -> None:
    """A write of more records than a commit may have becomes several commits, in order; the last one is named."""
    house = make_house(database, limits=JobLimits(commit_records=2))
    sheet = house.sheet("s", TEXT)
    written = insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": str(n)}) for n in range(5)], WISH)
    _page(house, sheet, *({"name": str(n)} for n in range(5, 8)))
    assert [record.values["name"] for record in house.records(sheet)] == [str(n) for n in range(8)]
    assert written.commit is not None
    assert (written.created, len(set(written.created_ids)), written.commit.number) == (5, 5, 3)
    assert [_ranges(house, sheet, number) for number in range(1, 6)] == [
        [(0, 1)],
        [(2, 3)],
        [(4, 4)],
        [(5, 6)],
        [(7, 7)],
    ]


def test_positions_and_ids_are_never_used_again(house: House) -> None:
    """After a removal the next record comes behind; ids may be chosen, once."""
    sheet = house.sheet("s", TEXT)
    written = insert(house.desk, ACTOR, sheet.id, [NewRecord({}), NewRecord({}, id="mine")], WISH)
    remove(house.desk, ACTOR, sheet.id, [written.created_ids[0], "mine", "unknown"], WISH)
    insert(house.desk, ACTOR, sheet.id, [NewRecord({}, id="mine")], WISH)
    assert [(record.position, record.id) for record in house.records(sheet)] == [(2, "mine")]
    with pytest.raises(Problem, match="mine"):
        insert(house.desk, ACTOR, sheet.id, [NewRecord({}), NewRecord({}, id="mine")], WISH)
    with pytest.raises(Problem, match="other"):
        insert(house.desk, ACTOR, sheet.id, [NewRecord({}, id="other"), NewRecord({}, id="other")], WISH)
    assert len(house.records(sheet)) == 1


def test_a_change_keeps_what_it_does_not_name(house: House) -> None:
    """Fields without a value keep theirs, null removes one, documents are replaced as a whole, and the record's commit is the new one."""
    sheet = house.sheet("s", TEXT, {"key": "n", "type": "number"})
    new = NewRecord({"name": "x", "n": 1}, metadata={"a": 1, "b": 2}, config={"readonly": True})
    (shown,) = insert(house.desk, ACTOR, sheet.id, [new], WISH).created_ids
    changes = [RecordChange(shown, {"n": None}), RecordChange(shown, {}, metadata={"c": 3})]
    written = update(house.desk, ACTOR, sheet.id, changes, WISH)
    (record,) = house.records(sheet)
    assert (record.values, record.metadata, record.config) == ({"name": "x"}, {"c": 3}, {"readonly": True})
    assert written.commit is not None
    assert (written.updated, record.updated_commit) == (1, written.commit.number)


def test_a_change_that_changes_nothing_gives_the_newest_commit(house: House) -> None:
    """The same values, the same messages: no commit, and nobody is told."""
    sheet = house.sheet("s", TEXT)
    made = insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], WISH)
    before = house.topics()
    written = update(
        house.desk, ACTOR, sheet.id, [RecordChange(made.created_ids[0], {"name": "x"}, {"name": ()})], WISH
    )
    assert (written.commit, written.updated, house.topics()) == (made.commit, 0, before)


def test_true_and_one_are_different_values(house: House) -> None:
    """An option that is true is changed to 1 when 1 is sent: Python would take them for the same."""
    sheet = house.sheet("s", {"key": "e", "type": "enum", "config": {"options": [{"value": True}, {"value": 1}]}})
    (shown,) = insert(house.desk, ACTOR, sheet.id, [NewRecord({"e": True})], WISH).created_ids
    assert update(house.desk, ACTOR, sheet.id, [RecordChange(shown, {"e": 1})], WISH).updated == 1
    assert house.records(sheet)[0].values["e"] is not True


def test_unknown_records_and_fields_are_refused_by_name(house: House) -> None:
    """Nothing of such a change is written, also where it would have been several commits."""
    sheet = house.sheet("s", TEXT)
    (shown,) = insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], WISH).created_ids
    small = replace(house.desk, limits=JobLimits(commit_records=1))
    for desk in (house.desk, small):
        with pytest.raises(Problem, match="us_rc_nobody"):
            update(desk, ACTOR, sheet.id, [RecordChange(shown, {"name": "y"}), RecordChange("us_rc_nobody", {})], WISH)
    with pytest.raises(Problem, match="nome"):
        update(house.desk, ACTOR, sheet.id, [RecordChange(shown, {"nome": "y"})], WISH)
    assert house.records(sheet)[0].values == {"name": "x"}


def test_a_stranger_finds_no_sheet(house: House) -> None:
    """Who is bound to another space, or another environment, does not learn that the sheet is there."""
    sheet = house.sheet("s", TEXT)
    for actor in (Actor("us_key_1", SCOPE, space_id="us_sp_other"), Actor("us_key_1", "jobs/us_acc_1/us_env_2")):
        for write in (insert, update, remove):
            with pytest.raises(Problem) as refused:
                write(house.desk, actor, sheet.id, [], WISH)
            assert refused.value.code is Code.NOT_FOUND


def test_the_second_of_a_pair_makes_both_invalid_and_removing_one_heals_the_other(house: House) -> None:
    """Uniqueness is said of every record that shares a value, of no other, and only while it does."""
    sheet = house.sheet("s", UNIQUE)
    first = insert(house.desk, ACTOR, sheet.id, [NewRecord({"email": "a"}), NewRecord({})], WISH).created_ids[0]
    _page(house, sheet, {"email": "a"}, {"email": "b"}, {})
    assert [record.valid for record in house.records(sheet)] == [False, True, False, True, True]
    with house.database.reading() as tx:
        assert record_blocks.counts(tx, sheet).error == 2
    remove(house.desk, ACTOR, sheet.id, [first], WISH)
    assert [record.valid for record in house.records(sheet)] == [True, True, True, True]
    with house.database.reading() as tx:
        assert record_blocks.counts(tx, sheet).error == 0
    healed = house.records(sheet)[1]
    assert healed.updated_commit == 2


def test_records_that_refer_to_a_value_follow_it(house: House) -> None:
    """A value that comes heals who refers to it, in whatever sheet; one that goes breaks them, and their sheets' counts are told."""
    people = house.sheet("people", {"key": "team", "type": "reference", "config": {"ref": "teams", "key": "name"}})
    teams = house.sheet("teams", TEXT)
    _page(house, people, {"team": "red"}, {"team": "blue"})
    house.clock.advance(2_000_000)
    _page(house, teams, {"name": "red"})
    assert [record.valid for record in house.records(people)] == [True, False]
    assert house.said(people)[1] == {"team": ['"blue" was not found in Teams']}
    update(house.desk, ACTOR, teams.id, [RecordChange(house.records(teams)[0].id, {"name": "blue"})], WISH)
    assert [record.valid for record in house.records(people)] == [False, True]
    counted = [payload["sheetId"] for topic, payload in house.told() if topic == "sheet:counts-updated"]
    assert counted.count(people.id) == 2


def test_what_fails_in_the_middle_leaves_nothing(house: House) -> None:
    """A transaction that breaks off after records, keys, blocks and commits were written has written none of them."""
    sheet = house.sheet("s", UNIQUE)
    insert(house.desk, ACTOR, sheet.id, [NewRecord({"email": "a"})], WISH)
    before = (house.records(sheet), house.topics(), _rows(house))
    for work in ("insert", "update", "remove"):
        with pytest.raises(ZeroDivisionError):
            _break_off(house, sheet, work)
    assert (house.records(sheet), house.topics(), _rows(house)) == before
    insert(house.desk, ACTOR, sheet.id, [NewRecord({"email": "c"})], WISH)
    assert [record.position for record in house.records(sheet)] == [0, 1]


def _break_off(house: House, sheet: Sheet, work: str) -> None:
    now = house.clock.now()
    with house.database.transaction() as tx:
        held = hold(tx, SCOPE, sheet.id)
        (record,) = records.at(tx, held, [0])
        if work == "insert":
            insert_in(tx, house.desk, held, [NewRecord({"email": "a"})], WISH, now)
        elif work == "update":
            changing.update_in(tx, house.desk, held, [RecordChange(record.id, {"email": "b"})], WISH, now)
        else:
            changing.remove_in(tx, house.desk, held, [record], WISH, now)
        raise ZeroDivisionError


def _rows(house: House) -> list[int]:
    with house.database.reading() as tx:
        tables = (commit_ranges, sheet_commits, sheet_keys)
        return [tx.scalar(sa.select(sa.func.count()).select_from(table)) for table in tables]


def test_two_writers_of_a_sheet_take_turns(house: House) -> None:
    """Whatever two writers do at once: each position is there once, and of two equal values both are known not to be unique."""
    sheet = house.sheet("s", UNIQUE)

    def write(writer: int) -> None:
        for number in range(5):
            values = [NewRecord({"email": f"{number}"}), NewRecord({"email": f"{writer}.{number}"})]
            insert(house.desk, ACTOR, sheet.id, values, WISH)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    found = house.records(sheet)
    assert [record.position for record in found] == list(range(20))
    assert [record.valid for record in found] == ["." in str(record.values["email"]) for record in found]
    with house.database.reading() as tx:
        assert record_blocks.counts(tx, sheet).error == 10


def test_writers_of_sheets_that_refer_to_each_other_do_not_block_each_other_for_good(house: House) -> None:
    """Each holds both sheets in one order, so there is no circle of waiting."""
    ring = [("a", "b"), ("b", "a")]
    sheets_of = [
        house.sheet(slug, {"key": "to", "type": "reference", "config": {"ref": other, "key": "to"}})
        for slug, other in ring
    ]

    def write(number: int) -> None:
        for _ in range(5):
            insert(house.desk, ACTOR, sheets_of[number].id, [NewRecord({"to": "x"})], WISH)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(2)))
    assert [record.valid for sheet in sheets_of for record in house.records(sheet)] == [True] * 10


def test_old_states_are_kept_for_the_newest_snapshot(house: House) -> None:
    """The first change after a snapshot keeps what was there, the second does not, and a write-back has a number of its own."""
    sheet = house.sheet("s", TEXT)
    made = insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], WISH)
    with house.database.transaction() as tx:
        row = {
            "id": "us_ss_1",
            "sheet": sheet.number,
            "commit_number": 1,
            "fields": [],
            "created_by": "k",
            "created_at": 1,
        }
        tx.execute(sa.insert(snapshot_table), row)
    assert made.commit is not None
    joins = replace(WISH, joins=made.commit.id)
    for name in ("y", "z"):
        update(house.desk, ACTOR, sheet.id, [RecordChange(made.created_ids[0], {"name": name})], joins)
    with house.database.reading() as tx:
        kept = tx.rows(sa.select(record_versions.c.since_commit, record_versions.c.until_commit))
        assert [(row["since_commit"], row["until_commit"]) for row in kept] == [(1, 2)]
        newest = record_commits.newest(tx, sheet)
        assert sheets.get(tx, SCOPE, sheet.id).next_commit == 4
    assert newest == made.commit
    assert _ranges(house, sheet, 1) == [(0, 0)]


def test_ranges_of_a_commit_never_meet(house: House) -> None:
    """Positions that lie together are one range, also when a write-back adds to them."""
    sheet = house.sheet("s", TEXT)
    ids = insert(house.desk, ACTOR, sheet.id, [NewRecord({}) for _ in range(6)], WISH).created_ids
    changed = [RecordChange(ids[at], {"name": "x"}) for at in (0, 1, 4)]
    commit = update(house.desk, ACTOR, sheet.id, changed, WISH).commit
    assert commit is not None
    assert _ranges(house, sheet, commit.number) == [(0, 1), (4, 4)]
    back = [RecordChange(ids[at], {"name": "y"}) for at in (1, 2, 3)]
    update(house.desk, ACTOR, sheet.id, back, CommitWish(actor_id="us_key_2", joins=commit.id))
    assert _ranges(house, sheet, commit.number) == [(0, 4)]
