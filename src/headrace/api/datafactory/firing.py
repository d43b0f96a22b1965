"""Runs that triggers make (contract 10): as the door makes runs, with parameters that are evaluated for each firing."""

import random
from collections.abc import Mapping
from typing import Any

from headrace.api.datafactory.compiled import Pipeline
from headrace.api.datafactory.create_run import check_waiting
from headrace.api.datafactory.door import AUDIENCE, DataFactoryDoor
from headrace.api.datafactory.errors import bad_request, missing_document
from headrace.api.datafactory.gateway import FACTORY_KIND, factories_scope
from headrace.api.datafactory.global_parameters import values_of
from headrace.api.datafactory.new_runs import Origin, RunDraft, check_definition, run_of
from headrace.api.datafactory.parameters import make_parameters
from headrace.api.datafactory.secrets import open_secrets
from headrace.api.datafactory.translate.flow import properties_of
from headrace.api.datafactory.translate.trigger import pipelines_of
from headrace.api.datafactory.wire import Item, date
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.templates import evaluate
from headrace.service.triggers.desk import WHO, Asked, Made, Maker
from headrace.store import documents
from headrace.store.database import Transaction

TRIGGER_KIND = "trigger"
"""The kind of the documents that are triggers."""
_CHANCE = random.SystemRandom()
_LATER = frozenset({Code.UNAVAILABLE, Code.DISK_FULL})


def maker(door: DataFactoryDoor) -> Maker:
    """Return what makes the runs of this door's triggers."""

    def make(tx: Transaction, asked: Asked) -> tuple[Made, ...]:
        return _make(door, tx, asked)

    return make


def _make(door: DataFactoryDoor, tx: Transaction, asked: Asked) -> tuple[Made, ...]:
    trigger = asked.trigger
    document = documents.find(tx, trigger.scope, TRIGGER_KIND, trigger.name.lower())
    if document is None:
        raise missing_document(f"trigger/{trigger.name}")
    place = (document.scope, document.kind, document.id)
    shared, factory = values_of(tx, trigger.scope), _factory_name(tx, trigger.scope)
    state = _state(asked, factory, shared)
    made = []
    for entry in pipelines_of(open_secrets(properties_of(document), door.sealer, place)):
        pipeline = _pipeline(door, tx, asked, entry)
        run_id = door.ids.uuid()
        given = _given(entry, pipeline, state) if asked.kept is None else asked.kept
        draft = RunDraft(
            run_id=run_id,
            pipeline=pipeline,
            parameters=make_parameters(pipeline.declared, given, pipeline.target, door.sealer, trigger.scope),
            global_parameters=shared,
            factory=factory,
            origin=_origin(asked),
        )
        check_definition(pipeline, run_id)
        check_waiting(door, tx, pipeline)
        made.append(Made(pipeline.name, run_of(draft, asked.now)))
    return tuple(made)


def _pipeline(door: DataFactoryDoor, tx: Transaction, asked: Asked, entry: Mapping[str, Any]) -> Pipeline:
    name = str(entry["pipelineReference"]["referenceName"])
    found = door.pipelines.find(tx, asked.trigger.scope, name, door.sealer)
    if found is None:
        raise missing_document(f"pipeline/{name}")
    return found


def _given(entry: Mapping[str, Any], pipeline: Pipeline, state: FixedState) -> Item:
    """Return the parameters of a pipeline's run, evaluated.

    Raises:
        Problem: one cannot be; the message names it.
    """
    values: Item = {}
    for name, template in (entry.get("parameters") or {}).items():
        try:
            values[name] = evaluate(template, state)
        except Problem as problem:
            if problem.code in _LATER:
                raise
            text = f"The parameter '{name}' of the pipeline '{pipeline.name}' cannot be evaluated: {problem.message}"
            raise bad_request(text, pipeline.target) from problem
    return values


def _state(asked: Asked, factory: str, shared: Mapping[str, Json]) -> FixedState:
    firing: dict[str, Json] = {"name": asked.trigger.name, "startTime": date(asked.now)}
    outputs: dict[str, Json] = {}
    if asked.scheduled is not None:
        firing["scheduledTime"] = date(asked.scheduled)
    if asked.window is not None:
        outputs = {"windowStartTime": date(asked.window.start), "windowEndTime": date(asked.window.end)}
    if asked.body is not None:
        outputs["body"] = asked.body
    firing["outputs"] = outputs
    system: dict[str, Json] = {"DataFactory": factory, "parameters": {}, "globalParameters": shared}
    return FixedState(system=system, firing=firing, event=asked.body, instant=asked.now, chance=_CHANCE)


def _origin(asked: Asked) -> Origin:
    run_id, name, kind = asked.trigger_run_id, asked.trigger.name, asked.trigger.type
    return Origin(
        invoked_by={"id": run_id, "name": name, "invokedByType": kind},
        trigger={"type": kind, "id": run_id, "name": name, "time": date(asked.now)},
        who=WHO,
    )


def _factory_name(tx: Transaction, scope: str) -> str:
    subscription, _, subject = scope.removeprefix(f"{AUDIENCE}/").partition("/")
    found = documents.find(tx, factories_scope(subscription), FACTORY_KIND, subject)
    return "" if found is None else found.name
