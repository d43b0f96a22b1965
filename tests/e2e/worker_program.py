"""A worker whose runs rest soon: ``headrace worker`` with one setting that people have no reason to change."""

import sys
from dataclasses import replace

from headrace import config
from headrace.bootstrap.application import open_application
from headrace.bootstrap.pipelines import dialects
from headrace.bootstrap.working import activities, engine_config
from headrace.engine.engine import Engine
from headrace.engine.worker import run_worker


def main() -> int:
    """Work until told to stop."""
    settings = config.load()
    with open_application(settings, unrestricted=True) as app:
        soon = replace(engine_config(settings), park_after_seconds=0.2)
        known = dialects(app)
        return run_worker(lambda fenced: Engine(app.database, activities(app), soon, app.clock, app.ids, fenced, known))


if __name__ == "__main__":
    sys.exit(main())
