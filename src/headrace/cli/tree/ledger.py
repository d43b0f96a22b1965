"""``headrace db``, ``schema`` and ``expressions``: what needs no run."""

from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.options import As, At, Home, Url
from headrace.cli.output import Format, Output
from headrace.cli.tree.groups import group

# ruff: noqa: PLC0415 — a command imports its work when it is called

db_app = group("db", "The ledger's schema.")
schema_app = group("schema", "Schemas of documents.")
expressions_app = group("expressions", "Expressions, tried without a run.")

_WHERE = "use the machine of the server, with its settings"


def _here(home: Path | None, url: str | None, command: str) -> Path | None:
    from headrace.cli import desk

    return desk.only_here(At(home, url), command, _WHERE)


@db_app.command("upgrade")
def db_upgrade(home: Home = None, url: Url = None) -> int:
    """Make the ledger, or bring it to this release's schema."""
    from headrace.cli import ledger

    return ledger.upgrade(_here(home, url, "db upgrade"), Output())


@db_app.command("clean")
def db_clean(
    grace: Annotated[
        float, typer.Option(min=0, help="Leave files alone that are younger than so many seconds.")
    ] = 3600.0,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Remove what is old enough (retention_days, landing_days), and files that nothing refers to. Workers do so by themselves."""
    from headrace.cli import ledger

    return ledger.clean(_here(home, url, "db clean"), grace, Output(output))


@db_app.command("check")
def db_check(home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Say what is missing or wrong in the ledger; exit code 1 if anything is."""
    from headrace.cli import ledger

    return ledger.check(_here(home, url, "db check"), Output(output))


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
