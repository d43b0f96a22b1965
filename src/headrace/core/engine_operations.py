"""Which jobs the engine does (contract 11.1): a table of what is asked for, and of what its configuration has to say.

Whatever is not in the table, or lacks what the table asks for, is done by a listener: an Action that somebody called ``export`` is common.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from headrace.core.codec import Json

FILE = "us_fl_"
SHEET = "us_sh_"
"""What ids of files and sheets begin with."""

LISTEN = "listen"
"""The kind of the activity that somebody outside does."""
PLAN = "jobs_plan"
"""The kind of the activity that builds the plan of a job that waits to be asked for."""
MAP = "map"
"""The operation whose jobs have a plan."""

_SHEETS_OF_CONFIG = ("sheet", "sheetId", "sourceSheetId", "destinationSheetId")

Needs = Callable[[str, Mapping[str, Json]], bool]
"""Says of the source and the configuration whether they have what the operation needs."""


@dataclass(frozen=True, slots=True)
class EngineOperation:
    """An operation of the engine: for which types of jobs, and what it needs."""

    types: frozenset[str]
    needs: Needs


def _text(config: Mapping[str, Json], *names: str) -> bool:
    return all(isinstance(config.get(name), str) and config[name] for name in names)


_SHEETS_AND_WORKBOOKS = frozenset({"workbook", "sheet"})

OPERATIONS: Mapping[str, EngineOperation] = {
    "extract": EngineOperation(frozenset({"file"}), lambda source, _config: source.startswith(FILE)),
    MAP: EngineOperation(
        frozenset({"workbook"}), lambda _source, config: _text(config, "sourceSheetId", "destinationSheetId")
    ),
    "delete-records": EngineOperation(_SHEETS_AND_WORKBOOKS, lambda _source, config: _text(config, "sheet")),
    "export": EngineOperation(
        _SHEETS_AND_WORKBOOKS, lambda _source, config: isinstance(config.get("options"), Mapping)
    ),
    "find-replace": EngineOperation(
        _SHEETS_AND_WORKBOOKS,
        lambda source, config: _text(config, "fieldKey") and (source.startswith(SHEET) or _text(config, "sheetId")),
    ),
    "mutate-records": EngineOperation(
        _SHEETS_AND_WORKBOOKS, lambda _source, config: _text(config, "sheetId", "mutateRecord")
    ),
    "snapshot": EngineOperation(frozenset({"sheet"}), lambda source, _config: source.startswith(SHEET)),
}
"""The operations by name."""


def is_for_engine(
    type_: str, operation: str, source: str, config: Mapping[str, Json] | None, enabled: Collection[str]
) -> bool:
    """Say whether the engine does such a job; ``enabled`` are the operations that are not switched off."""
    known = OPERATIONS.get(operation)
    if known is None or operation not in enabled or type_ not in known.types:
        return False
    return known.needs(source, {} if config is None else config)


def kind_of(operation: str) -> str:
    """Return the kind of the activity that does ``operation``: ``jobs_delete_records``."""
    return "jobs_" + operation.replace("-", "_")


def has_plan(type_: str, operation: str) -> bool:
    """Say whether such jobs have an execution plan, where the engine does them."""
    return type_ == "workbook" and operation == MAP


def sheets_of(config: Mapping[str, Json] | None) -> dict[str, str]:
    """Return the sheets that a configuration names, by the names that it has for them."""
    given = {} if config is None else config
    return {name: value for name in _SHEETS_OF_CONFIG if isinstance(value := given.get(name), str) and value}
