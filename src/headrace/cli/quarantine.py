"""``headrace quarantine``: batches with rejected rows."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headrace.bootstrap.application import Application
from headrace.cli import rendering
from headrace.cli.options import who
from headrace.cli.output import Output, moment, number
from headrace.cli.session import finish, opened
from headrace.core.codec import encode
from headrace.core.errors import Code, Problem
from headrace.service import quarantine as service
from headrace.service.quarantine import ReplayRequest

_ROWS = "row_errors/"
_ULID = 26


@dataclass(frozen=True, slots=True)
class Choice:
    """Which batches a list has."""

    limit: int
    cursor: str | None
    resolved: bool


def show_list(home: Path | None, output: Output, choice: Choice) -> int:
    """List batches with rejects, newest first."""
    with opened(home) as application:
        page = service.page_batches(
            application.database, None, limit=choice.limit, cursor=choice.cursor, outstanding=not choice.resolved
        )
    following = None if page.next is None else page.next.token()
    if output.is_json:
        output.document(encode({"items": [rendering.batch_document(batch) for batch in page.items], "next": following}))
        return 0
    rows = [
        (
            batch.id,
            batch.run_id[: rendering.SHORT],
            batch.table,
            batch.status.value,
            number(batch.figures.rows_rejected),
            number(service.outstanding(batch)),
            moment(batch.created_at),
        )
        for batch in page.items
    ]
    headings = ("batch", "run", "table", "status", "rejected", "left", "created")
    output.table(headings, rows, right=("rejected", "left"))
    if following is not None:
        output.note(f"more: --cursor {following}")
    return 0


def download(home: Path | None, batch_id: str, to: str | None) -> int:
    """Write the batch's rejected rows as JSON lines."""
    notes = Output()
    with opened(home) as application:
        found = _find(application, batch_id)
        files = [
            f for f in service.list_files(application.database, application.roots, None, found) if _has_rows(f.name)
        ]
        if not files:
            raise Problem(Code.NOT_FOUND, f"batch {found} has no rejected rows")
        if to == "-":
            _write(application, found, [file.name for file in files], sys.stdout.buffer)
            return 0
        path = Path(to or f"rejects-{found}.json")
        with _new_file(path) as target:
            _write(application, found, [file.name for file in files], target)
    notes.note(f"{path}: correct the rows, keep _reject, then: headrace quarantine replay {found} {path}")
    return 0


def replay(home: Path | None, batch_id: str, file: Path, output: Output, *, detach: bool) -> int:
    """Play corrected rows again, and report as for every run."""
    with opened(home) as application:
        found = _find(application, batch_id)
        try:
            with file.open("rb") as corrected:
                request = ReplayRequest(created_by=who(), file_name=file.name)
                run = service.replay(application.replay_desk(), None, found, corrected, request)
        except OSError as error:
            raise Problem(Code.NOT_FOUND, f"{file} cannot be read: {error.strerror}") from None
        return finish(application, run, output, detach=detach)


def _new_file(path: Path) -> BinaryIO:
    try:
        return path.open("xb")
    except FileExistsError:
        raise Problem(Code.CONFLICT, f"{path} is there already; --to names another file") from None
    except OSError as error:
        raise Problem(Code.TARGET_DENIED, f"{path} cannot be written: {error.strerror}") from None


def _has_rows(name: str) -> bool:
    return name.startswith(_ROWS) and name.endswith(".json") and "sample" not in name


def _write(application: Application, batch_id: str, names: list[str], target: BinaryIO) -> None:
    for name in names:
        with service.open_file(application.database, application.roots, None, batch_id, name) as source:
            shutil.copyfileobj(source, target)


def _find(application: Application, text: str) -> str:
    """Return the id that ``text`` (an id, the beginning of one, or ``@latest``) stands for among the newest batches."""
    if len(text) == _ULID:
        return text
    newest = service.page_batches(application.database, None, limit=1000, outstanding=False).items
    found = newest[:1] if text == "@latest" else [batch for batch in newest if batch.id.startswith(text.upper())]
    if not found:
        raise Problem(Code.NOT_FOUND, f"there is no batch {text!r}; `headrace quarantine ls --resolved` lists them")
    if len(found) > 1:
        ids = ", ".join(batch.id for batch in found[:5])
        raise Problem(Code.INVALID, f"several batches begin with {text!r}: {ids}")
    return found[0].id
