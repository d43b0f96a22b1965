"""Retries and cancellations, of one run or of many, whichever door it came through; and what a retry would do."""

from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {}
"""By the operation's name."""
