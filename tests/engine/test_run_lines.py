"""Log lines of runs, from where they are made to the ledger."""

import structlog

from engine_desk import Desk, GoingClock, MakesEngines, activity, plan
from headrace.core import run_log
from headrace.core.errors import Code, Problem
from headrace.core.flow import Policy
from headrace.core.outcome import BatchReport, Figures, Outcome, ReasonCount
from headrace.core.run_log import Line
from headrace.core.task import Context, Task
from headrace.dataplane.slices import run_slices
from headrace.engine.run_lines import MAX_FIELD, MAX_MESSAGE, RunLines
from headrace.store import run_logs
from headrace.store.database import Database
from ledger_rows import a_run, put_run
from waiting import until

_log = structlog.get_logger("tests")
_SECRET = "hunter2-hunter2"


def _lines(database: Database, run_id: str) -> list[Line]:
    with database.reading() as tx:
        return [line for _, line in run_logs.page(tx, run_id, limit=5000)]


def _told(desk: Desk, run_id: str) -> list[Line]:
    """Return the run's lines when its end has been written down."""
    ends = {"the run succeeded", "the run failed"}
    until(
        lambda: any(line.message in ends for line in _lines(desk.database, run_id)),
        seconds=20,
        what="the run's last line",
    )
    return _lines(desk.database, run_id)


def test_a_run_tells_what_is_done_in_it(sqlite_desk: Desk, make_engine: MakesEngines) -> None:
    """Without a look into an operator's log, one reads when each activity began and ended, what failed, why, and when it is tried again."""

    def flaky(task: Task, context: Context) -> Outcome:  # noqa: ARG001 — the shape of every activity
        if task.attempt == 1:
            raise Problem(Code.SOURCE_UNAVAILABLE, "the source broke off")
        batch = BatchReport(
            "b-1", "flights", "key", 3, Figures(rows_read=5), (ReasonCount("bad_date", "day", 2, "no date"),)
        )
        return Outcome(figures=Figures(rows_read=5), batch=batch)

    desk = sqlite_desk
    make_engine({"flaky": flaky})
    flow = plan(
        activity("a", "flaky", policy=Policy(retries=1, interval_seconds=0.05)),
        activity("b", "failing", ["a"]),
        activity("c", after=["b"]),
    )
    run_id = desk.ask(flow)
    told = [line for line in _told(desk, run_id) if line.message != "the run waits"]
    found = [(line.path, line.attempt, line.level, line.message) for line in told]
    assert found == [
        ("", 0, 20, "the run began"),
        ("a", 1, 20, "the activity began"),
        ("a", 1, 30, "the activity failed: the source broke off"),
        ("a", 2, 20, "the activity began"),
        ("a", 2, 20, "a batch was committed"),
        ("a", 2, 30, "rows were rejected"),
        ("a", 2, 20, "the activity succeeded"),
        ("b", 1, 20, "the activity began"),
        ("b", 1, 40, "the activity failed: it was asked to fail"),
        ("", 0, 20, "an activity is skipped"),
        ("", 0, 40, "the run failed"),
    ]
    fields = [line.fields for line in told]
    assert (fields[2]["code"], fields[2]["next_attempt"]) == ("source_unavailable", 2)
    assert fields[4] == {"batch": "b-1", "table": "flights", "version": 3, "rows_read": 5}
    assert fields[6]["rows_read"] == 5


def test_what_an_activity_logs_is_its_own_in_all_its_threads(sqlite_desk: Desk, make_engine: MakesEngines) -> None:
    """Slices of a copy say whose they are; secrets that came up are masked, and a trace is the operator's alone."""

    def slicing(task: Task, context: Context) -> Outcome:  # noqa: ARG001 — the shape of every activity
        run_log.hide([_SECRET])

        def one(name: str) -> str:
            _log.info(f"slice {name} with {_SECRET}", where=[f"x={_SECRET}"], trace="File …", nothing=None)
            return name

        run_slices(["1", "2"], one, str, threads=2)
        return Outcome()

    make_engine({"slicing": slicing})
    run_id = sqlite_desk.ask(plan(activity("a", "slicing")))
    slices = sorted(
        (line.message, line.path, line.attempt) for line in _told(sqlite_desk, run_id) if "slice" in line.message
    )
    assert slices == [("slice 1 with **********", "a", 1), ("slice 2 with **********", "a", 1)]
    (fields,) = {str(line.fields) for line in _lines(sqlite_desk.database, run_id) if "slice" in line.message}
    assert fields == "{'where': ['x=**********']}"


def test_lines_are_cut_and_never_fail_what_makes_them(sqlite_database: Database) -> None:
    """Whatever somebody logs: what no ledger can keep is replaced, what is too long is cut."""
    put_run(sqlite_database, a_run())
    lines = RunLines(sqlite_database, GoingClock(), 100)
    lines.start()
    with lines.at("run-1", "a", 1):
        _log.info(
            "x" * (MAX_MESSAGE + 5), field="y" * (MAX_FIELD + 5), odd="\0\ud800", number=float("nan"), what=object
        )
    lines.stop()
    (line,) = _lines(sqlite_database, "run-1")
    assert (len(line.message), line.message[-1], len(str(line.fields["field"]))) == (MAX_MESSAGE, "…", MAX_FIELD)
    assert (line.fields["odd"], line.fields["number"]) == ("\N{REPLACEMENT CHARACTER}?", "nan")


def test_two_workers_go_on_with_each_others_numbers(database: Database) -> None:
    """Who takes a run over writes behind what is there, also while the other one still writes."""
    put_run(database, a_run())
    both = [RunLines(database, GoingClock(), 1000) for _ in range(2)]
    for lines in both:
        lines.start()
        with lines.at("run-1"):
            for number in range(20):
                _log.info(str(number))
    for lines in both:
        lines.stop()
    with database.reading() as tx:
        found = run_logs.page(tx, "run-1", limit=100)
    assert [number for number, _ in found] == list(range(1, 41))


def test_a_worker_that_is_to_keep_nothing_keeps_nothing(sqlite_database: Database) -> None:
    """An installation that ships its log lines elsewhere need not have them twice."""
    put_run(sqlite_database, a_run())
    lines = RunLines(sqlite_database, GoingClock(), 0)
    lines.start()
    with lines.at("run-1"):
        _log.info("a")
    lines.stop()
    assert _lines(sqlite_database, "run-1") == []
