"""Which jobs the engine does: the contract's table (11.1)."""

import pytest

from headrace.core.codec import Json
from headrace.core.engine_operations import OPERATIONS, has_plan, is_for_engine, kind_of, sheets_of
from headrace.core.job_limits import ENGINE_OPERATIONS

CASES: list[tuple[str, str, dict[str, Json] | None, bool]] = [
    ("file:extract", "us_fl_1", None, True),
    ("file:extract", "us_wb_1", None, False),
    ("file:extract-plugin-xlsx", "us_fl_1", None, False),
    ("workbook:map", "us_wb_1", {"sourceSheetId": "us_sh_1", "destinationSheetId": "us_sh_2"}, True),
    ("workbook:map", "us_wb_1", {"sourceSheetId": "us_sh_1"}, False),
    ("sheet:map", "us_sh_1", {"sourceSheetId": "us_sh_1", "destinationSheetId": "us_sh_2"}, False),
    ("workbook:delete-records", "us_wb_1", {"sheet": "us_sh_1"}, True),
    ("sheet:delete-records", "us_sh_1", {"sheet": ""}, False),
    ("workbook:export", "us_wb_1", {"options": {}}, True),
    ("sheet:export", "us_sh_1", {"options": None}, False),
    ("workbook:export", "us_wb_1", None, False),
    ("sheet:find-replace", "us_sh_1", {"fieldKey": "a"}, True),
    ("workbook:find-replace", "us_wb_1", {"fieldKey": "a"}, False),
    ("workbook:find-replace", "us_wb_1", {"fieldKey": "a", "sheetId": "us_sh_1"}, True),
    ("sheet:mutate-records", "us_sh_1", {"sheetId": "us_sh_1", "mutateRecord": "r => r"}, True),
    ("sheet:mutate-records", "us_sh_1", {"mutateRecord": "r => r"}, False),
    ("sheet:snapshot", "us_sh_1", None, True),
    ("workbook:snapshot", "us_wb_1", None, False),
    ("space:configure", "us_sp_1", {}, False),
    ("workbook:transform", "us_wb_1", {"programId": "us_mp_1"}, False),
]


@pytest.mark.parametrize(("name", "source", "config", "engine"), CASES)
def test_the_engine_does_what_is_in_the_table_and_has_what_it_needs(
    name: str, source: str, config: dict[str, Json] | None, *, engine: bool
) -> None:
    """All else is a listener's; so is what an installation has switched off."""
    type_, operation = name.split(":")
    assert is_for_engine(type_, operation, source, config, ENGINE_OPERATIONS) is engine
    assert not is_for_engine(type_, operation, source, config, ENGINE_OPERATIONS - {operation})


def test_every_operation_of_the_settings_is_in_the_table() -> None:
    """Each has a kind of activity of its own."""
    assert set(OPERATIONS) == ENGINE_OPERATIONS
    assert {kind_of(operation) for operation in OPERATIONS} >= {
        "jobs_extract",
        "jobs_delete_records",
        "jobs_find_replace",
    }
    assert has_plan("workbook", "map")
    assert not has_plan("sheet", "map")


def test_the_sheets_of_a_configuration_are_found_by_their_names() -> None:
    """What is no text names none."""
    assert sheets_of({"sheet": "us_sh_1", "sheetId": 7, "sourceSheetId": ""}) == {"sheet": "us_sh_1"}
    assert sheets_of(None) == {}
