"""How often who may ask."""

import tracemalloc

from headrace.http import rates
from headrace.http.rates import Rates


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_has_so_many_requests_in_a_minute() -> None:
    """In a burst, and then one for each part of a minute; another caller has its own."""
    clock = _Clock()
    limit = Rates(6, clock)
    assert [limit.admit("a") for _ in range(8)] == [True] * 6 + [False] * 2
    assert limit.admit("b")
    clock.now = 10
    assert [limit.admit("a") for _ in range(2)] == [True, False]
    clock.now = 3600
    assert sum(limit.admit("a") for _ in range(20)) == 6


def test_nobody_is_counted_without_a_limit() -> None:
    """0 is no limit, and keeps nothing."""
    assert all(Rates(0).admit("a") for _ in range(1000))


def test_callers_without_end_take_no_memory_without_end() -> None:
    """Who was silent the longest is forgotten."""
    limit = Rates(1)
    assert all(limit.admit(str(number)) for number in range(rates.MAX_CALLERS + 1))
    assert [limit.admit("0"), limit.admit(str(rates.MAX_CALLERS))] == [True, False]


def test_a_long_name_takes_no_more_memory_than_a_short_one() -> None:
    """Whoever is not known yet may call itself as it likes: a megabyte of it is not kept."""
    limit = Rates(1)
    names = ["x" * 1_000_000 + str(number) for number in range(20)]
    tracemalloc.start()
    try:
        assert [limit.admit(name) for name in names + names] == [True] * 20 + [False] * 20
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
