"""``headrace db``: the ledger's schema."""

from pathlib import Path

from headrace import config
from headrace.cli.logs import to_file
from headrace.cli.output import Output
from headrace.store import migrations
from headrace.store.database import Database


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
