"""Activities of a run: one with its input and output, and all of them where there are many."""

from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.clock import to_iso
from headrace.core.native.runs import AskActivity, AskLogs, AskRun, ListActivities
from headrace.core.native.table import LIST_ACTIVITIES, RUN_LOGS, SHOW_ACTIVITY, SHOW_RUN
from headrace.core.run import ActivityStatus
from headrace.service.native.looking import run_revision
from headrace.web.console import AtConsole

router = APIRouter()
LOG_LINES = 100
"""Log lines that an activity's page has; the others are on the logs' page."""
FOLDED_LINES = 40
"""JSON of more lines than so many is folded at first."""


@router.get("/runs/{run_id}/activity")
def show(
    run_id: str, request: Request, console: AtConsole, path: str = "", attempt: int | None = None, part: str = ""
) -> Response:
    """Answer with one attempt at an activity; ``part=panel``: what the panel of a run's page shows of it."""
    view = console.ask(request, SHOW_ACTIVITY, AskActivity(run=run_id, path=path, attempt=attempt))
    logs = console.ask(request, RUN_LOGS, AskLogs(run=view.run_id, activity=path, limit=LOG_LINES))
    values = {
        "view": view,
        "line": view.line,
        "logs": logs,
        "stamp": to_iso,
        "papers": (("Input", view.input), ("Output", view.output), ("Settings", view.settings)),
        "folded_lines": FOLDED_LINES,
        "is_panel": part == "panel",
        "attempts": range(1, view.attempts + 1),
        "has_ended": run_revision(console.desk, console.caller(request), view.run_id) is None,
    }
    if part == "panel":
        return console.part(request, "activity.html", "panel", values)
    run = console.ask(request, SHOW_RUN, AskRun(run=view.run_id)).run
    return console.page(request, "activity.html", {**values, "run": run})


@router.get("/runs/{run_id}/activities")
def every(
    run_id: str, request: Request, console: AtConsole, parent: str | None = None, status: str = "", cursor: str = ""
) -> Response:
    """Answer with a page of the activities of a run, in the order of its plan."""
    run = console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
    chosen = tuple(ActivityStatus(name) for name in status.split() if name in set(ActivityStatus))
    asked = ListActivities(run=run.id, parent=parent, status=chosen, cursor=cursor or None)
    page = console.ask(request, LIST_ACTIVITIES, asked)
    kept = {name: value for name, value in (("parent", parent), ("status", status)) if value}
    further = f"/runs/{run.id}/activities?{urlencode({**kept, 'cursor': page.next})}" if page.next else ""
    values = {"run": run, "page": page, "parent": parent, "chosen": status, "further": further, "is_first": not cursor}
    return console.page(request, "activities.html", values)
