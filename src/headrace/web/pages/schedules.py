"""What starts flows by itself: in words, when it is due, paused and resumed."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.native.flows import AskSchedule, ListSchedules
from headrace.core.native.operation import Operation
from headrace.core.native.table import LIST_SCHEDULES, PAUSE_SCHEDULE, RESUME_SCHEDULE
from headrace.web.console import AtConsole, Console
from headrace.web.forms import Form, Sent
from headrace.web.queries import asked_in
from headrace.web.sessions import local_path

router = APIRouter()


@router.get("/schedules")
def schedules(request: Request, console: AtConsole) -> Response:
    """Show schedules and triggers, by when they are due."""
    asked = asked_in(request, ListSchedules)
    told = console.ask(request, LIST_SCHEDULES, asked)
    return console.page(request, "schedules.html", {"asked": asked, "told": told})


@router.post("/schedules/{schedule}/pause")
def pause(schedule: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Pause one."""
    return _switch(console, request, PAUSE_SCHEDULE, schedule, form)


@router.post("/schedules/{schedule}/resume")
def resume(schedule: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Let one go on."""
    return _switch(console, request, RESUME_SCHEDULE, schedule, form)


def _switch(
    console: Console, request: Request, operation: Operation[AskSchedule, Any], schedule: str, form: Form
) -> Response:
    console.ask(request, operation, AskSchedule(schedule=schedule, scope=form.text("scope")))
    return console.go(request, local_path(form.text("back") or "/schedules"))
