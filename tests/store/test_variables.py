from concurrent.futures import ThreadPoolExecutor

import pytest

from headrace.core.codec import Json
from headrace.core.outcome import VariableChange
from headrace.store import runs, variables
from headrace.store.database import Database
from ledger_rows import NOW, SCOPE, a_run


def _change(database: Database, *changes: VariableChange) -> None:
    with database.transaction() as tx:
        for change in changes:
            variables.change(tx, SCOPE, "run-1", change, NOW)


def _appended(value: Json, base: Json = None) -> VariableChange:
    return VariableChange("List", value, append=True, base=base)


@pytest.mark.parametrize("value", [None, "text", 7, [1, [2]], {"a": "\u0000"}, False])
def test_a_variable_has_the_value_that_was_set_last(database: Database, value: Json) -> None:
    """Every JSON value can be kept, null among them; letter case of the name does not matter."""
    _begin(database)
    with database.reading() as tx, pytest.raises(LookupError):
        variables.value(tx, "run-1", "v")
    _change(database, VariableChange("V", "before"), VariableChange("v", value))
    with database.reading() as tx:
        assert variables.value(tx, "run-1", "V") == value


def test_elements_stand_behind_the_value(database: Database) -> None:
    """A variable that nothing has set begins with its default; setting it takes appended elements away."""
    _begin(database)
    _change(database, _appended(1, base=["default"]), _appended([2], base=["default"]))
    with database.reading() as tx:
        assert variables.value(tx, "run-1", "list") == ["default", 1, [2]]
    _change(database, VariableChange("list", ["set"]), _appended(3, base=["default"]))
    with database.reading() as tx:
        assert variables.value(tx, "run-1", "list") == ["set", 3]


def test_appends_at_the_same_time_lose_nothing(database: Database) -> None:
    """Iterations that go on side by side put their elements behind one list, each of them once."""
    _begin(database)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _change(database, _appended(number)), range(24)))
    with database.reading() as tx:
        found = variables.value(tx, "run-1", "list")
    assert isinstance(found, list)
    assert sorted(str(number) for number in found) == sorted(str(number) for number in range(24))


def test_a_variable_that_would_be_too_large_is_named(database: Database) -> None:
    """What is there counts with what is to be put behind it, and what is set counts alone."""
    _begin(database)
    half = _appended("x" * (variables.MAX_BYTES // 2), base=[])
    _change(database, half)
    with database.reading() as tx:
        assert variables.too_large(tx, "run-1", [_appended("small"), half]) == half
        assert variables.too_large(tx, "run-1", [VariableChange("LIST", half.value)]) is None
    _change(database, VariableChange("list", ["emptied"]))
    with database.reading() as tx:
        assert variables.too_large(tx, "run-1", [half]) is None


def _begin(database: Database) -> None:
    with database.transaction() as tx:
        runs.insert(tx, a_run())
