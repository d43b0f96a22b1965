"""Runs as events of OpenLineage, for catalogs. Loaded only where they are wanted.

A run is told of when it has ended: ``START`` with the moment of its beginning, and ``COMPLETE``, ``FAIL`` or ``ABORT``. Its job is the flow; inputs
are what its copies read, outputs the tables that its batches went to. Whoever tells of a run twice tells the same.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import requests
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    InputDatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    error_message_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
    parent_run,
    processing_engine_run,
)
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport

from headrace.core.clock import Instant, to_datetime
from headrace.core.codec import decode
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.landing import Landing
from headrace.core.masking import masked_forms
from headrace.core.run import ActivityStatus, Batch, BatchStatus, RunStatus
from headrace.service.reporting import Report

PRODUCER = "urn:headrace"
"""Who tells."""
MAX_INPUTS = 100
"""Files or tables of a run that are told of."""
_ENDS = {RunStatus.SUCCEEDED: RunState.COMPLETE, RunStatus.FAILED: RunState.FAIL, RunStatus.CANCELLED: RunState.ABORT}
_DONE = frozenset({ActivityStatus.SUCCEEDED, ActivityStatus.CARRIED})


def lineage_reporter(url: str, namespace: str, token: str, version: str) -> Callable[[Sequence[Report]], None]:
    """Return what sends events of runs to the catalog at ``url``. ``token``: its API key, if it asks for one."""
    config = HttpConfig(url=url, retry={"total": 0})
    if token:
        config.auth = ApiKeyTokenProvider({"apiKey": token})
    client = OpenLineageClient(transport=HttpTransport(config))

    def send(reports: Sequence[Report]) -> None:
        try:
            for report in reports:
                for event in events_of(report, namespace, version):
                    client.emit(event)
        except requests.RequestException as error:
            raise Problem(Code.UNAVAILABLE, f"the catalog did not take an event: {type(error).__name__}") from error

    return send


def events_of(report: Report, namespace: str, version: str) -> Iterator[RunEvent]:
    """Yield the events of a run: its start, if it started, and its end."""
    run = report.run
    job = Job(namespace=namespace, name=f"{run.scope}/{run.flow_name or run.flow_id}")
    told = Run(runId=_uuid(run.id), facets=_facets(report, namespace, version))
    inputs, outputs = list(_inputs(report, namespace)), list(_outputs(report, namespace))
    moments = [(RunState.START, run.started_at), (_ENDS[run.status], run.ended_at)]
    for state, moment in moments:
        if moment is not None:
            yield RunEvent(
                eventType=state,
                eventTime=_time(moment),
                run=told,
                job=job,
                producer=PRODUCER,
                inputs=inputs,
                outputs=outputs,
            )


def _facets(report: Report, namespace: str, version: str) -> dict[str, RunFacet]:
    run = report.run
    found: dict[str, RunFacet] = {
        "processing_engine": processing_engine_run.ProcessingEngineRunFacet(version=version, name="Headrace")
    }
    if run.caller is not None:
        found["parent"] = parent_run.ParentRunFacet(
            run=parent_run.Run(runId=_uuid(run.caller.run_id)),
            job=parent_run.Job(namespace=namespace, name=f"{run.scope}/{run.caller.path}"),
        )
    if run.status is RunStatus.FAILED and run.reason is not None:
        found["errorMessage"] = error_message_run.ErrorMessageRunFacet(
            message=f"{run.reason.code.value}: {masked_forms(run.reason.message)}", programmingLanguage="none"
        )
    return found


def _inputs(report: Report, namespace: str) -> Iterator[InputDataset]:
    """Yield what copies have laid down, by the names that the source has for it."""
    scope, count = report.run.scope, 0
    for row in report.activities:
        if "landing" not in row.output or row.status not in _DONE:
            continue
        landing = decode(Landing, row.output["landing"], what=f"the landing of {row.path!r}")
        for file in landing.files[: MAX_INPUTS - count]:
            count += 1
            facets: Mapping[str, InputDatasetFacet] = {
                "inputStatistics": input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
                    rowCount=file.rows, size=file.bytes
                )
            }
            yield InputDataset(namespace=f"{namespace}/{scope}", name=file.name, inputFacets=dict(facets))


def _outputs(report: Report, namespace: str) -> Iterator[OutputDataset]:
    for batch in report.batches:
        if batch.status is BatchStatus.COMMITTED:
            facets: dict[str, OutputDatasetFacet] = {"outputStatistics": _statistics(batch)}
            yield OutputDataset(namespace=f"{namespace}/lake", name=batch.table, outputFacets=facets)


def _statistics(batch: Batch) -> Any:
    figures = batch.figures
    return output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=figures.rows_accepted, size=figures.bytes_written, fileCount=figures.files_written
    )


def _uuid(run_id: str) -> str:
    """Return the run's id as the format wants it; ours are such already, but nothing makes them so."""
    try:
        return str(UUID(run_id))
    except ValueError:
        return derived_uuid("openlineage", run_id)


def _time(moment: Instant) -> str:
    return to_datetime(moment).isoformat(timespec="microseconds")
