"""Scripts that change records: what whoever runs them is asked, and answers.

A script is one JavaScript function. It is called once for each record and gives back the record as it is to be.
"""

from collections.abc import Sequence
from typing import Protocol

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
