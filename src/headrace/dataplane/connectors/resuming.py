"""Trying again within one copy: a few attempts with growing pauses, and files that are read on where they broke off."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.sockets import Sockets

T = TypeVar("T")

_WORTH_IT = frozenset({Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT})
_GROWTH = 4


@dataclass(slots=True)
class Attempts:
    """The attempts at one thing."""

    sockets: Sockets
    made: int = 1

    def again(self, problem: Problem) -> None:
        """Wait for the next attempt.

        Raises:
            Problem: ``problem``, when it was the last one or another would not help; ``SOURCE_UNAVAILABLE`` when the store is closed.
        """
        limits = self.sockets.limits
        if problem.code not in _WORTH_IT or self.made >= limits.store_attempts:
            raise problem
        self.sockets.check()
        self.sockets.pause(limits.store_pause_seconds * _GROWTH ** (self.made - 1))
        self.made += 1


def attempt(sockets: Sockets, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, trying again as the limits say.

    Raises:
        Problem: that of the last attempt.
    """
    attempts = Attempts(sockets)
    while True:
        try:
            return work()
        except Problem as problem:
            attempts.again(problem)


class Stream(Protocol):
    """A file that is being read from some offset on."""

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer`` from its start; return how many bytes came, 0 at the end of the file and not before.

        Raises:
            Problem: ``SOURCE_UNAVAILABLE`` or ``SOURCE_TIMEOUT``: it broke off.
        """
        ...

    def finish(self) -> None:
        """As ``SourceFile.finish``."""
        ...

    def close(self) -> None:
        """Give back what reading it took; never raises."""
        ...


@dataclass(slots=True)
class Resumed:
    """A file of a store, read from the offset ``at``, and on where it broke off. ``begin`` opens the listed version of it at an offset."""

    sockets: Sockets
    begin: Callable[[int], Stream]
    at: int = 0
    _stream: Stream | None = None
    _attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        self._attempts = Attempts(self.sockets)
        self._opened()

    def _opened(self) -> Stream:
        while self._stream is None:
            try:
                self._stream = self.begin(self.at)
            except Problem as problem:
                self._attempts.again(problem)
        return self._stream

    def readinto(self, buffer: memoryview) -> int:
        """Fill ``buffer``; see ``SourceFile.readinto``."""
        while True:
            try:
                count = self._opened().readinto(buffer)
            except Problem as problem:
                self.close()
                self._attempts.again(problem)
            else:
                self.at += count
                return count

    def finish(self) -> None:
        """Check that one version was read; see ``SourceFile.finish``."""
        while True:
            try:
                return self._opened().finish()
            except Problem as problem:
                self.close()
                self._attempts.again(problem)

    def close(self) -> None:
        """Give back what reading took."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
