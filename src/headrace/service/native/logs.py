"""What was logged while a run was done."""

from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {}
"""By the operation's name."""
