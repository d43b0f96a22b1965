"""The one place where tests wait: for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T | None], *, seconds: float, what: str, every: float = 0.02) -> T:
    """Return the first truthy value of ``condition``, or fail when ``seconds`` have passed; ``what`` says what did not come."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            message = f"waited {seconds} s in vain for {what}"
            raise AssertionError(message)
        time.sleep(every)
