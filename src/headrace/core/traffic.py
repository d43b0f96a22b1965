"""Requests that this process has answered, counted: by door, by class of status, and by how long they took."""

import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds, in seconds, of the buckets of durations; the last bucket has no bound."""


@dataclass(slots=True)
class Durations:
    """How long requests took: ``buckets`` counts those up to each of ``BOUNDS`` and not up to the one before, and what took longer."""

    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0


class Traffic:
    """The counts of one process, for all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[tuple[str, str], int] = {}
        self._durations: dict[str, Durations] = {}

    def answered(self, door: str, status: int, seconds: float) -> None:
        """Count one answer."""
        key = (door, f"{status // 100}xx")
        with self._lock:
            self._answers[key] = self._answers.get(key, 0) + 1
            durations = self._durations.setdefault(door, Durations())
            durations.buckets[bisect_left(BOUNDS, seconds)] += 1
            durations.seconds += seconds

    def answers(self) -> Mapping[tuple[str, str], int]:
        """Return the answers so far, by door and class of status (``2xx``)."""
        with self._lock:
            return dict(self._answers)

    def durations(self) -> Mapping[str, Durations]:
        """Return how long they took, by door."""
        with self._lock:
            return {door: Durations(list(one.buckets), one.seconds) for door, one in self._durations.items()}
