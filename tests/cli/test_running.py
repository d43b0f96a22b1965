"""Running flow files, looking at their runs, retrying them: the real command line on real files."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

import warm
from command_line import COMMAND, DATA, FLOW, Headrace, environment, headrace_in
from waiting import until


def rows_of(folder: Path, table: str = "small") -> list[dict[str, object]]:
    """Return the rows of a table of the folder's lake."""
    return sorted(DeltaTable(str(folder / ".headrace" / "lake" / table)).to_pyarrow_table().to_pylist(), key=str)


def test_a_run_commits_the_good_rows_and_ends_with_2_when_some_were_rejected(used: Path) -> None:
    """Exit code 2, one JSON document on standard output, progress on standard error."""
    assert (used / "run.code").read_text() == "2", (used / "run.err").read_text()
    run = json.loads((used / "run.json").read_text())
    figures = run["figures"]
    assert run["status"] == "succeeded"
    assert (figures["rows_read"], figures["rows_accepted"], figures["rows_rejected"]) == (3, 2, 1)
    assert run["batches"][0]["rejects"][0]["column"] == "name"
    assert rows_of(used) == [{"id": 1, "name": "ann", "amount": 6}, {"id": 2, "name": "bob", "amount": 7}]
    assert "promote: succeeded" in (used / "run.err").read_text()


def test_runs_are_listed_and_shown(used: Path) -> None:
    """As tables for people, as JSON for scripts, by @latest and by the beginning of an id."""
    headrace = headrace_in(used)
    run_id = json.loads((used / "run.json").read_text())["id"]
    listed = headrace("runs", "ls", "--flow", "small", "--status", "succeeded")
    assert "! succeeded, 1 rejected" in listed.stdout
    assert json.loads(headrace("runs", "ls", "-o", "json").stdout)["items"][-1]["id"] == run_id
    shown = headrace("runs", "show", run_id[:8])
    assert run_id in shown.stdout
    assert "bonus = 1" in shown.stdout
    assert json.loads(headrace("runs", "show", "@latest", "-o", "json").stdout)["flow"] == "small"


def test_errors_and_flows_are_shown(used: Path) -> None:
    """Why rows were rejected; which flows there are."""
    headrace = headrace_in(used)
    assert "name    required" in headrace("runs", "errors", "@latest").stdout
    flows = json.loads(headrace("flows", "ls", "-o", "json").stdout)["items"]
    assert [flow["name"] for flow in flows] == ["small"]
    assert (flows[0]["scope"], flows[0]["activities"], flows[0]["last"][0]["status"]) == ("local", 2, "succeeded")


def test_rejects_are_shown_with_place_and_reason(used: Path) -> None:
    """The line in the file, the column, and the row as it came."""
    headrace = headrace_in(used)
    shown = headrace("runs", "rejects", "@latest")
    assert "data.csv, line 4" in shown.stdout
    assert "name: required" in shown.stdout
    rows = json.loads(headrace("runs", "rejects", "@latest", "-o", "json").stdout)["items"]
    assert (rows[0]["cells"]["id"], rows[0]["line"], rows[0]["reasons"][0]["code"]) == ("3", 4, "required")


def test_a_run_that_succeeded_has_nothing_left_to_do(used: Path) -> None:
    """A retry by mistake does not double the rows."""
    ended = headrace_in(used)("runs", "retry", "@latest")
    assert ended.returncode == 1
    assert "nothing is left to do; --all does everything again" in ended.stderr


def test_corrected_rejects_are_played_again(tmp_path: Path) -> None:
    """Downloaded, corrected, replayed: every row is in the table once, and the run has no rejects left."""
    headrace = headrace_in(tmp_path)
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "data.csv").write_text(DATA)
    assert headrace("run", "flow.yaml").returncode == 2
    assert headrace("quarantine", "download", "@latest", "--to", "bad.json").returncode == 0
    again = headrace("quarantine", "download", "@latest", "--to", "bad.json")
    assert "is there already; --to names another file" in again.stderr
    (row,) = [json.loads(line) for line in (tmp_path / "bad.json").read_text().splitlines()]
    (tmp_path / "good.json").write_text(json.dumps({**row, "name": "cy"}) + "\n")
    replayed = headrace("quarantine", "replay", "@latest", "good.json")
    assert replayed.returncode == 0, replayed.stderr
    assert {"id": 3, "name": "cy", "amount": 7} in rows_of(tmp_path)
    assert len(rows_of(tmp_path)) == 3


def test_a_failed_run_is_retried_without_reading_the_source_again(tmp_path: Path) -> None:
    """The main job: too many rejects, a corrected rule, a retry whose copy is carried over; each row is there once."""
    headrace = headrace_in(tmp_path)
    flow = tmp_path / "flow.yaml"
    flow.write_text(FLOW.replace("at_most: 50%", "at_most: 0%"))
    (tmp_path / "data.csv").write_text(DATA)
    failed = headrace("run", "flow.yaml", "-p", "bonus=2")
    assert failed.returncode == 1
    assert "too_many_rejects" in failed.stdout
    assert "headrace runs retry" in failed.stdout
    (tmp_path / "data.csv").unlink()
    flow.write_text(FLOW.replace("string, required: true", "string"))
    plan = headrace("runs", "retry", "@latest", "--dry-run")
    assert "carry over  copy" in plan.stdout
    assert (
        "run         promote   its definition changed" in plan.stdout
        or "run         promote   it failed" in plan.stdout
    )
    assert "changed since: promote" in plan.stderr
    retried = headrace("runs", "retry", "@latest", "-o", "json")
    assert retried.returncode == 0, retried.stderr
    run = json.loads(retried.stdout)
    assert (run["kind"], run["attempt"], run["figures"]["rows_accepted"]) == ("retry", 2, 3)
    assert [row["amount"] for row in rows_of(tmp_path)] == [7, 8, 9]


def test_a_retry_can_use_the_flow_as_it_was(tmp_path: Path) -> None:
    """Whoever only wants to try again is not caught out by an edited file."""
    headrace = headrace_in(tmp_path)
    (tmp_path / "flow.yaml").write_text(FLOW)
    assert headrace("run", "flow.yaml").returncode == 1
    (tmp_path / "flow.yaml").write_text("broken: [")
    (tmp_path / "data.csv").write_text(DATA)
    assert headrace("runs", "retry", "@latest", "--dry-run").returncode == 1
    assert headrace("runs", "retry", "@latest", "--as-it-was").returncode == 2


def test_a_wrong_flow_file_is_told_with_line_and_column_and_makes_nothing(headrace: Headrace, tmp_path: Path) -> None:
    """All errors at once, never a traceback; as JSON for scripts."""
    (tmp_path / "flow.yaml").write_text("name: x\nmaping: {}\nsource: {files: a.csv}\ntarget: {table: t}\n")
    ended = headrace("run", "flow.yaml", "-o", "json")
    assert ended.returncode == 1
    assert (
        "error: flow.yaml has 1 error:\n  flow.yaml:2:1: unknown field 'maping' (did you mean 'mapping'?)\n"
        in ended.stderr
    )
    assert json.loads(ended.stdout)["error"]["code"] == "unknown_field"
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / ".headrace").exists()


def test_a_window_that_selects_nothing_is_refused(headrace: Headrace, tmp_path: Path) -> None:
    """A window on a flow without a delta column would read everything."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    ended = headrace("run", "flow.yaml", "--window", "2024-01-01T00:00:00Z", "-")
    assert ended.returncode == 1
    assert "nothing that a window selects by" in ended.stderr


def test_a_window_selects_files_by_their_modification_time(headrace: Headrace, tmp_path: Path) -> None:
    """Half-open: the file at the start is read, the one at the end is not."""
    for name, moment in (("a.csv", 1_700_000_000), ("b.csv", 1_700_003_600)):
        (tmp_path / name).write_text(f"x\n{name}\n")
        os.utime(tmp_path / name, (moment, moment))
    (tmp_path / "flow.yaml").write_text(
        "name: w\nsource: {files: '*.csv', by_modification_time: true}\ntarget: {table: w}\n"
    )
    ended = headrace("run", "flow.yaml", "--window", "2023-11-14T22:13:20Z", "2023-11-14T23:13:20Z")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert rows_of(tmp_path, "w") == [{"x": "a.csv"}]


def test_a_run_that_is_not_there_is_said_so(used: Path) -> None:
    """In one line, without a traceback."""
    ended = headrace_in(used)("runs", "show", "ffff0000")
    assert ended.returncode == 1
    assert ended.stderr.startswith("error: ")
    assert "Traceback" not in ended.stderr


def test_a_home_that_cannot_be_made_is_said_so(headrace: Headrace) -> None:
    """Not a bug, and no traceback."""
    ended = headrace("runs", "ls", "--home", "/proc/nowhere")
    assert ended.returncode == 1
    assert "the home /proc/nowhere cannot be written" in ended.stderr


@pytest.mark.parametrize(
    ("expression", "code", "words"),
    [
        ("to_integer(amuont)", "unknown_column", "amount"),
        ("to_intege(amount)", "unknown_function", "to_integer"),
        ("to_integer(amount, 1, 2, 3)", "expression_type", "to_integer"),
    ],
)
def test_a_wrong_expression_is_told_with_what_would_be_right(
    headrace: Headrace, tmp_path: Path, expression: str, code: str, words: str
) -> None:
    """Columns are known when the source is, so they fail the run, whose copy is kept; all else is told before anything runs."""
    (tmp_path / "data.csv").write_text(DATA)
    (tmp_path / "flow.yaml").write_text(
        f"name: x\nsource: {{files: data.csv}}\nmapping: {{a: '{expression}'}}\ntarget: {{table: x}}\n"
    )
    ended = headrace("run", "flow.yaml", "-o", "json")
    told = json.loads(ended.stdout)
    refusal = told["reason"] if code == "unknown_column" else told["error"]
    assert (ended.returncode, refusal["code"]) == (1, code)
    assert words in refusal["message"] + str(refusal["fields"])


def test_a_detached_run_is_done_by_a_worker(tmp_path: Path) -> None:
    """Queued now, done by another process, watched by a third; a queued run can be cancelled."""
    headrace = headrace_in(tmp_path)
    (tmp_path / "flow.yaml").write_text(FLOW)
    (tmp_path / "data.csv").write_text(DATA)
    queued = headrace("run", "flow.yaml", "--detach", "-o", "json")
    assert json.loads(queued.stdout)["status"] == "queued"
    assert "cancelled" in headrace("runs", "cancel", "@latest").stdout
    assert headrace("run", "flow.yaml", "--detach").returncode == 0
    worker = warm.start([*COMMAND, "worker"], cwd=tmp_path, env=environment())
    try:
        watched = headrace("runs", "watch", "@latest")
        assert watched.returncode == 2, watched.stdout + watched.stderr
    finally:
        worker.terminate()
        assert worker.wait(timeout=60) == 0


def test_ctrl_c_cancels_the_run_and_waits_for_its_end(tmp_path: Path) -> None:
    """The run is not left running in the ledger, and the exit code says that it was interrupted."""
    (tmp_path / "flow.yaml").write_text("name: slow\nsource: {files: pipe.csv}\ntarget: {table: t}\n")
    with (tmp_path / "pipe.csv").open("w") as big:
        big.write("a,b\n")
        for _ in range(200):
            big.write("1,2\n" * 100_000)
    process = subprocess.Popen(
        [*COMMAND, "run", "flow.yaml"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "running" in line:
            break
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - started < 30
    listed = json.loads(headrace_in(tmp_path)("runs", "ls", "-o", "json").stdout)
    assert [run["status"] for run in listed["items"]] == ["cancelled"]


def test_clients_are_made_listed_and_revoked(headrace: Headrace) -> None:
    """The secret is shown once, and never in a list."""
    told = json.loads(headrace("clients", "create", "ci", "--role", "reader", "-o", "json").stdout)
    made = told["client"]
    listed = headrace("clients", "ls")
    assert made["id"] in listed.stdout
    assert told["secret"] not in listed.stdout
    assert "is revoked" in headrace("clients", "revoke", made["id"]).stdout
    assert json.loads(headrace("clients", "ls", "-o", "json").stdout)["items"][0]["revoked_at"] is not None


def test_the_ledger_is_checked_and_made(headrace: Headrace) -> None:
    """A check changes nothing; an upgrade makes the ledger."""
    before = headrace("db", "check")
    assert before.returncode == 1
    assert "headrace db upgrade" in before.stdout
    assert headrace("db", "upgrade").returncode == 0
    assert json.loads(headrace("db", "check", "-o", "json").stdout) == {"good": True, "missing": []}


@pytest.mark.parametrize("command", ["runs", "quarantine", "flows"])
def test_an_empty_home_has_empty_lists(headrace: Headrace, command: str) -> None:
    """Nothing is an answer, too."""
    told = json.loads(headrace(command, "ls", "-o", "json").stdout)
    assert (told["items"], told["next"]) == ([], None)


def test_a_run_that_is_interrupted_while_the_engine_is_loaded_is_not_left_in_the_queue(tmp_path: Path) -> None:
    """Else the next command of the home would do it, and an append that nobody wants would follow."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    # So many that the run cannot have ended before it is interrupted, however late that is.
    (tmp_path / "data.csv").write_text(DATA + "4,eve,8\n" * 3_000_000)
    ledger = tmp_path / ".headrace" / "ledger.db"

    def has_run() -> bool:
        if not ledger.exists():
            return False
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(ledger)) as connection:
            return bool(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
        return False

    process = subprocess.Popen([*COMMAND, "run", "flow.yaml"], cwd=tmp_path, env=environment(), stderr=subprocess.PIPE)
    until(has_run, seconds=60, what="the run in the ledger")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    (run,) = json.loads(headrace_in(tmp_path)("runs", "ls", "-o", "json").stdout)["items"]
    assert (process.returncode, run["status"]) == (130, "cancelled")
