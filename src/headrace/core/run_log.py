"""What is logged while a run is done: where in the run the present thread is at work, and who keeps the lines.

The engine says ``at`` where a thread works on a run; the processor ``noted`` of the logging chain hands every line that is made there to whoever
keeps them. Nothing is bound to one library: a processor is a function of three arguments.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from headrace.core.codec import Json
from headrace.core.masking import masked_forms, masked_text

P = ParamSpec("P")
T = TypeVar("T")

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
"""The names of levels, from the least to the worst, and their numbers."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was logged. ``level``: its number (``LEVELS``). ``path`` and ``attempt``: of the activity, empty and 0 for the run itself."""

    run_id: str
    at: int
    level: int
    message: str
    path: str = ""
    attempt: int = 0
    fields: Mapping[str, Json] = field(default_factory=dict)


Event = MutableMapping[str, object]
Keep = Callable[["Place", str, Mapping[str, object]], None]
"""Takes a line: where it was made, its level's name and its event. It is quick, and it never raises."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a run something is done, and by which worker. ``secrets``: what lines that are made there may not show."""

    keep: Keep
    run_id: str
    path: str = ""
    attempt: int = 0
    worker: str = ""
    secrets: set[str] = field(default_factory=set)


_place: ContextVar[Place | None] = ContextVar("headrace_run_log", default=None)


@contextmanager
def at(place: Place) -> Iterator[None]:
    """Let lines that this thread makes in the block belong to ``place``."""
    token = _place.set(place)
    try:
        yield
    finally:
        _place.reset(token)


def hide(secrets: Iterable[str]) -> None:
    """Mask ``secrets`` in lines that are made from now on where this thread is at work; outside of runs, nothing is done."""
    place = _place.get()
    if place is not None:
        place.secrets.update(secrets)


def along(function: Callable[P, T]) -> Callable[P, T]:
    """Return ``function`` as other threads are to call it, so that lines which it makes there belong to where this thread is at work."""
    place = _place.get()
    if place is None:
        return function

    @wraps(function)
    def there(*args: P.args, **kwargs: P.kwargs) -> T:
        with at(place):
            return function(*args, **kwargs)

    return there


def noted(_logger: object, method: str, event: Event) -> Event:
    """Hand a line to who keeps those of its run, and return it with the run's id, the activity's path and the attempt."""
    place = _place.get()
    if place is None:
        return event
    event.update({name: _masked(value, place.secrets) for name, value in event.items()})
    place.keep(place, method, event)
    event.setdefault("run", place.run_id)
    if place.worker:
        event.setdefault("worker", place.worker)
    if place.path:
        event.setdefault("activity", place.path)
        event.setdefault("attempt", place.attempt)
    return event


def _masked(value: object, secrets: set[str]) -> object:
    if isinstance(value, str):
        return masked_forms(masked_text(value, secrets))
    if isinstance(value, Mapping):
        return {_masked(key, secrets): _masked(item, secrets) for key, item in value.items()}
    return [_masked(item, secrets) for item in value] if isinstance(value, list | tuple) else value
