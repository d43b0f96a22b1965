"""Triggers (contract 10), as far as they are documents: they are stored, listed and stopped. None fires in this version, so none can be started."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of, shown
from headrace.api.datafactory.checks import check_typed
from headrace.api.datafactory.errors import Fault, Refusal, bad_request
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.inference import MULTIPLE, repair_trigger, unusable
from headrace.api.datafactory.paging import BY_NAME, gather, read_token
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.resources import Collection, find, router_of
from headrace.api.datafactory.resources import shown as shown_resource
from headrace.api.datafactory.wire import Item, answer, empty
from headrace.service.documents import Document, DocumentQuery

KIND = "trigger"
STARTED = "Started"
STOPPED = "Stopped"
_ONE_PIPELINE = "tumblingwindowtrigger"
_NEVER = frozenset({"reruntumblingwindowtrigger", "chainingtrigger"})
_TRIGGER = f"{FACTORY}/triggers/{{name}}"


def _check(_factory: Factory, name: str, properties: Item) -> Item:
    repaired = repair_trigger(name, properties)
    check_typed(repaired)
    if repaired["type"] == MULTIPLE:
        raise unusable(MULTIPLE, name)
    _check_pipelines(repaired)
    return {**repaired, "runtimeState": STOPPED}


def _check_pipelines(properties: Mapping[str, Any]) -> None:
    given = properties.get("pipelines")
    if given is not None and not isinstance(given, list):
        raise bad_request(f"The property 'pipelines' is {shown(given)}; a list is expected.")
    for entry in [*(given or []), properties.get("pipeline")]:
        if entry is None:
            continue
        reference = entry.get("pipelineReference") if isinstance(entry, dict) else None
        if not isinstance(reference, dict) or not isinstance(reference.get("referenceName"), str):
            raise bad_request(
                f"The trigger's pipeline is {shown(entry)}; an object with a 'pipelineReference' is expected."
            )
        parameters = entry.get("parameters")
        if parameters is not None and not isinstance(parameters, dict):
            raise bad_request(
                f"The property 'parameters' of the trigger's pipeline is {shown(parameters)}; an object is expected."
            )


def _refuse_change(target: str, current: Document) -> None:
    if is_started(current):
        message = "Cannot update enabled Trigger; the trigger needs to be disabled first."
        raise Refusal(Fault.TRIGGER_STARTED_UPDATE, message, target)


def _refuse_removal(target: str, current: Document) -> None:
    if is_started(current):
        message = "Cannot delete enabled Trigger; the trigger needs to be disabled first."
        raise Refusal(Fault.TRIGGER_STARTED_DELETE, message, target)


def is_started(document: Document) -> bool:
    """Say whether a trigger is started."""
    return _properties(document).get("runtimeState") == STARTED


TRIGGERS = Collection(
    kind=KIND, segment="triggers", check=_check, before_change=_refuse_change, before_removal=_refuse_removal
)
router = router_of(TRIGGERS)


actions = APIRouter()


@actions.post(f"{FACTORY}/querytriggers")
def query_triggers(factory: InFactory, body: DocumentBody) -> Response:
    """List the triggers, or those that rerun windows of the one that ``parentTriggerName`` names."""
    given = object_of(body, optional=True)
    parent, token = given.get("parentTriggerName"), given.get("continuationToken")
    if parent is not None and not isinstance(parent, str):
        raise bad_request(f"The property 'parentTriggerName' is {shown(parent)}; the name of a trigger is expected.")
    cursor = None if token is None or token == "" else read_token(token)
    query = DocumentQuery(scope=factory.scope, kind=KIND, order=BY_NAME)

    def shown_if(document: Document) -> Item | None:
        return shown_resource(factory, TRIGGERS, document) if parent is None or _reruns(document, parent) else None

    with factory.door.database.reading() as tx:
        return gather(tx, query, cursor, shown_if).continued()


@actions.post(f"{_TRIGGER}/start")
def start_trigger(name: str, factory: InFactory) -> Response:
    """Refuse to start a trigger: none fires in this version."""
    document = find(factory, TRIGGERS, name)
    if is_started(document):
        return empty()
    raise _not_fired(factory, document, "started")


@actions.post(f"{_TRIGGER}/stop")
def stop_trigger(name: str, factory: InFactory) -> Response:
    """Stop a trigger; one that is stopped stays so."""
    find(factory, TRIGGERS, name)
    return empty()


@actions.post(f"{_TRIGGER}/subscribetoevents")
def subscribe(name: str, factory: InFactory) -> Response:
    """Refuse to subscribe a trigger to events: none fires in this version."""
    raise _not_fired(factory, find(factory, TRIGGERS, name), "subscribed to events")


@actions.post(f"{_TRIGGER}/unsubscribefromevents")
@actions.post(f"{_TRIGGER}/geteventsubscriptionstatus")
def show_subscription(name: str, factory: InFactory) -> Response:
    """Say that a trigger is not subscribed to events, which holds for all of them in this version."""
    document = find(factory, TRIGGERS, name)
    return answer({"triggerName": document.name, "status": "Disabled"})


@actions.post(f"{_TRIGGER}/triggerruns/{{run}}/rerun")
@actions.post(f"{_TRIGGER}/triggerruns/{{run}}/cancel")
def change_trigger_run(name: str, run: str, factory: InFactory) -> Response:
    """Refuse: there is no such trigger run, since no trigger fires in this version."""
    document = find(factory, TRIGGERS, name)
    raise Refusal(Fault.NOT_FOUND, f"The trigger run {run} does not exist.", document.name)


def _reruns(document: Document, parent: str) -> bool:
    given = _properties(document).get("typeProperties")
    of = given.get("parentTrigger") if isinstance(given, Mapping) else None
    named = of.get("referenceName") if isinstance(of, Mapping) else of
    return isinstance(named, str) and named.lower() == parent.lower()


def _not_fired(factory: Factory, document: Document, what: str) -> Refusal:
    properties, target = _properties(document), TRIGGERS.path(factory, document.name)
    kind = str(properties["type"])
    if kind.lower() in _NEVER:
        return bad_request(f"The trigger '{document.name}' is a {kind}, which cannot be {what}.", target)
    named = properties.get("pipeline" if kind.lower() == _ONE_PIPELINE else "pipelines")
    if not named:
        return bad_request(f"The trigger '{document.name}' has no pipelines, so it cannot be {what}.", target)
    return bad_request(
        f"The trigger '{document.name}' cannot be {what}: triggers are stored, and do not fire yet in this version. Create runs with createRun.",
        target,
    )


def _properties(document: Document) -> Mapping[str, Any]:
    properties = document.body["properties"]
    return properties if isinstance(properties, Mapping) else {}
