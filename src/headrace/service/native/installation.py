"""The installation: workers, clients, keys, the audit, who asks."""

from collections.abc import Callable, Mapping
from typing import Any

FUNCTIONS: Mapping[str, Callable[..., Any]] = {}
"""By the operation's name."""
