"""``headrace runs``."""

from typing import Annotated

import typer

from headrace.cli.options import (
    AllPages,
    As,
    At,
    CursorText,
    Home,
    Limit,
    Params,
    RunId,
    RunIds,
    Scope,
    Since,
    Until,
    Url,
    parameters_of,
    when_of,
)
from headrace.cli.output import Format, Output
from headrace.cli.tree.groups import group
from headrace.core.run import ActivityStatus, RunKind, RunStatus

# ruff: noqa: PLC0415, PLR0913, PLR0917 — a command imports its work when it is called, and has one parameter for each of its options

app = group("runs", "Look at runs, watch, cancel and retry them.")
_Statuses = Annotated[
    list[RunStatus] | None, typer.Option("--status", help="Only runs in this status; may be repeated.")
]


@app.command("ls")
def ls(
    flow: Annotated[str | None, typer.Option(help="Only runs of this flow (name or id).")] = None,
    status: _Statuses = None,
    kind: Annotated[RunKind | None, typer.Option(help="Only runs of this kind.")] = None,
    group_id: Annotated[
        str | None, typer.Option("--group", metavar="RUN", help="Only runs of this group (id).")
    ] = None,
    rejects: Annotated[
        bool | None, typer.Option("--rejects/--no-rejects", help="Only runs with rejected rows, or without.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Found in ids, flows' names, parameters' values and reasons.")
    ] = None,
    since: Since = None,
    until: Until = None,
    scope: Scope = None,
    limit: Limit = 20,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List runs, the newest first."""
    from headrace.cli import runs
    from headrace.core.native.runs import ListRuns

    asked = ListRuns(
        status=tuple(status or ()),
        scope=scope,
        flow=flow,
        kind=kind,
        group=group_id,
        since=when_of(since),
        until=when_of(until),
        rejects=rejects,
        text=text,
        limit=limit,
        cursor=cursor,
    )
    return runs.show_list(At(home, url), Output(output), asked, every_page=every_page)


@app.command("show")
def show(run_id: RunId, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Show one run: activities, figures, batches, reasons, its group."""
    from headrace.cli import runs

    return runs.show(At(home, url), run_id, Output(output))


@app.command("watch")
def watch(run_id: RunId, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Watch a run until it ends; the exit code is the run's. Ctrl-C leaves the run alone."""
    from headrace.cli import watching

    return watching.watch(At(home, url), run_id, Output(output))


@app.command("logs")
def logs(
    run_id: RunId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")] = False,
    activity: Annotated[str | None, typer.Option(help="Only this activity's path and what lies in it.")] = None,
    level: Annotated[str, typer.Option(help="This level and worse: debug, info, warning, error, critical.")] = "debug",
    after: Annotated[int, typer.Option(min=0, help="Only lines after this number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=5000, help="Most lines to show.")] = 500,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Show what was logged while a run was done."""
    from headrace.cli import run_logs
    from headrace.core.native.runs import AskLogs

    asked = AskLogs(run=run_id, activity=activity, level=level, after=after, limit=limit)
    return run_logs.show(At(home, url), asked, Output(output), follow=follow)


@app.command("errors")
def errors(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id, the beginning of one, or @latest.")
    ] = None,
    flow: Annotated[str | None, typer.Option(help="All runs of this flow (name or id) instead of one run.")] = None,
    since: Annotated[
        str, typer.Option(help="With --flow: 24h, 7d, or an instant such as 2024-05-20T00:00:00Z.")
    ] = "24h",
    limit: Limit = 50,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Show why a run did not succeed, and its rejects and warnings by reason; with --flow, over all runs of a flow."""
    if (run_id is None) == (flow is None):
        raise typer.BadParameter("give either a run or --flow")
    if flow is not None:
        from headrace.cli import desk, errors_report

        here = desk.only_here(At(home, url), "runs errors --flow", "leave --flow out, and name a run")
        return errors_report.show(here, errors_report.Wish(flow, since, limit), Output(output))
    from headrace.cli import runs

    return runs.errors(At(home, url), run_id or "", Output(output))


@app.command("activities")
def activities(
    run_id: RunId,
    parent: Annotated[str | None, typer.Option(help="Only those in this container or body (a path).")] = None,
    status: Annotated[
        list[ActivityStatus] | None, typer.Option(help="Only activities in this status; may be repeated.")
    ] = None,
    limit: Limit = 100,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List a run's activities, every attempt, in the order of the plan."""
    from headrace.cli import runs
    from headrace.core.native.runs import ListActivities

    asked = ListActivities(run=run_id, parent=parent, status=tuple(status or ()), limit=limit, cursor=cursor)
    return runs.activities(At(home, url), asked, Output(output), every_page=every_page)


@app.command("activity")
def activity(
    run_id: RunId,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The activity's path, such as Copy or Each/3/Load.")],
    attempt: Annotated[int | None, typer.Option(min=1, help="Which attempt; default: the newest.")] = None,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Show an activity's input, output and figures, what is secret masked."""
    from headrace.cli import runs
    from headrace.core.native.runs import AskActivity

    asked = AskActivity(run=run_id, path=path, attempt=attempt)
    return runs.activity(At(home, url), asked, Output(output))


@app.command("rejects")
def rejects(run_id: RunId, limit: Limit = 20, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Show rejected rows of a run, each with its reasons."""
    from headrace.cli import runs

    return runs.rejects(At(home, url), run_id, limit, Output(output))


@app.command("diff")
def diff(
    run_id: RunId,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The run to compare with.")],
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Show what differs between two runs: parameters, definition, figures, durations, errors."""
    from headrace.cli import runs
    from headrace.core.native.runs import AskDiff

    return runs.diff(At(home, url), AskDiff(run=run_id, other=other), Output(output))


@app.command("cancel")
def cancel(run_ids: RunIds, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Ask for the end of runs that go on."""
    from headrace.cli import runs

    return runs.cancel(At(home, url), run_ids, Output(output))


@app.command("retry")
def retry(
    run_ids: RunIds,
    from_activity: Annotated[
        str | None, typer.Option("--from", metavar="ACTIVITY", help="Begin again with this activity.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Do everything again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done, and why.")] = False,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Use the flow as the run had it, not as its file is now.")
    ] = False,
    param: Params = None,
    detach: Annotated[bool, typer.Option("--detach/--wait", help="Only queue the retry, do not wait for it.")] = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Do what is left to do of runs that have ended; what succeeded is carried over. Several runs are queued, from their failures."""
    given = parameters_of(param)
    if everything and from_activity is not None:
        raise typer.BadParameter("--from and --all do not go together")
    if len(run_ids) > 1 and (everything or from_activity or dry_run or as_it_was or given):
        raise typer.BadParameter("several runs are retried from their failures, without options; give one run")
    from headrace.cli import retrying

    if len(run_ids) > 1:
        return retrying.retry_many(At(home, url), tuple(run_ids), Output(output))
    wish = retrying.Wish(run_ids[0], from_activity, everything, dry_run, as_it_was, given, detach)
    return retrying.retry(At(home, url), wish, Output(output))
