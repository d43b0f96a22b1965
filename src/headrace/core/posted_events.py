"""Events that somebody posts, and which of them a trigger fires on."""

from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.codec import Json


@dataclass(frozen=True, slots=True)
class PostedEvent:
    """An event. ``id`` tells it from all others; ``topic`` is where it comes from (empty: nobody said). ``body`` is all of it, as it was posted."""

    id: str
    type: str
    subject: str
    topic: str
    body: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Events of one of ``types`` whose subject begins and ends with plain text (empty: any).

    They come from ``topic``, or do not say from where.
    """

    types: tuple[str, ...]
    topic: str
    begins: str = ""
    ends: str = ""

    def takes(self, event: PostedEvent) -> bool:
        """Say whether the event is wanted."""
        from_here = not event.topic or event.topic.lower() == self.topic.lower()
        named = event.subject.startswith(self.begins) and event.subject.endswith(self.ends)
        return from_here and named and event.type in self.types
