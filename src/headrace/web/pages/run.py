"""One run: what it is, how it went or goes, what there is to press."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.clock import Instant
from headrace.core.native.runs import AskRun, RunLine, RunView
from headrace.core.native.table import CANCEL_RUN, SHOW_RUN
from headrace.service.native.looking import run_revision
from headrace.web import run_story
from headrace.web.charts import gantt
from headrace.web.console import AtConsole

router = APIRouter()
QUICK_SECONDS = 0.5
SLOW_SECONDS = 2.0
"""How often a run is looked at while somebody watches it; that of a page with very many rows has more to do for each look."""


@router.get("/runs/{run_id}")
def show(run_id: str, request: Request, console: AtConsole, part: str = "") -> Response:
    """Answer with a run's page; ``part=live``: what changes of it while the run goes on."""
    view = console.ask(request, SHOW_RUN, AskRun(run=run_id))
    if view.run.id != run_id:
        return RedirectResponse(f"/runs/{view.run.id}", 302)
    values = _values(view, console.desk.clock.now())
    if part == "live":
        return console.part(request, "run.html", "live", values)
    return console.page(request, "run.html", values)


@router.get("/runs/{run_id}/live")
async def live(run_id: str, request: Request, console: AtConsole, pace: str = "") -> Response:
    """Tell whenever something of the run has changed, until it has ended; ``pace=slow``: not so often."""
    caller = console.caller(request)
    every = SLOW_SECONDS if pace == "slow" else QUICK_SECONDS
    return console.live(request, lambda: run_revision(console.desk, caller, run_id), every)


@router.post("/runs/{run_id}/cancel")
def cancel(run_id: str, request: Request, console: AtConsole) -> Response:
    """Ask for the run's end, and lead back to it."""
    run = console.ask(request, CANCEL_RUN, AskRun(run=run_id))
    return console.go(request, f"/runs/{run.id}")


def stretch_of(run: RunLine, now: Instant) -> gantt.Stretch:
    """Return the time that a run's timeline shows."""
    return gantt.Stretch(
        created_at=run.created_at, now=now, due_at=run.due_at, started_at=run.started_at, ended_at=run.ended_at
    )


def _values(view: RunView, now: Instant) -> Mapping[str, Any]:
    chart = gantt.draw(stretch_of(view.run, now), view.activities, gantt.dependencies(view.definition))
    failures = run_story.failures(view)
    return {
        "view": view,
        "run": view.run,
        "chart": chart,
        "rows": tuple(run_story.table_rows(chart.rows)),
        "failures": failures[: run_story.MOST_FAILURES],
        "further_failures": max(0, len(failures) - run_story.MOST_FAILURES),
        "afoot": run_story.afoot(view),
        "standing": run_story.standing(view.run, now),
        "headlines": run_story.HEADLINES,
        "kinds": run_story.KINDS,
        "shares": run_story.shares(view.run.figures),
        "rejects": run_story.reasons(view),
        "warnings": run_story.reasons(view, warnings=True),
        "before": run_story.before(view),
        "later": run_story.later(view),
        "details": run_story.details_of(view.details),
    }
