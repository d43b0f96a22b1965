"""A home whose ledger has fixed ids and instants: what commands print of it is the same every time."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.bootstrap.application import Application, open_application
from headrace.config import load
from headrace.core.clock import SECOND, Instant
from headrace.core.errors import Code, FieldError
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import ActivityRun, ActivityStatus, RunKind, RunStatus
from headrace.core.run_log import Line
from headrace.dataplane.quarantine import layout
from headrace.store import activity_runs, batches, flows, run_logs, runs
from headrace.store.database import Transaction
from ledger_rows import NOW, a_batch, a_flow, a_run, activities

FAILED = "a1000000-0000-4000-8000-000000000001"
REPAIRED = "b2000000-0000-4000-8000-000000000002"
RUNNING = "c3000000-0000-4000-8000-000000000003"
OF_A_FILE = "e5000000-0000-4000-8000-000000000005"
QUEUED = "d4000000-0000-4000-8000-000000000004"
BATCH = "01HF00000000000000000000B1"
HOSTILE = "\x1b[31mflights of a name that is far too long for a terminal\x1b[0m\r\n\u202e"
"""A flow's name that would colour the terminal, begin a line and turn the text round."""
REASON = Failure(
    Code.SOURCE_UNAVAILABLE,
    "the source broke off after 12 of 40 files",
    (FieldError("files", "broke off", "try again"),),
)
REJECTS: tuple[Mapping[str, Any], ...] = (
    {"_reject": 1, "_filename": "flights.csv", "_line": 3, "id": "x1", "delay": "late", "_errors": [
        {"code": "type", "column": "id", "message": "the string value cannot become integer"},
        {"code": "type", "column": "delay", "message": "the string value cannot become integer"}]},
    {"_reject": 2, "_filename": "flights.csv", "_line": 9, "id": "\x1b]0;owned\x07", "delay": "=1+1", "_errors": [
        {"code": "type", "column": "id", "message": "the string value cannot become integer"}]},
    {"_reject": 3, "_filename": "flights.csv", "_line": 12, "_corrupt_record": '13,"unclosed', "_errors": [
        {"code": "unreadable", "column": None, "message": "an unclosed quote"}]},
)  # fmt: skip


@contextmanager
def seeded(folder: Path) -> Iterator[Application]:
    """Yield the installation in ``folder/home``, with a failed run, its retry, one that goes on, and one that waits."""
    with open_application(load({}, folder / "home", folder)) as application:
        with application.database.transaction() as tx:
            flows.put(tx, a_flow(), NOW)
            flows.put(tx, a_flow(id="flow-2", name=HOSTILE), NOW)
            flows.put(tx, a_flow(id="flow-3", name="people", scope="local"), NOW)
            _failed(tx, FAILED)
            _failed(tx, OF_A_FILE, scope="local", flow_id="flow-3", flow_name="people")
            _repaired(tx)
            _open(tx)
            run_logs.append(tx, [_line(0, 20, "the run began"), _line(4, 40, "the activity failed", "Copy")], limit=100)
        rows = layout.folder_of(application.roots, BATCH) / layout.ROW_ERRORS / "conversion_errors_0.json"
        rows.parent.mkdir(parents=True)
        rows.write_text("".join(json.dumps(row) + "\n" for row in REJECTS))
        yield application


def _at(seconds: float) -> Instant:
    return Instant(NOW + round(seconds * SECOND))


def _line(seconds: float, level: int, message: str, path: str = "") -> Line:
    return Line(FAILED, _at(seconds), level, message, path, 1, {"files": 12} if path else {})


def _rows(run_id: str, copy: Mapping[str, Any], promote: Mapping[str, Any]) -> list[ActivityRun]:
    first, second = activities(run_id)
    return [replace(first, **copy), replace(second, **promote)]


def _failed(tx: Transaction, run_id: str, **changes: Any) -> None:
    runs.insert(tx, a_run(run_id, created_by="ann", parameters={"day": "2023-11-14"}, **changes))
    copy = {"status": ActivityStatus.FAILED, "started_at": _at(1), "ended_at": _at(4.2), "failure": REASON}
    copy |= {"figures": Figures(bytes_read=123_456, files_read=12), "verdict_reason": "this is a first run"}
    activity_runs.insert_all(tx, _rows(run_id, copy, {"status": ActivityStatus.SKIPPED, "ended_at": _at(4.2)}))
    runs.move(tx, run_id, {RunStatus.QUEUED}, RunStatus.RUNNING, _at(1))
    runs.move(tx, run_id, {RunStatus.RUNNING}, RunStatus.FAILED, _at(4.3), REASON)


def _repaired(tx: Transaction) -> None:
    figures = Figures(rows_read=10, rows_accepted=7, rows_rejected=3, rows_skipped=0)
    again = {"group_id": FAILED, "retry_of": FAILED, "attempt": 2, "kind": RunKind.RETRY}
    runs.insert(tx, a_run(REPAIRED, **again, created_at=_at(60), created_by="ann", parameters={"day": "2023-11-15"}))
    copy = {
        "status": ActivityStatus.SUCCEEDED,
        "started_at": _at(61),
        "ended_at": _at(63.5),
        "verdict_reason": "it failed",
    }
    copy |= {"figures": Figures(bytes_read=400_000, files_read=40)}
    promote = {"status": ActivityStatus.SUCCEEDED, "started_at": _at(63.5), "ended_at": _at(65), "figures": figures}
    activity_runs.insert_all(tx, _rows(REPAIRED, copy, promote))
    counted = (
        ReasonCount("type", "id", 2, "the string value cannot become integer"),
        ReasonCount("type", "delay", 1, "the string value cannot become integer"),
        ReasonCount("unreadable", None, 1, "an unclosed quote"),
    )
    names = (f"{layout.ROW_ERRORS}/conversion_errors_0.json",)
    batches.save(
        tx,
        a_batch(BATCH, run_id=REPAIRED, created_at=_at(65), figures=figures, rejects=counted, diagnostics=names),
    )
    runs.move(tx, REPAIRED, {RunStatus.QUEUED}, RunStatus.RUNNING, _at(61))
    runs.move(tx, REPAIRED, {RunStatus.RUNNING}, RunStatus.SUCCEEDED, _at(65.1))
    runs.set_figures(tx, REPAIRED, figures)


def _open(tx: Transaction) -> None:
    of_two = {"flow_id": "flow-2", "flow_name": HOSTILE}
    runs.insert(tx, a_run(RUNNING, **of_two, created_at=_at(120)))
    activity_runs.insert_all(tx, _rows(RUNNING, {"status": ActivityStatus.RUNNING, "started_at": _at(121)}, {}))
    runs.move(tx, RUNNING, {RunStatus.QUEUED}, RunStatus.RUNNING, _at(121))
    runs.insert(tx, a_run(QUEUED, created_at=_at(130)))
