"""What a run moved, as its activities moved it."""

from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus
from headrace.engine.records import figures_of


def row(figures: Figures, status: ActivityStatus = ActivityStatus.SUCCEEDED) -> tuple[ActivityStatus, Figures]:
    """Return what an activity moved, and how it ended."""
    return status, figures


def test_a_row_that_is_copied_and_then_promoted_is_one_row() -> None:
    """Read = accepted + rejected + skipped, for the run as for its promotion."""
    copied = row(Figures(rows_read=10, rows_skipped=3, bytes_read=100, bytes_written=50))
    promoted = row(Figures(rows_read=10, rows_accepted=8, rows_rejected=2, rows_skipped=0, bytes_written=40))
    moved = Figures(bytes_read=100, bytes_written=90, rows_read=13, rows_accepted=8, rows_rejected=2, rows_skipped=3)
    assert figures_of([copied, promoted]) == moved


def test_a_run_that_only_copies_has_read_what_it_copied() -> None:
    """So has one whose promotion failed before it counted anything."""
    copied = row(Figures(rows_read=10, rows_skipped=3))
    assert figures_of([copied, row(Figures(), ActivityStatus.FAILED)]) == Figures(rows_read=10, rows_skipped=3)


def test_what_an_earlier_run_did_is_not_counted_again() -> None:
    """It stands in that run's figures."""
    carried = row(Figures(rows_read=10, bytes_read=100), ActivityStatus.CARRIED)
    assert figures_of([carried, row(Figures(rows_read=5, rows_accepted=5))]) == Figures(rows_read=5, rows_accepted=5)
