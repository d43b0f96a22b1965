"""Random nested pipelines, random deaths, freezes, cancellations and recoveries, on both databases; `make soak` only."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import sqlalchemy as sa

from engine.soak_plans import Drawn, appended, expected, passes
from engine_desk import Desk
from headrace.core import crashpoints
from headrace.core.run import ActivityStatus, RunStatus
from headrace.store import variables
from waiting import until

pytestmark = [pytest.mark.soak, pytest.mark.e2e]

PROGRAM = Path(__file__).with_name("worker_program.py")
ROUNDS = int(os.environ.get("SOAK_ROUNDS", "20"))
FIRST = int(os.environ.get("SOAK_FIRST", "0"))
RUNS = 4
POINTS = sorted(
    point
    for point in crashpoints.declared()
    if point.startswith(("run", "attempt", "body", "bodies", "container", "act", "work"))
)
DONE = {ActivityStatus.SUCCEEDED, ActivityStatus.CARRIED}


@dataclass
class Workers:
    """Worker processes, of which two live whenever somebody looks."""

    command: list[str]
    log: Path
    stack: ExitStack
    living: list[subprocess.Popen[bytes]] = field(default_factory=list)
    frozen: dict[int, float] = field(default_factory=dict)

    def start(self, crash_at: str = "") -> None:
        """Start one, which may die at a crash point."""
        tests = PROGRAM.parent.parent
        environment = {**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent / 'src'}"}
        with self.log.open("ab") as log:
            process = subprocess.Popen([*self.command, crash_at], env=environment, stdout=log, stderr=log)
        self.living.append(process)
        self.stack.callback(self._end, process)

    def look(self, crash_at: str) -> None:
        """Wake those that were frozen for long enough, and start others for those that have died."""
        for process in self.living:
            if process.pid in self.frozen and time.monotonic() > self.frozen[process.pid]:
                del self.frozen[process.pid]
                process.send_signal(signal.SIGCONT)
        self.living = [process for process in self.living if process.poll() is None]
        if len(self.living) < 2:
            self.start(crash_at)

    def kill(self, chance: random.Random) -> None:
        """Kill one of them."""
        with suppress(ProcessLookupError):
            chance.choice(self.living).kill()

    def stop(self, chance: random.Random) -> None:
        """Tell one of them to stop."""
        chance.choice(self.living).terminate()

    def freeze(self, chance: random.Random) -> None:
        """Stop one for longer, or for shorter, than it takes to be declared dead."""
        process = chance.choice(self.living)
        if not self.frozen:
            process.send_signal(signal.SIGSTOP)
            self.frozen[process.pid] = time.monotonic() + chance.choice([0.5, 2.2, 4.0])

    def calm(self) -> None:
        """Wake all."""
        for process in self.living:
            if process.pid in self.frozen:
                process.send_signal(signal.SIGCONT)
        self.frozen.clear()

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=20)


@pytest.fixture
def crew(ledger_url: str, tmp_path: Path) -> Iterator[Workers]:
    """Return what starts workers on the test's ledger."""
    target = tmp_path / "target"
    target.mkdir()
    with ExitStack() as stack:
        yield Workers([sys.executable, str(PROGRAM), ledger_url, str(target)], tmp_path / "workers.log", stack)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + ROUNDS))
def test_random_deaths_over_nested_pipelines_lose_and_repeat_nothing(
    desk: Desk, crew: Workers, tmp_path: Path, seed: int
) -> None:
    """Each run ends; nothing stays open in it; each path succeeds once; what succeeded has done everything, variables included."""
    chance = random.Random(seed)  # noqa: S311 — the same plans and much the same deaths each time
    drawn = [Drawn.draw(random.Random(chance.random())) for _ in range(RUNS)]  # noqa: S311 — the same
    asked = {desk.ask(one.plan, flow=f"flow{number}"): one for number, one in enumerate(drawn)}
    cancelled = _disturb(desk, crew, chance, sorted(asked))
    crew.calm()
    _let_end(desk, crew, asked)
    groups = dict(asked)
    for _ in range(4):
        asked = {
            desk.recover(run_id, one.plan): one for run_id, one in asked.items() if not _has_succeeded(desk, run_id)
        }
        if asked:
            chance.choice([crew.kill, crew.freeze])(chance)
            _let_end(desk, crew, asked)
        groups |= asked
    for run_id, one in groups.items():
        _check(desk, run_id, one)
    last = {desk.run(run_id).group_id: desk.run(run_id) for run_id in groups}
    assert [run.reason for run in last.values() if run.status is not RunStatus.SUCCEEDED] == []
    if not cancelled:
        _check_deliveries(tmp_path / "target", drawn, recovered=len(groups) > RUNS)
    until(lambda: not _in_queues(desk), seconds=15, what="nothing to be left in the queues")


def _disturb(desk: Desk, crew: Workers, chance: random.Random, run_ids: list[str]) -> bool:
    """Kill, freeze and stop workers for a while, and cancel runs; say whether one was cancelled."""
    cancelled: list[str] = []
    end = time.monotonic() + 9

    def disturbed() -> bool:
        crew.look(f"{chance.choice(POINTS)}:{chance.randint(1, 4)}" if chance.random() < 0.5 else "")
        _tell(desk, run_ids)
        what = chance.random()
        if what < 0.06:
            crew.kill(chance)
        elif what < 0.14:
            crew.freeze(chance)
        elif what < 0.17:
            crew.stop(chance)
        elif what < 0.18:
            cancelled.append(chance.choice(run_ids))
            desk.cancel(cancelled[-1])
        return time.monotonic() >= end

    until(disturbed, seconds=60, what="the end of the disturbances", every=0.15)
    return bool(cancelled)


def _has_succeeded(desk: Desk, run_id: str) -> bool:
    return desk.run(run_id).status is RunStatus.SUCCEEDED


def _let_end(desk: Desk, crew: Workers, asked: dict[str, Drawn]) -> None:
    def all_ended() -> bool:
        crew.look("")
        _tell(desk, asked)
        return all(status.is_final for status in desk.every(list(asked)).values())

    try:
        until(all_ended, seconds=150, what="the end of all runs")
    except AssertionError as error:
        open_rows = [
            (row.path, row.attempt, row.status.value, row.worker_id)
            for run_id in asked
            for row in desk.rows(run_id)
            if not row.status.is_final and not desk.run(run_id).status.is_final
        ]
        raise AssertionError(f"{error}: {desk.every(list(asked))} {open_rows} {_in_queues(desk)}") from error


def _tell(desk: Desk, asked: Iterable[str]) -> None:
    for run_id in asked:
        for row in desk.rows(run_id):
            if row.kind == "hear" and row.status in {ActivityStatus.WAITING, ActivityStatus.RUNNING}:
                desk.tell(run_id, row.path, {"say": "go on"}, row.attempt)


def _check(desk: Desk, run_id: str, drawn: Drawn) -> None:
    run, rows = desk.run(run_id), desk.rows(run_id)
    assert [row for row in rows if not row.status.is_final] == [], "rows are open in a run that has ended"
    succeeded = Counter(row.path for row in rows if row.status in DONE)
    assert [path for path, times in succeeded.items() if times > 1] == []
    if run.status is RunStatus.SUCCEEDED:
        wanted = {path for path, one in expected(drawn.plan)}
        found = {row.path for row in rows if row.status in DONE and row.kind != "body"}
        if run.retry_of is None:
            assert found == wanted
        if appended(drawn.plan):
            with desk.database.reading() as tx:
                value = variables.value(tx, run_id, "all")
            assert isinstance(value, list)
            assert Counter(map(str, value)) == appended(drawn.plan)


def _check_deliveries(target: Path, drawn: list[Drawn], *, recovered: bool) -> None:
    """Check that each path was delivered once for each plan that has it; but for counted loops, which a recovery begins anew."""
    kinds = {"deliver", "flaky", "mended"}
    wanted = Counter(path for one in drawn for path, activity in expected(one.plan) if activity.kind in kinds)
    found = Counter(file.read_text() for file in target.iterdir() if file.name != "log")
    loops = tuple(loop for one in drawn for loop in passes(one.plan)) if recovered else ()
    assert _outside(found, loops) == _outside(wanted, loops)


def _outside(paths: Counter[str], loops: tuple[str, ...]) -> Counter[str]:
    return Counter({path: times for path, times in paths.items() if not path.startswith(loops)})


def _in_queues(desk: Desk) -> list[object]:
    schema = "dbos." if desk.database.dialect == "postgresql" else ""
    open_ones = (
        f"SELECT workflow_uuid, status, executor_id, queue_name FROM {schema}workflow_status WHERE status <> 'SUCCESS'"
    )
    with desk.database.reading() as tx:
        return [tuple(row.values()) for row in tx.rows(sa.text(open_ones))]
