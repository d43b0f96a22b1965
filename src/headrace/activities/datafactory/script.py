"""Script (contract 8.2): statements on a database, one after the other on one connection."""

import shutil
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from headrace.activities.datafactory.attempt import MAX_PAYLOAD, Attempt, Result
from headrace.activities.datafactory.calls import execution_fields
from headrace.activities.datafactory.copying.tolerance import log_place, shown_path
from headrace.activities.datafactory.linked import linked_service
from headrace.activities.datafactory.lookup import MOST_ROWS, json_bytes, said
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.result_values import row_object, value_json
from headrace.activities.datafactory.statements import open_statements
from headrace.activities.datafactory.system import activity_run_id
from headrace.core.codec import Json
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.writing import PLAIN
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.request import LogPlace, Parameter
from headrace.dataplane.transfer.values import ValueType

FAILED = "2011"
"""The ``errorCode`` of Scripts whose statements fail."""
_DIRECTIONS = ("Input", "Output", "InputOutput")
_TIMEOUT = 7200.0
_ROOM = 64 << 10
"""Bytes of the output that are kept for what is no row."""
_LONGEST_LOG = 1 << 20


@dataclass(slots=True)
class _Gathered:
    """What the statements have given so far, as far as it has room in the output."""

    decimals_as_text: bool
    sets: list[Json] = field(default_factory=list)
    affected: int = 0
    outputs: dict[str, Json] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0
    truncated: bool = False

    def add(self, ran: Any, *, query: bool) -> None:
        """Take what one script gave."""
        for result in ran.results:
            self.affected += max(0, result.affected) if not result.fields else 0
            if query and result.fields:
                self._add_rows(result)
        for name, value in ran.outputs.items():
            self.outputs[name] = value_json(ValueType.STRING, value, decimals_as_text=self.decimals_as_text)
        self.messages += ran.messages

    def _add_rows(self, result: Any) -> None:
        kept: list[Json] = []
        for row in result.rows:
            found = row_object(zip(result.fields, row, strict=True), decimals_as_text=self.decimals_as_text)
            size = json_bytes(found) + 2
            if self.rows >= MOST_ROWS or self.bytes + size > MAX_PAYLOAD - _ROOM:
                self.truncated = True
                break
            self.rows, self.bytes = self.rows + 1, self.bytes + size
            kept.append(found)
        self.truncated = self.truncated or result.more
        self.sets.append({"rowCount": len(kept), "rows": kept})


def script(attempt: Attempt, moving: Moving) -> Result:
    """Run the scripts; rows, counts and what was printed are the output."""
    given = Properties(attempt.given())
    scripts = [_Script(item, number) for number, item in enumerate(given.items("scripts"), 1)]
    if not scripts:
        raise given.wrong("scripts", "must hold a script")
    log = _log_place(attempt, moving, given)
    reference = attempt.evaluate(attempt.task.settings.get("linkedServiceName"))
    service = linked_service(attempt, moving.connecting.documents, reference, "linkedServiceName")
    gathered = _Gathered(given.flag("treatDecimalAsString"))
    seconds = given.span("scriptBlockExecutionTimeout", _TIMEOUT) or None

    def run() -> None:
        with open_statements(attempt, moving, service, seconds) as statements:
            for one in scripts:
                ran = statements.run(one.text, one.parameters, MOST_ROWS)
                gathered.add(ran, query=one.is_query)

    said(run, FAILED)
    text = "\n".join(gathered.messages)
    logs: dict[str, Json] = {"outputLogs": text[:_LONGEST_LOG] if log is None else "", "outputLogsLocation": ""}
    if log is not None and text:
        logs["outputLogsLocation"] = said(lambda: _write_log(attempt, moving, log, text), FAILED)
    output: dict[str, Json] = {
        "resultSetCount": len(gathered.sets),
        "resultSets": gathered.sets,
        "recordsAffected": gathered.affected,
        "outputParameters": gathered.outputs,
        **logs,
        "outputTruncated": gathered.truncated,
    }
    return Outcome({**output, **execution_fields("ExternalActivity")})


class _Script:
    """One entry of ``scripts``."""

    def __init__(self, item: Json, number: int) -> None:
        given = Properties(item, f"scripts[{number}]")
        self.text = given.needed("text")
        self.is_query = given.word("type", ("Query", "NonQuery"), "Query") == "query"
        self.parameters = tuple(
            _parameter(entry, f"scripts[{number}].parameters[{place}]")
            for place, entry in enumerate(given.items("parameters"), 1)
        )


def _parameter(item: Json, where: str) -> Parameter:
    given = Properties(item, where)
    return Parameter(
        given.text("name"),
        given.raw("value"),
        given.text("type", "String").lower(),
        given.word("direction", _DIRECTIONS, "Input"),
        given.number("size"),
    )


def _log_place(attempt: Attempt, moving: Moving, given: Properties) -> LogPlace | None:
    settings = given.part("logSettings")
    if settings.word("logDestination", ("ActivityOutput", "ExternalStore"), "ActivityOutput") != "externalstore":
        return None
    return log_place(attempt, moving.connecting, settings.part("logLocationSettings"))


def _write_log(attempt: Attempt, moving: Moving, log: LogPlace, text: str) -> str:
    task = attempt.task
    run = activity_run_id(task.run_id, task.path, task.attempt)
    path = "/".join(filter(None, (log.path, run, "output.log")))
    roots = moving.roots_of(task.scope)
    folder = roots.work / task.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / "output.log"
    file.write_text(text, encoding="utf-8")
    places = machinery("places")
    with (
        places.on_side(log.place, Side.SINK),
        closing(places.open_place(log.place, roots.file_roots, moving.limits)) as store,
    ):
        store.put(path, file, attempt.context.cancellation, PLAIN)
    shutil.rmtree(folder, ignore_errors=True)
    return shown_path(log.place, path)
