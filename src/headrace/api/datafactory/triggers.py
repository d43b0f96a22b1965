"""Triggers (contract 10): documents with a state.

What a started one fires on stands in ``translate/trigger``, how it fires in ``service.triggers``, and the runs that it makes in ``firing``.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of, shown
from headrace.api.datafactory.checks import check_typed
from headrace.api.datafactory.errors import Fault, Refusal, bad_request, missing_document
from headrace.api.datafactory.gateway import Factory, InFactory, hold_factory
from headrace.api.datafactory.inference import MULTIPLE, repair_trigger, unusable
from headrace.api.datafactory.names import key_of
from headrace.api.datafactory.paging import BY_NAME, gather, read_token
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.resources import Collection, find, router_of
from headrace.api.datafactory.resources import shown as shown_resource
from headrace.api.datafactory.translate.trigger import FiresOn, fires_on, pipelines_of
from headrace.api.datafactory.wire import Item, answer, empty
from headrace.core.clock import Instant
from headrace.core.trigger import Trigger, TriggerKind
from headrace.core.tumbling import Tumbling
from headrace.core.window_cycles import circle_of
from headrace.service.documents import Document, DocumentQuery
from headrace.service.triggers.changes import TriggerDraft, put_trigger, remove_trigger
from headrace.service.triggers.changes import start_trigger as start
from headrace.service.triggers.changes import stop_trigger as stop
from headrace.service.triggers.windows import tumbling_of
from headrace.store import documents, triggers
from headrace.store.database import Transaction

KIND = "trigger"
STARTED = "Started"
STOPPED = "Stopped"
_MOST_ON_THE_WAY = 200
"""Triggers that are looked at to find out whether one waits for itself."""
_OF_EVENTS = frozenset({TriggerKind.FILES, TriggerKind.EVENTS})
_TRIGGER = f"{FACTORY}/triggers/{{name}}"


def _check(_factory: Factory, name: str, properties: Item) -> Item:
    repaired = repair_trigger(name, properties)
    check_typed(repaired)
    if repaired["type"] == MULTIPLE:
        raise unusable(MULTIPLE, name)
    _check_pipelines(repaired)
    fires_on(name, repaired)
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


def _write_trigger(tx: Transaction, factory: Factory, document: Document, now: Instant) -> None:
    """Keep what the trigger fires on, with the windows that it has processed.

    Raises:
        Refusal: 400: the windows of a trigger that is there would have another size.
    """
    found = fires_on(document.name, _properties(document))
    if found is None:
        remove_trigger(tx, factory.scope, document.name, now)
        return
    _check_size(tx, factory, document, found)
    put_trigger(tx, _draft(factory, document, found), factory.door.ids, now)


def _check_size(tx: Transaction, factory: Factory, document: Document, found: FiresOn) -> None:
    kept = triggers.find(tx, factory.scope, document.name)
    if kept is None or kept.kind is not TriggerKind.TUMBLING or not isinstance(found.definition, Tumbling):
        return
    before = tumbling_of(kept)
    for key, was, now_is in (
        ("frequency", before.unit.value.capitalize(), found.definition.unit.value.capitalize()),
        ("interval", before.interval, found.definition.interval),
    ):
        if was != now_is:
            text = f"The property '{key}' of the trigger '{document.name}' is {was} and cannot be changed to {now_is}; make another trigger."
            raise bad_request(text, TRIGGERS.path(factory, document.name))


def _draft(factory: Factory, document: Document, found: FiresOn) -> TriggerDraft:
    return TriggerDraft(
        scope=factory.scope,
        name=document.name,
        type=str(_properties(document)["type"]),
        kind=found.kind,
        definition=found.definition,
    )


def _remove_trigger(tx: Transaction, factory: Factory, document: Document, now: Instant) -> None:
    remove_trigger(tx, factory.scope, document.name, now)


TRIGGERS = Collection(
    kind=KIND,
    segment="triggers",
    check=_check,
    before_change=_refuse_change,
    before_removal=_refuse_removal,
    along=_write_trigger,
    along_removal=_remove_trigger,
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
    """Start a trigger; one that is started stays so."""
    set_state(factory, name, STARTED)
    return empty()


@actions.post(f"{_TRIGGER}/stop")
def stop_trigger(name: str, factory: InFactory) -> Response:
    """Stop a trigger; one that is stopped stays so."""
    set_state(factory, name, STOPPED)
    return empty()


@actions.post(f"{_TRIGGER}/subscribetoevents")
def subscribe(name: str, factory: InFactory) -> Response:
    """Subscribe a trigger to events: those of a started one come by themselves, so there is nothing to do but to say so."""
    document = find(factory, TRIGGERS, name)
    found = fires_on(document.name, _properties(document))
    if found is None or found.kind not in _OF_EVENTS:
        text = f"The trigger '{document.name}' is a {_properties(document).get('type')}, which has no events to subscribe to."
        raise bad_request(text, TRIGGERS.path(factory, document.name))
    return answer({"triggerName": document.name, "status": "Enabled"})


@actions.post(f"{_TRIGGER}/unsubscribefromevents")
def unsubscribe(name: str, factory: InFactory) -> Response:
    """Say that a trigger is not subscribed to events; a started one still gets them until it is stopped."""
    return answer({"triggerName": find(factory, TRIGGERS, name).name, "status": "Disabled"})


@actions.post(f"{_TRIGGER}/geteventsubscriptionstatus")
def show_subscription(name: str, factory: InFactory) -> Response:
    """Say whether events come to a trigger."""
    document = find(factory, TRIGGERS, name)
    found = fires_on(document.name, _properties(document)) if is_started(document) else None
    status = "Enabled" if found is not None and found.kind in _OF_EVENTS else "Disabled"
    return answer({"triggerName": document.name, "status": status})


def set_state(factory: Factory, name: str, state: str) -> None:
    """Start or stop a trigger: its document shows the state, its row in the ledger fires.

    Raises:
        Refusal: 404: there is none; 400: it cannot be started.
    """
    now = factory.door.clock.now()
    with factory.door.database.transaction() as tx:
        hold_factory(tx, factory)
        document = documents.find(tx, factory.scope, KIND, key_of(name))
        if document is None:
            raise missing_document(TRIGGERS.path(factory, name))
        if is_started(document) == (state == STARTED):
            return
        if state == STARTED:
            start(tx, _startable(tx, factory, document, now), factory.who, now)
        else:
            kept = triggers.find(tx, factory.scope, document.name)
            if kept is not None:
                stop(tx, kept, factory.who, now)
        body = {**document.body, "properties": {**_properties(document), "runtimeState": state}}
        documents.put(tx, replace(document, body=body, updated_at=now))


def _startable(tx: Transaction, factory: Factory, document: Document, now: Instant) -> Trigger:
    """Return the trigger as it is to be started.

    Raises:
        Refusal: 400: triggers of its type do not fire, or it has no pipelines, or waits for windows of a trigger that has none, or for its own.
    """
    properties, target = _properties(document), TRIGGERS.path(factory, document.name)
    found = fires_on(document.name, properties)
    if found is None:
        text = f"The trigger '{document.name}' is a {properties.get('type')}, which cannot be started."
        raise bad_request(text, target)
    if not pipelines_of(properties):
        raise bad_request(f"The trigger '{document.name}' has no pipelines, so it cannot be started.", target)
    if isinstance(found.definition, Tumbling):
        for upstream in sorted({one.trigger for one in found.definition.depends_on if one.trigger}):
            _check_upstream(tx, factory, document, upstream, now)
        _check_circle(tx, factory, document, found.definition)
    # A trigger of an earlier version has no row yet.
    kept = triggers.find(tx, factory.scope, document.name)
    return kept or put_trigger(tx, _draft(factory, document, found), factory.door.ids, now)


def _check_upstream(tx: Transaction, factory: Factory, document: Document, name: str, now: Instant) -> None:
    other = documents.find(tx, factory.scope, KIND, key_of(name))
    found = None if other is None else fires_on(other.name, _properties(other))
    if other is None or found is None or found.kind is not TriggerKind.TUMBLING:
        text = f"The trigger '{document.name}' depends on '{name}', which is no tumbling window trigger of the factory."
        raise bad_request(text, TRIGGERS.path(factory, document.name))
    if triggers.find(tx, factory.scope, other.name) is None:
        put_trigger(tx, _draft(factory, other, found), factory.door.ids, now)


def _check_circle(tx: Transaction, factory: Factory, document: Document, tumbling: Tumbling) -> None:
    name = document.name.lower()
    known, ahead = {name: tumbling}, [tumbling]
    while ahead and len(known) < _MOST_ON_THE_WAY:
        for upstream in {one.trigger for one in ahead.pop().depends_on if one.trigger} - set(known):
            other = documents.find(tx, factory.scope, KIND, key_of(upstream))
            found = None if other is None else fires_on(other.name, _properties(other))
            if found is not None and isinstance(found.definition, Tumbling):
                known[upstream] = found.definition
                ahead.append(found.definition)
    circle = circle_of(name, known)
    if circle is not None:
        text = (
            f"The windows of the trigger '{document.name}' wait for themselves ({' → '.join(circle)}), so none would ever begin; "
            "a dependency needs a negative 'offset' that leads to earlier windows."
        )
        raise bad_request(text, TRIGGERS.path(factory, document.name))


def _reruns(document: Document, parent: str) -> bool:
    given = _properties(document).get("typeProperties")
    of = given.get("parentTrigger") if isinstance(given, Mapping) else None
    named = of.get("referenceName") if isinstance(of, Mapping) else of
    return isinstance(named, str) and named.lower() == parent.lower()


def _properties(document: Document) -> Mapping[str, Any]:
    properties = document.body["properties"]
    return properties if isinstance(properties, Mapping) else {}
