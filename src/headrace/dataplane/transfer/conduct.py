"""Does a transfer: slices side by side, each into the sink once, whatever dies on the way.

transfer
a journal that a finished transfer left is answered from
the source is listed, and what earlier tries began in the sink and left there is removed
units that the journal has are counted; the others are done, each noted when the sink has it
logs and quarantine are made of all tries together, also when the transfer fails
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from headrace.core.codec import decode, encode
from headrace.core.crashpoints import crash_point
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation, Context, Task
from headrace.dataplane.storage import disk_full
from headrace.dataplane.transfer.closing import Closing
from headrace.dataplane.transfer.conducting import Conducting
from headrace.dataplane.transfer.journal import Journal, open_journal
from headrace.dataplane.transfer.means import Ends, Means
from headrace.dataplane.transfer.moving import move
from headrace.dataplane.transfer.places import folders_of
from headrace.dataplane.transfer.report import TransferReport
from headrace.dataplane.transfer.request import FilesSink, FilesSource, Transfer
from headrace.dataplane.transfer.rows import Working
from headrace.dataplane.transfer.session import TransferEngine
from headrace.dataplane.transfer.tally import Tally

__all__ = ["Ends", "Means", "TransferFailed", "transfer"]

_REPORT = "report"
_LAST_SECONDS = 1.5
"""How long a transfer that was told to stop may take to put its logs in their places."""


class TransferFailed(Exception):
    """A transfer that did not end well: what was wrong, and how far it came."""

    def __init__(self, problem: Problem, report: TransferReport) -> None:
        super().__init__(problem.message)
        self.problem, self.report = problem, report


def transfer(request: Transfer, task: Task, context: Context, means: Means) -> TransferReport:
    """Do what ``request`` asks for; return what was done, all tries with this commit key together.

    It may be called again for the same task, also after its process was killed: what is in the sink is not written again, and a finished
    transfer is answered from its journal.

    Raises:
        TransferFailed: what was wrong (a ``Problem``, mostly a ``TransferProblem``; being told to stop is one too), and how far it came.
        Problem: ``FENCED``: a newer try took over.
    """
    # A recovery in another run counts its attempts from the beginning, and must not be taken for the try of the same number.
    tried = f"{task.run_id}.{task.attempt}.{task.epoch}"
    try:
        with open_journal(means.roots, task.commit_key, request.asked, tried) as journal:
            if _REPORT in journal.told:
                journal.forget()
                with _work_folder(means.roots.work / task.folder):
                    pass  # what the try that finished could not remove any more goes now
                return decode(TransferReport, journal.told[_REPORT], what="the journal")
            return _begun(request, task, context, means, journal)
    except Problem as problem:
        if problem.code is Code.FENCED:
            raise
        raise TransferFailed(problem, TransferReport()) from problem


def _begun(request: Transfer, task: Task, context: Context, means: Means, journal: Journal) -> TransferReport:
    tally = Tally(context)
    work = _working(request, task, context, means)
    closing = Closing(request, means, journal, tally, work)
    with _work_folder(work.folder):
        try:
            with ExitStack() as stack:
                folders = _folders(request, work, journal)
                engine = stack.enter_context(TransferEngine(context.cancellation, means.limits, work.folder, folders))
                stack.enter_context(tally.reporting())
                move(Conducting(request, work, means, journal, tally, engine))
            crash_point("transfer-before-logs")
            report = closing.close(context.cancellation)
        except Exception as error:
            # What is cut off when a transfer has to stop breaks in ways of its own; else what is no problem is a bug, and goes on.
            problem = _problem_of(error, context.cancellation, means)
            if problem is None:
                raise
            if problem.code is Code.FENCED:
                raise problem from error
            raise TransferFailed(problem, _failed(closing, context.cancellation)) from error
        crash_point("transfer-before-finished")
        journal.tell(_REPORT, encode(report))
        journal.make_durable()
        crash_point("transfer-after-finished")
        journal.forget()
    return report


def _problem_of(error: Exception, cancellation: Cancellation, means: Means) -> Problem | None:
    """Return the problem that ended a transfer; None: it is a bug."""
    if cancellation.problem is not None:
        return cancellation.problem
    if isinstance(error, Problem):
        return error
    return disk_full(error, means.roots.work) if isinstance(error, OSError) else None


def _failed(closing: Closing, cancellation: Cancellation) -> TransferReport:
    """Return how far a transfer came; its logs tell of what was left out all the same."""
    if cancellation.problem is None:
        return closing.close_failed(cancellation)
    last = Cancellation()
    timer = threading.Timer(_LAST_SECONDS, last.stop, (Code.CANCELLED, "the transfer was told to stop"))
    timer.start()
    try:
        return closing.close_failed(last)
    finally:
        timer.cancel()


def _working(request: Transfer, task: Task, context: Context, means: Means) -> Working:
    return Working(
        task,
        context,
        means.limits,
        means.clock,
        means.egress,
        means.roots.file_roots,
        means.roots.work / task.folder,
        task.commit_key,
        request.asked,
        request.tolerance.skip_rows,
    )


def _folders(request: Transfer, work: Working, journal: Journal) -> tuple[Path, ...]:
    """Return the folders of this machine that DuckDB reads and writes in."""
    places = [end.place for end in (request.source, request.sink) if isinstance(end, FilesSource | FilesSink)]
    found = [folder for place in places for folder in folders_of(place, work.file_roots)]
    return (journal.folder, *found, *(work.file_roots or ()))


@contextmanager
def _work_folder(folder: Path) -> Iterator[None]:
    """Make the folder of this try, empty, and remove it at the end; those of earlier tries, whose processes were killed, go as well."""
    for stale in _earlier(folder):
        shutil.rmtree(stale, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise disk_full(error, folder.parent) or error from error
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for above in list(folder.parents)[:2]:
            with suppress(OSError):  # other activities of the run have folders there, too
                above.rmdir()


def _earlier(folder: Path) -> list[Path]:
    mine = _number(folder.name)
    found = folder.parent.iterdir() if folder.parent.is_dir() else ()
    return [one for one in found if (number := _number(one.name)) is not None and mine is not None and number < mine]


def _number(name: str) -> tuple[int, int] | None:
    attempt, _, epoch = name.partition(".")
    return (int(attempt), int(epoch)) if attempt.isdecimal() and epoch.isdecimal() else None
