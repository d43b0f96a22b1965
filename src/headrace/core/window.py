"""Windows: half-open intervals that tile without gap or overlap."""

from dataclasses import dataclass

from headrace.core.clock import Instant, to_iso
from headrace.core.errors import Code, FieldError, Problem


@dataclass(frozen=True, slots=True)
class Window:
    """``[start, end)`` of a delta column or of files' modification time; ``None`` is unbounded on that side."""

    start: Instant | None = None
    end: Instant | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise Problem(
                Code.INVALID,
                f"the window ends ({to_iso(self.end)}) before it starts ({to_iso(self.start)})",
                (FieldError("end", "lies before the start", "an end that is the start or later"),),
            )

    @property
    def is_empty(self) -> bool:
        """Say whether no instant lies in the window."""
        return self.start is not None and self.start == self.end

    def contains(self, instant: Instant) -> bool:
        """Say whether ``start <= instant < end``."""
        after_start = self.start is None or self.start <= instant
        return after_start and (self.end is None or instant < self.end)

    def following(self, end: Instant) -> "Window":
        """Return the window that begins where this one ends.

        Raises:
            Problem: ``INVALID``: this window has no end, or ``end`` lies before it.
        """
        if self.end is None:
            raise Problem(Code.INVALID, "nothing follows a window without an end")
        return Window(self.end, end)

    def __str__(self) -> str:
        start = "…" if self.start is None else to_iso(self.start)
        end = "…" if self.end is None else to_iso(self.end)
        return f"[{start}, {end})"
