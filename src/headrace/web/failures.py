"""From a failure to a page: what is wrong, where, and what would be right."""

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.errors import Code, Problem
from headrace.http.edge import BodyTooLarge
from headrace.web.console import console_of, html
from headrace.web.templating import render

STATUS: Mapping[Code, int] = {
    **dict.fromkeys(Code, 400),
    Code.NOT_FOUND: 404,
    Code.UNAUTHENTICATED: 401,
    Code.FORBIDDEN: 403,
    Code.CONFLICT: 409,
    Code.STALE: 409,
    Code.ILLEGAL_STATE: 409,
    Code.LIMIT_EXCEEDED: 429,
    Code.UNSUPPORTED: 501,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
"""HTTP statuses of problems. What goes wrong in runs is told on their pages, and is no failure of the page."""
_AGAIN_SECONDS = 5
"""After so long a page that was not there for the moment is asked for again."""
_TITLES: Mapping[int, str] = {
    400: "That cannot be done so",
    403: "That is not yours to do",
    404: "There is no such thing here",
    409: "Not in its present state",
    413: "Too many bytes",
    429: "Too much at once",
    500: "Something broke",
    501: "This installation cannot do that",
    503: "Not now",
}


def answer(request: Request, problem: Problem) -> Response:
    """Return the page of a problem, with the console around it where that can be made; who is not logged in is led to where that is done."""
    if problem.code is Code.UNAUTHENTICATED:
        return _to_login(request)
    if request.headers.get("hx-request") or not hasattr(request.state, "caller"):
        return answer_bare(request, problem)
    console = console_of(request)
    values = {**_values(request, problem), "problem": problem}
    try:
        return console.page(request, "error.html", values, _status(problem))
    except Problem:
        # What stands around the page comes from the ledger too; then the page does without.
        return answer_bare(request, problem)


def answer_bare(request: Request, problem: Problem) -> Response:
    """Return the page of a problem without the console around it; a part of a page gets a part."""
    values = {**_values(request, problem), "problem": problem, "frame": None, "csrf": "", "path": request.url.path}
    part = "notice" if request.headers.get("hx-request") else None
    return html(request, render("error.html", values, part), _status(problem))


def _values(request: Request, problem: Problem) -> dict[str, object]:
    status = _status(problem)
    # A form is not sent again by itself.
    again = _AGAIN_SECONDS if status == STATUS[Code.UNAVAILABLE] and request.method == "GET" else None
    title = _TITLES.get(status, _TITLES[400])
    return {"title": title, "status": status, "request_id": request.state.request_id, "again": again}


def _status(problem: Problem) -> int:
    return 413 if isinstance(problem, BodyTooLarge) else STATUS[problem.code]


def _to_login(request: Request) -> Response:
    """Lead to the login, and back from there to the page that was open."""
    shown = request.headers.get("hx-current-url") or request.headers.get("referer")
    if request.method in {"GET", "HEAD"} and not request.headers.get("hx-request"):
        back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    else:
        parts = urlsplit(shown or "/")
        back = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    to = "/login" if back == "/" else f"/login?next={quote(back, safe='')}"
    if request.headers.get("hx-request"):
        return Response(status_code=401, headers={"hx-redirect": to})
    if request.headers.get("accept") == "text/event-stream":
        return Response(status_code=401)
    return RedirectResponse(to, 303)
