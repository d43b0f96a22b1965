"""``headrace flows``, ``schedules``, ``connections`` and ``webhooks``."""

from pathlib import Path
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
    Scope,
    Url,
    parameters_of,
    window_of,
)
from headrace.cli.output import Format, Output
from headrace.cli.tree.groups import group

# ruff: noqa: PLC0415, PLR0913, PLR0917 — a command imports its work when it is called, and has one parameter for each of its options

flows_app = group("flows", "Flows: their last runs, what starts them; run them now.")
schedules_app = group("schedules", "What starts flows by itself: schedules and triggers.")
connections_app = group("connections", "Where data comes from and goes to.")
webhooks_app = group("webhooks", "Who is told of runs that end.")

FlowName = Annotated[str, typer.Argument(metavar="FLOW", help="The flow's name or id, or the beginning of one.")]
ScheduleName = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its name or id, or the beginning of one.")]
ConnectionName = Annotated[str, typer.Argument(metavar="CONNECTION", help="Its name or id, or the beginning of one.")]
WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id, or the beginning of one.")]
Text = Annotated[str | None, typer.Option("--text", help="Part of the name, or the beginning of an id.")]


@flows_app.command("ls")
def flows_ls(
    text: Text = None,
    scope: Scope = None,
    limit: Limit = 50,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List flows with their last runs."""
    from headrace.cli import flows
    from headrace.core.native.flows import ListFlows

    asked = ListFlows(scope=scope, text=text, limit=limit, cursor=cursor)
    return flows.show_list(At(home, url), Output(output), asked, every_page=every_page)


@flows_app.command("show")
def flows_show(
    flow: FlowName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Show a flow: what starts it, its parameters, its last runs."""
    from headrace.cli import flows
    from headrace.core.native.flows import AskFlow

    return flows.show(At(home, url), AskFlow(flow=flow, scope=scope), Output(output))


@flows_app.command("run")
def flows_run(
    flow: FlowName,
    param: Params = None,
    window: Annotated[
        tuple[str, str] | None,
        typer.Option("--window", metavar="START END", help="Two ISO 8601 instants with a zone; - is open."),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--detach", help="Watch the run until it ends.")] = True,
    scope: Scope = None,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Run a flow now; a server or a worker does it. Ctrl-C leaves the run alone."""
    from headrace.cli import flows
    from headrace.core.native.flows import AskFlowRun

    asked = AskFlowRun(flow=flow, scope=scope, parameters=parameters_of(param), window=window_of(window))
    return flows.run(At(home, url), asked, Output(output), wait=wait)


@flows_app.command("pause")
def flows_pause(
    flow: FlowName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Let a flow not start by itself."""
    from headrace.cli import flows
    from headrace.core.native import table
    from headrace.core.native.flows import AskFlow

    return flows.switch(At(home, url), table.PAUSE_FLOW, AskFlow(flow=flow, scope=scope), Output(output))


@flows_app.command("resume")
def flows_resume(
    flow: FlowName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Let a flow start by itself again."""
    from headrace.cli import flows
    from headrace.core.native import table
    from headrace.core.native.flows import AskFlow

    return flows.switch(At(home, url), table.RESUME_FLOW, AskFlow(flow=flow, scope=scope), Output(output))


@schedules_app.command("ls")
def schedules_ls(
    scope: Scope = None,
    limit: Limit = 100,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List schedules and triggers, the next due first."""
    from headrace.cli import flows
    from headrace.core.native.flows import ListSchedules

    asked = ListSchedules(scope=scope, limit=limit, cursor=cursor)
    return flows.show_schedules(At(home, url), Output(output), asked, every_page=every_page)


@schedules_app.command("pause")
def schedules_pause(
    schedule: ScheduleName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Pause a schedule or trigger."""
    from headrace.cli import flows
    from headrace.core.native import table

    return flows.switch_schedule(At(home, url), table.PAUSE_SCHEDULE, (schedule, scope), Output(output))


@schedules_app.command("resume")
def schedules_resume(
    schedule: ScheduleName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Resume a schedule or trigger."""
    from headrace.cli import flows
    from headrace.core.native import table

    return flows.switch_schedule(At(home, url), table.RESUME_SCHEDULE, (schedule, scope), Output(output))


@connections_app.command("ls")
def connections_ls(
    text: Text = None,
    scope: Scope = None,
    limit: Limit = 50,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List connections of all doors."""
    from headrace.cli import places
    from headrace.core.native.places import ListConnections

    asked = ListConnections(scope=scope, text=text, limit=limit, cursor=cursor)
    return places.show_list(At(home, url), Output(output), asked, every_page=every_page)


@connections_app.command("show")
def connections_show(
    connection: ConnectionName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Show a connection, what is secret masked, and the flows that use it."""
    from headrace.cli import places

    return places.show(At(home, url), connection, scope, Output(output))


@connections_app.command("test")
def connections_test(
    connection: ConnectionName, scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE
) -> int:
    """Say whether a connection can be reached now; exit code 1 if it cannot."""
    from headrace.cli import places

    return places.test(At(home, url), connection, scope, Output(output))


@webhooks_app.command("add")
def webhooks_add(
    address: Annotated[
        str, typer.Argument(metavar="ADDRESS", help="Where events are posted; it has to answer a challenge.")
    ],
    scope: Annotated[str, typer.Option(help="Whose runs: flowservice/<organisation>/<sandbox>.")],
    event: Annotated[
        list[str] | None, typer.Option(help="succeeded or failed, or a published name; default: both; may be repeated.")
    ] = None,
    flow: Annotated[list[str] | None, typer.Option(help="Only runs of this flow (id); may be repeated.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the secret that signs bodies; - is standard input.")
    ] = None,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Tell an address of runs that end."""
    from headrace.cli import webhooks
    from headrace.core.native.places import AddWebhook

    asked = AddWebhook(
        scope=scope,
        url=address,
        events=tuple(event or ()),
        flows=tuple(flow or ()),
        secret=webhooks.secret_of(secret_file),
    )
    return webhooks.add(At(home, url), asked, Output(output))


@webhooks_app.command("ls")
def webhooks_ls(scope: Scope = None, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """List the webhooks."""
    from headrace.cli import webhooks
    from headrace.core.native.places import ListWebhooks

    return webhooks.show_list(At(home, url), Output(output), ListWebhooks(scope=scope))


@webhooks_app.command("rm")
def webhooks_rm(webhook: WebhookId, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Remove a webhook; what it was still to be told goes with it."""
    from headrace.cli import webhooks

    return webhooks.remove(At(home, url), webhook, Output(output))


@webhooks_app.command("deliveries")
def webhooks_deliveries(
    webhook: WebhookId,
    status: Annotated[
        list[str] | None, typer.Option(help="Only pending, delivered or given_up ones; may be repeated.")
    ] = None,
    limit: Limit = 20,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List what a webhook was told, or is still to be told, with the newest first."""
    from headrace.cli import webhooks
    from headrace.core.native.places import ListDeliveries

    asked = ListDeliveries(webhook=webhook, status=webhooks.statuses_of(status or ()), limit=limit, cursor=cursor)
    return webhooks.show_deliveries(At(home, url), asked, Output(output), every_page=every_page)


@webhooks_app.command("redeliver")
def webhooks_redeliver(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Send a delivery again, with the same event."""
    from headrace.cli import webhooks

    return webhooks.send_again(At(home, url), delivery, Output(output))
