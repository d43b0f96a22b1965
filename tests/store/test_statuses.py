import re
from pathlib import Path

import headrace
from headrace.core.run import ActivityStatus, RunStatus
from headrace.store.statuses import change
from headrace.store.tables import runs

SOURCE = Path(headrace.__file__).parent


def test_one_statement_changes_the_status_of_runs_and_activity_runs() -> None:
    """There is one place where a status is set.

    But for those of workers, webhooks' deliveries, answers that are kept (an HTTP status), and (``queue``) DBOS's own rows.
    """
    setter = re.compile(r"\.values\([^)]*\bstatus=|SET\s+status", re.IGNORECASE)
    found = {path.name for path in SOURCE.rglob("*.py") if setter.search(path.read_text(encoding="utf-8"))}
    assert found == {"statuses.py", "workers.py", "webhooks.py", "idempotency.py", "queue.py"}


def test_the_statement_compares_before_it_sets() -> None:
    """Statuses from which the machine does not lead there are left out of the comparison."""
    statement = change(runs, {"id": "r"}, {RunStatus.RUNNING, RunStatus.QUEUED}, RunStatus.SUCCEEDED, {})
    assert str(statement) == "UPDATE runs SET status=:status WHERE runs.id = :id_1 AND runs.status = :status_1"
    assert statement.compile().params == {"status": "succeeded", "id_1": "r", "status_1": "running"}


def test_every_status_can_be_reached_or_is_the_first() -> None:
    """No status is only a word."""
    statement = change(runs, {"id": "a"}, {ActivityStatus.PENDING}, ActivityStatus.SKIPPED, {})
    assert "skipped" in statement.compile().params.values()
