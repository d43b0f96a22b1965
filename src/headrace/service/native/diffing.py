"""What differs between two runs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from typing import Any

from headrace.core.client import Identity
from headrace.core.codec import Json, encode
from headrace.core.flow import Activity, Plan
from headrace.core.masking import masked_forms
from headrace.core.native.runs import AskDiff, Difference, RunDiff
from headrace.core.outcome import Figures
from headrace.core.run import BODY, ActivityRun, Run
from headrace.service.native.desk import NativeDesk
from headrace.service.native.masking import shown, shown_object
from headrace.service.native.reach import run_of
from headrace.service.native.run_lines import run_lines
from headrace.store import run_activities

_MOST = 1000
"""Activities of a run that are compared."""


def diff_runs(desk: NativeDesk, caller: Identity, asked: AskDiff) -> RunDiff:
    """Return what differs between two runs; what is alike is left out.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: several runs begin so.
    """
    with desk.database.reading() as tx:
        left, right = (run_of(tx, caller, text) for text in (asked.run, asked.other))
        rows = [_newest(run_activities.for_view(tx, run.id, _MOST)[0]) for run in (left, right)]
        lines = run_lines(tx, caller, (left, right))
    return RunDiff(
        left=lines[0],
        right=lines[1],
        parameters=tuple(_between("parameters", shown_object(left.parameters), shown_object(right.parameters))),
        definition=tuple(_definitions(left.definition, right.definition)),
        figures=tuple(_figures(left, right, *rows)),
        durations=tuple(_durations(left, right, *rows)),
        statuses=tuple(_statuses(left, right, *rows)),
        errors=tuple(_errors(left, right, *rows)),
        other=tuple(_others(left, right)),
    )


def _newest(rows: list[ActivityRun]) -> dict[str, ActivityRun]:
    found: dict[str, ActivityRun] = {}
    for row in rows:
        if row.kind != BODY and (row.path not in found or found[row.path].attempt < row.attempt):
            found[row.path] = row
    return found


def _between(what: str, left: Json, right: Json) -> Iterator[Difference]:
    """Yield where two JSON values differ, as deep as both are objects."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in dict.fromkeys([*left, *right]):
            yield from _between(f"{what}.{name}", left.get(name), right.get(name))
    elif left != right or type(left) is not type(right):
        yield Difference(what=what, left=left, right=right)


def _definitions(left: Plan, right: Plan) -> Iterator[Difference]:
    ours, theirs = left.by_name, right.by_name
    for name in dict.fromkeys([*ours, *theirs]):
        yield from _between(f"activities.{name}", _shown(ours.get(name)), _shown(theirs.get(name)))


def _shown(activity: Activity | None) -> Json:
    return None if activity is None else shown(encode(activity))


def _pairs(
    left: Mapping[str, ActivityRun], right: Mapping[str, ActivityRun]
) -> Iterator[tuple[str, ActivityRun | None, ActivityRun | None]]:
    for path in dict.fromkeys([*left, *right]):
        yield f"activities.{path}", left.get(path), right.get(path)


def _figures(
    left: Run, right: Run, ours: Mapping[str, ActivityRun], theirs: Mapping[str, ActivityRun]
) -> Iterator[Difference]:
    yield from _counts("run", left.figures, right.figures)
    for what, one, other in _pairs(ours, theirs):
        yield from _counts(
            what, one.figures if one is not None else Figures(), other.figures if other is not None else Figures()
        )


def _counts(what: str, left: Figures, right: Figures) -> Iterator[Difference]:
    for item in fields(Figures):
        one, other = getattr(left, item.name), getattr(right, item.name)
        if one != other:
            yield Difference(what=f"{what}.{item.name}", left=one, right=other)


def _durations(
    left: Run, right: Run, ours: Mapping[str, ActivityRun], theirs: Mapping[str, ActivityRun]
) -> Iterator[Difference]:
    for what, one, other in [("run", left, right), *_pairs(ours, theirs)]:
        mine, its = _took(one), _took(other)
        if mine != its:
            yield Difference(what=what, left=mine, right=its)


def _took(row: Run | ActivityRun | None) -> int | None:
    if row is None or row.started_at is None or row.ended_at is None:
        return None
    return row.ended_at - row.started_at


def _statuses(
    left: Run, right: Run, ours: Mapping[str, ActivityRun], theirs: Mapping[str, ActivityRun]
) -> Iterator[Difference]:
    for what, one, other in [("run", left, right), *_pairs(ours, theirs)]:
        mine, its = (None if row is None else row.status.value for row in (one, other))
        if mine != its:
            yield Difference(what=what, left=mine, right=its)


def _errors(
    left: Run, right: Run, ours: Mapping[str, ActivityRun], theirs: Mapping[str, ActivityRun]
) -> Iterator[Difference]:
    reasons = (
        None if run.reason is None else f"{run.reason.code}: {masked_forms(run.reason.message)}"
        for run in (left, right)
    )
    mine, its = reasons
    if mine != its:
        yield Difference(what="run", left=mine, right=its)
    for what, one, other in _pairs(ours, theirs):
        texts = [
            None if row is None or row.failure is None else f"{row.failure.code}: {masked_forms(row.failure.message)}"
            for row in (one, other)
        ]
        if texts[0] != texts[1]:
            yield Difference(what=what, left=texts[0], right=texts[1])


def _others(left: Run, right: Run) -> Iterator[Difference]:
    for name in ("flow_name", "scope", "kind", "created_by", "window", "due_at"):
        one, other = (encode(getattr(run, name)) for run in (left, right))
        if one != other:
            yield Difference(what="flow" if name == "flow_name" else name, left=one, right=other)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"runs.diff": diff_runs}
"""By the operation's name."""
