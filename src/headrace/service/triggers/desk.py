"""What firing triggers needs, and what a door has to bring for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from headrace.core.clock import Clock, Instant
from headrace.core.codec import Json
from headrace.core.ids import Ids
from headrace.core.run import Run
from headrace.core.trigger import Trigger
from headrace.core.tumbling import WindowRange
from headrace.store.database import Database, Transaction

WHO = "headrace"
"""Under this name the audit has the runs that triggers make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What pipeline runs are asked for by one firing.

    ``trigger_run_id`` is what the runs are invoked by. ``scheduled``: for when it was due; ``window``: for which window; ``body``: what
    ``triggerBody()`` gives, of an event. ``kept``: the parameters that an earlier try had, which this one has as well.
    """

    trigger: Trigger
    trigger_run_id: str
    now: Instant
    scheduled: Instant | None = None
    window: WindowRange | None = None
    body: Mapping[str, Json] | None = None
    kept: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A pipeline run that is to be written: the pipeline's name, and the run with its parameters."""

    pipeline: str
    run: Run


class Maker(Protocol):
    """Returns the pipeline runs of one firing, in the order of the trigger's pipelines. It reads, and writes nothing.

    Raises a ``Problem`` when one of them cannot be made: a parameter that cannot be evaluated, a pipeline that is not there. Then none is.
    ``LIMIT_EXCEEDED``: too many runs wait already.
    """

    def __call__(self, tx: Transaction, asked: Asked) -> tuple[Made, ...]:
        """Return the runs."""
        ...


@dataclass(frozen=True, slots=True)
class TriggerDesk:
    """What firing needs. ``makers``: one for each door, by the first segment of its scopes."""

    database: Database
    clock: Clock
    ids: Ids
    makers: Mapping[str, Maker] = field(default_factory=dict)
