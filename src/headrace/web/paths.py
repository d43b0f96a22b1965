"""Which paths are the console's. It imports nothing: an idle server asks before the console was ever loaded."""

PAGES = frozenset(
    "runs rejects flows schedules connections webhooks workers clients audit login logout static".split()  # noqa: SIM905 — a list of words
)
"""First segments of its paths; no door has one of these."""


def serves(path: str) -> bool:
    """Say whether the console answers ``path``."""
    first = path.lstrip("/").partition("/")[0]
    return not first or first in PAGES or path == "/favicon.ico"
