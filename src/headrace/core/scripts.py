"""Scripts that change records: what whoever runs them is asked, and answers.

A script is one JavaScript function. It is called once for each record and gives back the record as it is to be.
"""

from collections.abc import Sequence
from typing import Protocol

from headrace.core.blueprint import Blueprint
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.record import Record, RecordChange
from headrace.core.task import Cancellation

SCRIPT_KEY = "mutateRecord"
"""The field that problems of a script name: where it stands in a job's configuration."""


class ScriptRunner(Protocol):
    """Runs scripts where they can do no harm, within limits of time and memory."""

    def __call__(
        self, script: str, keys: Sequence[str], records: Sequence[Record], cancellation: Cancellation | None = None
    ) -> list[RecordChange | None]:
        """Return what ``script`` changes of each record, in their order (None: nothing).

        ``keys``: the fields that every record has, set or not. Values are any JSON, under any key: the caller says what it takes.

        Raises:
            Problem: ``INVALID`` with the field ``SCRIPT_KEY``: the script cannot be read, throws, answers with something that is no record, or takes
                more than it may; the message has the record's id. ``UNAVAILABLE``: too many scripts run already. What ``cancellation`` raises.
        """
        ...

    def close(self) -> None:
        """End whatever is running; nothing is run any more."""
        ...


def check_changes(blueprint: Blueprint, changes: Sequence[RecordChange]) -> None:
    """Look whether scripts have set fields of the sheet only.

    Raises:
        Problem: ``INVALID``: there is no such field, and the sheet takes no more.
    """
    if blueprint.allows_more_fields:
        return
    for change in changes:
        unknown = [key for key in change.values if key not in blueprint.by_key]
        if unknown:
            raise script_problem(f"record {change.id}: the sheet has no field {unknown[0]!r}")


def script_problem(words: str) -> Problem:
    """Return the problem of a script that failed, with the field that names it."""
    message = f"the script failed: {words}"
    return Problem(Code.INVALID, message, (FieldError(SCRIPT_KEY, message),))
