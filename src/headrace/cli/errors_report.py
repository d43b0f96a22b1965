"""``headrace runs errors --flow``: what goes wrong again and again."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import typer

from headrace.bootstrap.application import Application
from headrace.cli.output import Output, moment, number, one_line
from headrace.cli.rendering import SHORT
from headrace.cli.session import opened
from headrace.core.clock import Instant, from_datetime
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow
from headrace.core.native.wire import instant_text
from headrace.flowfile import SCOPE
from headrace.service.errors_report import ErrorGroup, Troubled, period_of, report_errors
from headrace.service.flows import find_flow, get_flow


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose errors, since when, and how many groups of them."""

    flow: str
    since: str
    limit: int


def show(home: Path | None, wish: Wish, output: Output) -> int:
    """Show the errors of a flow's runs by code, message and place, what concerns most runs first."""
    with opened(home) as application:
        now = application.clock.now()
        since = _since(wish.since, now)
        flow = _flow(application, wish.flow)
        # What was made in this microsecond belongs to the report too.
        query = Troubled(scope=flow.scope, flow_id=flow.id, since=since, until=Instant(now + 1))
        groups = report_errors(application.database, query)
    shown = groups[: wish.limit]
    if output.is_json:
        document: dict[str, Json] = {
            "flow_id": flow.id,
            "since": instant_text(since),
            "until": instant_text(now),
            "groups": len(groups),
            "items": [_document(group) for group in shown],
        }
        output.document(document)
        return 0
    output.say(f"{flow.name} since {moment(since)}:")
    if not groups:
        output.say("nothing went wrong")
        return 0
    rows = [
        (
            number(g.runs),
            number(g.rows) if g.rows else "-",
            g.kind.value,
            g.place or "(row)",
            g.code,
            moment(g.last_seen),
            g.run_id[:SHORT],
            one_line(g.message),
        )
        for g in shown
    ]
    headings = ("runs", "rows", "kind", "column", "code", "last seen", "run", "message")
    output.table(headings, rows, right=("runs", "rows"))
    if len(groups) > len(shown):
        output.note(f"{len(groups) - len(shown)} more: --limit {len(groups)}")
    return 0


def _flow(application: Application, text: str) -> Flow:
    """Return the flow with this id, whichever scope it is in, or the flow file's flow of this name."""
    try:
        return get_flow(application.database, None, text)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise
        return find_flow(application.database, SCOPE, text)


def _since(text: str, now: Instant) -> Instant:
    found = period_of(text, now)
    if found is not None:
        return found
    try:
        return from_datetime(datetime.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(
            f"--since {text!r} is no period; write 24h, 7d, or an instant with a zone such as 2024-05-20T00:00:00Z"
        ) from None


def _document(group: ErrorGroup) -> dict[str, Json]:
    return {
        "kind": group.kind.value,
        "code": group.code,
        "place": group.place,
        "message": group.message,
        "rows": group.rows,
        "runs": group.runs,
        "first_seen": instant_text(group.first_seen),
        "last_seen": instant_text(group.last_seen),
        "run_id": group.run_id,
        "batch_id": group.batch_id,
    }
