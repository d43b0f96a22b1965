"""A worker process for tests: ``worker_program.py LEDGER_URL TARGET_FOLDER [CRASH_AT]``."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

from engine_desk import CHARACTERS, QUICK, GoingClock, RandomIds, pass_time
from engine_pipelines import PIPELINE_KINDS, Words
from headrace.core import crashpoints
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Expansion, Figures, Outcome
from headrace.core.task import Context, Task
from headrace.engine.engine import Engine
from headrace.engine.worker import run_worker
from headrace.store.database import Database

TARGET = Path(sys.argv[2])


def deliver(task: Task, context: Context) -> Outcome:
    """Write to the target once for each commit key, however often this is done; slowly when ``seconds`` are given."""
    pass_time(context, float(str(task.settings.get("seconds", 0))))
    with (TARGET / "log").open("a") as log:
        log.write(f"{task.path} {task.attempt}.{task.epoch} {os.getpid()}\n")
    (TARGET / task.commit_key).write_text(task.path)
    return Outcome(output={"key": task.commit_key}, figures=Figures(rows_read=1))


def flaky(task: Task, context: Context) -> Outcome:
    """Fail in the first attempt."""
    if task.attempt == 1:
        raise Problem(Code.SOURCE_UNAVAILABLE, "not now")
    return deliver(task, context)


def mended(task: Task, context: Context) -> Outcome:
    """Fail in the first run of a group."""
    if task.run_id == task.group_id:
        raise Problem(Code.INVALID, "it is not mended yet")
    return deliver(task, context)


def poison(task: Task, context: Context) -> Outcome:
    """Kill the worker, as what takes all its memory would."""
    del task, context
    os.kill(os.getpid(), signal.SIGKILL)
    return Outcome()


def times(task: Task, context: Context) -> Outcome | Expansion:
    """Run the body ``pass`` so many ``times``."""
    del context
    number = 0 if task.resumed is None else int(str(task.resumed.state["number"])) + 1
    if number == task.settings["times"]:
        return Outcome(output={"passes": number})
    return Expansion("pass", number=number, again=True, state={"number": number})


def main() -> int:
    """Work until told to stop."""
    crashpoints.arm_from(sys.argv[3] if len(sys.argv) > 3 else "")
    database = Database(sys.argv[1])
    activities = {
        **CHARACTERS,
        **PIPELINE_KINDS,
        "deliver": deliver,
        "flaky": flaky,
        "mended": mended,
        "poison": poison,
        "times": times,
    }
    config = replace(QUICK, drain_seconds=5, takeovers=2)
    dialects = {"words": Words()}
    return run_worker(lambda fenced: Engine(database, activities, config, GoingClock(), RandomIds(), fenced, dialects))


if __name__ == "__main__":
    sys.exit(main())
