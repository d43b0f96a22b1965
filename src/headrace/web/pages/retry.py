"""Retrying a run: what would be done, and the button that does it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.runs import AskRetry, AskRun, RetryPlan, RunLine
from headrace.core.native.table import PLAN_RETRY, RETRY_RUN, SHOW_RUN
from headrace.core.planning import PlanMode, Verdict
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.flow_inputs import PREFIX, inputs_of, parameters_of
from headrace.web.forms import Sent
from headrace.web.run_story import linked

router = APIRouter()
MODES: Mapping[PlanMode, str] = {
    PlanMode.FROM_FAILURE: "From the failure: what did not succeed, and all that depends on it",
    PlanMode.FROM_ACTIVITY: "From an activity, and all that depends on it",
    PlanMode.ALL: "Everything again",
}
VERDICTS: Mapping[Verdict, str] = {
    Verdict.RUN: "runs",
    Verdict.REEVALUATE: "re-evaluated",
    Verdict.CARRY_OVER: "carried over",
}

TOLD_IN_PLACE = frozenset(Code) - {
    Code.NOT_FOUND,
    Code.FORBIDDEN,
    Code.UNAUTHENTICATED,
    Code.UNAVAILABLE,
    Code.INTERNAL,
}
"""Refusals that are about the choice, or about how the run stands."""

COUNTED: Mapping[Verdict, tuple[str, str]] = {
    Verdict.RUN: ("runs", "run"),
    Verdict.REEVALUATE: ("is re-evaluated", "are re-evaluated"),
    Verdict.CARRY_OVER: ("is carried over", "are carried over"),
}
"""What one activity does, and what several do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What stands in the form. ``sent``: its parameters' fields as they were typed."""

    mode: PlanMode = PlanMode.FROM_FAILURE
    activity: str = ""
    as_it_was: bool = False
    sent: Mapping[str, str] | None = None
    request_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What the page is made of.

    ``known``: the plan without any choice; None: it is refused. ``plan``: what is chosen would do; None: ``problem`` says why it cannot be done.
    """

    run: RunLine
    known: RetryPlan | None
    plan: RetryPlan | None = None
    problem: Problem | None = None


@router.get("/runs/{run_id}/retry")
def show(
    run_id: str, request: Request, console: AtConsole, mode: str = "", activity: str = "", part: str = ""
) -> Response:
    """Answer with the form of a retry and its plan; ``part=panel``: what the panel of a run's page shows of it."""
    choice = Choice(mode=_mode_of(mode, activity), activity=activity)
    sheet = _sheet(console, request, run_id, choice)
    if part == "panel":
        return console.part(request, "retry_panel.html", "panel", _values(sheet, choice))
    if sheet.run.id != run_id:
        return RedirectResponse(f"/runs/{sheet.run.id}/retry", 302)
    return console.page(request, "retry.html", _values(sheet, choice))


@router.post("/runs/{run_id}/retry")
def do(run_id: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Make the new run, and lead to it; ``do=preview``: answer with the plan of what is chosen; a refusal is told in place."""
    choice = Choice(
        mode=_mode_of(form.text("mode"), form.text("activity")),
        activity=form.text("activity"),
        as_it_was=bool(form.text("as_it_was")),
        sent={name: texts[0] for name in form.fields if name.startswith(PREFIX) and (texts := form.texts(name))},
        request_key=form.text("request_key"),
    )
    if form.text("do") == "preview":
        values = _values(_sheet(console, request, run_id, choice), choice)
        if request.headers.get("hx-request"):
            return console.part(request, "retry.html", "form", values)
        return console.page(request, "retry.html", values)
    try:
        # What was planned may have changed since, and so may be refused: the form's key finds the run that a first press made.
        asked = _asked(console.ask(request, SHOW_RUN, AskRun(run=run_id)).run, _known(console, request, run_id), choice)
        run = console.ask(request, RETRY_RUN, replace(asked, request_key=choice.request_key or None))
    except Problem as problem:
        if problem.code not in TOLD_IN_PLACE:
            raise
        sheet = replace(_sheet(console, request, run_id, choice), problem=problem)
        return console.page(request, "retry.html", _values(sheet, choice), STATUS[problem.code])
    return console.go(request, f"/runs/{run.id}")


def _mode_of(text: str, activity: str) -> PlanMode:
    if text in {mode.value for mode in MODES}:
        return PlanMode(text)
    return PlanMode.FROM_ACTIVITY if activity else PlanMode.FROM_FAILURE


def _sheet(console: Console, request: Request, run_id: str, choice: Choice) -> Sheet:
    """Ask what the choice would do. What is wrong with it is part of the answer; that there is no such run is not."""
    run = console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
    known: RetryPlan | None = None
    try:
        known = console.ask(request, PLAN_RETRY, AskRetry(run=run.id))
        asked = _asked(run, known, choice)
        plan = known if asked == AskRetry(run=run.id) else console.ask(request, PLAN_RETRY, asked)
    except Problem as problem:
        if problem.code not in TOLD_IN_PLACE:
            raise
        return Sheet(run=run, known=known, problem=problem)
    return Sheet(run=run, known=known, plan=plan)


def _known(console: Console, request: Request, run_id: str) -> RetryPlan | None:
    """Return the plan of a retry without any choice; None: it is refused."""
    try:
        return console.ask(request, PLAN_RETRY, AskRetry(run=run_id))
    except Problem as problem:
        if problem.code not in TOLD_IN_PLACE:
            raise
        return None


def _asked(run: RunLine, known: RetryPlan | None, choice: Choice) -> AskRetry:
    """Return what the choice asks for.

    Raises:
        Problem: ``INVALID``: a parameter is not of its type, or no activity is chosen.
    """
    _check_chosen(choice)
    changed = parameters_of(run.parameters if known is None else known.parameters, choice.sent or {})
    return AskRetry(
        run=run.id,
        mode=choice.mode,
        activity=choice.activity if choice.mode is PlanMode.FROM_ACTIVITY else None,
        parameters=changed or None,
        as_it_was=choice.as_it_was,
    )


def _check_chosen(choice: Choice) -> None:
    if choice.mode is PlanMode.FROM_ACTIVITY and not choice.activity:
        at = FieldError("activity", "is not chosen", "the activity that the retry begins with")
        raise Problem(Code.INVALID, "choose the activity that the retry begins with", (at,))


def _values(sheet: Sheet, choice: Choice) -> Mapping[str, Any]:
    defaults: Mapping[str, Json] = sheet.known.parameters if sheet.known else {}
    modes = sheet.known.modes if sheet.known and sheet.known.modes else tuple(MODES)
    fields = sheet.problem.fields if sheet.problem else ()
    wrong = {field.path.removeprefix("parameters."): field for field in fields}
    return {
        "run": sheet.run,
        "plan": sheet.plan,
        "known": sheet.known,
        "problem": sheet.problem,
        "wrong": wrong,
        "choice": choice,
        "modes": {mode: words for mode, words in MODES.items() if mode in modes},
        "inputs": inputs_of(defaults, choice.sent),
        "first": {one.name: one.text for one in inputs_of(defaults)},
        "verdicts": VERDICTS,
        "counts": _counts(sheet.plan),
        "linked": linked,
    }


def _counts(plan: RetryPlan | None) -> tuple[tuple[int, str], ...]:
    """Return how many activities do what, in words."""
    planned = plan.planned if plan else ()
    found = ((sum(one.verdict is verdict for one in planned), words) for verdict, words in COUNTED.items())
    return tuple((count, words[count > 1]) for count, words in found if count)
