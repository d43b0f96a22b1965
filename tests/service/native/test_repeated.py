"""A request that is asked again with its key is answered alike, and done once: also when it is still being answered, or was cut off."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from headrace.core.clock import MINUTE
from headrace.core.errors import Code, Problem
from headrace.core.native.runs import AskMany, AskRun, ManyTold
from headrace.core.native.table import RETRY_MANY
from headrace.service.native.repeated import told_once
from headrace.store import runs
from native_house import OPERATOR, READER, NativeHouse
from service.native.test_retries import fail


def told(native: NativeHouse, text: str, key: str | None = "k", facts: str = "this") -> str:
    """Return what a request is answered, whose answer is ``text`` when it is done now."""
    return told_once(native.desk, OPERATOR, key, facts, AskRun, lambda: AskRun(run=text)).run


def test_an_answer_is_kept_for_its_request_and_its_client(native: NativeHouse) -> None:
    """Another request with the key is refused; without a key, or for another client, it is done."""
    assert [told(native, "1"), told(native, "2")] == ["1", "1"]
    assert [told(native, "2", key=None), told(native, "3", key="l")] == ["2", "3"]
    assert told_once(native.desk, READER, "k", "this", AskRun, lambda: AskRun(run="4")).run == "4"
    with pytest.raises(Problem) as caught:
        told(native, "5", facts="that")
    assert caught.value.code is Code.CONFLICT


def test_what_was_refused_may_be_asked_again(native: NativeHouse) -> None:
    """Nothing is kept of it."""

    def refuse() -> AskRun:
        raise Problem(Code.UNAVAILABLE, "not now")

    with pytest.raises(Problem, match="not now"):
        told_once(native.desk, OPERATOR, "k", "this", AskRun, refuse)
    assert told(native, "1") == "1"


def test_a_request_that_nobody_answers_any_more_is_taken_over(native: NativeHouse) -> None:
    """While somebody may still be at it, it is not done beside that."""
    seen: list[str] = []

    def slow() -> AskRun:
        with pytest.raises(Problem, match="being answered at this moment"):
            told(native, "too soon")
        with pytest.raises(Problem, match="used before for something else"):
            told(native, "other", facts="that")
        native.clock.advance(6 * MINUTE)
        seen.append(told(native, "later"))
        return AskRun(run="late")

    assert told_once(native.desk, OPERATOR, "k", "this", AskRun, slow).run == "later"
    assert seen == ["later"]


def test_of_many_presses_at_once_each_run_is_retried_once(native: NativeHouse) -> None:
    """Whoever comes second is told so, or the same."""
    fail(native, "run-1")
    fail(native, "run-2")
    barrier = Barrier(4)

    def press(_number: int) -> ManyTold | Code:
        barrier.wait(timeout=30)
        try:
            return native.ask(RETRY_MANY, AskMany(runs=("run-1", "run-2"), request_key="k"), OPERATOR)
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(4) as pool:
        answers = set(map(repr, pool.map(press, range(4))))
    assert len(answers - {repr(Code.CONFLICT)}) == 1
    with native.database.reading() as tx:
        assert [len(runs.history(tx, group)) for group in ("run-1", "run-2")] == [2, 2]
