"""Delete (contract 8.2): files of a store removed, with a log where it is asked for."""

import csv
import hashlib
import json
import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from headrace.activities.datafactory.attempt import Attempt, Refused, Result, refused
from headrace.activities.datafactory.calls import execution_fields, execution_seconds
from headrace.activities.datafactory.copying.asking import open_end
from headrace.activities.datafactory.copying.failures import PASSED_ON, code_of, failure_of
from headrace.activities.datafactory.copying.sources import choice_of
from headrace.activities.datafactory.copying.tolerance import log_place, shown_path
from headrace.activities.datafactory.datasets import FileData
from headrace.activities.datafactory.lookup import said
from headrace.activities.datafactory.masking import masked, without_secrets
from headrace.activities.datafactory.moving import Moving, machinery
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.system import activity_run_id
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.outcome import Outcome
from headrace.dataplane.storage import Roots, disk_full
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.request import Choice, LogPlace
from headrace.dataplane.transfer.wildcards import has_wildcard

FAILED = "3704"
"""The ``errorCode`` where files could not be removed."""
_COLUMNS = ("Name", "Category", "Status", "Error")
_CONNECTIONS = 4


def delete(attempt: Attempt, moving: Moving) -> Result:
    """Remove the files that are chosen; none is no failure. What cannot be removed fails the activity when all else is gone."""
    given = Properties(attempt.given())
    data = open_end(attempt, moving.connecting, given.raw("dataset"), "dataset", Side.SOURCE, FAILED)
    if not isinstance(data, FileData):
        raise refused(
            BAD_REQUEST, f"The dataset '{data.name}' of type '{data.type}' has no files that could be removed."
        )
    settings = given.part("storeSettings")
    choice = _choice(given, settings, data)
    connections = settings.number("maxConcurrentConnections", least=1) or given.number(
        "maxConcurrentConnections", least=1
    )
    log = _log(attempt, moving, given)
    deleting, roots, task = machinery("deleting"), moving.roots_of(attempt.task.scope), attempt.task
    names_files = bool(choice.file or choice.wildcard_file or choice.list_path)
    deletion = deleting.Deletion(data.place, choice, choice.recursive and not names_files, connections)
    asked, cancellation = _digest(attempt, given, data), attempt.context.cancellation
    report = said(lambda: deleting.delete_files(deletion, asked, task, roots, moving.limits, cancellation), FAILED)
    log_path = "" if log is None else said(lambda: _write_log(log, report, attempt, moving, roots), FAILED)
    output = {
        "datasetName": data.name,
        **_place_of(data, choice),
        "recursive": choice.recursive,
        "isWildcardUsed": choice.wildcard_folder is not None or choice.wildcard_file is not None,
        "maxConcurrentConnections": connections or _CONNECTIONS,
        "filesDeleted": report.count,
        **({"logPath": log_path} if log is not None else {}),
        "executionDuration": execution_seconds(attempt),
        **execution_fields("ExternalActivity"),
    }
    if report.problem is not None:
        raise Refused(_failure(report.problem), output)
    return Outcome(output)


def _choice(given: Properties, settings: Properties, data: FileData) -> Choice:
    # What is copied by default goes deep; what is removed does not.
    recursive = (settings if "recursive" in settings else given).flag("recursive")
    return replace(choice_of(given, settings, data), recursive=recursive)


def _place_of(data: FileData, choice: Choice) -> dict[str, Json]:
    """Return type and place, as outputs show them."""
    folder = choice.wildcard_folder or choice.folder
    file = choice.wildcard_file or choice.file
    path = "/".join(part for part in (folder, file) if part) if choice.prefix is None else choice.prefix
    kind = data.service.type
    if kind.lower() in {"amazons3", "amazons3compatible"}:
        return {"type": "AmazonS3Object", "prefix": path, "bucketName": data.container}
    return {"type": kind, "path": "/".join(part for part in (data.container, path) if part)}


def _failure(problem: Problem) -> Any:
    if problem.code in PASSED_ON:
        raise problem
    return failure_of(problem, FAILED)


def _log(attempt: Attempt, moving: Moving, given: Properties) -> LogPlace | None:
    if not given.flag("enableLogging"):
        return None
    settings = given.part("logStorageSettings")
    if not settings.given:
        raise given.wrong("logStorageSettings", "is required where 'enableLogging' is true")
    place = log_place(attempt, moving.connecting, settings)
    if has_wildcard(place.path):
        raise settings.wrong("path", "has a wildcard, which no folder of a log has")
    return place


def _digest(attempt: Attempt, given: Properties, data: FileData) -> str:
    """Return a digest of what is asked for; no secret is in it."""
    seen: Json = [dict(given.given), dict(data.properties.given), dict(data.service.type_properties)]
    shown = masked(without_secrets(seen), attempt.secrets)
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


def _write_log(log: LogPlace, report: Any, attempt: Attempt, moving: Moving, roots: Roots) -> str:
    """Write the log, under the same name whenever the same attempt does it; return the folder that it is in, as outputs show it."""
    task = attempt.task
    run_id = activity_run_id(task.run_id, task.path, task.attempt)
    folder = "/".join(part for part in (log.path, run_id) if part)
    places = machinery("places")
    local = roots.work / task.folder / "deleted.csv"
    with (
        places.on_side(log.place, Side.SINK),
        closing(places.open_place(log.place, roots.file_roots, moving.limits)) as store,
    ):
        forget = attempt.context.cancellation.on_stop(store.close)
        try:
            _write_lines(local, report)
            store.put(f"{folder}/{run_id}.csv", local, attempt.context.cancellation)
        finally:
            forget()
            shutil.rmtree(local.parent, ignore_errors=True)
    return shown_path(log.place, folder)


def _write_lines(path: Path, report: Any) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(_COLUMNS)
            for one in report.files:
                status = "Deleted" if one.problem is None else "Failed"
                error = "" if one.problem is None else f"{code_of(one.problem)}: {one.problem.message}"
                lines.writerow((one.name, "File", status, error))
    except OSError as error:
        raise disk_full(error, path.parent) or error from error
