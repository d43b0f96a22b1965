"""The processes that answer questions about sources: bounded in time and number, and none is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from headrace.bootstrap.exploring import Bounds, ProcessExplorer
from headrace.core.errors import Code, Problem
from headrace.core.explore import Folder, ListPlaces, Place, Places, PlaceType
from waiting import until

# A process that answers by the folder's name, without anything of the data plane: what is tested is the other end.
ANSWERER = """
import json, os, signal, sys
for line in sys.stdin:
    folder = json.loads(line)["question"].get("folder", "")
    if folder == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if folder == "hang":
        signal.pause()
    if folder == "flood":
        print("x" * 300_000, flush=True)
        continue
    if folder == "wrong":
        reply = {"problem": {"code": "source_denied", "message": "no entry"}}
    else:
        place = {"type": "folder", "name": str(os.getpid()), "path": folder + "/"}
        reply = {"answer": {"items": [place]}}
    print(json.dumps(reply), flush=True)
"""


def question(folder: str) -> ListPlaces:
    """Return a question that ``ANSWERER`` understands."""
    return ListPlaces(Folder("s", "file:///x"), folder)


@pytest.fixture
def make_explorer() -> Iterator[Callable[..., ProcessExplorer]]:
    """Return what makes explorers that are closed at the end, with nothing left of them."""
    made: list[ProcessExplorer] = []

    def make(**bounds: float) -> ProcessExplorer:
        given = {"patience_seconds": 20.0, "wait_seconds": 20.0, **bounds}
        explorer = ProcessExplorer(dict(os.environ), Bounds(**given), (sys.executable, "-c", ANSWERER))  # type: ignore[arg-type]  # whole numbers are meant
        made.append(explorer)
        return explorer

    yield make
    for explorer in made:
        pids = explorer.pids()
        explorer.close()
        assert not explorer.pids()
        assert not any(is_alive(pid) for pid in pids)


def is_alive(pid: int) -> bool:
    """Say whether there is a process ``pid``."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def pid_of(places: Places) -> int:
    """Return the process that answered."""
    return int(places.items[0].name)


def test_a_process_is_kept_for_the_next_question(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """Starting one takes longer than most questions."""
    explorer = make_explorer()
    first, second = explorer(question("a")), explorer(question("b"))
    assert pid_of(first) == pid_of(second)
    assert second.items[0] == Place(PlaceType.FOLDER, str(pid_of(first)), "b/")


def test_a_problem_comes_through_as_it_is(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """And the process goes on."""
    explorer = make_explorer()
    with pytest.raises(Problem) as caught:
        explorer(question("wrong"))
    assert (caught.value.code, caught.value.message) == (Code.SOURCE_DENIED, "no entry")
    assert len(explorer.pids()) == 1


def test_a_process_that_dies_of_a_question_says_so_and_the_next_one_is_answered(
    make_explorer: Callable[..., ProcessExplorer],
) -> None:
    """A hostile file ends a process that does nothing else."""
    explorer = make_explorer()
    explorer(question("a"))
    with pytest.raises(Problem) as caught:
        explorer(question("die"))
    assert caught.value.code is Code.SOURCE_UNREADABLE
    assert "signal 11" in caught.value.message
    assert explorer(question("b")).items


def test_a_process_that_was_killed_between_two_questions_is_replaced(
    make_explorer: Callable[..., ProcessExplorer],
) -> None:
    """The second question knows nothing of it."""
    explorer = make_explorer()
    first = pid_of(explorer(question("a")))
    os.kill(first, signal.SIGKILL)
    assert pid_of(explorer(question("b"))) != first


def test_a_question_that_takes_too_long_is_ended(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """With its process, and the next one gets another."""
    explorer = make_explorer(patience_seconds=0.5)
    began = time.monotonic()
    with pytest.raises(Problem) as caught:
        explorer(question("hang"))
    assert caught.value.code is Code.SOURCE_TIMEOUT
    assert time.monotonic() - began < 5
    assert not explorer.pids()


def test_an_answer_without_an_end_is_refused(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """Nothing that a source says fills the memory of the process that serves."""
    explorer = make_explorer(answer_bytes=100_000)
    with pytest.raises(Problem) as caught:
        explorer(question("flood"))
    assert caught.value.code is Code.LIMIT_EXCEEDED


def test_more_questions_than_processes_wait_for_a_bounded_time(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """Then they are told to come again."""
    explorer = make_explorer(processes=1, wait_seconds=0.2)

    def hang() -> None:
        with suppress(Problem):
            explorer(question("hang"))

    thread = threading.Thread(target=hang, daemon=True)
    thread.start()
    until(lambda: len(explorer.pids()) == 1, seconds=10, what="the first question's process")
    with pytest.raises(Problem) as caught:
        explorer(question("a"))
    assert caught.value.code is Code.UNAVAILABLE
    explorer.close()
    thread.join(10)


def test_questions_are_answered_at_the_same_time_by_no_more_than_two(
    make_explorer: Callable[..., ProcessExplorer],
) -> None:
    """However many are asked."""
    explorer = make_explorer()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(explorer, [question(str(number)) for number in range(40)]))
    assert [places.items[0].path for places in answers] == [f"{number}/" for number in range(40)]
    assert len({pid_of(places) for places in answers}) <= 2


def test_an_idle_process_ends(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """Its memory is given back."""
    explorer = make_explorer(idle_seconds=0.05)
    pid = pid_of(explorer(question("a")))
    until(lambda: not explorer.pids(), seconds=10, what="the end of the idle process")
    assert not is_alive(pid)
    assert explorer(question("b")).items


def test_closing_ends_what_is_being_looked_into(make_explorer: Callable[..., ProcessExplorer]) -> None:
    """A server that stops waits for no source; what was asked ends as unavailable."""
    explorer = make_explorer()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(explorer, question("hang"))
        until(lambda: bool(explorer.pids()), seconds=10, what="the process")
        explorer.close()
        problem = asked.exception(10)
    assert isinstance(problem, Problem)
    assert problem.code is Code.UNAVAILABLE
    with pytest.raises(Problem):
        explorer(question("a"))


@pytest.fixture
def busy_machine() -> Iterator[None]:
    """Keep the processors busy, so that a thread that is woken is not always the next one to go on."""
    hogs = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(6)]
    yield
    for hog in hogs:
        hog.kill()
        hog.wait(10)


@pytest.mark.usefixtures("busy_machine")
def test_closing_is_heard_of_at_whatever_moment_of_the_question_it_comes() -> None:
    """A stream that is closed under the thread that waits for it, just when that was about to hear of the end, would never wake it."""
    with ThreadPoolExecutor(1) as pool:
        for _ in range(60):
            explorer = ProcessExplorer(dict(os.environ), Bounds(patience_seconds=20.0), ("/bin/sleep", "60"))
            asked = pool.submit(explorer, question("a"))
            while not explorer.pids():
                pass
            explorer.close()
            problem = asked.exception(10)
            assert isinstance(problem, Problem)
            assert problem.code is Code.UNAVAILABLE


def test_a_process_that_cannot_be_started_says_so() -> None:
    """Not as a bug."""
    explorer = ProcessExplorer({}, command=("/nowhere/at/all",))
    with pytest.raises(Problem) as caught:
        explorer(question("a"))
    assert caught.value.code is Code.UNAVAILABLE
