"""Webhooks and what they were told."""

from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {}
"""By the operation's name."""
