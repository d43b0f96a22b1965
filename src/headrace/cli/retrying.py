"""``headrace runs retry``: what is left to do of a run that has ended."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace import config
from headrace.cli.desk import Desk, LocalDesk, asking
from headrace.cli.finishing import finish, queued
from headrace.cli.options import At, who
from headrace.cli.output import Column, Output, one_line
from headrace.cli.rendering import SHORT
from headrace.cli.running import details_of, put_file
from headrace.cli.runs import many
from headrace.cli.watching import watch_with
from headrace.core.codec import Json
from headrace.core.engine_operations import LISTEN
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskMany, AskRetry, AskRun, RetryPlan
from headrace.core.native.table import PLAN_RETRY, RETRY_MANY, RETRY_RUN, SHOW_RUN
from headrace.core.native.wire import to_wire
from headrace.core.planning import PlanMode, RunPlan, Verdict
from headrace.core.run import Run
from headrace.flowfile import SCOPE, FlowFile, load
from headrace.service.native.retries import planned_lines
from headrace.service.retries import RetryRequest, preview_retry, retry_run
from headrace.service.runs import get_run, job_of

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

    def asked(self, run_id: str) -> AskRetry:
        """Return it in the form of the operation."""
        return AskRetry(
            run=run_id,
            mode=self.mode,
            activity=self.from_activity,
            parameters=self.parameters or None,
            as_it_was=self.as_it_was,
        )

    def options(self) -> list[str]:
        """Return it in the form of the command line."""
        words = ["--all"] if self.everything else [] if self.from_activity is None else ["--from", self.from_activity]
        for name, value in self.parameters.items():
            words += ["--param", f"{name}={value}"]
        return [*words, *(["--as-it-was"] if self.as_it_was else [])]


def retry(at: At, wish: Wish, output: Output) -> int:
    """Retry the run, or show what that would do; return the exit code.

    A run that came from a flow file is retried with the file as it is now, by this process; all others as a server retries them. A server
    that is asked does the run itself.

    Raises:
        Problem: as the operations ``runs.plan`` and ``runs.retry``; the flow file is wrong.
    """
    with asking(at) as desk:
        run = desk.ask(SHOW_RUN, AskRun(run=wish.run_id)).run
        if not isinstance(desk, LocalDesk):
            return _retry_there(desk, wish.asked(run.id), wish, output)
        kept = get_run(desk.application.database, None, run.id).run
        if kept.scope != SCOPE or job_of(kept) is not None:
            return _retry_here(desk, kept, wish, output)
        return _retry_flow(desk, kept, wish, output)


def _retry_there(desk: Desk, asked: AskRetry, wish: Wish, output: Output) -> int:
    if wish.dry_run:
        show_plan(desk.ask(PLAN_RETRY, asked), output)
        return 0
    new = desk.ask(RETRY_RUN, asked)
    _note(asked.run, new.id, new.attempt, output)
    if wish.detach:
        queued(desk.ask(SHOW_RUN, AskRun(run=new.id)), output)
        return 0
    return watch_with(desk, new.id, output)


def _retry_here(desk: LocalDesk, run: Run, wish: Wish, output: Output) -> int:
    """Retry a run of one of the doors, as the door does; what a listener does is not waited for."""
    asked = wish.asked(run.id)
    if wish.dry_run:
        show_plan(desk.ask(PLAN_RETRY, asked), output)
        return 0
    new = desk.ask(RETRY_RUN, asked)
    _note(run.id, new.id, new.attempt, output)
    if LISTEN in {activity.kind for activity in run.definition.activities}:
        queued(desk.ask(SHOW_RUN, AskRun(run=new.id)), output)
        return 0
    return finish(desk, new.id, output, detach=wish.detach)


def _retry_flow(desk: LocalDesk, run: Run, wish: Wish, output: Output) -> int:
    application = desk.application
    file = _flow_file(run, wish, output)
    request = _request(run, wish, file)
    plan = preview_retry(application.database, None, run.id, request, application.outcome_lost)
    if wish.dry_run:
        show_plan(_plan_of(desk, run, plan, wish, file), output)
        return 0
    if all(planned.verdict is Verdict.CARRY_OVER for planned in plan.activities):
        message = f"run {run.id} succeeded, so nothing is left to do; --all does everything again, --from ACTIVITY a part of it"
        raise Problem(Code.ILLEGAL_STATE, message)
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
    _note(run.id, new.id, new.attempt, output)
    return finish(desk, new.id, output, detach=wish.detach)


def _note(old: str, new: str, attempt: int, output: Output) -> None:
    output.note(f"retrying run {old[:SHORT]} as run {new} (attempt {attempt})")


def retry_many(at: At, runs: tuple[str, ...], output: Output) -> int:
    """Queue the retries of several runs, each from its failure; 1 where one of them cannot be retried."""
    with asking(at) as desk:
        told = desk.ask(RETRY_MANY, AskMany(runs=runs))
        is_here = isinstance(desk, LocalDesk)
    if is_here:
        output.note("they are queued; a server or a worker of this home does them (headrace serve, headrace worker)")
    return many(told, output, "is retried as")


def _plan_of(desk: LocalDesk, run: Run, plan: RunPlan, wish: Wish, file: FlowFile | None) -> RetryPlan:
    """Return a plan that was made from the flow file as it is now in the form of the operation."""
    definition = run.definition if file is None else file.flow.plan
    planned = planned_lines(definition, plan)
    return RetryPlan(
        run=desk.ask(SHOW_RUN, AskRun(run=run.id)).run,
        mode=wish.mode,
        planned=planned,
        is_needed=any(one.verdict is not Verdict.CARRY_OVER for one in planned),
        command=shlex.join(["headrace", "runs", "retry", run.id, *wish.options()]),
        call="",
        activities=tuple(activity.name for activity in definition.in_order()),
        parameters=run.parameters,
        modes=(PlanMode.FROM_FAILURE, PlanMode.FROM_ACTIVITY, PlanMode.ALL),
    )


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


def show_plan(plan: RetryPlan, output: Output) -> None:
    """Print what a retry would do, and why."""
    if output.is_json:
        output.document(to_wire(plan))
        return
    output.say(f"a retry of run {plan.run.id[:SHORT]} ({one_line(plan.run.flow)}) would:")
    rows = [(_WORDS[one.verdict], one.path, one.reason) for one in plan.planned]
    output.table((Column("verdict", whole=True), "activity", "since"), rows)
    if not plan.is_needed:
        output.say("nothing is left to do")


def kept_watermark(run: Run) -> Mapping[str, Json]:
    """Return what the retried run remembers of its watermark: the retry delivers the same window, and moves it."""
    return {name: value for name, value in run.details.items() if name == "watermark"}
