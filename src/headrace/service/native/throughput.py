"""Runs that ended, by time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from headrace.core.client import Identity
from headrace.core.clock import DAY, Instant
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.runs import AskThroughput, Bucket, Throughput
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.store import flows, run_buckets

MOST_BUCKETS = 500
MOST_COUNTED = 200_000
"""Runs that are counted at most, whomever they belong to."""


def count_runs(desk: NativeDesk, caller: Identity, asked: AskThroughput, most: int = MOST_COUNTED) -> Throughput:
    """Return runs by the time of their end, and how many are open now. The newest ``most`` ends are counted, and no more.

    Raises:
        Problem: ``INVALID``: the buckets, or a time that ends before it begins; ``NOT_FOUND``: the scope.
    """
    until = asked.until if asked.until is not None else desk.clock.now()
    since = asked.since if asked.since is not None else Instant(until - DAY)
    if not 1 <= asked.buckets <= MOST_BUCKETS:
        error = FieldError("buckets", f"{asked.buckets} is out of range", f"1 to {MOST_BUCKETS}")
        raise Problem(Code.INVALID, str(error), (error,))
    width = (until - since) // asked.buckets
    if width < 1:
        error = FieldError("until", "does not lie behind since", "a later instant")
        raise Problem(Code.INVALID, str(error), (error,))
    reached = patterns(caller, asked.scope)
    with desk.database.reading() as tx:
        of_flows = None if asked.flow is None else flows.named(tx, reached, asked.flow)
        wanted = run_buckets.Wanted(reached, of_flows, since, width, asked.buckets)
        first = run_buckets.first_counted(tx, wanted, most)
        counted_since = Instant(since + first * width)
        found = run_buckets.ended(tx, replace(wanted, since=counted_since, count=asked.buckets - first))
        is_open = run_buckets.open_by_status(tx, wanted)
    buckets = tuple(
        Bucket(start=Instant(since + number * width), **found.get(number - first, {}))
        for number in range(asked.buckets)
    )
    return Throughput(buckets=buckets, width=width, open=is_open, counted_since=counted_since if first else None)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"runs.throughput": count_runs}
"""By the operation's name."""
