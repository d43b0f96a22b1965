"""What comes next is made by another thread while what came is written: a source and a sink that both take their time, take it together."""

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _End:
    """Nothing comes any more. ``error``: why; None: that was all."""

    error: BaseException | None = None


class Ahead(Generic[T]):
    """The items of an iterator, in its order, made by a thread which is at most two of them ahead.

    What ends the iterator ends this one, after all that came before. ``close`` has to be called; the iterator is closed, in its thread, when it
    returns.
    """

    def __init__(self, items: Iterator[T]) -> None:
        self._items = items
        self._made: queue.Queue[T | _End] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        self._end: _End | None = None
        self._thread = threading.Thread(target=self._make, name="transfer-ahead", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        if self._end is None:
            item = self._made.get()
            if not isinstance(item, _End):
                return item
            self._end = item
        if self._end.error is not None:
            raise self._end.error
        raise StopIteration

    def close(self) -> None:
        """Leave; what is being made is waited for, and thrown away."""
        self._closed.set()
        while self._thread.is_alive():
            try:
                self._made.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)
        self._end = self._end or _End()

    def _make(self) -> None:
        end = _End()
        try:
            for item in self._items:
                self._made.put(item)
                if self._closed.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 — whatever it is, whoever takes the items gets it
            end = _End(error)
        finally:
            close = getattr(self._items, "close", None)
            if close is not None:
                close()
        self._made.put(end)
