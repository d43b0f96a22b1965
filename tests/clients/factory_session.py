"""What a person does with Microsoft's own Python client, from nothing to a recovered run; prints what it found as one JSON object.

Run as a program of its own, once with each version of the client: the version that is installed, and the one that stands beside it.
"""

import json
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.mgmt import datafactory

from clients.factory_client import GROUP, NINE, VERSION, client, ended, filter_of, filtered, rows_of, wire
from clients.factory_triggers import triggered
from waiting import until

ASKED = json.loads(sys.argv[1])
FACTORY = f"sdk-{VERSION.replace('.', '-')}"
WORLD = ASKED["world"]
MANY = 101
"""More than a page."""
models: Any = datafactory.models
adf = client(ASKED["base"])


def main() -> dict[str, Any]:
    """Return what was found."""
    return {
        "version": VERSION,
        "defined": defined(),
        "repaired": repaired(),
        "etags": etags(),
        "recovered": recovered(),
        "cancelled": cancelled(),
        "refused": refused(),
        "triggered": triggered(adf, FACTORY),
        "pages": pages() if not NINE else None,
        "repeated": repeated(),
    }


def defined() -> dict[str, Any]:
    """Make one document of every kind with typed models, and read them."""
    factory = adf.factories.create_or_update(GROUP, FACTORY, models.Factory(location="local", tags={"of": "tests"}))
    password = models.SecureString(value="hidden")
    service = models.FileServerLinkedService(host=ASKED["files"], user_id="ann", password=password)
    resource = models.LinkedServiceResource(properties=typed(service, "FileServer"))
    adf.linked_services.create_or_update(GROUP, FACTORY, "files", resource)
    location = models.FileServerLocation(folder_path="in")
    dataset = models.BinaryDataset(linked_service_name=reference("LinkedService", "files"), location=location)
    adf.datasets.create_or_update(GROUP, FACTORY, "in", models.DatasetResource(properties=typed(dataset, "Binary")))
    adf.pipelines.create_or_update(GROUP, FACTORY, "dicts", {"properties": {"activities": [FAILS]}})
    trigger = models.ScheduleTrigger(
        pipelines=[models.TriggerPipelineReference(pipeline_reference=reference("Pipeline", "dicts"))],
        recurrence=models.ScheduleTriggerRecurrence(frequency="Day", interval=1, start_time="2026-01-01T00:00:00Z"),
    )
    adf.triggers.create_or_update(GROUP, FACTORY, "daily", models.TriggerResource(properties=trigger))
    kept = wire(adf.triggers.get(GROUP, FACTORY, "daily"))["properties"]
    found = {
        "factory": factory.name in [one.name for one in adf.factories.list_by_resource_group(GROUP)],
        "service": json.dumps(wire(adf.linked_services.get(GROUP, FACTORY, "files"))),
        "dataset": wire(adf.datasets.get(GROUP, FACTORY, "in"))["properties"]["type"],
        "trigger": [kept["type"], kept["runtimeState"]],
        "triggers": [one.name for one in adf.triggers.list_by_factory(GROUP, FACTORY)],
    }
    adf.triggers.delete(GROUP, FACTORY, "daily")
    return found


FAILS = {"name": "Fails", "type": "Fail", "typeProperties": {"message": "no", "errorCode": "1"}}


def repaired() -> dict[str, Any]:
    """Make a pipeline of typed activities: what does the server think that each of them is?"""
    text = models.Expression(type="Expression", value="@bool('true')")
    pause = models.WaitActivity(name="Pause", wait_time_in_seconds=0)
    listed = {"items" if NINE else "items_property": models.Expression(type="Expression", value="@range(0, 2)")}
    activities = [
        pause,
        models.WebActivity(name="Call", method="GET", url=WORLD, policy=models.ActivityPolicy(retry=1)),
        models.ForEachActivity(name="Loop", activities=[inner("In loop")], **listed),
        models.FilterActivity(name="Sift", condition=text, **listed),
        models.UntilActivity(name="Repeat", expression=text, activities=[inner("In pass")]),
        models.IfConditionActivity(name="Choose", expression=text, if_true_activities=[inner("If so")]),
        models.SwitchActivity(name="Switch", on=text, cases=[models.SwitchCase(value="a", activities=[inner("In a")])]),
        models.SetVariableActivity(name="Set", variable_name="text", value="x"),
        models.FailActivity(name="Stop", message="no", error_code="1"),
        models.ExecutePipelineActivity(name="Child", pipeline=reference("Pipeline", "dicts")),
        typed(models.AppendVariableActivity(name="Append", variable_name="list", value="x"), "AppendVariable"),
    ]
    variables = {
        "text": models.VariableSpecification(type="String"),
        "list": models.VariableSpecification(type="Array"),
    }
    resource = models.PipelineResource(activities=activities, variables=variables)
    adf.pipelines.create_or_update(GROUP, FACTORY, "typed", resource)
    kept = wire(adf.pipelines.get(GROUP, FACTORY, "typed"))["properties"]["activities"]
    append = models.AppendVariableActivity(name="Append", variable_name="list", value="x")
    dataset = models.BinaryDataset(linked_service_name=reference("LinkedService", "files"), location={"type": "X"})
    return {
        "types": {one["name"]: one["type"] for one in kept},
        "inner": kept[2]["typeProperties"]["activities"][0]["type"],
        "ambiguous": refusal(
            lambda: adf.pipelines.create_or_update(
                GROUP, FACTORY, "ambiguous", models.PipelineResource(activities=[append], variables=variables)
            )
        ),
        "without a type": refusal(
            lambda: adf.datasets.create_or_update(GROUP, FACTORY, "in", models.DatasetResource(properties=dataset))
        ),
    }


def etags() -> dict[str, Any]:
    """Change a document only if it is the one that was read, and read it only if it was changed."""
    document = {"properties": {"activities": [FAILS], "description": "first"}}
    first = adf.pipelines.create_or_update(GROUP, FACTORY, "tagged", document).etag
    second = adf.pipelines.create_or_update(GROUP, FACTORY, "tagged", document, **if_match(first)).etag
    stale = refusal(lambda: adf.pipelines.create_or_update(GROUP, FACTORY, "tagged", document, **if_match(first)))

    def unchanged() -> Any:
        if NINE:
            return adf.pipelines.get(GROUP, FACTORY, "tagged", if_none_match=second)
        return adf.pipelines.get(GROUP, FACTORY, "tagged", etag=second, match_condition=MatchConditions.IfModified)

    return {"differ": first != second, "stale": stale, "unchanged": refusal(unchanged)}


def recovered() -> dict[str, Any]:
    """Run a pipeline that fails once, look for the run, and recover it in both ways."""
    adf.pipelines.create_or_update(GROUP, FACTORY, "steps", STEPS)
    failed = adf.pipelines.create_run(GROUP, FACTORY, "steps", parameters={"day": "monday"}).run_id
    run = ended(adf, FACTORY, failed)
    again = recovery(failed, start_from_failure=True)
    third = recovery(again.run_id, start_activity_name="One")
    asked = filtered(filters=[filter_of("RunGroupId", "Equals", [failed])])
    group = adf.pipeline_runs.query_by_factory(GROUP, FACTORY, asked)
    asked.filters += [filter_of("LatestOnly", "Equals", ["true"]), filter_of("Status", "In", ["Succeeded"])]
    latest = adf.pipeline_runs.query_by_factory(GROUP, FACTORY, asked)
    failures = rows_of(adf, FACTORY, failed, filters=[filter_of("Status", "Equals", ["Failed"])])
    return {
        "first": [run.status, run.message, run.parameters, run.invoked_by.name],
        "again": again.status,
        "ids": [failed, again.run_id, third.run_id],
        "group": [one.run_id for one in group.value],
        "latest": [one.run_id for one in latest.value],
        "failures": [[row["activityName"], row["error"]["errorCode"]] for row in failures],
        "rows": [told(failed), told(again.run_id), told(third.run_id)],
    }


def recovery(run: str, **how: Any) -> Any:
    """Return the end of a new run that recovers one."""
    made = adf.pipelines.create_run(GROUP, FACTORY, "steps", reference_pipeline_run_id=run, is_recovery=True, **how)
    return ended(adf, FACTORY, made.run_id)


def told(run: str) -> dict[str, str]:
    """Return how each activity of a run ended; one that was carried over is marked."""
    return {
        row["activityName"]: "carried over" if row["recoveryStatus"] == "Skipped" else row["status"]
        for row in rows_of(adf, FACTORY, run)
    }


def cancelled() -> list[str]:
    """Cancel a run that waits, and return how it and its activities ended."""
    adf.pipelines.create_or_update(GROUP, FACTORY, "waits", {"properties": {"activities": [wait("Pause", 600)]}})
    run = adf.pipelines.create_run(GROUP, FACTORY, "waits").run_id
    until(lambda: rows_of(adf, FACTORY, run), seconds=30, what="the wait's beginning", every=0.15)
    adf.pipeline_runs.cancel(GROUP, FACTORY, run, is_recursive=True)
    return [ended(adf, FACTORY, run).status, *(row["status"] for row in rows_of(adf, FACTORY, run))]


def refused() -> dict[str, Any]:
    """Ask for what there is not, or cannot be."""
    nowhere = {"activities": [{**FAILS, "type": "ExecutePipeline", "typeProperties": {"pipeline": {
        "referenceName": "nowhere", "type": "PipelineReference"}}}]}  # fmt: skip
    return {
        "pipeline": refusal(lambda: adf.pipelines.get(GROUP, FACTORY, "nowhere")),
        "factory": refusal(lambda: adf.pipelines.get(GROUP, "nowhere", "nowhere")),
        "run": refusal(lambda: adf.pipeline_runs.get(GROUP, FACTORY, str(uuid4()))),
        "cancel": refusal(lambda: adf.pipeline_runs.cancel(GROUP, FACTORY, str(uuid4()))),
        "reference": refusal(lambda: adf.pipelines.create_or_update(GROUP, FACTORY, "bad", {"properties": nowhere})),
        "parameter": refusal(lambda: adf.pipelines.create_run(GROUP, FACTORY, "steps", parameters={"day": ["x"]})),
        "deleted": refusal(lambda: adf.linked_services.delete(GROUP, FACTORY, "files")),
    }


def pages() -> dict[str, Any]:
    """List and query more than fits on a page, and start more runs than may wait."""
    for number in range(MANY):
        adf.datasets.create_or_update(GROUP, FACTORY, f"many-{number}", {"properties": DATASET})
    queue = {"properties": {"concurrency": 1, "activities": [wait("Pause", 600)]}}
    adf.pipelines.create_or_update(GROUP, FACTORY, "queue", queue)
    first = adf.pipelines.create_run(GROUP, FACTORY, "queue").run_id
    until(lambda: rows_of(adf, FACTORY, first), seconds=30, what="the beginning of the first in the queue", every=0.15)
    waiting = {adf.pipelines.create_run(GROUP, FACTORY, "queue").run_id for _ in range(MANY - 1)}
    asked, queued = [filter_of("PipelineName", "Equals", ["queue"])], []
    page = adf.pipeline_runs.query_by_factory(GROUP, FACTORY, filtered(filters=asked))
    sizes = [len(page.value)]
    queued += page.value
    while page.continuation_token:
        page = adf.pipeline_runs.query_by_factory(
            GROUP, FACTORY, filtered(filters=asked, continuation_token=page.continuation_token)
        )
        sizes.append(len(page.value))
        queued += page.value
    adf.pipelines.create_or_update(GROUP, FACTORY, "loop", {"properties": {"activities": [LOOP], "variables": LIST}})
    loop = adf.pipelines.create_run(GROUP, FACTORY, "loop").run_id
    ended(adf, FACTORY, loop)
    names = [row["activityName"] for row in rows_of(adf, FACTORY, loop)]
    return {
        "datasets": len({one.name for one in adf.datasets.list_by_factory(GROUP, FACTORY)}),
        "too many": refusal(lambda: adf.pipelines.create_run(GROUP, FACTORY, "queue", retry_total=0)),
        "sizes": sizes,
        "all": {one.run_id for one in queued} == {first, *waiting},
        "rows": [names.count("Loop"), names.count("Note")],
    }


def repeated() -> dict[str, Any]:
    """Start a run through a proxy that loses the answer: the client asks again, and one run was started."""
    adf.pipelines.create_or_update(GROUP, FACTORY, "lost", {"properties": {"activities": [FAILS]}})
    run = client(ASKED["losing"]).pipelines.create_run(GROUP, FACTORY, "lost").run_id
    asked = filtered(filters=[filter_of("PipelineName", "Equals", ["lost"])])
    found = adf.pipeline_runs.query_by_factory(GROUP, FACTORY, asked).value
    ended(adf, FACTORY, run)
    adf.factories.delete(GROUP, FACTORY)
    return {
        "run": run,
        "runs": [one.run_id for one in found],
        "factories": FACTORY in [one.name for one in adf.factories.list_by_resource_group(GROUP)],
    }


def typed(model: Any, kind: str) -> Any:
    """Return the model with its type: the newer client leaves it out, whatever it is constructed with."""
    model.type = kind
    return model


def reference(kind: str, name: str) -> Any:
    """Return a reference to a document."""
    return getattr(models, f"{kind}Reference")(type=f"{kind}Reference", reference_name=name)


def inner(name: str) -> Any:
    """Return an activity for a body."""
    return models.WaitActivity(name=name, wait_time_in_seconds=0)


def if_match(tag: str) -> dict[str, Any]:
    """Return the condition that the document still has the tag, as the version of the client takes it."""
    return {"if_match": tag} if NINE else {"etag": tag, "match_condition": MatchConditions.IfNotModified}


def refusal(call: Callable[[], Any]) -> list[Any]:
    """Return the exception that a call raises: its class, the status, code and message; or what it returned."""
    try:
        answer = call()
    except ResourceNotFoundError as error:
        return ["ResourceNotFoundError", *_error(error)]
    except HttpResponseError as error:
        return [type(error).__name__, *_error(error)]
    except AzureError as error:
        return [type(error).__name__, str(error)]
    return ["returned", repr(answer)]


def _error(error: HttpResponseError) -> list[Any]:
    return [error.status_code, error.error and error.error.code, error.message]


def wait(name: str, seconds: int) -> dict[str, Any]:
    """Return a Wait."""
    return {"name": name, "type": "Wait", "typeProperties": {"waitTimeInSeconds": seconds}}


def call(name: str, after: str = "") -> dict[str, Any]:
    """Return a call to the world."""
    dependencies = [{"activity": after, "dependencyConditions": ["Succeeded"]}] if after else []
    address = f"{WORLD}/{name.lower()}-{VERSION}"
    web = {"url": address, "method": "POST", "body": {"day": "@pipeline().parameters.day"}}
    return {"name": name, "type": "WebActivity", "dependsOn": dependencies, "typeProperties": web}


STEPS = {
    "properties": {
        "activities": [call("One"), call("Two", "One"), call("Three", "Two")],
        "parameters": {"day": {"type": "String"}},
    }
}
DATASET = {
    "type": "Binary",
    "linkedServiceName": {"referenceName": "files", "type": "LinkedServiceReference"},
    "typeProperties": {"location": {"type": "FileServerLocation"}},
}
LIST = {"list": {"type": "Array"}}
NOTE = {"name": "Note", "type": "AppendVariable", "typeProperties": {"variableName": "list", "value": "@item()"}}
MANY_ITEMS = {"value": "@range(0, 120)", "type": "Expression"}
LOOP = {"name": "Loop", "type": "ForEach", "typeProperties": {"items": MANY_ITEMS, "activities": [NOTE]}}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(), default=str))
