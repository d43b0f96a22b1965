"""Tests of changes of many records at once."""

import pytest

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.record import Record
from headrace.core.workspace import Sheet
from headrace.service.records.bulk import bulk_update_chunk, find_replace_chunk

BLUEPRINT = read_blueprint({"name": "s", "fields": [{"key": "a", "type": "string"}]})
SHEET = Sheet(
    id="us_sh_1",
    number=1,
    scope="jobs/a/e",
    space_id="us_sp_1",
    workbook_id="us_wb_1",
    name="s",
    slug="s",
    blueprint=BLUEPRINT,
    created_at=Instant(0),
    updated_at=Instant(0),
)


def test_what_is_replaced_does_not_grow_without_end() -> None:
    """One letter of many, in many records, becomes a long text each time: that is refused before it is made."""
    record = Record(0, "us_rc_1", {"a": "a" * 20_000}, {}, True, {}, {}, 0, Instant(0))
    for find, value in (("a", "b" * 50_000), ('"' + "a" * 20_000 + '"', "b" * (1 << 20))):
        with pytest.raises(Problem, match="for the records of one commit") as refused:
            find_replace_chunk(SHEET, [record] * 200, "a", find, value)
        assert (refused.value.code, refused.value.fields[0].path) == (Code.LIMIT_EXCEEDED, "replace")
    assert find_replace_chunk(SHEET, [record], "a", "a", "bb")[0].values == {"a": "b" * 40_000}
    with pytest.raises(Problem, match="for the records of one commit"):
        bulk_update_chunk([record] * 200, {"a": ["b" * (1 << 20)]})
