"""The state machine's table."""

from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.transitions import (
    ACTIVITY_MOVES,
    RUN_MOVES,
    check_activity_move,
    check_run_move,
    page,
    runs_that_may_become,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "internals" / "state-machine.md"


def test_the_table_knows_every_status_and_lets_nothing_leave_a_final_one() -> None:
    """A retry is a new run; nothing comes back from its end."""
    assert set(RUN_MOVES) == set(RunStatus)
    assert set(ACTIVITY_MOVES) == set(ActivityStatus)
    assert all(bool(RUN_MOVES[status]) != status.is_final for status in RunStatus)
    assert all(bool(ACTIVITY_MOVES[status]) != status.is_final for status in ActivityStatus)


def test_every_status_can_be_reached_and_every_run_can_end() -> None:
    """No status stands alone, and none is a trap."""
    assert {to for moves in RUN_MOVES.values() for to in moves} == set(RunStatus) - {RunStatus.QUEUED}
    ending = {status for status in RunStatus if status.is_final}
    for _ in RunStatus:
        ending |= {status for status, moves in RUN_MOVES.items() if ending & set(moves)}
    assert ending == set(RunStatus)


@pytest.mark.parametrize("current", list(RunStatus))
@pytest.mark.parametrize("to", list(RunStatus))
def test_only_moves_of_the_table_are_made(current: RunStatus, to: RunStatus) -> None:
    """Every other is refused, with what would be legal."""
    if to in RUN_MOVES[current]:
        check_run_move(current, to)
        assert current in runs_that_may_become(to)
        return
    with pytest.raises(Problem, match=f"a run that is {current} cannot become {to}; what may follow is") as refusal:
        check_run_move(current, to)
    assert refusal.value.code is Code.ILLEGAL_STATE


def test_an_activity_that_has_ended_stays_as_it_is() -> None:
    """A late worker's report is refused."""
    check_activity_move(ActivityStatus.PENDING, ActivityStatus.CARRIED)
    with pytest.raises(Problem, match="nothing: it has ended"):
        check_activity_move(ActivityStatus.SUCCEEDED, ActivityStatus.FAILED)


def test_the_page_in_the_documents_is_the_table() -> None:
    """The picture that people look at is the one that the code follows."""
    assert PAGE.read_text(encoding="utf-8") == page()
