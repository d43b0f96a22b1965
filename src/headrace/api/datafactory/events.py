"""Events that are posted to a factory (contract 10.3, our extension): they fire its started CustomEventsTriggers."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, shown
from headrace.api.datafactory.door import AUDIENCE
from headrace.api.datafactory.errors import bad_request
from headrace.api.datafactory.firing import maker
from headrace.api.datafactory.gateway import Factory, InFactory
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.translate.statuses import TRIGGER_WORDS
from headrace.api.datafactory.wire import Item, answer
from headrace.core.ids import Ids
from headrace.core.posted_events import PostedEvent
from headrace.http.bodies import Missing
from headrace.service.triggers.desk import TriggerDesk
from headrace.service.triggers.posting import post_event

MOST_EVENTS = 1_000
"""Events that one request may have."""
actions = APIRouter()


@actions.post(f"{FACTORY}/events")
def post_events(factory: InFactory, body: DocumentBody) -> Response:
    """Fire every started trigger that wants one of the events; tell which trigger runs there are.

    An event that is posted again, with the id that it had, fires nothing again.
    """
    events = [_event(one, number, factory.door.ids) for number, one in enumerate(_listed(body))]
    desk = _desk(factory)
    return answer({"value": [_told(desk, factory, event) for event in events]})


def _told(desk: TriggerDesk, factory: Factory, event: PostedEvent) -> Item:
    made = post_event(desk, factory.scope, event)
    runs = [
        {
            "triggerName": run.trigger_name,
            "triggerRunId": run.id,
            "status": TRIGGER_WORDS[run.status],
            "message": run.message,
            "triggeredPipelines": dict(run.pipelines),
        }
        for run in made
    ]
    return {"id": event.id, "triggerRuns": runs}


def _desk(factory: Factory) -> TriggerDesk:
    door = factory.door
    return TriggerDesk(door.database, door.clock, door.ids, {AUDIENCE: maker(door)})


def _listed(body: Any) -> list[Any]:
    if isinstance(body, Missing):
        raise bad_request("The request has no body; an array of events is expected.")
    if not isinstance(body, list):
        raise bad_request(f"The body is {shown(body)}; an array of events is expected.")
    if len(body) > MOST_EVENTS:
        raise bad_request(f"The body has {len(body)} events; at most {MOST_EVENTS} may be posted at once.")
    return body


def _event(given: object, number: int, ids: Ids) -> PostedEvent:
    if not isinstance(given, dict):
        raise bad_request(f"The element [{number}] is {shown(given)}; an event is expected.")
    texts = {name: given.get(name) for name in ("id", "eventType", "subject", "topic")}
    for name, value in texts.items():
        if value is not None and not isinstance(value, str):
            raise bad_request(f"The property '[{number}].{name}' is {shown(value)}; a text is expected.")
    if not texts["eventType"]:
        raise bad_request(f"The property '[{number}].eventType' is missing.")
    event_id = str(texts["id"] or ids.uuid())
    return PostedEvent(
        event_id,
        str(texts["eventType"]),
        str(texts["subject"] or ""),
        str(texts["topic"] or ""),
        {**given, "id": event_id},
    )
