"""The audit log: who did what to what, with links to what it was done to."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.core.native.installation import AuditLine, ListAudit
from headrace.core.native.table import LIST_AUDIT
from headrace.web.addresses import href
from headrace.web.console import AtConsole
from headrace.web.queries import asked_in

router = APIRouter()
ACTIONS = (
    "run.*",
    "batch.*",
    "flow.*",
    "job.*",
    "trigger.*",
    "webhook.*",
    "client.*",
    "key.*",
    "environment.*",
    "upload.*",
)
"""Nouns of deeds, to choose from."""
_FILTERS = ("who", "action", "object", "since", "until")


@router.get("/audit")
def audit(request: Request, console: AtConsole) -> Response:
    """Show deeds, newest first."""
    asked = asked_in(request, ListAudit)
    texts = {name: text for name in _FILTERS if (text := request.query_params.get(name))}
    values = {
        "asked": asked,
        "told": console.ask(request, LIST_AUDIT, asked),
        "texts": texts,
        "kept": {"scope": asked.scope, **texts},
        "filtered": bool(texts),
        "actions": ACTIONS,
        "path_of": path_of,
    }
    return console.page(request, "audit.html", values)


def path_of(line: AuditLine) -> str | None:
    """Return the page of what a deed was done to; None: it has none, or none any more."""
    noun, _, verb = line.action.partition(".")
    if verb in _ENDS:
        return None
    if noun == "activity":
        return href("runs", line.object.partition("/")[0])
    if noun in {"flow", "pipeline"}:
        return href("flows", line.object, scope=line.scope)
    if noun in {"connection", "linked_service"}:
        return href("connections", line.object, scope=line.scope)
    if noun == "trigger":
        return href("schedules", scope=line.scope)
    if noun == "client":
        return "/clients"
    page = _PAGES.get(noun)
    return None if page is None else href(page, line.object)


_ENDS = frozenset({"delete", "remove", "redeliver"})
"""After these there is no page, or the object is a part of something."""
_PAGES = {"run": "runs", "batch": "rejects", "webhook": "webhooks"}
