"""What differs between two runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.core.native.runs import AskDiff, AskRun, Difference, RunDiff
from headrace.core.native.table import DIFF_RUNS, SHOW_RUN
from headrace.web import run_story
from headrace.web.console import AtConsole

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Chapter:
    """Differences of one kind. ``is_time``: their values are microseconds; ``is_count``: they count something."""

    title: str
    rows: Sequence[Difference]
    is_time: bool = False
    is_count: bool = False

    def name_of(self, row: Difference) -> str:
        """Return what differs, without what the title says already."""
        name = row.what.removeprefix(f"{self.title.lower()}.").removeprefix("activities.")
        return name.replace("_", " ") if self.is_count else name


@router.get("/runs/{run_id}/diff")
def choose(run_id: str, request: Request, console: AtConsole, one: str = "", other: str = "") -> Response:
    """Lead to the comparison of the two runs that were picked: without ``one`` it is this run, without ``other`` the run before it in its group."""
    run_id = one or run_id
    if not other:
        view = console.ask(request, SHOW_RUN, AskRun(run=run_id))
        run_id, other = view.run.id, run_story.before(view) or view.run.id
    return RedirectResponse(f"/runs/{quote(run_id, safe='@')}/diff/{quote(other, safe='@')}", 302)


@router.get("/runs/{run_id}/diff/{other}")
def show(run_id: str, other: str, request: Request, console: AtConsole) -> Response:
    """Answer with what differs between two runs, the older one at the left."""
    diff = console.ask(request, DIFF_RUNS, AskDiff(run=run_id, other=other))
    if (diff.left.created_at, diff.left.attempt) > (diff.right.created_at, diff.right.attempt):
        diff = console.ask(request, DIFF_RUNS, AskDiff(run=diff.right.id, other=diff.left.id))
    group = console.ask(request, SHOW_RUN, AskRun(run=diff.right.id)).group
    values: Mapping[str, object] = {"diff": diff, "chapters": chapters(diff), "group": group, "run": diff.right}
    return console.page(request, "diff.html", values)


def chapters(diff: RunDiff) -> tuple[Chapter, ...]:
    """Return what differs by kind; kinds of which nothing does are left out."""
    found = (
        Chapter("Statuses", diff.statuses),
        Chapter("Errors", diff.errors),
        Chapter("Parameters", diff.parameters),
        Chapter("Definition", diff.definition),
        Chapter("Counts", diff.figures, is_count=True),
        Chapter("Durations", diff.durations, is_time=True),
        Chapter("Other", diff.other),
    )
    return tuple(chapter for chapter in found if chapter.rows)
