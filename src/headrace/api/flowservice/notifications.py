"""What webhooks are told in this door's words (14): the run as ``GET /runs/{id}`` shows it."""

from headrace.api.flowservice.door import FlowServiceDoor
from headrace.api.flowservice.firing import nobody
from headrace.api.flowservice.run_records import find_run
from headrace.api.flowservice.translate.notification import notification
from headrace.api.flowservice.translate.run import run_object
from headrace.core.codec import Json
from headrace.service.webhooks import Event, Renderer


def renderer(door: FlowServiceDoor) -> Renderer:
    """Return what makes the bodies of this door's notifications. It raises a ``Problem`` when the run has been removed."""

    def render(event: Event) -> Json:
        tenant = nobody(door, event.scope)
        run = run_object(find_run(tenant, event.run_id), tenant.place)
        body: Json = notification(run, event.id, event.status)
        return body

    return render
