"""A sweep in a process of its own, 46 days from now: ``retention_program.py LEDGER_URL RUN_ID CRASH_AT``."""

import sys

from engine_desk import GoingClock
from fakes import ManualClock
from headrace.core import crashpoints
from headrace.core.clock import DAY
from headrace.engine.retention import Files, Retention
from headrace.store.database import Database


def main() -> None:
    """Sweep once."""
    url, run_id, crash_at = sys.argv[1:]
    crashpoints.arm_from(crash_at)
    files = Files(landed=lambda: [run_id], remove_landing=lambda _: None, remove_diagnostics=lambda _: None)
    Retention(Database(url), files, ManualClock(GoingClock().now() + 46 * DAY)).sweep()


if __name__ == "__main__":
    main()
