"""What an attempt's expressions gave, kept for whoever goes on with it."""

from pathlib import Path

import pytest

from headrace.activities.datafactory.recalling import Memory
from headrace.core.errors import Problem
from pipeline_desk import SCOPE, SEALER


def test_what_was_kept_first_counts(tmp_path: Path) -> None:
    """A frozen worker that wakes puts nothing over what its successor works with."""
    memory = Memory(tmp_path / "folder" / "evaluated", SEALER, SCOPE)
    assert memory.read() == {}
    assert [memory.keep({"a": value}, first=True) for value in (1, 2)] == [True, False]
    assert memory.read() == {"a": 1}
    assert memory.keep({"a": 1, "b": 2}, first=False)
    assert memory.read() == {"a": 1, "b": 2}
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["evaluated"]


def test_what_cannot_be_opened_is_no_empty_memory(tmp_path: Path) -> None:
    """To evaluate anew could write rows twice."""
    (tmp_path / "evaluated").write_text("other", encoding="utf-8")
    with pytest.raises(Problem):
        Memory(tmp_path / "evaluated", SEALER, SCOPE).read()
