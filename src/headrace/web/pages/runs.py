"""The list of runs: what is going on, what failed, and what can be done about many of them at once."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.clock import DAY, HOUR, Instant
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskThroughput
from headrace.core.native.table import LIST_RUNS, THROUGHPUT
from headrace.service.native.looking import runs_revision
from headrace.web import run_filters
from headrace.web.charts.sparkline import sparkline
from headrace.web.console import AtConsole, Console
from headrace.web.failures import STATUS
from headrace.web.run_filters import RunFilters

router = APIRouter()
_MOST_NEW = 20
"""New runs are counted no further than this."""
_INSTANT = re.compile(r"[0-9]{1,18}", re.ASCII)
_OF_FILTERS = frozenset({Code.INVALID, Code.UNKNOWN_FIELD})
_FORM: Mapping[str, Any] = {
    "statuses": run_filters.STATUSES,
    "kinds": run_filters.KINDS,
    "ranges": run_filters.RANGE_WORDS,
    "problem": None,
}


@router.get("/runs")
def listed(request: Request, console: AtConsole) -> Response:
    """Show runs, the newest first."""
    query = request.query_params.multi_items()
    if request.headers.get("hx-request"):
        return _part(request, console, run_filters.read(query, console.desk.clock.now()))
    try:
        filters = run_filters.read(query, console.desk.clock.now())
        if any(not text for _, text in query):
            return RedirectResponse(filters.href, 303)
        values = _values(request, console, filters)
    except Problem as problem:
        if problem.code not in _OF_FILTERS:
            raise
        values = {**_FORM, "filters": run_filters.unread(query), "problem": problem}
        return console.page(request, "runs.html", values, STATUS[problem.code])
    return console.page(request, "runs.html", values)


@router.get("/runs/live")
async def live(request: Request, console: AtConsole) -> Response:
    """Tell whenever something of the list may be another."""
    caller = console.caller(request)
    return console.live(request, lambda: runs_revision(console.desk, caller))


def _part(request: Request, console: Console, filters: RunFilters) -> Response:
    part = request.query_params.get("part")
    if part == "rows":
        return console.part(request, "runs.html", "rows", _live(request, console, filters))
    if part == "chart":
        return console.part(request, "runs.html", "chart", _chart(request, console, filters))
    # Typed into the form: the address follows, without what is empty.
    response = console.part(request, "runs.html", "list", _values(request, console, filters))
    response.headers["hx-push-url"] = filters.href
    return response


def _values(request: Request, console: Console, filters: RunFilters) -> dict[str, Any]:
    # It is looked at before the runs: what happens in between is told of once too often, not never.
    revision = runs_revision(console.desk, console.caller(request))
    return {**_FORM, **_newest(request, console, filters), **_chart(request, console, filters), "revision": revision}


def _newest(request: Request, console: Console, filters: RunFilters) -> dict[str, Any]:
    runs = console.ask(request, LIST_RUNS, filters.asked)
    seen = runs.items[0].created_at if runs.items else None
    return {"filters": filters, "runs": runs, "seen": seen, "fresh": 0, "most_new": _MOST_NEW}


def _live(request: Request, console: Console, filters: RunFilters) -> dict[str, Any]:
    """Return the page as it is now: the runs that it showed, and how many newer ones there are."""
    text = request.query_params.get("seen", "")
    if not _INSTANT.fullmatch(text) or filters.asked.cursor is not None:
        return _newest(request, console, filters)
    seen = Instant(int(text) + 1)
    asked, until = filters.asked, filters.asked.until
    shown = replace(asked, until=seen if until is None else min(seen, until))
    newer = replace(asked, since=seen if asked.since is None else max(seen, asked.since), limit=_MOST_NEW)
    fresh = len(console.ask(request, LIST_RUNS, newer).items) if until is None or seen < until else 0
    runs = console.ask(request, LIST_RUNS, shown)
    return {"filters": filters, "runs": runs, "seen": Instant(seen - 1), "fresh": fresh, "most_new": _MOST_NEW}


def _chart(request: Request, console: Console, filters: RunFilters) -> dict[str, Any]:
    now = console.desk.clock.now()
    until = now if filters.asked.until is None else filters.asked.until
    since = Instant(until - DAY) if filters.asked.since is None else filters.asked.since
    # Nothing is between; a chart of nothing needs a time, too.
    until = max(until, Instant(since + HOUR))
    asked = AskThroughput(scope=filters.asked.scope, flow=filters.asked.flow, since=since, until=until)
    throughput = console.ask(request, THROUGHPUT, asked)
    totals = {
        "ended": sum(one.succeeded + one.failed + one.cancelled for one in throughput.buckets),
        "failed": sum(one.failed for one in throughput.buckets),
    }
    spark = sparkline(throughput, filters.with_time)
    return {
        "filters": filters,
        "ranges": run_filters.RANGE_WORDS,
        "throughput": throughput,
        "totals": totals,
        "spark": spark,
        "since": since,
        "until": until,
    }
