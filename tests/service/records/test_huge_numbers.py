"""Whole numbers beyond 64 bits: PostgreSQL gives them back with all digits, SQLite as they were written, and both are one number."""

import pytest

from headrace.core.codec import Json
from headrace.core.record import NewRecord, RecordChange
from headrace.service.records.writing import insert, remove, update
from service.records.house import ACTOR, WISH, House
from sheet_truth import faults


@pytest.mark.parametrize("number", [1e308, 2.0**63, 123456789012345678901234567890])
def test_a_huge_number_keeps_its_key_however_the_database_writes_it(house: House, number: float) -> None:
    """Written again it is no change; when it goes, its key goes with it, and the other one that was the same is unique."""
    unique: dict[str, Json] = {"key": "n", "type": "number", "constraints": [{"type": "unique"}]}
    sheet = house.sheet("numbers", unique, {"key": "to", "type": "reference", "config": {"ref": "numbers", "key": "n"}})
    new = [NewRecord({"n": number, "to": number}) for _ in range(2)]
    written = insert(house.desk, ACTOR, sheet.id, new, WISH)
    first, second = written.created_ids
    assert written.commit == update(house.desk, ACTOR, sheet.id, [RecordChange(first, {"n": number})], WISH).commit
    update(house.desk, ACTOR, sheet.id, [RecordChange(first, {"n": number, "to": 5})], WISH)
    assert faults(house.database) == []
    remove(house.desk, ACTOR, sheet.id, [second], WISH)
    assert faults(house.database) == []
    assert house.said(sheet) == [{"to": ['"5" was not found in Numbers']}]
