"""Retries and cancellations, of one run or of many, whichever door it came through; and what a retry would do."""

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from headrace.core.client import Identity
from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.flow import Plan
from headrace.core.native.runs import (
    MOST_AT_ONCE,
    AskMany,
    AskRetry,
    AskRun,
    ManyTold,
    OneOfMany,
    PlannedLine,
    RetryPlan,
    RunLine,
)
from headrace.core.outcome import Failure
from headrace.core.planning import PlanMode, RunPlan, Verdict
from headrace.core.run import Run, RunKind, RunStatus
from headrace.service.jobs import by_run
from headrace.service.native.advice import reason_of
from headrace.service.native.desk import NativeDesk, PipelineWish
from headrace.service.native.masking import shown_object
from headrace.service.native.reach import run_of
from headrace.service.native.repeated import told_once
from headrace.service.native.run_lines import run_line
from headrace.service.retries import RetryRequest, check_needed, preview_retry, retry_run
from headrace.service.runs import cancel_run, job_of
from headrace.store import runs


@dataclass(frozen=True, slots=True)
class Made:
    """The id of a run that was made."""

    run: str


MODES = (PlanMode.FROM_FAILURE, PlanMode.FROM_ACTIVITY, PlanMode.ALL)
"""The modes that a person retries in."""
_OPTIONS: Mapping[PlanMode, tuple[str, ...]] = {PlanMode.FROM_FAILURE: (), PlanMode.ALL: ("--all",)}


def plan_retry(desk: NativeDesk, caller: Identity, asked: AskRetry) -> RetryPlan:
    """Return what a retry would do now.

    Raises:
        Problem: ``NOT_FOUND``; ``INVALID``: the mode, the activity, or parameters; ``ILLEGAL_STATE``: it cannot be retried now.
    """
    run = _run(desk, caller, asked.run)
    _check(asked)
    if job_of(run) is not None:
        _check_job(run, asked)
        planned = _of_job(run)
    elif run.definition.dialect:
        planned = planned_lines(run.definition, desk.pipelines.plan(_wish(run, caller, asked)))
    else:
        planned = planned_lines(
            run.definition,
            preview_retry(desk.database, run.scope, run.id, _request(desk, run, caller, asked), desk.outcome_lost),
        )
    with desk.database.reading() as tx:
        line = run_line(tx, caller, run)
    return RetryPlan(
        run=line,
        mode=asked.mode,
        planned=planned,
        is_needed=any(one.verdict is not Verdict.CARRY_OVER for one in planned),
        command=_command(run, asked),
        call=_call(run, asked),
        activities=tuple(activity.name for activity in run.definition.in_order()),
        parameters=shown_object(run.parameters),
        modes=(PlanMode.FROM_FAILURE,) if job_of(run) is not None else MODES,
    )


def retry(desk: NativeDesk, caller: Identity, asked: AskRetry) -> RunLine:
    """Return the run that does what is left to do.

    Raises:
        Problem: as ``plan_retry``; ``CONFLICT``: the key belongs to another request.
    """
    _check(asked)
    made = _retried(desk, caller, _run(desk, caller, asked.run), asked)
    with desk.database.reading() as tx:
        return run_line(tx, caller, runs.get(tx, None, made.id))


def cancel(desk: NativeDesk, caller: Identity, asked: AskRun) -> RunLine:
    """Return the run after asking for its end.

    Raises:
        Problem: ``NOT_FOUND``; ``ILLEGAL_STATE``: it has ended.
    """
    run = _run(desk, caller, asked.run)
    if job_of(run) is not None:
        run = by_run.cancel(desk.jobs, run, caller.client_id)
    else:
        run = cancel_run(desk.database, run.scope, run.id, caller.client_id, desk.clock)
    with desk.database.reading() as tx:
        return run_line(tx, caller, run)


def retry_many(desk: NativeDesk, caller: Identity, asked: AskMany) -> ManyTold:
    """Retry each from its failure; what cannot be retried is told, and holds up no other.

    Raises:
        Problem: ``LIMIT_EXCEEDED``: too many at once; ``CONFLICT``: the key belongs to another request, or this one is being answered.
    """

    def one(text: str) -> RunLine:
        key = None if asked.request_key is None else f"{caller.client_id}:{asked.request_key}/{text}"
        return retry(desk, caller, AskRetry(run=text, request_key=key))

    return told_once(
        desk, caller, asked.request_key, ["runs.retry_many", *asked.runs], ManyTold, lambda: _many(asked, one)
    )


def cancel_many(desk: NativeDesk, caller: Identity, asked: AskMany) -> ManyTold:
    """Ask for the end of each; what has ended is told, and holds up no other.

    Raises:
        Problem: ``LIMIT_EXCEEDED``: too many at once; ``CONFLICT``: the key belongs to another request, or this one is being answered.
    """

    def do() -> ManyTold:
        return _many(asked, lambda text: cancel(desk, caller, AskRun(run=text)))

    return told_once(desk, caller, asked.request_key, ["runs.cancel_many", *asked.runs], ManyTold, do)


def _many(asked: AskMany, do: Callable[[str], RunLine]) -> ManyTold:
    if len(asked.runs) > MOST_AT_ONCE:
        raise Problem(Code.LIMIT_EXCEEDED, f"{len(asked.runs)} runs at once; at most {MOST_AT_ONCE} are taken")
    told = []
    for text in dict.fromkeys(asked.runs):
        try:
            told.append(OneOfMany(run=text, done=do(text)))
        except Problem as problem:
            if problem.code is Code.UNAVAILABLE:
                # It was not refused: the whole may be asked again, and what was done is found by its key.
                raise
            told.append(OneOfMany(run=text, reason=reason_of(Failure.of(problem))))
    return ManyTold(items=tuple(told))


def _run(desk: NativeDesk, caller: Identity, text: str) -> Run:
    with desk.database.reading() as tx:
        return run_of(tx, caller, text)


def _retried(desk: NativeDesk, caller: Identity, run: Run, asked: AskRetry) -> Run:
    if job_of(run) is not None:
        _check_job(run, asked)
        return _retried_job(desk, caller, run, asked.request_key)
    if run.definition.dialect:
        wish = _wish(run, caller, asked)
        if run.status is RunStatus.SUCCEEDED:
            # The door would make a run that does nothing.
            check_needed(run, desk.pipelines.plan(wish))
        return desk.pipelines.run(wish)
    request = _request(desk, run, caller, asked)
    return retry_run(desk.database, run.scope, run.id, request, desk.outcome_lost, clock=desk.clock, ids=desk.ids)


def _retried_job(desk: NativeDesk, caller: Identity, run: Run, key: str | None) -> Run:
    def do() -> Made:
        return Made(run=by_run.retry(desk.jobs, run, caller.client_id).id)

    made = told_once(desk, caller, key, ["runs.retry", run.id], Made, do)
    with desk.database.reading() as tx:
        return runs.get(tx, run.scope, made.run)


def _check(asked: AskRetry) -> None:
    if asked.mode not in MODES:
        error = FieldError("mode", f"{asked.mode} is no way to retry", "one of " + ", ".join(MODES))
        raise Problem(Code.INVALID, str(error), (error,))
    if (asked.mode is PlanMode.FROM_ACTIVITY) != (asked.activity is not None):
        error = FieldError("activity", "goes together with the mode from_activity", "both or neither")
        raise Problem(Code.INVALID, str(error), (error,))


def _check_job(run: Run, asked: AskRetry) -> None:
    if asked.mode is not PlanMode.FROM_FAILURE or asked.parameters or asked.as_it_was:
        message = f"run {run.id} is an attempt at the job {job_of(run)}, which is retried as a whole, as it stands"
        raise Problem(Code.INVALID, message)


def _request(desk: NativeDesk, run: Run, caller: Identity, asked: AskRetry) -> RetryRequest:
    remake = desk.remakers.get(run.scope.partition("/")[0])
    # What cannot be retried is refused by that, not by what has become of its flow.
    made = None if remake is None or asked.as_it_was or _is_refused(run) else remake(run)
    return RetryRequest(
        created_by=caller.client_id,
        mode=asked.mode,
        activity=asked.activity,
        definition=run.definition if asked.as_it_was else None if made is None else made.plan,
        parameters=_changed(run, asked),
        request_key=asked.request_key,
        details=None if made is None else {**run.details, **made.details},
        if_needed=True,
    )


def _is_refused(run: Run) -> bool:
    return run.kind is RunKind.REPLAY or not run.status.is_final


def _changed(run: Run, asked: AskRetry) -> Mapping[str, Json] | None:
    """Return the parameters that are to be others; what comes back as it was shown, masked, is not."""
    before = shown_object(run.parameters)
    given = asked.parameters or {}
    return {
        name: value for name, value in given.items() if value != before.get(name) or value == run.parameters.get(name)
    } or None


def _wish(run: Run, caller: Identity, asked: AskRetry) -> PipelineWish:
    if asked.as_it_was:
        error = FieldError("as_it_was", "a pipeline is recovered by its present definition", "leave it out")
        raise Problem(Code.INVALID, str(error), (error,))
    if not run.status.is_final:
        raise Problem(Code.ILLEGAL_STATE, f"run {run.id} is {run.status}; it can be retried when it has ended")
    return PipelineWish(
        scope=run.scope,
        pipeline=run.flow_name,
        who=caller.client_id,
        parameters=_changed(run, asked),
        recovers=run,
        mode=asked.mode,
        activity=asked.activity,
        request_key=asked.request_key,
    )


def planned_lines(definition: Plan, plan: RunPlan) -> tuple[PlannedLine, ...]:
    """Return what a plan says of each activity, with the kinds that the definition gives them."""
    kinds = {activity.name: activity.kind for activity in definition.activities}
    return tuple(
        PlannedLine(
            path=one.path,
            kind=kinds.get(one.path, ""),
            verdict=one.verdict,
            reason=one.reason,
            carried_from=one.carried_from,
        )
        for one in plan.activities
    )


def _of_job(run: Run) -> tuple[PlannedLine, ...]:
    if not run.status.is_final:
        raise Problem(Code.ILLEGAL_STATE, f"run {run.id} is {run.status}; it can be retried when it has ended")
    if run.kind is RunKind.REPLAY:
        raise Problem(Code.ILLEGAL_STATE, f"run {run.id} plays rejected rows again; play them again once more")
    return tuple(
        PlannedLine(path=activity.name, kind=activity.kind, verdict=Verdict.RUN, reason="a job is retried as a whole")
        for activity in run.definition.in_order()
    )


def _command(run: Run, asked: AskRetry) -> str:
    words = ["headrace", "runs", "retry", run.id, *_OPTIONS.get(asked.mode, ("--from", asked.activity or ""))]
    for name, value in (_changed(run, asked) or {}).items():
        words += ["--param", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
    return shlex.join([*words, *(["--as-it-was"] if asked.as_it_was else [])])


def _call(run: Run, asked: AskRetry) -> str:
    body: dict[str, Any] = {"mode": asked.mode.value}
    if asked.activity is not None:
        body["activity"] = asked.activity
    if changed := _changed(run, asked):
        body["parameters"] = dict(changed)
    if asked.as_it_was:
        body["as_it_was"] = True
    return (
        f'curl -X POST "$HEADRACE_URL/native/v1/runs/{run.id}/retry" -H "Authorization: Bearer $HEADRACE_TOKEN" '
        f"-H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "runs.plan": plan_retry,
    "runs.retry": retry,
    "runs.cancel": cancel,
    "runs.retry_many": retry_many,
    "runs.cancel_many": cancel_many,
}
"""By the operation's name."""
