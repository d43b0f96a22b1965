"""The one table of functions, and what the contract has beyond it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from headrace.language.dataprep import analytics, identity, lists, logic, maps, numbers, objects, texts, times, visitors
from headrace.language.dataprep.table import Function, FunctionDoc

_ALL: Final[tuple[Function, ...]] = (
    *texts.FUNCTIONS,
    *logic.FUNCTIONS,
    *numbers.FUNCTIONS,
    *times.FUNCTIONS,
    *identity.FUNCTIONS,
    *objects.FUNCTIONS,
    *maps.FUNCTIONS,
    *lists.FUNCTIONS,
    *visitors.FUNCTIONS,
    *analytics.FUNCTIONS,
)

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {name: function for function in _ALL for name in (function.doc.name, *function.doc.aliases)},
)
"""Every function under its name and its aliases."""


def functions() -> Sequence[FunctionDoc]:
    """Return what is to be known of every function, by category and name."""
    return sorted((function.doc for function in _ALL), key=lambda doc: (doc.category, doc.name))
