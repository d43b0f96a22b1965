"""Which cells of a source's row a target's column comes from, as far as the flow's mapping says."""

from collections.abc import Collection, Mapping
from functools import lru_cache

from headrace.core.codec import decode
from headrace.core.errors import Problem
from headrace.core.flow import Plan
from headrace.core.settings import PromoteSettings
from headrace.language.dataprep import columns_of, parse
from headrace.service.replays import KIND, ReplaySettings


class SourceCells:
    """The cells that columns of one batch come from, by what its promotion was asked for."""

    def __init__(self, plan: Plan, path: str) -> None:
        self._mapping = _mapping_of(plan, path)
        self._known: dict[str, frozenset[str]] = {}

    def of(self, column: str, cells: Collection[str]) -> frozenset[str]:
        """Return the names of the cells that ``column`` comes from; none: nobody knows. ``cells``: those that the row has."""
        if self._mapping is None:
            return frozenset()
        if not self._mapping:
            # Without a mapping, every column comes from the one of its own name.
            first = column.partition(".")[0].partition("[")[0]
            return frozenset(name for name in (column, first) if name in cells)
        if column not in self._known:
            self._known[column] = _sources(self._mapping, column)
        return self._known[column]


def _mapping_of(plan: Plan, path: str) -> Mapping[str, str] | None:
    """Return destinations and expressions of the promotion ``path`` (none: all as it is); None: nobody knows."""
    activity = plan.by_name.get(path)
    if activity is None:
        return None
    try:
        if activity.kind == KIND:
            return decode(ReplaySettings, activity.settings, what="the replay's settings").promote.mapping or {}
        return decode(PromoteSettings, activity.settings, what="the promotion's settings").mapping or {}
    except Problem:
        # Another kind of activity, or one of a later release: then nothing is marked.
        return None


def _sources(mapping: Mapping[str, str], column: str) -> frozenset[str]:
    return frozenset().union(*(_read(text) for key, text in mapping.items() if _meets(key, column)))


def _meets(key: str, column: str) -> bool:
    """Say whether the destination is the column, lies in it, or has it in it."""
    return key == column or key.startswith((f"{column}.", f"{column}[")) or column.startswith((f"{key}.", f"{key}["))


@lru_cache(maxsize=4096)
def _read(expression: str) -> frozenset[str]:
    try:
        return columns_of(parse(expression))
    except Problem:
        return frozenset()
