"""Plays one example: defines its pipelines, runs them, recovers them, and says what differs from what it expects."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from compare import fits, rows_differ, value_differs
from data import execute, files_differ, rows_of_tables_differ, set_times, write_files
from factory import Factory, RefusedError
from world import Scene, World

COLLECTIONS = ("linkedservices", "datasets", "pipelines", "triggers")
"""What stands in ``besides.json``, in the order in which it refers to each other; ``pipeline.json`` is stored before the triggers."""
_SOON = timedelta(seconds=4)
"""How long after the beginning of the play ``{soon}`` is."""
_WAITING = 90
"""For how many seconds trigger runs are waited for: a schedule that has just been missed comes again after a minute."""


@dataclass(frozen=True)
class Stage:
    """Where examples are played: the server, the world, and a folder that the server may read (empty: none)."""

    server: str
    world: World
    files: str = ""
    token: str = ""


@dataclass
class Play:
    """One example that is being played. ``runs`` are those of its steps, ``rows`` all activity runs that were seen, by their ids."""

    folder: Path
    factory: Factory
    scene: Scene
    values: Mapping[str, str]
    runs: list[str] = field(default_factory=list)
    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def read(self, name: str) -> Any:
        """Return what a file of the example holds; ``{world}``, ``{files}``, ``{play}`` and ``{soon}`` in it are those of this play."""
        text = (self.folder / name).read_text(encoding="utf-8")
        for word, value in self.values.items():
            text = text.replace("{" + word + "}", value)
        return json.loads(text)


@dataclass(frozen=True)
class Played:
    """How an example went: in how many seconds, and what differed (nothing when all came as expected)."""

    name: str
    factory: str
    seconds: float
    differences: tuple[str, ...]


def play(folder: Path, stage: Stage) -> Played:
    """Play the example in ``folder`` in a new factory of the server, which stays there to be looked at."""
    began = time.monotonic()
    name = f"{folder.name}-{secrets.token_hex(3)}"
    differences: list[str] = []
    try:
        one = _prepared(folder, name, stage)
        for number, step in enumerate(one.read("run.json")["steps"], 1):
            differences += [f"step {number}: {text}" for text in _step(one, step)]
    except (RefusedError, TimeoutError) as error:
        differences.append(str(error))
    return Played(folder.name, name, time.monotonic() - began, tuple(differences))


def needs_files(folder: Path) -> bool:
    """Tell whether the example reads files or a database, which must lie where the server may read them."""
    besides = folder / "besides.json"
    return besides.exists() and "{files}" in besides.read_text(encoding="utf-8")


def _prepared(folder: Path, name: str, stage: Stage) -> Play:
    besides = json.loads((folder / "besides.json").read_text()) if (folder / "besides.json").exists() else {}
    factory = Factory(stage.server, name, besides.get("factory", {}).get("properties", {}), stage.token)
    scene = stage.world.scene(name)
    files = f"{stage.files}/{name}" if stage.files else ""
    soon = (datetime.now(UTC) + _SOON).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    one = Play(folder, factory, scene, {"world": scene.base, "files": files, "play": name, "soon": soon})
    if files:
        Path(files).mkdir(parents=True)
    if besides:
        besides = one.read("besides.json")
    for collection in COLLECTIONS:
        if collection == "triggers":
            factory.put("pipelines", one.read("pipeline.json"))
        for document in besides.get(collection, []):
            factory.put(collection, document)
    return one


def _step(one: Play, step: Mapping[str, Any]) -> Iterator[str]:
    """Do one step and yield what differs."""
    _prepare(one, step)
    asked, pipeline = _asked(one, step), step.get("pipeline", one.read("pipeline.json")["name"])
    parameters, expected = step.get("parameters", {}), step.get("expect", {})
    if "refused" in step:
        yield from _refused(one, pipeline, parameters, asked, step["refused"])
        return
    if "plan" in step:
        planned = one.factory.plan_run(pipeline, parameters, asked)
        verdicts = {row["name"]: row["verdict"] for row in planned["activities"]}
        yield from value_differs("plan", step["plan"], verdicts)
    if "run" in expected:
        yield from _runs(
            one, step, asked, [one.factory.create_run(pipeline, parameters, asked) for _ in range(step.get("times", 1))]
        )
    if "triggerRuns" in expected:
        yield from _fired(one, expected["triggerRuns"])
    yield from _counted(one, expected)
    folder = Path(one.values["files"])
    yield from files_differ(folder, expected.get("files", {}))
    yield from rows_of_tables_differ(folder, expected.get("rows", {}))


def _prepare(one: Play, step: Mapping[str, Any]) -> None:
    """Make all be as the step says, before it runs anything."""
    folder = Path(one.values["files"])
    one.scene.answer_with(step.get("world", {}))
    write_files(folder, step.get("files", {}))
    set_times(folder, step.get("changed", {}))
    if "sql" in step:
        execute(folder, step["sql"])
    if "define" in step:
        one.factory.put("pipelines", one.read(step["define"]))
    for trigger in step.get("stop", []):
        one.factory.stop(trigger)
    for trigger in step.get("start", []):
        one.factory.start(trigger)
    for like in [step["rerun"]] if "rerun" in step else []:
        one.factory.rerun(next(run for run in one.factory.trigger_runs() if fits(like, run)))


def _runs(one: Play, step: Mapping[str, Any], asked: Mapping[str, Any], runs: Sequence[str]) -> Iterator[str]:
    """Yield what differs in the runs of a step."""
    one.runs += runs
    for cancelled in [step["cancel"]] if "cancel" in step else []:
        one.factory.until_activity(runs[0], cancelled["when"])
        while cancelled.get("call") and not one.scene.calls[cancelled["call"]]:
            time.sleep(0.05)
        one.factory.cancel(runs[0], recursive=cancelled.get("isRecursive", False))
    for run in runs:
        yield from _ended(one, run, asked, step["expect"])


def _fired(one: Play, expected: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what differs in the trigger runs, when those that are expected have come; ``pipelines`` tells how what they ran has ended."""
    deadline = time.monotonic() + _WAITING
    wanted = [{key: value for key, value in row.items() if key != "pipelines"} for row in expected]
    while rows_differ(wanted, one.factory.trigger_runs(), {}) and time.monotonic() < deadline:
        time.sleep(0.2)
    rows = one.factory.trigger_runs()
    for row in rows:
        row["pipelines"] = {name: one.factory.ended(run)["status"] for name, run in row["triggeredPipelines"].items()}
    yield from rows_differ(expected, rows, {})


def _counted(one: Play, expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield which calls came more or less often than expected, and which ran at once more often."""
    calls: Mapping[str, int] = expected.get("calls", {})
    for call in sorted({*calls, *one.scene.calls} if "calls" in expected else ()):
        yield from value_differs(f"calls of {call}", calls.get(call, 0), one.scene.calls[call])
    for call, most in expected.get("peaks", {}).items():
        yield from value_differs(f"calls of {call} at once", most, one.scene.peaks[call])


def _asked(one: Play, step: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query of createRun: ``recover`` joins the group of an earlier step's run, ``refer`` only takes its parameters."""
    if "recover" in step:
        of = one.runs[step.get("of", 0) - 1]
        return {"referencePipelineRunId": of, "isRecovery": True, **step["recover"]}
    if "refer" in step:
        return {"referencePipelineRunId": one.runs[step["refer"] - 1]}
    return {}


def _refused(
    one: Play, pipeline: str, parameters: Mapping[str, Any], asked: Mapping[str, Any], expected: Any
) -> Iterator[str]:
    try:
        run = one.factory.create_run(pipeline, parameters, asked)
    except RefusedError as error:
        yield from value_differs("refusal", expected, error.told)
    else:
        yield f"run {run} was created, a refusal was expected: {expected}"


def _ended(one: Play, run: str, asked: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs in a run of a step, when it has ended: what is expected of it, and what holds for every run."""
    found = one.factory.ended(run)
    group = one.factory.run(asked["referencePipelineRunId"])["runGroupId"] if asked.get("isRecovery") else run
    yield from value_differs("runGroupId", group, found["runGroupId"])
    yield from value_differs("isLatest", expected.get("isLatest", True), found["isLatest"])
    if asked.get("isRecovery"):
        referenced = one.factory.run(asked["referencePipelineRunId"])
        yield from value_differs("isLatest of the referenced run", False, referenced["isLatest"])
    yield from _run(one, found, expected)


def _run(one: Play, found: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs in a run: its own fields, its activity runs, and the runs that its ExecutePipelines started."""
    for field_name, wanted in expected["run"].items():
        yield from value_differs(field_name, wanted, found.get(field_name))
    rows = one.factory.activity_runs(found["runId"])
    yield from rows_differ(expected["activities"], rows, {"recoveryStatus": "None"})
    yield from _carried(one, rows)
    for child in expected.get("children", []):
        yield from (f"child of {child['of']}: {text}" for text in _child(one, rows, child))


def _carried(one: Play, rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong in rows that were carried over: each names an activity run that succeeded before, and took no time."""
    for row in rows:
        if row["recoveryStatus"] == "Skipped":
            origin = _origin(one, row["carriedOverFrom"])
            if origin is None or _what(origin) != (row["activityName"].lower(), "Succeeded"):
                yield f"{row['activityName']} is carried over from {row['carriedOverFrom']}, which is {origin}"
            shown = {
                "durationInMs": 0,
                "activityRunEnd": row["activityRunStart"],
                "error": {"errorCode": "", "message": ""},
            }
            yield from value_differs(f"{row['activityName']} carried over", shown, row)
    one.rows.update({row["activityRunId"]: row for row in rows})


def _origin(one: Play, activity_run: str) -> dict[str, Any] | None:
    """Return the activity run of that id, of whichever run of the factory."""
    if activity_run not in one.rows:
        for run in one.factory.runs():
            one.rows.update({row["activityRunId"]: row for row in one.factory.activity_runs(run["runId"])})
    return one.rows.get(activity_run)


def _what(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["activityName"].lower(), row["status"]


def _child(one: Play, rows: Sequence[Mapping[str, Any]], child: Mapping[str, Any]) -> Iterator[str]:
    parents = [row for row in rows if row["activityName"] == child["of"] and "pipelineRunId" in row["output"]]
    if len(parents) <= child.get("nth", 0):
        yield "was not started"
        return
    found = one.factory.ended(parents[child.get("nth", 0)]["output"]["pipelineRunId"])
    yield from _run(one, found, child)
