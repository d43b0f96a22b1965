"""All checks in their order, each within its time and without a say over the others."""

import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from headrace.bootstrap.checks import doors, home, ledger, process, remote, work
from headrace.bootstrap.checks.finding import Check, Finding, Unknown, skipped, warn
from headrace.bootstrap.checks.ground import Ground
from headrace.bootstrap.checks.remote import Server
from headrace.core.errors import Problem

Place = TypeVar("Place")

OF_HOMES: tuple[Check[Ground], ...] = (
    # A home that cannot be looked into is the cause of much that follows. What the ledger's database says first is not asked again, so it
    # stands before all that reads it.
    *home.FIRST,
    *process.CHECKS,
    *ledger.CHECKS,
    *home.CHECKS,
    *work.CHECKS,
    *doors.CHECKS,
)
OF_SERVERS: tuple[Check[Server], ...] = remote.CHECKS


def examine(checks: Iterable[Check[Place]], place: Place) -> Iterator[Finding]:
    """Yield what each check tells of ``place``, one after the other; never raises."""
    for check in checks:
        yield replace(_within_its_time(check, place), name=check.name)


def _within_its_time(check: Check[Place], place: Place) -> Finding:
    told: list[Finding] = []
    # A disk or a server that never answers holds its thread for good: so the process does not wait for that at its end.
    thread = threading.Thread(target=lambda: told.append(_told(check, place)), daemon=True, name=check.name)
    thread.start()
    thread.join(check.seconds)
    if told:
        return told[0]
    seen = f"no answer within {check.seconds:g} s: a disk or a server does not answer"
    return warn(seen, "see what it waits for; then run this again")


def _told(check: Check[Place], place: Place) -> Finding:
    try:
        return check.look(place)
    except Unknown as why:
        return skipped(str(why))
    except Problem as problem:
        # What a check expects it tells itself; what is left went wrong just now, and nobody else tells of it.
        return warn(problem.message, "see whether it was for a moment only: run this again")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return skipped(f"{where}{error.strerror or error}")
    except Exception as error:  # noqa: BLE001 — a check that is broken must not hide what the others have found
        return warn(f"the check itself failed: {type(error).__name__}: {error}", "please report it")
