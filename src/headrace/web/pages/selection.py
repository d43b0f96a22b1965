"""Several runs at once: what would become of each, then what became of it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, FieldError, Problem
from headrace.core.native.runs import MOST_AT_ONCE, AskMany, AskRetry, AskRun, RunLine
from headrace.core.native.table import CANCEL_MANY, CANCEL_RUN, PLAN_RETRY, RETRY_MANY, SHOW_RUN
from headrace.core.planning import Verdict
from headrace.web import wording
from headrace.web.console import AtConsole, Console
from headrace.web.forms import Sent
from headrace.web.sessions import local_path

router = APIRouter()
_OPERATIONS = {"retry": RETRY_MANY, "cancel": CANCEL_MANY}


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What would become of one run: a sentence, and whether anything would be done."""

    id: str
    run: RunLine | None
    words: str
    acts: bool


@router.get("/runs/selection")
def confirm(request: Request, console: AtConsole) -> Response:
    """Show what pressing would do to each of the selected runs."""
    console.require(request, CANCEL_RUN)
    verb = _verb(request.query_params.get("do", ""))
    picked = _picked(request.query_params.getlist("run"))
    foresee = _retry if verb == "retry" else _cancel
    foreseen = [foresee(request, console, run_id) for run_id in picked]
    values = {"verb": verb, "foreseen": foreseen, "acting": [one for one in foreseen if one.acts]}
    return console.page(request, "selection.html", {**values, "told": None, "back": _back(request)})


@router.post("/runs/selection")
def act(request: Request, console: AtConsole, form: Sent) -> Response:
    """Do it, and show what became of each. Pressed twice, it is done once: the form has a key."""
    verb = _verb(form.text("do"))
    asked = AskMany(runs=_picked(form.texts("run")), request_key=form.text("request_key") or None)
    told = console.ask(request, _OPERATIONS[verb], asked)
    values = {"verb": verb, "told": told, "foreseen": (), "acting": ()}
    return console.page(request, "selection.html", {**values, "back": local_path(form.text("back"))})


def _retry(request: Request, console: Console, run_id: str) -> _Foreseen:
    try:
        plan = console.ask(request, PLAN_RETRY, AskRetry(run=run_id))
    except Problem as problem:
        return _Foreseen(run_id, _found(request, console, run_id), problem.message, acts=False)
    carried = sum(one.verdict is Verdict.CARRY_OVER for one in plan.planned)
    run = len(plan.planned) - carried
    if not plan.is_needed:
        return _Foreseen(run_id, plan.run, "nothing is left to do", acts=False)
    words = f"{wording.plural(run, 'activity', 'activities')} to run"
    return _Foreseen(run_id, plan.run, f"{words}, {carried} carried over" if carried else words, acts=True)


def _cancel(request: Request, console: Console, run_id: str) -> _Foreseen:
    try:
        run = console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
    except Problem as problem:
        return _Foreseen(run_id, None, problem.message, acts=False)
    if run.status.is_final:
        return _Foreseen(run_id, run, "it has ended already", acts=False)
    return _Foreseen(run_id, run, "what is running is stopped; what has not begun never does", acts=True)


def _found(request: Request, console: Console, run_id: str) -> RunLine | None:
    try:
        return console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
    except Problem:
        # What is not there is listed by its id, with the words that say so.
        return None


def _verb(text: str) -> str:
    if text not in _OPERATIONS:
        known = " or ".join(_OPERATIONS)
        raise Problem(Code.INVALID, f"{text!r} cannot be done to runs", (FieldError("do", "is not known", known),))
    return text


def _picked(texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    picked = tuple(dict.fromkeys(text for text in texts if text))
    if len(picked) > MOST_AT_ONCE:
        raise Problem(Code.LIMIT_EXCEEDED, f"{len(picked)} runs are selected; {MOST_AT_ONCE} can be done at once")
    return picked


def _back(request: Request) -> str:
    """Return the list that one comes from."""
    parts = urlsplit(request.headers.get("referer", ""))
    path = local_path(f"{parts.path}?{parts.query}" if parts.query else parts.path)
    return path if path.partition("?")[0] == "/runs" else "/runs"
