"""What a script would change (contract 8): ``POST /jobs/preview-mutation``."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.translate.records import message_item
from headrace.api.jobs.wire import Item, data
from headrace.core.record import Level
from headrace.service.jobs.preview import Difference, preview_mutation

router = APIRouter()


@router.post("/jobs/preview-mutation")
def preview(body: Object, door: AtDoor, actor: ByActor) -> Response:
    """Return the records that the script would change, as they would be."""
    found = preview_mutation(door.database, actor, door.scripts, door.limits.script, body)
    return data([_item(one, found.keys) for one in found.records])


def _item(one: Difference, keys: tuple[str, ...]) -> Item:
    record = one.record
    cells: Item = {}
    for key in keys:
        messages = record.messages.get(key, ())
        valid = not any(message.level is Level.ERROR for message in messages)
        cells[key] = {"value": record.values.get(key), "messages": list(map(message_item, messages)), "valid": valid}
        if key in one.before:
            cells[key]["snapshotValue"] = one.before[key]
    more = {"valid": record.valid, "metadata": dict(record.metadata), "config": dict(record.config)}
    return {"id": record.id, "values": cells, **more}
