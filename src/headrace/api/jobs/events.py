"""Events over REST (contract 9.2)."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor, actor_of
from headrace.api.jobs.long_polls import while_there
from headrace.api.jobs.queries import Query
from headrace.api.jobs.translate.events import draft_of, event_of
from headrace.api.jobs.wire import data, success
from headrace.service.happenings import reading
from headrace.store.happenings import HappeningQuery

router = APIRouter()

_PAGE = 10
_PAGE_SINCE = 1000
"""Who asks for everything since a moment asks again soon, and wants all of it."""
_LONGEST_WAIT = 25


@router.get("/events")
async def list_events(request: Request, door: AtDoor, actor: ByActor) -> Response:
    """Return events, oldest first; with ``wait``, as soon as there are any."""
    asked = Query(request)
    since, wait = asked.instant("since"), asked.number("wait")
    size, number = asked.page(_PAGE if since is None else _PAGE_SINCE)
    environment = asked.text("environmentId")
    query = HappeningQuery(
        scope=actor.scope,
        space_id=asked.text("spaceId"),
        domain=asked.text("domain"),
        topic=asked.text("topic"),
        since=since,
        open_only=not asked.flag("includeAcknowledged"),
    )
    asked.done()
    if environment not in {None, actor.environment_id}:
        return data([])
    seconds = min(wait or 0, _LONGEST_WAIT)
    found = await while_there(request, door.listening.page(actor, query, size, number, seconds))
    return data([event_of(happening) for happening in found.happenings])


@router.post("/events")
def create_event(request: Request, door: AtDoor, body: Object) -> Response:
    """Tell listeners of something that has happened outside."""
    draft = draft_of(body, door.limits.max_document_bytes)
    context = {name: value for name, value in draft.context.items() if isinstance(value, str)}
    return data(event_of(reading.post(door.happenings, actor_of(request, context), draft)))


@router.get("/events/{event_id}")
def get_event(event_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Return one event."""
    return data(event_of(reading.get(door.happenings, actor, event_id)))


@router.post("/events/{event_id}/ack")
def acknowledge_event(event_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Note that the caller has dealt with an event."""
    reading.acknowledge(door.happenings, actor, event_id)
    return success()
