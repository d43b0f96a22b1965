"""Copy: a source is read once, and laid down as it came (files) or as Parquet (tables).

The unit of copying is a slice: a file, or a partition of a table. ``split`` functions are pure and say which slices there are; a
``copy_slice`` does one of them and knows nothing of the others. ``copy`` does the slices of one activity with a few threads.
"""

from collections.abc import Callable

from headrace.core.clock import Clock
from headrace.core.codec import encode
from headrace.core.errors import Code, Problem
from headrace.core.landing import Landing
from headrace.core.outcome import Failure, Outcome
from headrace.core.settings import CopySettings
from headrace.core.source import FileSource
from headrace.core.task import Context, Task
from headrace.dataplane import landing
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.file_copy import copy_files
from headrace.dataplane.limits import Limits
from headrace.dataplane.slices import Copying, Tally
from headrace.dataplane.storage import Roots, disk_full
from headrace.dataplane.table_copy import copy_table


def copy(  # noqa: PLR0913 — the facts of an installation come in one by one, by name
    settings: CopySettings,
    task: Task,
    context: Context,
    *,
    roots: Roots,
    connect: Callable[[str], ConnectionInfo],
    limits: Limits,
    clock: Clock,
) -> Outcome:
    """Copy the source into the folder of this try; return an outcome whose output has the ``landing``.

    It may be called again for the same task: a finished copy is returned as it is, a broken one is begun anew, and files that an earlier
    try finished are taken from it when the source still has the same version of them. ``connect`` turns the id of a connection document
    into what is needed to connect. Every failure is an outcome, with the figures so far and ``{"partial": folder}`` as output, where a
    later try (``task.previous``) finds the finished files; being told to stop is one too (``CANCELLED``, ``TIMED_OUT``).

    Raises:
        Problem: ``FENCED``: a newer try took over.
    """
    done = landing.finished(roots, task)
    if done is None:
        tally = Tally(context)
        try:
            work = Copying(task, context, landing.begin(roots, task), tally, roots, limits, clock)
            done = work.folder.finish(_copied(settings, work, connect), tally.figures)
        except Problem as problem:
            if problem.code is Code.FENCED:
                raise
            return _failed(task, tally, problem)
        except OSError as error:
            full = disk_full(error, roots.landing)
            if full is None:
                raise
            return _failed(task, tally, full)
    return Outcome({"landing": encode(done.landing)}, done.figures)


def _failed(task: Task, tally: Tally, problem: Problem) -> Outcome:
    return Outcome({landing.PARTIAL: task.folder}, tally.figures, Failure.of(problem))


def _copied(settings: CopySettings, work: Copying, connect: Callable[[str], ConnectionInfo]) -> Landing:
    source = settings.source
    if isinstance(source, FileSource):
        return copy_files(settings, source, work, connect)
    return copy_table(settings, source, work, connect)
