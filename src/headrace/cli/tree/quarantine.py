"""``headrace quarantine``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from headrace.cli.options import AllPages, As, At, BatchId, CursorText, Home, Limit, Scope, Url
from headrace.cli.output import Format, Output
from headrace.cli.tree.groups import group

# ruff: noqa: PLC0415, PLR0913, PLR0917 — a command imports its work when it is called, and has one parameter for each of its options


class FileFormat(StrEnum):
    """How rejected rows are written."""

    NDJSON = "ndjson"
    CSV = "csv"


app = group("quarantine", "Rejected rows: look at them, download them, play them again.")


@app.command("ls")
def ls(
    run: Annotated[str | None, typer.Option(help="Only batches of this run.")] = None,
    flow: Annotated[str | None, typer.Option(help="Only batches of this flow (name or id).")] = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Also batches of whose rejects none are left.")] = False,
    scope: Scope = None,
    limit: Limit = 20,
    cursor: CursorText = None,
    every_page: AllPages = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """List batches with rejected rows, the newest first."""
    from headrace.cli import quarantine
    from headrace.core.native.quarantine import ListBatches

    asked = ListBatches(scope=scope, run=run, flow=flow, resolved=resolved, limit=limit, cursor=cursor)
    return quarantine.show_list(At(home, url), Output(output), asked, every_page=every_page)


@app.command("show")
def show(batch_id: BatchId, home: Home = None, url: Url = None, output: As = Format.TABLE) -> int:
    """Count a batch's rejects by reason."""
    from headrace.cli import quarantine

    return quarantine.show(At(home, url), batch_id, Output(output))


@app.command("rows")
def rows(
    batch_id: BatchId,
    code: Annotated[str | None, typer.Option(help="Only rows with a reason of this code.")] = None,
    column: Annotated[str | None, typer.Option(help="Only rows with a reason in this column.")] = None,
    limit: Limit = 20,
    cursor: CursorText = None,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Show rejected rows of a batch, each with its place and reasons."""
    from headrace.cli import quarantine
    from headrace.core.native.quarantine import ListRejects

    asked = ListRejects(batch=batch_id, code=code, column=column, limit=limit, cursor=cursor)
    return quarantine.rows(At(home, url), asked, Output(output))


@app.command("download")
def download(
    batch_id: BatchId,
    to: Annotated[
        str | None, typer.Option("--to", metavar="FILE", help="Default: rejects-<batch>.json; - is standard output.")
    ] = None,
    file_format: Annotated[
        FileFormat, typer.Option("--format", help="ndjson, to correct and replay; csv, for a spreadsheet.")
    ] = FileFormat.NDJSON,
    raw: Annotated[bool, typer.Option("--raw", help="In CSV, leave cells as they are that could be formulas.")] = False,
    home: Home = None,
    url: Url = None,
) -> int:
    """Download a batch's rejected rows, each with its reasons. Correct them, then replay."""
    from headrace.cli import quarantine
    from headrace.core.native.quarantine import AskRejectsFile

    return quarantine.download(At(home, url), AskRejectsFile(batch=batch_id, format=file_format.value, raw=raw), to)


@app.command("replay")
def replay(
    batch_id: BatchId,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Downloaded rows, corrected (JSON lines).")],
    detach: Annotated[bool, typer.Option("--detach/--wait", help="Only queue the run, do not wait for it.")] = False,
    home: Home = None,
    url: Url = None,
    output: As = Format.TABLE,
) -> int:
    """Play corrected rows again: what is accepted now is no longer counted as rejected."""
    from headrace.cli import quarantine

    return quarantine.replay(At(home, url), batch_id, file, Output(output), detach=detach)
