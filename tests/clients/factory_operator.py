"""What Airflow's AzureDataFactoryRunPipelineOperator does, in its order, with the client that it is given; prints what it found as JSON.

The calls are those of the provider's hook, operator and trigger: they take over the client's defaults, compare statuses as text and look again after
an interval. A program of its own, since the client is imported in the version that is asked for.
"""

import asyncio
import json
import sys
import time
from typing import Any

from clients.factory_client import GROUP, VERSION, asynchronous_client, client
from waiting import until

ASKED = json.loads(sys.argv[1])
FACTORY = f"airflow-{VERSION.replace('.', '-')}"
TERMINAL = {"Cancelled", "Failed", "Succeeded"}
FAILURES = {"Failed", "Cancelled"}
INTERVAL, TIMEOUT = 0.2, 60
adf = client(ASKED["base"])


def main() -> dict[str, Any]:
    """Return what became of the operator's runs."""
    create_factory()
    return {
        "again": refused_when_there_is_one(),
        "sync": operator("good"),
        "failed": operator("bad"),
        "recovered": recovered(),
        "deferred": asyncio.run(deferred("good")),
        "deferred and failed": asyncio.run(deferred("bad")),
        "killed": killed(),
        "without waiting": sensor(),
    }


def create_factory() -> None:
    """Do what the hook's ``create_…`` helpers do: list first, then PUT."""
    assert FACTORY not in {factory.name for factory in adf.factories.list_by_resource_group(GROUP)}
    adf.factories.create_or_update(GROUP, FACTORY, {"location": "local"})
    for name in ("good", "bad", "once", "long"):
        assert name not in {pipeline.name for pipeline in adf.pipelines.list_by_factory(GROUP, FACTORY)}
        adf.pipelines.create_or_update(GROUP, FACTORY, name, {"properties": {"activities": [ACTIVITIES[name]]}})


def refused_when_there_is_one() -> bool:
    """Tell whether the helpers see, in the list, that there is a pipeline already."""
    return "good" in {pipeline.name for pipeline in adf.pipelines.list_by_factory(GROUP, FACTORY)}


def operator(pipeline: str, **options: Any) -> list[str]:
    """Do what ``execute`` does without deferring; return the run's id, how the task ended and the statuses that were seen."""
    run = create_run(pipeline, **options)
    seen: list[str] = []
    good = wait_for_pipeline_run_status(run, "Succeeded", seen)
    return [run, "success" if good else "failed or cancelled", seen[-1]]


def create_run(pipeline: str, **options: Any) -> str:
    """Start a run with every argument that the operator has, given or not."""
    given = dict.fromkeys(("reference_pipeline_run_id", "is_recovery", "start_activity_name", "start_from_failure"))
    response = adf.pipelines.create_run(GROUP, FACTORY, pipeline, parameters=None, **{**given, **options})
    run: str = response.run_id
    return run


def wait_for_pipeline_run_status(run: str, expected: str, seen: list[str]) -> bool:
    """Look until the run is as expected or has ended; return whether it is as expected."""

    def looked() -> str | None:
        status: str = adf.pipeline_runs.get(GROUP, FACTORY, run).status
        return status if status in TERMINAL or status in expected else None

    status = until(looked, seconds=TIMEOUT, what=f"run {run} to be {expected}", every=INTERVAL)
    seen.append(status)
    return status in expected


def recovered() -> list[str]:
    """Recover a failed run with the operator's own arguments, as a task does that is given the run of another."""
    first = operator("once")[0]
    return operator("once", reference_pipeline_run_id=first, is_recovery=True, start_from_failure=True)


async def deferred(pipeline: str) -> list[str]:
    """Do what the operator and its trigger do in deferrable mode: one look with the one client, all others with the other."""
    run = create_run(pipeline)
    if adf.pipeline_runs.get(GROUP, FACTORY, run).status in TERMINAL:
        return [run, "ended before it was deferred"]
    async with asynchronous_client(ASKED["base"]) as other:
        await other.pipeline_runs.get(GROUP, FACTORY, run)
        end = time.time() + TIMEOUT
        while end > time.time():
            status = (await other.pipeline_runs.get(GROUP, FACTORY, run)).status
            if status in FAILURES:
                return [run, f"The pipeline run {run} has {status}."]
            if status == "Succeeded":
                return [run, "success"]
            await asyncio.sleep(INTERVAL)
    return [run, "timeout"]


def killed() -> list[Any]:
    """Do what ``on_kill`` does: cancel, without a word of children, and wait for exactly ``Cancelled``."""
    run = create_run("long")
    until(
        lambda: adf.pipeline_runs.get(GROUP, FACTORY, run).status == "InProgress",
        seconds=30,
        what="the beginning of the run",
        every=INTERVAL,
    )
    adf.pipeline_runs.cancel(GROUP, FACTORY, run)
    seen: list[str] = []
    return [wait_for_pipeline_run_status(run, "Cancelled", seen), *seen]


def sensor() -> str:
    """Start without waiting, and look as the sensor does."""
    run = create_run("good")

    def poke() -> bool:
        status = adf.pipeline_runs.get(GROUP, FACTORY, run).status
        assert status not in FAILURES
        return bool(status == "Succeeded")

    until(poke, seconds=TIMEOUT, what="the sensor's run", every=INTERVAL)
    return "success"


ACTIVITIES: dict[str, dict[str, Any]] = {
    "good": {"name": "Pause", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 1}},
    **{
        name: {
            "name": "Call",
            "type": "WebActivity",
            "typeProperties": {"method": "GET", "url": f"{ASKED['world']}/{name}"},
        }
        for name in ("bad", "once")
    },
    "long": {"name": "Pause", "type": "Wait", "typeProperties": {"waitTimeInSeconds": 600}},
}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()))
