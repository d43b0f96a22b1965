"""Upkeep in a process of its own, so many days later: ``sweep_program.py DAYS``."""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from e2e.house import at
from headrace import config
from headrace.bootstrap.application import open_application
from headrace.bootstrap.upkeep import sweep

if __name__ == "__main__":
    with open_application(config.load()) as application:
        sweep(at(application, timedelta(days=float(sys.argv[1]))), grace=0)
