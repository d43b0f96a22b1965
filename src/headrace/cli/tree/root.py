"""The root of the tree: what has no noun, and the nouns in the order of the help."""

from pathlib import Path
from typing import Annotated

import typer

from headrace import __version__
from headrace.cli.options import As, At, Home, Params, Shell, Url, parameters_of, window_of
from headrace.cli.output import Format, Output
from headrace.cli.tree import flows, installation, ledger, quarantine, runs
from headrace.cli.tree.groups import SETTINGS, Group

# ruff: noqa: PLC0415, PLR0913, PLR0917 — a command imports its work when it is called (`headrace --help` must not wait for databases and
# engines), and has one parameter for each of its options

START = """\
Headrace runs dataflows: every row committed once or kept with its reasons, every failed run retried from where it failed.

  headrace run flow.yaml            run a flow file here: no server, no account
  headrace runs ls                  see what ran;  headrace runs show @latest  for one run in full
  headrace runs errors @latest      see why it failed;  headrace runs rejects @latest  which rows were rejected
  headrace runs retry @latest       do what is left to do;  --dry-run  says what that is
  headrace serve --dev              the console and the APIs at http://127.0.0.1:8080
  headrace doctor                   say what is wrong with this installation

headrace --help lists all commands; docs/guides/first-flow.md begins at the beginning."""

app = typer.Typer(
    help="Run dataflows: every row committed once or kept with its reasons; every failed run retried from where it failed.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=SETTINGS,
    cls=Group,
)

WindowOption = Annotated[
    tuple[str, str] | None,
    typer.Option("--window", metavar="START END", help="Two ISO 8601 instants with a zone (half-open); - is open."),
]


def _print_version(value: bool) -> None:
    if value:
        print(f"headrace {__version__}")
        raise typer.Exit


@app.callback()
def start(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 — its callback does the work
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Run dataflows: every row committed once or kept with its reasons; every failed run retried from where it failed."""
    if context.invoked_subcommand is None:
        print(START)


@app.command()
def run(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The flow file.")],
    param: Params = None,
    window: WindowOption = None,
    detach: Annotated[
        bool, typer.Option("--detach/--wait", help="Only queue the run; a server or worker of this home does it.")
    ] = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Run a flow file here: no server, no account. Ctrl-C cancels the run and waits for it."""
    given, between = parameters_of(param), window_of(window)
    from headrace.cli import desk, running

    here = desk.only_here(At(home, url), "headrace run", "headrace flows run FLOW runs a flow that the server has")
    return running.run_file(running.Wish(file, given, between, here, detach), Output(output))


for _noun in (
    runs.app,
    flows.flows_app,
    flows.schedules_app,
    quarantine.app,
    flows.connections_app,
    flows.webhooks_app,
):
    app.add_typer(_noun)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8080,
    workers: Annotated[int | None, typer.Option(min=0, max=64, help="Worker processes (setting workers).")] = None,
    dev: Annotated[bool, typer.Option("--dev", help="Take any token; on loopback addresses only.")] = False,
    home: Home = None,
) -> int:
    """Serve the console and the APIs and run flows, until SIGTERM or Ctrl-C."""
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


for _noun in (installation.workers_app, installation.clients_app, installation.keys_app, installation.audit_app):
    app.add_typer(_noun)


@app.command()
def doctor(
    every: Annotated[bool, typer.Option("--all", help="Also what is good, one line each.")] = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Say what is wrong with this installation, or with a server, and what to do; exit code 1 if something is."""
    from headrace.cli import doctor as doctors

    return doctors.look(At(home, url), Output(output), every=every)


for _noun in (ledger.db_app, ledger.schema_app, ledger.expressions_app):
    app.add_typer(_noun)


@app.command()
def completion(shell: Annotated[Shell, typer.Argument(help="The shell.")]) -> int:
    """Print a script that completes commands: eval "$(headrace completion bash)" in the shell's start file."""
    from headrace.cli import completing

    print(completing.script_of(shell))
    return 0


@app.command()
def version(output: As = Format.TABLE) -> int:
    """Print the version."""
    if output is Format.JSON:
        Output(output).document({"version": __version__})
    else:
        print(f"headrace {__version__}")
    return 0
