"""Runs: lists, one in full, its errors, what differs between two."""

from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {}
"""By the operation's name."""
