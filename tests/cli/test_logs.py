"""Log lines: their form, and what they say of runs."""

import io
import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import structlog

from headrace.cli import logs
from headrace.core import run_log
from headrace.core.run_log import Place

_log = structlog.get_logger("tests")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Give the chain and the handlers of logging back as they were."""
    chain, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**chain)
    root.handlers[:] = handlers
    root.setLevel(level)


def _written(target: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in target.getvalue().splitlines()]


def test_a_line_of_a_run_says_of_which_activity_it_is() -> None:
    """Whoever searches an operator's log for a run finds all of its lines, and the ledger gets the same ones."""
    target, kept = io.StringIO(), list[tuple[str, Mapping[str, object]]]()
    logs.write_to(target, "info", logs._json(), {"worker": "w-1"})
    with run_log.at(Place(lambda _place, method, event: kept.append((method, event)), "run-1", "Copy", 2)):
        _log.info("files were found", files=3)
    (line,) = _written(target)
    del line["timestamp"]
    assert line == {
        "event": "files were found",
        "files": 3,
        "level": "info",
        "worker": "w-1",
        "run": "run-1",
        "activity": "Copy",
        "attempt": 2,
    }
    assert [(method, event["event"]) for method, event in kept] == [("info", "files were found")]


def test_what_is_not_written_is_kept_with_its_run_all_the_same() -> None:
    """An operator who wants to read warnings only takes nothing from who looks at a run."""
    target, kept = io.StringIO(), list[str]()
    logs.write_to(target, "warning", logs._json())
    with run_log.at(Place(lambda _place, method, _event: kept.append(method), "run-1")):
        _log.debug("a")
        _log.info("b")
        _log.warning("c")
    assert [line["event"] for line in _written(target)] == ["c"]
    assert kept == ["info", "warning"]


def test_lines_of_libraries_have_the_same_form() -> None:
    """A reader of JSON lines meets nothing else, whatever a message has in it."""
    target = io.StringIO()
    logs.write_to(target, "info", logs._json())
    # Under a name of its own: other tests quieten servers of theirs in this process.
    logging.getLogger("some.server").warning('a "quoted" %s', "word")
    try:
        raise ValueError("no")  # noqa: TRY301 — what a library reports
    except ValueError:
        logging.getLogger("library").exception("it broke")
    first, second = _written(target)
    assert (first["event"], first["logger"], first["level"]) == ('a "quoted" word', "some.server", "warning")
    assert "ValueError: no" in second["exception"]


def test_a_person_reads_lines_without_braces() -> None:
    """The form for consoles has the time, the level and the words first; colours only on a terminal."""
    target = io.StringIO()
    logs.write_to(target, "info", logs._console(target))
    _log.info("a schedule was fired", flow="f-1")
    text = target.getvalue()
    assert "a schedule was fired" in text
    assert "flow=f-1" in text
    assert "\x1b" not in text
