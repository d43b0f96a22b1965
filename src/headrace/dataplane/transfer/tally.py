"""What is counted while a transfer goes on: figures of finished units and of those under way, connections at a time, and where time went."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from headrace.core.outcome import Figures
from headrace.core.task import Context

_TICK_SECONDS = 0.5


@dataclass
class Gauge:
    """How many there are at a time, and the most that there were."""

    now: int = 0
    peak: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count one more until the end of the block."""
        with self._lock:
            self.now += 1
            self.peak = max(self.peak, self.now)
        try:
            yield
        finally:
            with self._lock:
                self.now -= 1


@dataclass
class Tally:
    """The counts of one transfer. Its methods may be called from several threads.

    ``seconds`` has what was spent by kind (``listing``, ``reading``, ``writing``, ``before``), added up over threads.
    """

    context: Context
    sources: Gauge = field(default_factory=Gauge)
    sinks: Gauge = field(default_factory=Gauge)
    seconds: dict[str, float] = field(default_factory=dict)
    first_byte: float | None = None
    began: float = field(default_factory=time.monotonic)
    _figures: Figures = field(default_factory=Figures)
    _live: dict[int, Callable[[], Figures]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: int = 0

    @property
    def figures(self) -> Figures:
        """Return the figures of what is finished."""
        return self._figures

    @property
    def total(self) -> float:
        """Return the seconds since the transfer began."""
        return time.monotonic() - self.began

    def add(self, figures: Figures) -> None:
        """Add the figures of something that is finished."""
        with self._lock:
            self._figures = self._figures.plus(figures)

    @contextmanager
    def watching(self, figures: Callable[[], Figures]) -> Iterator[None]:
        """Report ``figures`` of something under way with all others, until the end of the block."""
        with self._lock:
            self._numbers += 1
            number = self._numbers
            self._live[number] = figures
        try:
            yield
        finally:
            with self._lock:
                del self._live[number]

    @contextmanager
    def spending(self, kind: str) -> Iterator[None]:
        """Count the time of the block as spent on ``kind``."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.spent(kind, time.monotonic() - begun)

    def spent(self, kind: str, seconds: float) -> None:
        """Count time as spent on ``kind``."""
        with self._lock:
            self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds

    def came(self) -> None:
        """Tell that the first row or byte is there."""
        with self._lock:
            if self.first_byte is None:
                self.first_byte = self.total

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Report the figures so far, twice a second, until the end of the block."""
        over = threading.Event()

        def report() -> None:
            while not over.wait(_TICK_SECONDS):
                self.report()

        thread = threading.Thread(target=report, name="transfer-progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def report(self) -> None:
        """Report the figures so far."""
        with self._lock:
            figures, live = self._figures, list(self._live.values())
        for one in live:
            figures = figures.plus(one())
        self.context.progress(figures)
