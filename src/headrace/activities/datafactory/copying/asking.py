"""The request of a copy: everything that its document, its datasets and their linked services ask for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from headrace.activities.datafactory.attempt import Attempt, Object, Refused, refused
from headrace.activities.datafactory.copying.failures import FAILED, failure_of
from headrace.activities.datafactory.copying.mapping import column_map
from headrace.activities.datafactory.copying.outputs import Facts
from headrace.activities.datafactory.copying.sinks import is_bytes, sink_of
from headrace.activities.datafactory.copying.sources import added_columns, seconds_of, source_of
from headrace.activities.datafactory.copying.tolerance import tolerance_of
from headrace.activities.datafactory.datasets import Connecting, Data, FileData, ServiceData, TableData, open_dataset
from headrace.activities.datafactory.masking import masked, without_secrets
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.system import activity_run_id
from headrace.activities.datafactory.words import ACCESS_DENIED, BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem
from headrace.dataplane.transfer.request import (
    Avro,
    Documents,
    FilesSource,
    Markup,
    TableMode,
    TableSink,
    Transfer,
)

_WITHOUT_EFFECT = frozenset(
    {
        *("dataIntegrationUnits", "enableStaging", "stagingSettings", "preserve", "preserveRules"),
        *("logSettings", "logStorageSettings", "parallelCopies"),
    }
)
"""Properties of which what is in the sink does not depend: when they change, finished slices count all the same."""
_DEFAULT_UNITS = 4
_RETRY_SECONDS = 30.0
_GUARDED = frozenset({Code.SOURCE_DENIED, Code.SOURCE_UNAVAILABLE, Code.SOURCE_UNAUTHENTICATED})


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and what is known of it from the beginning."""

    transfer: Transfer
    facts: Facts


def ask(attempt: Attempt, connecting: Connecting, values: Object) -> Asked:
    """Return the request that the evaluated properties of a Copy are.

    Raises:
        Refused: a property makes no sense, or something is missing or not supported. Problem: an expression cannot be evaluated.
    """
    given = Properties(values)
    source_data = _dataset(attempt, connecting, "inputs", Side.SOURCE)
    sink_data = _dataset(attempt, connecting, "outputs", Side.SINK)
    source, sink = given.part("source"), given.part("sink")
    if not source.given or not sink.given:
        missing = "sink" if source.given else "source"
        raise given.wrong(missing, "is required for a Copy")
    _check_together(given, source_data, sink_data)
    parallel = given.number("parallelCopies", least=1, most=256)
    try:
        reads, writes = source_of(source, source_data, parallel), sink_of(sink, sink_data)
        _check_settings(given, reads, writes, tabular=not is_bytes(source_data))
    except TransferProblem as problem:
        raise Refused(failure_of(problem)) from problem
    tolerance = tolerance_of(attempt, connecting, given)
    task = attempt.task
    transfer = Transfer(
        reads,
        writes,
        asked="",
        mapping=column_map(
            given.raw("translator"), from_documents=_has_documents(source_data), to_documents=_has_documents(sink_data)
        ),
        added=added_columns(source),
        tolerance=tolerance,
        parallel=parallel,
        source_retries=source.number("sourceRetryCount") or 0,
        source_retry_seconds=seconds_of(source, "sourceRetryWait", _RETRY_SECONDS),
        sink_retries=sink.number("sinkRetryCount") or 0,
        sink_retry_seconds=seconds_of(sink, "sinkRetryWait", _RETRY_SECONDS),
        activity=attempt.name,
        activity_run=activity_run_id(task.run_id, task.path, task.attempt),
    )
    facts = Facts(
        source_data.service.type,
        sink_data.service.type,
        source_files=isinstance(source_data, FileData),
        sink_files=isinstance(sink_data, FileData),
        tabular=not is_bytes(source_data),
        skips=tolerance.skip_rows,
        units=_units(given),
    )
    # Only now are all secrets known, which the digest leaves out.
    return Asked(replace(transfer, asked=digest(attempt, values, source_data, sink_data)), facts)


def digest(attempt: Attempt, values: Object, *data: Data) -> str:
    """Return a digest of what is asked for: two requests with the same one write the same. No secret is in it, so that a new key changes nothing."""
    kept = {key: value for key, value in values.items() if key not in _WITHOUT_EFFECT}
    seen: list[Json] = [kept]
    for one in data:
        # A table has no more of its dataset than its name and schema.
        own = [one.schema, one.table] if isinstance(one, TableData) else dict(one.properties.given)
        seen += [one.type, own, one.service.type, dict(one.service.type_properties)]
    shown = masked(without_secrets(seen), attempt.secrets)
    return hashlib.sha256(json.dumps(shown, sort_keys=True, default=str).encode("utf-8", "replace")).hexdigest()


def open_end(
    attempt: Attempt, connecting: Connecting, reference: Json, what: str, side: Side, label: str = FAILED
) -> Data:
    """Return the dataset that a reference names; where its store or database may not be reached, that is a failure of its side, with this errorCode.

    Raises:
        Refused, Problem: as ``open_dataset``.
    """
    try:
        return open_dataset(attempt, connecting, reference, what)
    except Refused as refusal:
        if refusal.failure.label != ACCESS_DENIED:
            raise
        denied = TransferProblem(Reason.ACCESS_DENIED, side, refusal.failure.message, refusal.failure.code)
        raise Refused(failure_of(denied, label)) from refusal
    except Problem as problem:
        found = guarded(problem, side, database=_is_database(attempt, connecting, reference))
        if found is problem:
            raise
        raise Refused(failure_of(found, label)) from problem


def guarded(problem: Problem, side: Side, *, database: bool) -> Problem:
    """Return what the guard says against a place as a problem of the transfer; any other problem as it is."""
    if problem.code not in _GUARDED or isinstance(problem, TransferProblem):
        return problem
    denied = problem.code is Code.SOURCE_DENIED
    reason = Reason.CONNECT_FAILED if database else Reason.ACCESS_DENIED if denied else Reason.STORE_FAILED
    return TransferProblem(reason, side, problem.message, problem.code)


def _dataset(attempt: Attempt, connecting: Connecting, name: str, side: Side) -> Data:
    written = attempt.evaluate(attempt.task.settings.get(name))
    if not isinstance(written, list) or len(written) != 1:
        raise refused(BAD_REQUEST, f"The property '{name}' must hold exactly one reference to a dataset.")
    return open_end(attempt, connecting, written[0], name, side)


def _is_database(attempt: Attempt, connecting: Connecting, reference: Json) -> bool:
    name = reference.get("referenceName") if isinstance(reference, Mapping) else None
    found = connecting.documents.find(attempt.task.scope, "dataset", str(name))
    return found is not None and "table" in str(found[1].get("type", "")).lower()


def _check_together(given: Properties, source: Data, sink: Data) -> None:
    if is_bytes(source) != is_bytes(sink):
        bytes_, other = (source, sink) if is_bytes(source) else (sink, source)
        message = (
            f"The dataset '{bytes_.name}' is of bytes without a format (Binary), and '{other.name}' is not; "
            "bytes are copied to bytes only. Give both sides a format, or neither."
        )
        raise refused(BAD_REQUEST, message)
    if is_bytes(source) and "translator" in given:
        raise given.wrong("translator", "maps columns, which bytes without a format do not have")


def _check_settings(given: Properties, source: object, sink: object, *, tabular: bool) -> None:
    skips = given.flag("enableSkipIncompatibleRow")
    if skips and isinstance(sink, TableSink) and sink.mode is TableMode.PROCEDURE:
        raise given.wrong("enableSkipIncompatibleRow", "cannot be true where a stored procedure is given the rows")
    if isinstance(source, FilesSource) and source.delete_after and tabular:
        message = "files are deleted after completion only where they are copied as bytes (Binary)"
        raise TransferProblem(Reason.DELETE_UNSUPPORTED, Side.SOURCE, message)


def _has_documents(data: Data) -> bool:
    if isinstance(data, ServiceData):
        return True
    return isinstance(data, FileData) and isinstance(data.form, Documents | Markup | Avro)


def _units(given: Properties) -> int:
    written = given.raw("dataIntegrationUnits")
    if isinstance(written, str) and written.lower() == "auto":
        return _DEFAULT_UNITS
    return given.number("dataIntegrationUnits", least=1) or _DEFAULT_UNITS
