"""Journals of transfers go when nobody can go on with them any more."""

from datetime import timedelta
from pathlib import Path

from e2e.house import at
from headrace.bootstrap.application import open_application
from headrace.bootstrap.upkeep import sweep
from headrace.config import load
from headrace.dataplane.transfer.journal import folder_of, open_journal


def test_a_journal_stays_as_long_as_landed_data_do(tmp_path: Path) -> None:
    """A run that is repaired within that time finds what was finished."""
    with open_application(load({}, home=tmp_path / "home")) as application:
        with open_journal(application.roots, "key", "asked", "1.1") as journal:
            journal.tell("x", 1)
        sweep(at(application, timedelta(days=6)), grace=0)
        assert folder_of(application.roots, "key").is_dir()
        sweep(at(application, timedelta(days=8)), grace=0)
        assert not folder_of(application.roots, "key").exists()
