"""What comes next is made while what came is written."""

import threading
from collections.abc import Iterator

import pytest

from headrace.dataplane.transfer.ahead import Ahead
from waiting import until


def test_items_come_in_their_order_to_the_end() -> None:
    """Nothing is lost or changed on the way, and the end stays the end."""
    items = Ahead(iter(range(100)))
    assert list(items) == list(range(100))
    assert next(items, None) is None
    items.close()


def test_an_error_comes_after_what_came_before_it() -> None:
    """A sink has all rows before the faulty one, as without the thread."""

    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("third")

    items = Ahead(failing())
    assert [next(items), next(items)] == [1, 2]
    for _ in range(2):
        with pytest.raises(ValueError, match="third"):
            next(items)
    items.close()


def test_the_next_item_is_made_while_nobody_asks_and_not_many_more() -> None:
    """A slow sink does not make rows gather in memory."""
    made: list[int] = []

    def counted() -> Iterator[int]:
        for at in range(100):
            made.append(at)
            yield at

    items = Ahead(counted())
    assert next(items) == 0
    until(lambda: len(made) == 3, seconds=10, what="the next items")
    items.close()
    assert len(made) <= 4


def test_the_iterator_is_closed_in_its_thread_when_it_is_left() -> None:
    """A database's session is closed right after: nobody may read in it any more."""
    closed: list[str] = []

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.append(threading.current_thread().name)

    items = Ahead(endless())
    assert next(items) == 1
    items.close()
    assert closed == ["transfer-ahead"]
    assert next(items, None) is None
