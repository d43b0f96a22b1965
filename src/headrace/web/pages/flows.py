"""Flows: with their last runs; one of them with its history; run now, paused and resumed."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.errors import Code, Problem
from headrace.core.native.flows import AskFlow, AskFlowRun, ListFlows
from headrace.core.native.operation import Operation
from headrace.core.native.table import LIST_FLOWS, PAUSE_FLOW, RESUME_FLOW, RUN_FLOW, SHOW_FLOW
from headrace.web.addresses import href
from headrace.web.charts import history
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.flow_inputs import inputs_of, wish_of
from headrace.web.forms import Form, Sent
from headrace.web.queries import asked_in

router = APIRouter()


@router.get("/flows")
def flows(request: Request, console: AtConsole) -> Response:
    """Show flows with their last runs."""
    asked = asked_in(request, ListFlows)
    return console.page(request, "flows.html", {"asked": asked, "told": console.ask(request, LIST_FLOWS, asked)})


@router.get("/flows/{flow}")
def flow_page(flow: str, request: Request, console: AtConsole) -> Response:
    """Show a flow with its history."""
    return _flow_page(console, request, asked_in(request, AskFlow, flow=flow))


@router.get("/flows/{flow}/run")
def again(flow: str, request: Request, console: AtConsole) -> Response:
    """Lead back to the flow's page: a page that refused a run has this address."""
    return console.go(request, href("flows", flow, scope=request.query_params.get("scope")))


@router.post("/flows/{flow}/run")
def run(flow: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Run a flow now; what is wrong with the form is told on it, and what was typed stays."""
    asked = AskFlow(flow=flow, scope=form.text("scope") or None)
    sent = {name: text for name in form.fields for text in form.texts(name)}
    try:
        view = console.ask(request, SHOW_FLOW, asked)
        form_wish = wish_of(view.parameters, sent)
        wish = AskFlowRun(
            flow=flow,
            scope=asked.scope,
            parameters=form_wish.parameters,
            window=form_wish.window,
            request_key=form.text("request_key") or None,
        )
        told = console.ask(request, RUN_FLOW, wish)
    except Problem as problem:
        if problem.code in {Code.NOT_FOUND, Code.FORBIDDEN}:
            raise
        return _flow_page(console, request, asked, {"problem": problem, "sent": sent})
    return console.go(request, f"/runs/{told.id}")


@router.post("/flows/{flow}/pause")
def pause(flow: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Let a flow not start by itself."""
    return _switch(console, request, PAUSE_FLOW, flow, form)


@router.post("/flows/{flow}/resume")
def resume(flow: str, request: Request, console: AtConsole, form: Sent) -> Response:
    """Let a flow start by itself again."""
    return _switch(console, request, RESUME_FLOW, flow, form)


def _switch(console: Console, request: Request, operation: Operation[AskFlow, Any], flow: str, form: Form) -> Response:
    scope = form.text("scope")
    console.ask(request, operation, AskFlow(flow=flow, scope=scope or None))
    back = href("flows") if form.text("back") == "list" else href("flows", flow, scope=scope or None)
    return console.go(request, back)


def _flow_page(
    console: Console, request: Request, asked: AskFlow, refused: Mapping[str, Any] | None = None
) -> Response:
    view = console.ask(request, SHOW_FLOW, asked)
    known = refused or {"problem": None, "sent": {}}
    values = {
        "view": view,
        "flow": view.line,
        "inputs": inputs_of(view.parameters, known["sent"]),
        # A pipeline reads by its parameters.
        "has_window": not view.line.scope.startswith("datafactory/"),
        "rows": history.rows(view.history),
        "durations": history.durations(view.history),
        **known,
    }
    return console.page(request, "flow.html", values, 200 if refused is None else STATUS[known["problem"].code])
