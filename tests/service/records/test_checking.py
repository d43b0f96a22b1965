"""Pages from the wire: read in pieces, as if they had been read whole."""

import json
import random
from typing import Any

import pytest

from headrace.core.blueprint_reading import read_blueprint
from headrace.core.errors import Code, Problem
from headrace.service.records.checking import UnknownFieldsError, page_of

BLUEPRINT = read_blueprint(
    {
        "name": "Contacts",
        "slug": "contacts",
        "fields": [
            {"key": "name", "type": "string", "constraints": [{"type": "required"}]},
            {"key": "size", "type": "number"},
        ],
    }
)
SIZE = 6_000
"""Records of a page that is read in several pieces."""
ODD = ['}},{"', "}},{", '"},{"name":{"value":"x', "]", "[", "\\", "ü}, {", ""]


def _records(seed: int) -> list[dict[str, Any]]:
    chance = random.Random(seed)  # noqa: S311 — data of a test
    return [
        {
            "name": {"value": chance.choice(ODD) * chance.randrange(3) + f"{n}", "more": [{"a": {}}, {"b": {"c": 1}}]}
            if chance.random() < 0.001 * seed
            else {"value": chance.choice(ODD)},
            "size": chance.choice([n, {"value": n}, {"value": "many"}]),
        }
        for n in range(SIZE)
    ]


@pytest.mark.parametrize("separators", [(",", ":"), (" , ", " : "), ("\n,\n", ":\t")])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_long_page_is_read_as_its_records_are_one_by_one(seed: int, separators: tuple[str, str]) -> None:
    """Where a page is cut, and what its texts look like, changes nothing."""
    records = _records(seed)
    raw = (" \n" + json.dumps(records, separators=separators) + " ").encode()
    batch = page_of(BLUEPRINT, raw)
    some = range(0, SIZE, 97)
    alone = [page_of(BLUEPRINT, json.dumps([records[index]]).encode()) for index in some]
    assert batch.size == SIZE
    assert [[column[index] for column in batch.columns] for index in some] == [[c[0] for c in b.columns] for b in alone]
    assert [batch.said.get(index) for index in some] == [one.said.get(0) for one in alone]
    texts = batch.texts()
    assert len(texts) == SIZE
    assert [texts[index] for index in some] == [one.texts()[0] for one in alone]


@pytest.mark.parametrize(
    ("before", "after"), [("x[", "]"), ('{"a":[', "]}"), ("[", "]]"), ("[", ",]"), ("[", ""), ("[\v", "]"), ("", "")]
)
def test_a_long_page_that_is_no_list_of_records_is_refused(before: str, after: str) -> None:
    """What stands around the pieces is looked at too."""
    inner = json.dumps(_records(0))[1:-1]
    with pytest.raises(Problem) as refused:
        page_of(BLUEPRINT, f"{before}{inner}{after}".encode())
    assert refused.value.code in {Code.MALFORMED, Code.INVALID}


def test_what_separates_records_is_json_too() -> None:
    """A form feed between two records is no space."""
    with pytest.raises(Problem) as refused:
        page_of(BLUEPRINT, json.dumps(_records(0)).replace("}, {", "}\f,{").encode())
    assert refused.value.code is Code.MALFORMED


def test_what_is_wrong_far_behind_is_told_with_its_place() -> None:
    """The place counts from the first record of the page."""
    records = _records(0)
    records[SIZE - 1] = {"name": {"value": "x", "messages": 5}}
    with pytest.raises(Problem) as refused:
        page_of(BLUEPRINT, json.dumps(records).encode())
    assert f"[{SIZE - 1}]" in refused.value.fields[0].path
    records[SIZE - 1] = {"other": {"value": "x"}}
    with pytest.raises(UnknownFieldsError):
        page_of(BLUEPRINT, json.dumps(records).encode())
