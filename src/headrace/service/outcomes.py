"""Outcomes that can be carried over: what has to be there still."""

from collections.abc import Callable

from headrace.core.run import ActivityRun

OutcomeLost = Callable[[ActivityRun], str]
"""Says why the outcome of a succeeded activity run can no longer be reused (its landing was cleaned up), or ``""`` if it can.

It completes "it runs, since …". It looks at disks, so it is asked outside of transactions.
"""
