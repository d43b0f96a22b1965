"""A run's row, read."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from headrace.core.codec import decode
from headrace.core.flow import Plan
from headrace.core.outcome import Failure
from headrace.core.run import Caller, Run, RunKind, RunStatus
from headrace.core.window import Window
from headrace.store.columns import FIGURES, dump, figures_of, load
from headrace.store.tables import runs as table

# What is executed may be long, and a list does not show it.
LIGHT = tuple(column for column in table.c if column.name not in {"definition", "plan"})
"""The columns of runs but for what they execute."""
_CALLER = ("caller_run_id", "caller_path", "caller_attempt")
_NOT_READ: Mapping[str, Any] = {"definition": {"activities": []}, "plan": {}}


def run_of(row: Mapping[str, Any]) -> Run:
    """Return the run that ``row`` holds."""
    what = f"the ledger's row of run {row['id']}"
    values = {name: value for name, value in row.items() if name not in FIGURES and name not in _CALLER}
    values["kind"] = RunKind(row["kind"])
    values["status"] = RunStatus(row["status"])
    values["definition"] = plan_of(dump(row["definition"]))
    values["reason"] = None if row["reason"] is None else decode(Failure, row["reason"], what=what)
    values["window"] = None if row["window"] is None else decode(Window, row["window"], what=what)
    values["figures"] = figures_of(row)
    if row["caller_run_id"] is not None:
        values["caller"] = Caller(*(row[name] for name in _CALLER))
    return Run(**values)


def light_run_of(row: Mapping[str, Any]) -> Run:
    """Return the run that ``row`` holds, of which only ``LIGHT`` was read: its definition and its plan are empty."""
    return run_of({**{column.name: row[column.name] for column in LIGHT}, **_NOT_READ})


@lru_cache(maxsize=512)
def plan_of(text: str) -> Plan:
    """Return the plan that JSON ``text`` holds. Plans do not change and repeat from run to run, so they are read once."""
    return decode(Plan, load(text), what="a plan in the ledger")
