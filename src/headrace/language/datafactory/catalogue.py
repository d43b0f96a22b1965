"""The one table of functions."""

from collections.abc import Mapping
from typing import Final

from headrace.language.datafactory import (
    accessors,
    conversions,
    dates,
    encodings,
    lists,
    logic,
    numbers,
    texts,
    xmlvalues,
    xpath,
)
from headrace.language.datafactory.table import Function

FUNCTIONS: Final[Mapping[str, Function]] = {
    function.name.lower(): function
    for functions in (
        texts.FUNCTIONS,
        lists.FUNCTIONS,
        logic.FUNCTIONS,
        conversions.FUNCTIONS,
        encodings.FUNCTIONS,
        xmlvalues.FUNCTIONS,
        xpath.FUNCTIONS,
        numbers.FUNCTIONS,
        dates.FUNCTIONS,
        accessors.FUNCTIONS,
    )
    for function in functions
}
"""All functions and accessors, by their names in lower case."""
