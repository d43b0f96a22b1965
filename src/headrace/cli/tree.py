"""The tree of commands: names, options and help. The work stands elsewhere and is imported when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from headrace import __version__
from headrace.cli.options import As, BatchId, CursorText, Detach, Home, Limit, Params, RunId, parameters_of, window_of
from headrace.cli.output import Format, Output
from headrace.core.client import Role
from headrace.core.run import RunStatus
from headrace.core.workspace import KeyKind

# ruff: noqa: PLC0415 — a command imports its work when it is called: `headrace --help` must not wait for databases and engines

_SETTINGS = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    help="Run dataflows: every row committed once or kept with its reasons; every failed run retried from where it failed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
)


def _group(name: str, text: str) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True, rich_markup_mode=None, context_settings=_SETTINGS)
    app.add_typer(group, name=name)
    return group


runs_app = _group("runs", "Look at runs, watch, cancel and retry them.")
quarantine_app = _group("quarantine", "Rejected rows: look at them, download them, play them again.")
flows_app = _group("flows", "The flows of this home.")
clients_app = _group("clients", "Who may call the server.")
keys_app = _group("keys", "Keys: the tokens with which Flatfile clients and listeners come to the Jobs door.")
webhooks_app = _group("webhooks", "Who is told of runs that end.")
db_app = _group("db", "The ledger's schema.")
schema_app = _group("schema", "Schemas of documents.")
expressions_app = _group("expressions", "Expressions, tried without a run.")

WindowOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--window", metavar="START END", help="Two ISO 8601 instants with a zone (half-open); - is open."),
]


@app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The flow file.")],
    param: Params = None,
    window: WindowOption = None,
    home: Home = None,
    output: As = Format.TABLE,
    detach: Detach = False,
) -> int:
    """Run a flow file here: no server, no account. Ctrl-C cancels the run and waits for it."""
    given, between = parameters_of(param), window_of(window)
    from headrace.cli import running

    return running.run_file(running.Wish(file, given, between, home, detach), Output(output))


@runs_app.command("ls")
def runs_ls(
    home: Home = None,
    output: As = Format.TABLE,
    flow: Annotated[str | None, typer.Option(help="Only runs of this flow (name or id).")] = None,
    status: Annotated[list[RunStatus] | None, typer.Option(help="Only runs in this status; may be repeated.")] = None,
    limit: Limit = 20,
    cursor: CursorText = None,
) -> int:
    """List runs, the newest first."""
    from headrace.cli import runs

    return runs.show_list(home, Output(output), runs.Choice(flow, frozenset(status or ()), limit, cursor))


@runs_app.command("show")
def runs_show(run_id: RunId, home: Home = None, output: As = Format.TABLE) -> int:
    """Show one run: activities, figures, batches, reasons."""
    from headrace.cli import runs

    return runs.show(home, run_id, Output(output))


@runs_app.command("watch")
def runs_watch(run_id: RunId, home: Home = None, output: As = Format.TABLE) -> int:
    """Watch a run that goes on elsewhere, until it ends."""
    from headrace.cli import runs

    return runs.watch(home, run_id, Output(output))


@runs_app.command("errors")
def runs_errors(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="A run's id, the beginning of one, or @latest.")
    ] = None,
    flow: Annotated[str | None, typer.Option(help="All runs of this flow (name or id) instead of one run.")] = None,
    since: Annotated[
        str, typer.Option(help="With --flow: 24h, 7d, or an instant such as 2024-05-20T00:00:00Z.")
    ] = "24h",
    limit: Limit = 50,
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Show why a run did not succeed, and its rejects and warnings by reason; with --flow, over all runs of a flow."""
    if (run_id is None) == (flow is None):
        raise typer.BadParameter("give either a run or --flow")
    if flow is not None:
        from headrace.cli import errors_report

        return errors_report.show(home, errors_report.Wish(flow, since, limit), Output(output))
    from headrace.cli import runs

    return runs.errors(home, run_id or "", Output(output))


@runs_app.command("rejects")
def runs_rejects(run_id: RunId, home: Home = None, output: As = Format.TABLE, limit: Limit = 20) -> int:
    """Show rejected rows of a run, each with its reasons."""
    from headrace.cli import runs

    return runs.rejects(home, run_id, limit, Output(output))


@runs_app.command("cancel")
def runs_cancel(run_id: RunId, home: Home = None, output: As = Format.TABLE) -> int:
    """Ask for the end of a run that goes on."""
    from headrace.cli import runs

    return runs.cancel(home, run_id, Output(output))


@runs_app.command("retry")
def runs_retry(  # noqa: PLR0913, PLR0917 — one parameter for each option of the command
    run_id: RunId,
    from_activity: Annotated[
        str | None, typer.Option("--from", metavar="ACTIVITY", help="Begin again with this activity.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Do everything again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done, and why.")] = False,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Use the flow as the run had it, not as its file is now.")
    ] = False,
    param: Params = None,
    home: Home = None,
    output: As = Format.TABLE,
    detach: Detach = False,
) -> int:
    """Do what is left to do of a run that has ended, with the flow as it is now; what succeeded is carried over."""
    given = parameters_of(param)
    if everything and from_activity is not None:
        raise typer.BadParameter("--from and --all do not go together")
    from headrace.cli import retrying

    wish = retrying.Wish(run_id, from_activity, everything, dry_run, as_it_was, given, detach)
    return retrying.retry(home, wish, Output(output))


@quarantine_app.command("ls")
def quarantine_ls(
    home: Home = None,
    output: As = Format.TABLE,
    limit: Limit = 20,
    cursor: CursorText = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also batches that have no rejects left.")] = False,
) -> int:
    """List batches with rejected rows, the newest first."""
    from headrace.cli import quarantine

    return quarantine.show_list(home, Output(output), quarantine.Choice(limit, cursor, resolved))


@quarantine_app.command("download")
def quarantine_download(
    batch_id: BatchId,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Default: rejects-<batch>.json; - is standard output.")
    ] = None,
    home: Home = None,
) -> int:
    """Download a batch's rejected rows as JSON lines, each with its reasons. Correct them, then replay."""
    from headrace.cli import quarantine

    return quarantine.download(home, batch_id, to)


@quarantine_app.command("replay")
def quarantine_replay(
    batch_id: BatchId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Downloaded rows, corrected (JSON lines).")],
    home: Home = None,
    output: As = Format.TABLE,
    detach: Detach = False,
) -> int:
    """Play corrected rows again: what is accepted now is no longer counted as rejected."""
    from headrace.cli import quarantine

    return quarantine.replay(home, batch_id, file, Output(output), detach=detach)


@flows_app.command("ls")
def flows_ls(home: Home = None, output: As = Format.TABLE, limit: Limit = 50, cursor: CursorText = None) -> int:
    """List the flows of this home."""
    from headrace.cli import flows

    return flows.show_list(home, limit, cursor, Output(output))


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    workers: Annotated[int | None, typer.Option(min=0, max=64, help="Worker processes (setting workers).")] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Take any token; on loopback addresses only.")] = False,
    home: Home = None,
) -> int:
    """Serve the APIs and run flows, until SIGTERM or Ctrl-C."""
    from headrace.cli import serving

    return serving.serve(home, serving.Listening(host, port, workers, dev))


@app.command()
def worker(
    home: Home = None,
    parent: Annotated[int | None, typer.Option("--parent", hidden=True)] = None,
    dev: Annotated[bool, typer.Option("--dev", hidden=True)] = False,
) -> int:
    """Run flows, without a server: one more worker of this ledger. SIGTERM drains it."""
    from headrace.cli import serving

    return serving.work(home, parent, dev=dev)


@clients_app.command("create")
def clients_create(
    name: Annotated[str, typer.Argument(help="What the client is called.")],
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.OPERATOR,
    scope: Annotated[list[str] | None, typer.Option(help="The beginning of scopes it may reach; default: all.")] = None,
    service: Annotated[bool, typer.Option("--service", help="It is a service and no user.")] = False,
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Make a client. Its secret is shown once."""
    from headrace.cli import clients
    from headrace.service.clients import ClientRequest

    request = ClientRequest(name=name, role=role, scopes=tuple(scope or ("*",)), service=service)
    return clients.create(home, request, Output(output))


@clients_app.command("ls")
def clients_ls(home: Home = None, output: As = Format.TABLE) -> int:
    """List the clients, revoked ones too."""
    from headrace.cli import clients

    return clients.show_list(home, Output(output))


@clients_app.command("revoke")
def clients_revoke(
    client_id: Annotated[str, typer.Argument(metavar="CLIENT", help="The client's id.")],
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Take all rights of a client and of its tokens, at once."""
    from headrace.cli import clients

    return clients.revoke(home, client_id, Output(output))


@keys_app.command("create")
def keys_create(
    environment: Annotated[
        str | None, typer.Option("--environment", "-e", help="Where it is good (name or id); default: the first one.")
    ] = None,
    kind: Annotated[
        KeyKind, typer.Option(help="secret: all of an environment; publishable: making spaces; personal: everything.")
    ] = KeyKind.SECRET,
    name: Annotated[str, typer.Option(help="What it is called in lists.")] = "",
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Make a key. Its token is shown once."""
    from headrace.cli import keys

    return keys.create(home, keys.Wish(kind, name, environment), Output(output))


@keys_app.command("ls")
def keys_ls(home: Home = None, output: As = Format.TABLE) -> int:
    """List the keys that are good."""
    from headrace.cli import keys

    return keys.show_list(home, Output(output))


@keys_app.command("revoke")
def keys_revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id.")],
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Make a key worthless, at once."""
    from headrace.cli import keys

    return keys.revoke(home, key_id, Output(output))


WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="The webhook's id.")]


@webhooks_app.command("add")
def webhooks_add(  # noqa: PLR0913, PLR0917 — one parameter for each option of the command
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted; it has to answer a challenge.")],
    scope: Annotated[str, typer.Option(help="Whose runs: flowservice/<organisation>/<sandbox>.")],
    event: Annotated[
        list[str] | None, typer.Option(help="succeeded or failed, or a published name; default: both; may be repeated.")
    ] = None,
    flow: Annotated[list[str] | None, typer.Option(help="Only runs of this flow (id); may be repeated.")] = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Holds the secret that signs bodies; - is standard input.")
    ] = None,
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Tell an address of runs that end."""
    from headrace.cli import webhooks

    wish = webhooks.Wish(url, scope, tuple(event or ()), tuple(flow or ()), secret_file)
    return webhooks.add(home, wish, Output(output))


@webhooks_app.command("ls")
def webhooks_ls(
    scope: Annotated[str | None, typer.Option(help="Only those of this scope.")] = None,
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """List the webhooks."""
    from headrace.cli import webhooks

    return webhooks.show_list(home, scope, Output(output))


@webhooks_app.command("rm")
def webhooks_rm(webhook_id: WebhookId, home: Home = None, output: As = Format.TABLE) -> int:
    """Remove a webhook; what it was still to be told goes with it."""
    from headrace.cli import webhooks

    return webhooks.remove(home, webhook_id, Output(output))


@webhooks_app.command("deliveries")
def webhooks_deliveries(
    webhook_id: WebhookId,
    status: Annotated[
        list[str] | None, typer.Option(help="Only pending, delivered or given_up ones; may be repeated.")
    ] = None,
    limit: Limit = 20,
    cursor: CursorText = None,
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """List what a webhook was told, or is still to be told, with the newest first."""
    from headrace.cli import webhooks

    choice = webhooks.Choice(webhooks.statuses_of(status or ()), limit, cursor)
    return webhooks.show_deliveries(home, webhook_id, choice, Output(output))


@webhooks_app.command("redeliver")
def webhooks_redeliver(
    delivery_id: Annotated[str, typer.Argument(metavar="DELIVERY", help="The delivery's id.")],
    home: Home = None,
    output: As = Format.TABLE,
) -> int:
    """Send a delivery again, with the same event."""
    from headrace.cli import webhooks

    return webhooks.send_again(home, delivery_id, Output(output))


@db_app.command("upgrade")
def db_upgrade(home: Home = None) -> int:
    """Make the ledger, or bring it to this release's schema."""
    from headrace.cli import ledger

    return ledger.upgrade(home, Output())


@db_app.command("clean")
def db_clean(
    home: Home = None,
    grace: Annotated[
        float, typer.Option(min=0, help="Leave files alone that are younger than so many seconds.")
    ] = 3600.0,
    output: As = Format.TABLE,
) -> int:
    """Remove what is old enough (retention_days, landing_days), and files that nothing refers to. Workers do so by themselves."""
    from headrace.cli import ledger

    return ledger.clean(home, grace, Output(output))


@db_app.command("check")
def db_check(home: Home = None, output: As = Format.TABLE) -> int:
    """Say what is missing or wrong in the ledger; exit code 1 if anything is."""
    from headrace.cli import ledger

    return ledger.check(home, Output(output))


@schema_app.command("flowfile")
def schema_flowfile() -> int:
    """Print the JSON Schema of flow files, for editors."""
    from headrace.flowfile import json_schema

    Output(Format.JSON).document(json_schema())
    return 0


@expressions_app.command("eval")
def expressions_eval(
    expression: Annotated[str | None, typer.Argument(metavar="EXPR", help="A text, such as '@add(1, 2)'.")] = None,
    language: Annotated[str, typer.Option(help="The language: datafactory.")] = "datafactory",
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON: what expressions refer to (parameters, variables, …).")
    ] = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            "--input", metavar="FILE", help="JSON lines, each a text or an object with expr; - is standard input."
        ),
    ] = None,
) -> int:
    """Print the value of an expression as JSON, or of each line of a file as {"ok": …} or {"error": …}."""
    if (expression is None) == (cases is None):
        raise typer.BadParameter("give either an expression or --input")
    if language != "datafactory":
        raise typer.BadParameter(f"{language!r} is not a language that can be tried; datafactory is")
    from headrace.cli import expressions

    return expressions.evaluate(expressions.Wish(expression, cases, state))


@app.command()
def version(output: As = Format.TABLE) -> int:
    """Print the version."""
    if output is Format.JSON:
        Output(output).document({"version": __version__})
    else:
        print(f"headrace {__version__}")
    return 0
