"""The run machine in the ledger against a model of it: whatever is tried, in whatever order, they agree."""

import tempfile
from collections.abc import Collection
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Failure
from headrace.core.run import RunStatus
from headrace.core.transitions import RUN_MOVES
from headrace.store import migrations, runs
from headrace.store.database import Database
from ledger_rows import FAILURE, NOW, a_run

STATUSES = st.sampled_from(RunStatus)


class RunMachine(RuleBasedStateMachine):
    """Moves runs at random, in a ledger and in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._database = Database(f"sqlite:///{Path(self._folder.name) / 'ledger.db'}")
        migrations.upgrade(self._database)
        self._model: dict[str, RunStatus] = {}
        self._now = int(NOW)

    @rule()
    def make(self) -> None:
        """Make a run, which is queued."""
        run_id = f"run-{len(self._model)}"
        with self._database.transaction() as tx:
            runs.insert(tx, a_run(run_id))
        self._model[run_id] = RunStatus.QUEUED

    @rule(
        number=st.integers(0, 3),
        expected=st.sets(STATUSES, min_size=1, max_size=3),
        to=STATUSES,
        reason=st.sampled_from([None, FAILURE]),
    )
    def move(self, number: int, expected: Collection[RunStatus], to: RunStatus, reason: Failure | None) -> None:
        """Try a move; it happens exactly when the model says so."""
        run_id = f"run-{number}"
        legal = {status for status in expected if to in RUN_MOVES[status]}
        self._now += 1
        moved = self._try(run_id, expected, to, reason)
        assert (moved is None) == (not legal)
        assert not legal or moved == (self._model.get(run_id) in legal)
        if moved:
            self._model[run_id] = to

    def _try(self, run_id: str, expected: Collection[RunStatus], to: RunStatus, reason: Failure | None) -> bool | None:
        """Return what ``move`` returns; None: the machine has no such move."""
        try:
            with self._database.transaction() as tx:
                return runs.move(tx, run_id, expected, to, Instant(self._now), reason)
        except Problem as problem:
            return None if problem.code is Code.ILLEGAL_STATE else False

    @invariant()
    def agree(self) -> None:
        """The ledger says what the model says, and times fit the status."""
        with self._database.reading() as tx:
            for run_id, status in self._model.items():
                run = runs.get(tx, None, run_id)
                assert run.status is status
                assert (run.ended_at is not None) == status.is_final
                assert run.started_at is None or run.started_at <= (run.ended_at or self._now)

    def teardown(self) -> None:
        """Close the ledger."""
        self._database.dispose()
        self._folder.cleanup()


RunMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRunMachine = RunMachine.TestCase
