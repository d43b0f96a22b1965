"""What a person does with triggers in Microsoft's own Python client: typed models, in either version."""

from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.mgmt import datafactory

from clients.factory_client import GROUP, filter_of, filtered, wire
from waiting import until

models: Any = datafactory.models
PIPELINE = {
    "parameters": {"begin": {"type": "String", "defaultValue": ""}},
    "activities": [{"name": "Stop", "type": "IfCondition", "typeProperties": {
        "expression": {"value": "@equals(pipeline().parameters.begin, 'fail')", "type": "Expression"},
        "ifTrueActivities": [{"name": "No", "type": "Fail", "typeProperties": {"message": "no", "errorCode": "1"}}]}}],
}  # fmt: skip


def triggered(adf: Any, factory: str) -> dict[str, Any]:
    """Let triggers of both kinds fire, and return what became of it."""
    adf.pipelines.create_or_update(GROUP, factory, "ticks", {"properties": PIPELINE})
    return {
        "schedule": scheduled(adf, factory),
        "windows": windows(adf, factory),
        "again": asked_again(adf, factory),
        "refused": refused(adf, factory),
    }


def scheduled(adf: Any, factory: str) -> dict[str, Any]:
    """Let a schedule trigger fire that is due in a moment."""
    due = datetime.now(UTC) + timedelta(seconds=2)
    recurrence = models.ScheduleTriggerRecurrence(frequency="Minute", interval=15, start_time=due, time_zone="UTC")
    put(
        adf,
        factory,
        "soon",
        models.ScheduleTrigger(pipelines=[ticks("@trigger().scheduledTime")], recurrence=recurrence),
    )
    adf.triggers.begin_start(GROUP, factory, "soon").result()
    (run,) = until(lambda: runs_of(adf, factory, "soon"), seconds=60, what="the occurrence", every=0.2)
    pipeline_run = adf.pipeline_runs.get(GROUP, factory, run["triggeredPipelines"]["ticks"])
    state = wire(adf.triggers.get(GROUP, factory, "soon"))["properties"]["runtimeState"]
    adf.triggers.begin_stop(GROUP, factory, "soon").result()
    return {
        "run": [run["status"], run["triggerType"], sorted(run["properties"])],
        "invoked by": [pipeline_run.invoked_by.id == run["triggerRunId"], pipeline_run.invoked_by.invoked_by_type],
        "due": pipeline_run.parameters["begin"][:19] == due.isoformat()[:19],
        "state": state,
    }


def windows(adf: Any, factory: str) -> dict[str, Any]:
    """Let the windows of the last minutes be processed."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    tumbling(adf, factory, "minutes", "@trigger().outputs.windowStartTime", end - timedelta(minutes=3), end)
    adf.triggers.begin_start(GROUP, factory, "minutes").result()
    found = until(lambda: all_of(adf, factory, "minutes", "Succeeded", 3), seconds=60, what="the windows", every=0.2)
    begins = [
        adf.pipeline_runs.get(GROUP, factory, run["triggeredPipelines"]["ticks"]).parameters["begin"] for run in found
    ]
    expected = [f"{(end - timedelta(minutes=back)).isoformat()[:19]}.0000000Z" for back in (3, 2, 1)]
    adf.triggers.begin_stop(GROUP, factory, "minutes").result()
    adf.triggers.delete(GROUP, factory, "minutes")
    return {"each once": sorted(begins) == expected, "properties": sorted(found[0]["properties"])}


def asked_again(adf: Any, factory: str) -> dict[str, Any]:
    """Let a window fail for which another one waits; cancel the second, and ask for the first again."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    earlier = models.SelfDependencyTumblingWindowTriggerReference(offset="-00:01:00", size="00:01:00")
    tumbling(adf, factory, "chain", "fail", end - timedelta(minutes=2), end, depends_on=[earlier])
    adf.triggers.begin_start(GROUP, factory, "chain").result()
    (failed,) = until(
        lambda: all_of(adf, factory, "chain", "Failed", 1), seconds=60, what="the failed window", every=0.2
    )
    (waits,) = until(
        lambda: all_of(adf, factory, "chain", "WaitingOnDependency", 1), seconds=60, what="the other", every=0.2
    )
    adf.trigger_runs.cancel(GROUP, factory, "chain", waits["triggerRunId"])
    adf.trigger_runs.rerun(GROUP, factory, "chain", failed["triggerRunId"])

    def another() -> Any:
        now = all_of(adf, factory, "chain", "Failed", 1)
        return now and now[0]["triggeredPipelines"] != failed["triggeredPipelines"] and now

    (again,) = until(another, seconds=60, what="the window's second run", every=0.2)
    adf.triggers.begin_stop(GROUP, factory, "chain").result()
    return {
        "same": again["triggerRunId"] == failed["triggerRunId"],
        "depends": waits["dependencyStatus"],
        "cancelled": len(all_of(adf, factory, "chain", "Cancelled", 1)),
    }


def refused(adf: Any, factory: str) -> list[str]:
    """Ask for what cannot be: to change a trigger that is started, and to cancel a window that does not wait."""
    codes = []
    recurrence = models.ScheduleTriggerRecurrence(frequency="Day", interval=1, start_time="2026-01-01T00:00:00Z")
    trigger = models.ScheduleTrigger(pipelines=[ticks("x")], recurrence=recurrence)
    put(adf, factory, "daily", trigger)
    adf.triggers.begin_start(GROUP, factory, "daily").result()
    (run,) = all_of(adf, factory, "chain", "Failed", 1)
    for call in (
        lambda: put(adf, factory, "daily", trigger),
        lambda: adf.triggers.delete(GROUP, factory, "daily"),
        lambda: adf.trigger_runs.cancel(GROUP, factory, "chain", run["triggerRunId"]),
    ):
        try:
            call()
        except HttpResponseError as error:
            codes.append(str(error.error.code if error.error else error.status_code))
    adf.triggers.begin_stop(GROUP, factory, "daily").result()
    return codes


def tumbling(adf: Any, factory: str, name: str, begin: str, start: datetime, end: datetime, **more: Any) -> None:
    """Make a trigger of windows of a minute."""
    trigger = models.TumblingWindowTrigger(
        pipeline=ticks(begin), frequency="Minute", interval=1, start_time=start, end_time=end, max_concurrency=2, **more
    )
    put(adf, factory, name, trigger)


def ticks(begin: str) -> Any:
    """Return the reference to the pipeline, with its parameter."""
    to = models.PipelineReference(type="PipelineReference", reference_name="ticks")
    return models.TriggerPipelineReference(pipeline_reference=to, parameters={"begin": begin})


def put(adf: Any, factory: str, name: str, trigger: Any) -> None:
    """Make or replace a trigger."""
    adf.triggers.create_or_update(GROUP, factory, name, models.TriggerResource(properties=trigger))


def runs_of(adf: Any, factory: str, name: str) -> list[dict[str, Any]]:
    """Return the trigger runs of a trigger."""
    asked = filtered(filters=[filter_of("TriggerName", "Equals", [name])])
    return [wire(run) for run in adf.trigger_runs.query_by_factory(GROUP, factory, asked).value]


def all_of(adf: Any, factory: str, name: str, status: str, count: int) -> list[dict[str, Any]]:
    """Return the trigger runs of a trigger with a status if there are so many, else none."""
    found = [run for run in runs_of(adf, factory, name) if run["status"] == status]
    return found if len(found) == count else []
