"""Sheets are found, held, counted on and removed piece by piece."""

import pytest

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.workspace import Sheet
from headrace.store import sheets
from headrace.store.database import Database
from headrace.store.sheet_tables import sheet_blocks, sheet_keys

SCOPE = "jobs/us_acc_1/us_env_1"


def a_sheet(sheet_id: str = "us_sh_1", slug: str = "contacts", place: int = 0) -> Sheet:
    """Return a sheet with one field."""
    raw: dict[str, Json] = {"name": "Contacts", "slug": slug, "fields": [{"key": "email", "type": "string"}]}
    now = Instant(1)
    return Sheet(
        id=sheet_id,
        number=0,
        scope=SCOPE,
        space_id="us_sp_1",
        workbook_id="us_wb_1",
        name="Contacts",
        slug=slug,
        blueprint=read_blueprint(raw),
        created_at=now,
        updated_at=now,
        place=place,
    )


def test_a_sheet_comes_back_as_it_was_written(database: Database) -> None:
    """What is inserted is found by id, workbook and slug; another scope does not see it."""
    with database.transaction() as tx:
        second = sheets.insert(tx, a_sheet("us_sh_2", "second", place=1))
        first = sheets.insert(tx, a_sheet())
    with database.reading() as tx:
        assert sheets.get(tx, SCOPE, first.id) == first
        assert sheets.of_workbook(tx, "us_wb_1") == [first, second]
        assert sheets.by_slug(tx, "us_wb_1", "second") == second
        assert sheets.find(tx, "jobs/us_acc_1/us_env_2", first.id) is None
        with pytest.raises(Problem, match="Sheet not found"):
            sheets.get(tx, SCOPE, "us_sh_0")


def test_a_slug_is_taken_once_in_a_workbook(database: Database) -> None:
    """Two sheets of a workbook never have the same slug, whoever writes them."""
    with database.transaction() as tx:
        sheets.insert(tx, a_sheet())
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        sheets.insert(tx, a_sheet("us_sh_2"))
    assert (caught.value.code, caught.value.fields[0].path) == (Code.CONFLICT, "slug")


def test_positions_and_commits_are_taken_once(database: Database) -> None:
    """Each taker gets the numbers after those of the one before, whatever sheet it has in hand."""
    with database.transaction() as tx:
        sheet = sheets.insert(tx, a_sheet())
        assert sheets.take(tx, sheet, 10, 1) == (0, 1)
        assert sheets.take(tx, sheet, 5, 1) == (10, 2)
        held = sheets.hold(tx, SCOPE, sheet.id)
    assert (held.next_position, held.next_commit) == (15, 3)


def test_a_removed_sheet_is_found_no_more_and_goes_in_pieces(database: Database) -> None:
    """From its removal on nobody sees a sheet, its slug is free, and each piece removes a bounded number of rows."""
    with database.transaction() as tx:
        sheet = sheets.insert(tx, a_sheet())
        for position in range(5):
            tx.execute(sheet_keys.insert().values(sheet=sheet.number, rule="r", key=str(position), position=position))
        sheets.take(tx, sheet, 5, 2)
        tx.execute(sheet_blocks.insert().values(sheet=sheet.number, block=0, total=5, error=0))
        sheets.remove(tx, [sheet])
        assert sheets.find(tx, None, sheet.id) is None
        assert sheets.of_workbook(tx, "us_wb_1") == []
        sheets.insert(tx, a_sheet("us_sh_2"))
        assert sheets.removed(tx) == sheet.number
        pieces = 1
        while not sheets.clear(tx, sheet.number, 2):
            pieces += 1
        assert sheets.removed(tx) is None
    # Three of positions, one of commits, two of five keys, and the end.
    assert pieces == 7
