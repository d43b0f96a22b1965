"""``headrace runs retry``: what is left to do of a run that has ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application
from headrace.cli.options import who
from headrace.cli.output import Output
from headrace.cli.pipelines import recovery_call
from headrace.cli.rendering import SHORT, run_document
from headrace.cli.running import details_of, put_file
from headrace.cli.session import finish, job_desk, opened
from headrace.core.codec import Json, encode
from headrace.core.engine_operations import LISTEN
from headrace.core.errors import Code, Problem
from headrace.core.planning import PlanMode, RunPlan, Verdict
from headrace.core.run import Run
from headrace.flowfile import SCOPE, FlowFile, load
from headrace.service.jobs import by_run
from headrace.service.retries import RetryRequest, preview_retry, retry_run
from headrace.service.runs import find_run, get_run, job_of

_WORDS: Mapping[Verdict, str] = {
    Verdict.RUN: "run",
    Verdict.REEVALUATE: "re-evaluate",
    Verdict.CARRY_OVER: "carry over",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person asks for with ``headrace runs retry``."""

    run_id: str
    from_activity: str | None
    everything: bool
    dry_run: bool
    as_it_was: bool
    parameters: Mapping[str, Json]
    detach: bool

    @property
    def mode(self) -> PlanMode:
        """Return the planner's mode."""
        if self.everything:
            return PlanMode.ALL
        return PlanMode.FROM_FAILURE if self.from_activity is None else PlanMode.FROM_ACTIVITY


def retry(home: Path | None, wish: Wish, output: Output) -> int:
    """Retry the run, or show what that would do; return the exit code.

    Raises:
        Problem: as ``retry_run``; the run is a pipeline's (the message has the call that recovers it); the flow file is wrong; parameters
            without a flow file that could take them.
    """
    with opened(home) as application:
        run = get_run(application.database, None, find_run(application.database, None, wish.run_id)).run
        if job_of(run) is not None:
            return _retry_job(application, run, wish, output)
        call = recovery_call(run, wish.mode, wish.from_activity, preview=wish.dry_run)
        if call is not None:
            what = f"run {run.id} is one of the pipeline {run.flow_name!r}, which its data factory recovers"
            raise Problem(Code.ILLEGAL_STATE, f"{what}; ask the server: {call}")
        file = _flow_file(run, wish, output)
        request = _request(run, wish, file)
        plan = preview_retry(application.database, None, run.id, request, application.outcome_lost)
        if wish.dry_run:
            _show(run, plan, output)
            return 0
        if all(planned.verdict is Verdict.CARRY_OVER for planned in plan.activities):
            message = f"run {run.id} succeeded, so nothing is left to do; --all does everything again, --from ACTIVITY a part of it"
            raise Problem(Code.ILLEGAL_STATE, message)
        return _carry_out(application, run, file, request, output, detach=wish.detach)


def _retry_job(application: Application, run: Run, wish: Wish, output: Output) -> int:
    """Retry the job that the run is an attempt at; what a listener does is not waited for."""
    if wish.dry_run or wish.as_it_was or wish.parameters or wish.mode is not PlanMode.FROM_FAILURE:
        message = f"run {run.id} is an attempt at the job {job_of(run)}, which is retried as a whole, as it stands; leave the options out"
        raise Problem(Code.INVALID, message)
    new = by_run.retry(job_desk(application), run, who())
    output.note(f"retrying job {job_of(run)} as run {new.id} (attempt {new.attempt})")
    if LISTEN in {activity.kind for activity in new.definition.activities}:
        if output.is_json:
            output.document(encode(run_document(get_run(application.database, None, new.id))))
        else:
            output.say(new.id)
        return 0
    return finish(application, new, output, detach=wish.detach)


def _carry_out(
    application: Application, run: Run, file: FlowFile | None, request: RetryRequest, output: Output, *, detach: bool
) -> int:
    if file is not None:
        put_file(application, file)
    new = retry_run(
        application.database,
        None,
        run.id,
        request,
        application.outcome_lost,
        clock=application.clock,
        ids=application.ids,
    )
    output.note(f"retrying run {run.id[:SHORT]} as run {new.id} (attempt {new.attempt})")
    return finish(application, new, output, detach=detach)


def _flow_file(run: Run, wish: Wish, output: Output) -> FlowFile | None:
    """Return the run's flow file as it is now, when it came from one that is still there."""
    origin = run.details.get("flow_file")
    if wish.as_it_was:
        if wish.parameters:
            raise Problem(Code.INVALID, "--param changes the flow, so it does not go together with --as-it-was")
        return None
    if run.scope != SCOPE or not isinstance(origin, str):
        return None
    path = Path(origin)
    if not path.exists():
        output.note(f"{path} is gone: the flow is used as the ledger has it")
        return None
    kept = run.details.get("parameters")
    before: Mapping[str, Json] = kept if isinstance(kept, Mapping) else {}
    file = load(path, wish.parameters, config.environment(), before)
    if file.flow.id != run.flow_id:
        raise Problem(
            Code.CONFLICT,
            f"{path} is the flow {file.flow.name!r} now, and the run is one of {run.flow_name!r}; use --as-it-was, or run the file anew",
        )
    changed = [a.name for a in file.flow.plan.activities if _fingerprint(run, a.name) != a.fingerprint]
    words = f"changed since: {', '.join(changed)}" if changed else "unchanged"
    output.note(f"using {path} as it is now ({words}); --as-it-was uses it as the run had it")
    return file


def _fingerprint(run: Run, name: str) -> str | None:
    activity = run.definition.by_name.get(name)
    return None if activity is None else activity.fingerprint


def _request(run: Run, wish: Wish, file: FlowFile | None) -> RetryRequest:
    if file is not None:
        return RetryRequest(
            created_by=who(),
            mode=wish.mode,
            activity=wish.from_activity,
            definition=file.flow.plan,
            details={**kept_watermark(run), **details_of(file)},
        )
    return RetryRequest(
        created_by=who(),
        mode=wish.mode,
        activity=wish.from_activity,
        definition=run.definition if wish.as_it_was else None,
        parameters=wish.parameters or None,
    )


def _show(run: Run, plan: RunPlan, output: Output) -> None:
    if output.is_json:
        activities = [
            {
                "path": planned.path,
                "verdict": planned.verdict.value,
                "reason": planned.reason,
                "carried_from": planned.carried_from,
                "previous_from": planned.previous_from,
            }
            for planned in plan.activities
        ]
        output.document(encode({"run_id": run.id, "mode": plan.mode.value, "activities": activities}))
        return
    output.say(f"a retry of run {run.id[:SHORT]} ({run.flow_name}) would:")
    rows = [(_WORDS[planned.verdict], planned.path, planned.reason) for planned in plan.activities]
    output.table(("verdict", "activity", "since"), rows)


def kept_watermark(run: Run) -> Mapping[str, Json]:
    """Return what the retried run remembers of its watermark: the retry delivers the same window, and moves it."""
    return {name: value for name, value in run.details.items() if name == "watermark"}
