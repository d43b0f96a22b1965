"""Who is told of which write, and when a commit is complete."""

from dataclasses import replace

import pytest

from headrace.core.clock import MINUTE, SECOND
from headrace.core.errors import Code, Problem
from headrace.core.record import Level, Message, MessageSource, NewRecord, RecordChange
from headrace.core.workspace import Sheet, Written
from headrace.service.records import commits
from headrace.service.records.writing import insert, remove, update
from headrace.store import record_commits
from headrace.store.database import Database
from service.records.house import ACTOR, SCOPE, WISH, House, make_house

TEXT = {"key": "name", "type": "string"}
NOTE = {"name": (Message(Level.WARN, MessageSource.CUSTOM, "hm"),)}


@pytest.fixture
def tracking(database: Database) -> House:
    """Return a house whose workbook tracks changes."""
    return make_house(database, tracking=True)


def _made(house: House, sheet: Sheet) -> Written:
    return insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], WISH)


def _is_complete(house: House, written: Written) -> bool:
    assert written.commit is not None
    with house.database.reading() as tx:
        commit = record_commits.find(tx, written.commit.id)
    assert commit is not None
    return commit.completed_at is not None


def test_inserts_and_changes_are_told_and_removals_otherwise(house: House) -> None:
    """``commit:created`` names the commit with its data; a removal is told as such, with the ids."""
    sheet = house.sheet("s", TEXT)
    written = _made(house, sheet)
    update(house.desk, ACTOR, sheet.id, [RecordChange(written.created_ids[0], {"name": "y"})], WISH)
    update(house.desk, ACTOR, sheet.id, [RecordChange(written.created_ids[0], metadata={"a": 1})], WISH)
    remove(house.desk, ACTOR, sheet.id, written.created_ids, WISH)
    told = [one for one in house.told() if one[0] != "sheet:counts-updated"]
    assert [topic for topic, _ in told] == ["commit:created"] * 3 + ["records:deleted"]
    assert written.commit is not None
    expected = {"sheetId": sheet.id, "workbookId": sheet.workbook_id, "versionId": written.commit.id}
    assert told[0][1] == {**expected, "sheetSlug": "s", "trackChanges": False}
    assert told[-1][1] == {"sheetId": sheet.id, "recordIds": [written.created_ids[0]], "recordCount": 1}


def test_messages_alone_are_not_told_unless_it_is_forced(house: House) -> None:
    """A hook that only says something of records does not call the hooks again; it is a commit all the same."""
    sheet = house.sheet("s", TEXT)
    (shown,) = _made(house, sheet).created_ids
    written = update(house.desk, ACTOR, sheet.id, [RecordChange(shown, {}, NOTE)], WISH)
    assert (written.updated, house.topics().count("commit:created")) == (1, 1)
    update(house.desk, ACTOR, sheet.id, [RecordChange(shown, {}, {"name": ()})], replace(WISH, forced=True))
    assert house.topics().count("commit:created") == 2


def test_silent_writes_tell_nobody_unless_they_are_forced(house: House) -> None:
    """``silent`` tells nobody of anything; ``forced`` tells of the commit in any case."""
    sheet = house.sheet("s", TEXT)
    silent = replace(WISH, silent=True)
    written = insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], silent)
    update(house.desk, ACTOR, sheet.id, [RecordChange(written.created_ids[0], {"name": "y"})], silent)
    remove(house.desk, ACTOR, sheet.id, written.created_ids, silent)
    assert house.topics() == []
    insert(house.desk, ACTOR, sheet.id, [NewRecord({"name": "x"})], replace(silent, forced=True))
    assert house.topics() == ["commit:created"]


def test_a_write_back_joins_its_commit_and_completes_it(tracking: House) -> None:
    """A hook's answer is no commit of its own and is not told; the commit that it answers is complete then, even when nothing changed."""
    sheet = tracking.sheet("s", TEXT)
    first, second = _made(tracking, sheet), _made(tracking, sheet)
    assert not _is_complete(tracking, first)
    assert first.commit is not None
    assert second.commit is not None
    answer = [RecordChange(first.created_ids[0], {"name": "y"})]
    joined = update(tracking.desk, ACTOR, sheet.id, answer, replace(WISH, joins=first.commit.id, forced=True))
    assert joined.commit is not None
    assert joined.commit.id == first.commit.id
    same = [RecordChange(second.created_ids[0], {"name": "x"})]
    update(tracking.desk, ACTOR, sheet.id, same, replace(WISH, joins=second.commit.id))
    assert _is_complete(tracking, first)
    assert _is_complete(tracking, second)
    topics = [topic for topic in tracking.topics() if topic != "sheet:counts-updated"]
    assert topics == ["commit:created", "commit:created", "commit:completed", "commit:completed"]


def test_a_write_back_to_a_commit_of_another_sheet_is_refused(house: House) -> None:
    """Nothing of it is written."""
    sheet, other = house.sheet("s", TEXT), house.sheet("t", TEXT)
    mine, theirs = _made(house, sheet), _made(house, other)
    assert theirs.commit is not None
    answer = [RecordChange(mine.created_ids[0], {"name": "y"})]
    with pytest.raises(Problem, match="no commit") as refused:
        update(house.desk, ACTOR, sheet.id, answer, replace(WISH, joins=theirs.commit.id))
    assert refused.value.fields[0].path == "commitId"
    assert house.records(sheet)[0].values == {"name": "x"}


def test_commits_of_workbooks_that_do_not_track_changes_are_complete_at_once(house: House) -> None:
    """Nobody waits for them, and ``commit:completed`` is not told; completing one again changes nothing."""
    written = _made(house, house.sheet("s", TEXT))
    assert written.commit is not None
    assert _is_complete(house, written)
    assert commits.complete(house.desk, ACTOR, written.commit.id) == written.commit
    assert "commit:completed" not in house.topics()


def test_a_commit_is_completed_once(tracking: House) -> None:
    """The first call completes and is told of, a second one changes nothing; a replay tells of the commit again; strangers find none."""
    written = _made(tracking, tracking.sheet("s", TEXT))
    assert written.commit is not None
    for _ in range(2):
        assert commits.complete(tracking.desk, ACTOR, written.commit.id).completed_by == ACTOR.id
    commits.replay(tracking.desk, ACTOR, written.commit.id)
    assert tracking.topics().count("commit:completed") == 1
    assert tracking.topics().count("commit:created") == 2
    with pytest.raises(Problem) as refused:
        commits.complete(tracking.desk, replace(ACTOR, space_id="us_sp_other"), written.commit.id)
    assert refused.value.code is Code.NOT_FOUND


def test_commits_that_nobody_completes_are_completed_in_time(tracking: House) -> None:
    """The timekeeper learns when, completes them then and not before, in the name of the system."""
    written = _made(tracking, tracking.sheet("s", TEXT))
    assert written.commit is not None
    due = written.commit.created_at + 10 * MINUTE
    assert commits.next_at(tracking.database, tracking.desk) == due
    tracking.clock.advance(10 * MINUTE - 1)
    assert commits.tick(tracking.desk) is False
    assert not _is_complete(tracking, written)
    tracking.clock.advance(1)
    commits.tick(tracking.desk)
    assert _is_complete(tracking, written)
    assert commits.next_at(tracking.database, tracking.desk) is None
    assert tracking.topics()[-1] == "commit:completed"


def test_counts_are_told_once_a_second_and_the_last_ones_always(house: House) -> None:
    """Of many writes within a second the first is told at once, the others with one word when the second is over."""
    sheet = house.sheet("s", TEXT)
    for _ in range(3):
        _made(house, sheet)
        house.clock.advance(SECOND // 10)
    commits.tick(house.desk)
    assert _totals(house) == [1]
    house.clock.advance(SECOND)
    commits.tick(house.desk)
    commits.tick(house.desk)
    assert _totals(house) == [1, 3]
    house.clock.advance(SECOND)
    _made(house, sheet)
    assert _totals(house) == [1, 3, 4]
    assert commits.next_at(house.database, house.desk) is None


def _totals(house: House) -> list[object]:
    counts = [payload["counts"] for topic, payload in house.told() if topic == "sheet:counts-updated"]
    return [one["total"] for one in counts if isinstance(one, dict)]


def test_commits_are_found_by_their_sheets(tracking: House) -> None:
    """In the order in which they were made; complete ones apart from open ones."""
    sheet, other = tracking.sheet("s", TEXT), tracking.sheet("t", TEXT)
    made = []
    for one in (sheet, other, sheet):
        made.append(_made(tracking, one).commit)
        tracking.clock.advance(1)
    assert made[0] is not None
    commits.complete(tracking.desk, ACTOR, made[0].id)
    with tracking.database.reading() as tx:
        numbers = [sheet.number, other.number]
        assert [one.id for one in record_commits.of_sheets(tx, numbers)] == [one.id for one in made if one]
        assert [one.id for one in record_commits.of_sheets(tx, numbers, completed=True)] == [made[0].id]
        assert len(record_commits.of_sheets(tx, [sheet.number], completed=False)) == 1
        assert commits.find(tx, ACTOR, made[0].id)[0].scope == SCOPE
