"""Tasks and the request to stop."""

import threading
from dataclasses import replace

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation, Task

TASK = Task("local", "f", "run", "run", "Each/3/Lade/../x", 1, 2, "copy", {}, "key")


def test_a_folder_is_one_tries_own_and_has_no_surprises() -> None:
    """A worker declared dead never writes into a newer one's files, and a path never leaves the run's folder."""
    assert TASK.folder == "run/Each~2f~3~2f~Lade~2f~..~2f~x/1.2"
    assert replace(TASK, epoch=3).folder != TASK.folder
    assert replace(TASK, path="Each~2f~3").folder != replace(TASK, path="Each/3").folder


def test_the_first_reason_to_stop_counts() -> None:
    """A cancelled activity that also runs out of time was cancelled."""
    cancellation = Cancellation()
    cancellation.check()
    cancellation.stop(Code.CANCELLED, "somebody asked")
    cancellation.stop(Code.TIMED_OUT, "too late")
    with pytest.raises(Problem, match="somebody asked"):
        cancellation.check()


def test_each_callback_is_called_once_and_none_that_was_taken_back() -> None:
    """A query that ended is not interrupted."""
    cancellation = Cancellation()
    calls: list[str] = []
    cancellation.on_stop(lambda: calls.append("kept"))
    forget = cancellation.on_stop(lambda: calls.append("forgotten"))
    forget()
    forget()
    cancellation.stop(Code.CANCELLED, "x")
    cancellation.stop(Code.CANCELLED, "x")
    assert calls == ["kept"]


def test_a_callback_that_comes_late_is_called_at_once() -> None:
    """A query that starts after the request to stop is interrupted all the same."""
    cancellation = Cancellation()
    cancellation.stop(Code.FENCED, "x")
    calls: list[int] = []
    cancellation.on_stop(lambda: calls.append(1))
    assert calls == [1]


def test_stops_from_many_threads_agree_on_one_reason() -> None:
    """Callbacks run once, whoever wins."""
    cancellation = Cancellation()
    calls: list[int] = []
    cancellation.on_stop(lambda: calls.append(1))
    gate = threading.Barrier(8)

    def stop(number: int) -> None:
        gate.wait()
        cancellation.stop(Code.CANCELLED, str(number))

    threads = [threading.Thread(target=stop, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]
    assert cancellation.problem is not None
