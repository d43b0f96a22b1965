"""Windows that wait for themselves: triggers depend on each other in a circle, and no offset leads to earlier windows on the way.

A circle alone is no fault: with an offset into the past somewhere, windows wait for earlier ones only.
"""

from collections import deque
from collections.abc import Iterator, Mapping

from headrace.core.tumbling import Tumbling, needed

_MOST_WINDOWS = 2_000
"""Windows that are looked at: what goes back in time goes back to the start."""
_OF_ONE = 64
"""Windows that are followed of those that one window waits for."""


def circle_of(name: str, triggers: Mapping[str, Tumbling]) -> tuple[str, ...] | None:
    """Return by way of which triggers a window of ``name`` waits for itself, beginning and ending with ``name``; None: it does not.

    ``triggers`` are those that may be on the way, by their names in lower case. Very long ways are not found.
    """
    begin = _typical(triggers[name], triggers)
    way: dict[tuple[str, int], tuple[str, ...]] = {(name, begin): (name,)}
    ahead = deque(way)
    while ahead and len(way) < _MOST_WINDOWS:
        here = ahead.popleft()
        for upstream, numbers in _waits_for(*here, triggers):
            if upstream == name and begin in numbers:
                return (*way[here], name)
            for number in (*numbers[:_OF_ONE], *numbers[_OF_ONE:][-_OF_ONE:]):
                if (upstream, number) not in way:
                    way[upstream, number] = (*way[here], upstream)
                    ahead.append((upstream, number))
    return None


def _waits_for(name: str, number: int, triggers: Mapping[str, Tumbling]) -> Iterator[tuple[str, range]]:
    for dependency in triggers[name].depends_on:
        upstream = dependency.trigger or name
        if upstream in triggers:
            yield upstream, needed(triggers[upstream], dependency, triggers[name].window(number))


def _typical(tumbling: Tumbling, triggers: Mapping[str, Tumbling]) -> int:
    """Return the number of a window that begins when all triggers have begun, or of the last one."""
    number = max(0, tumbling.number_at(max(each.start for each in triggers.values()))) + 1
    if tumbling.end is None or tumbling.is_there(tumbling.window(number)):
        return number
    return max(0, tumbling.number_at(tumbling.end) - 1)
