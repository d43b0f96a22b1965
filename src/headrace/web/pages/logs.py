"""What was logged while a run was done."""

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from headrace.core.clock import to_iso
from headrace.core.native.runs import AskLogs, AskRun, LogLine, LogList
from headrace.core.native.table import RUN_LOGS, SHOW_RUN
from headrace.core.run_log import LEVELS
from headrace.service.native.looking import run_revision
from headrace.web.console import AtConsole

router = APIRouter()
LINES = 500
"""Log lines of a page."""
LINES_AT_ONCE = 5000
"""Log lines that are read at once for a download."""


@router.get("/runs/{run_id}/logs")
def show(  # noqa: PLR0913, PLR0917 — what the address says
    run_id: str,
    request: Request,
    console: AtConsole,
    level: str = "debug",
    activity: str = "",
    after: int = 0,
    part: str = "",
) -> Response:
    """Answer with log lines, from the line ``after`` on; ``part=lines``: those alone, with what asks for the next ones."""
    level = level if level in LEVELS else "debug"
    asked = AskLogs(run=run_id, activity=activity or None, level=level, after=max(0, after), limit=LINES)
    page = console.ask(request, RUN_LOGS, asked)
    goes_on = run_revision(console.desk, console.caller(request), run_id) is not None
    last = page.items[-1].number if page.items else asked.after
    kept = {"level": level, "activity": activity}
    values = {
        "lines": page.items,
        "dropped": page.dropped,
        "has_more": page.next is not None,
        "goes_on": goes_on,
        "further": f"/runs/{run_id}/logs?{urlencode({**kept, 'after': last})}",
        "is_first": not asked.after,
        "run_id": run_id,
        "stamp": to_iso,
    }
    if part == "lines":
        # The lines behind those of a run that has ended meanwhile: the page's head learns of it with them.
        ended = None if goes_on else console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
        return console.part(request, "logs.html", "lines", {**values, "ended": ended})
    view = console.ask(request, SHOW_RUN, AskRun(run=run_id))
    paths = sorted({line.path for line in view.activities} | ({activity} if activity else set()))
    more = {"run": view.run, "paths": paths, "levels": tuple(LEVELS), "level": level, "activity": activity}
    more["download"] = f"/runs/{run_id}/logs.txt?{urlencode(kept)}"
    return console.page(request, "logs.html", {**values, **more, "ended": None})


@router.get("/runs/{run_id}/logs.txt")
def download(run_id: str, request: Request, console: AtConsole, level: str = "debug", activity: str = "") -> Response:
    """Answer with all log lines as a text."""
    level = level if level in LEVELS else "debug"

    def read(after: int) -> LogList:
        asked = AskLogs(run=run_id, activity=activity or None, level=level, after=after, limit=LINES_AT_ONCE)
        return console.ask(request, RUN_LOGS, asked)

    first = read(0)
    run = console.ask(request, SHOW_RUN, AskRun(run=run_id)).run
    headers = {"content-disposition": f'attachment; filename="run-{run.id}.log"'}
    return StreamingResponse(_pieces(first, read), headers=headers, media_type="text/plain; charset=utf-8")


def text_of(line: LogLine) -> str:
    """Return a log line as one line of text: whatever could move a terminal's cursor is written out."""
    where = f" {line.activity}" + (f"#{line.attempt}" if line.attempt else "") if line.activity else ""
    fields = f" {json.dumps(dict(line.fields), ensure_ascii=False)}" if line.fields else ""
    text = f"{to_iso(line.at)} {line.level:8}{where} {line.message}{fields}"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def _pieces(page: LogList, read: Callable[[int], LogList]) -> Iterator[str]:
    while True:
        yield "".join(f"{text_of(line)}\n" for line in page.items)
        if page.next is None:
            break
        page = read(page.next)
    if page.dropped:
        yield f"{page.dropped} further lines were not kept\n"
