"""Rows of a ledger for tests of the translation: the run of the monitoring tutorial, and variations of it."""

from dataclasses import replace

from headrace.api.flowservice.translate.batch import Place
from headrace.api.flowservice.translate.plan import COPY, PROMOTION
from headrace.api.flowservice.translate.run import RunRecord
from headrace.core.clock import Instant
from headrace.core.codec import Json, encode
from headrace.core.errors import Code
from headrace.core.flow import Activity, Dependency, Plan
from headrace.core.landing import LandedFile, Landing
from headrace.core.outcome import Failure, Figures, ReasonCount
from headrace.core.run import ActivityRun, ActivityStatus, Batch, BatchStatus, Run, RunKind, RunStatus
from headrace.core.window import Window

PLACE = Place("acme@AdobeOrg", "prod", "1bd86660-c5da-41e9-93d4-6d5fc3a66a8e", "https://headrace.example")
PROMOTE_SETTINGS: dict[str, Json] = {"landing": COPY, "mapping": {"_id": "Id"}, "rejects": {"at_most_percent": 5.0}}
FLOW_ID = "c9cef9cb-c934-4467-8ef9-cbc934546741"
FLOW = {
    "id": FLOW_ID,
    "flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0"},
    "sourceConnectionIds": ["c0e18602-f9ea-44f9-a186-02f9ea64f9ac"],
    "targetConnectionIds": ["47166b83-01c7-4b65-966b-8301c70b6562"],
    "sourceSpecName": "local-files",
}
BATCH_ID = "01EF01X41KJD82Y9ZX6ET54PCZ"
RUN_ID = "9830305a-985f-47d0-b030-5a985fd7d004"


def ms(milliseconds: int) -> Instant:
    """Return the instant of so many ms."""
    return Instant(milliseconds * 1000)


def seed_run() -> RunRecord:
    """Return the run that the monitoring tutorial shows: 100 rows read, 99 accepted, 1 rejected, within the threshold."""
    window = Window(ms(1596653708000), ms(1596655508000))
    plan = Plan((Activity(COPY, "copy"), Activity(PROMOTION, "promote", PROMOTE_SETTINGS, (Dependency(COPY),))))
    run = Run(
        id=RUN_ID,
        scope="flowservice/acme@AdobeOrg/prod",
        flow_id=FLOW_ID,
        flow_name="leads",
        kind=RunKind.SCHEDULED,
        group_id=RUN_ID,
        definition=plan,
        created_at=ms(1596656079576),
        status=RunStatus.SUCCEEDED,
        window=window,
        details={"user": "admin@AdobeID", "client": "key", "type": "one-time"},
        revision=4,
        updated_at=ms(1596656113526),
        started_at=ms(1596656058198),
        ended_at=ms(1596656113306),
    )
    copied = ActivityRun(
        RUN_ID,
        COPY,
        1,
        "copy",
        ActivityStatus.SUCCEEDED,
        "f1",
        output={"landing": encode(Landing((LandedFile("r/1/a.csv", "a.csv", 24012),), window=window))},
        figures=Figures(bytes_read=24012, bytes_written=24012, files_read=1, files_written=1),
        updated_at=ms(1596656095088),
        started_at=ms(1596656058198),
        ended_at=ms(1596656089650),
    )
    figures = Figures(24012, 17128, 1, 1, 100, 99, 1, 0, 0)
    promoted = ActivityRun(
        RUN_ID,
        PROMOTION,
        1,
        "promote",
        ActivityStatus.SUCCEEDED,
        "f2",
        figures=figures,
        updated_at=ms(1596656113485),
        started_at=ms(1596656095333),
        ended_at=ms(1596656113306),
    )
    batch = Batch(
        id=BATCH_ID,
        scope=run.scope,
        run_id=RUN_ID,
        path=PROMOTION,
        table="acme/prod/5f2b09f1a0b1c2d3e4f50617",
        status=BatchStatus.COMMITTED,
        commit_key="k1",
        created_at=ms(1596656095333),
        updated_at=ms(1596656113306),
        version=3,
        figures=figures,
        rejects=(ReasonCount("transform", "_id", 1, "cannot be evaluated"),),
        diagnostics=("row_errors/conversion_errors_0.json",),
        files=("part-0.parquet",),
    )
    return RunRecord(run, (copied, promoted), (batch,), (), FLOW)


def failed_copy() -> RunRecord:
    """Return a run whose source file was missing: the minimal form."""
    record = seed_run()
    failure = Failure(Code.SOURCE_NOT_FOUND, "no such file")
    copied = replace(record.activities[0], status=ActivityStatus.FAILED, failure=failure, figures=Figures(), output={})
    promoted = replace(
        record.activities[1], status=ActivityStatus.SKIPPED, figures=Figures(), started_at=None, ended_at=None
    )
    run = replace(record.run, status=RunStatus.FAILED, reason=failure, window=None)
    return replace(record, run=run, activities=(copied, promoted), batches=())


def failed_promotion() -> RunRecord:
    """Return a run over its threshold: diagnostics are there, nothing is committed."""
    record = seed_run()
    failure = Failure(Code.TOO_MANY_REJECTS, "1 of 10 rows")
    figures = Figures(24012, 0, 1, 0, 10, 9, 1, 0, 0)
    promoted = replace(record.activities[1], status=ActivityStatus.FAILED, failure=failure, figures=figures)
    batch = replace(
        record.batches[0], status=BatchStatus.FAILED, version=None, figures=figures, files=(), failure=failure
    )
    run = replace(record.run, status=RunStatus.FAILED, reason=failure, kind=RunKind.ON_DEMAND)
    run = replace(run, details={**run.details, "params": {"startTime": "1663735590"}})
    return replace(record, run=run, activities=(record.activities[0], promoted), batches=(batch,), children=("c1",))


def retried() -> RunRecord:
    """Return a retry whose copy is carried over from the run before it."""
    record = seed_run()
    copied = replace(record.activities[0], run_id="r2", status=ActivityStatus.CARRIED, carried_from=RUN_ID)
    run = replace(record.run, id="r2", kind=RunKind.RETRY, retry_of=RUN_ID, attempt=2)
    batch = replace(record.batches[0], rejects=(), figures=replace(record.batches[0].figures, rows_rejected=0))
    promoted = replace(
        record.activities[1], figures=replace(record.activities[1].figures, rows_accepted=100, rows_rejected=0)
    )
    return replace(record, run=run, activities=(copied, promoted), batches=(batch,))
