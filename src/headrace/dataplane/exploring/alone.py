"""Work that nobody watches: a question is answered by a process of its own, which is ended when it takes too long."""

from dataclasses import dataclass, field

from headrace.core.outcome import Figures
from headrace.core.task import Cancellation


@dataclass(frozen=True, slots=True)
class Alone:
    """A context of the engine's without an engine: nobody stops it, nobody reads its figures."""

    cancellation: Cancellation = field(default_factory=Cancellation)

    def progress(self, _figures: Figures, /) -> None:
        """Report to nobody."""
