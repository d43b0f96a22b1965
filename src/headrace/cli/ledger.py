"""``headrace db``: the ledger's schema."""

from pathlib import Path

from headrace import config
from headrace.cli.logs import to_file
from headrace.cli.output import Output
from headrace.cli.session import opened
from headrace.core.clock import SECOND
from headrace.store import migrations
from headrace.store.database import Database

# ruff: noqa: PLC0415 — the data plane is loaded by the command that needs it


def upgrade(home: Path | None, output: Output) -> int:
    """Make the ledger, or bring it to this release's schema."""
    settings = config.load(home=home)
    to_file(settings)
    database = Database(settings.database_url)
    try:
        migrations.upgrade(database)
    finally:
        database.dispose()
    output.say("the ledger is at this release's schema")
    return 0


def check(home: Path | None, output: Output) -> int:
    """Say what is missing or wrong; return 1 if anything is."""
    database = Database(config.load(home=home).database_url)
    try:
        missing = migrations.check(database)
    finally:
        database.dispose()
    if output.is_json:
        output.document({"good": not missing, "missing": list(missing)})
    else:
        output.say("the ledger is good" if not missing else "\n".join(missing))
    return 1 if missing else 0


def clean(home: Path | None, grace_seconds: float, output: Output) -> int:
    """Remove what is old enough, and what nothing refers to; 0."""
    from headrace.bootstrap.upkeep import sweep

    with opened(home) as application:
        removed = sweep(application, round(grace_seconds * SECOND))
    if output.is_json:
        output.document({"runs": removed.runs, "landings": removed.landings})
    else:
        output.say(f"removed {removed.runs} runs and the landed data of {removed.landings}")
    return 0
