"""One look at the clock in a process of its own: ``timers_program.py fire``, or ``timers_program.py tell MINUTES`` as it is later."""

import sys
from datetime import timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from e2e.house import at
from headrace import config
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.timers import firing_desk
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebClient
from headrace.service.schedules import fire_due
from headrace.service.webhooks import Event, WebhookDesk, deliver_due


def hooks_of(application: Application) -> WebhookDesk:
    """Return what tells of flow files' runs, for which no door has words."""

    def render(event: Event) -> dict[str, str]:
        return {"id": event.id, "run": event.run_id, "status": event.status.value}

    web = WebClient(Egress(("127.0.0.1",)))
    database, clock, ids = application.database, application.clock, application.ids
    return WebhookDesk(database, clock, ids, application.sealer, web, {"local": render})


if __name__ == "__main__":
    with open_application(config.load()) as opened:
        if sys.argv[1] == "fire":
            fire_due(firing_desk(opened))
        else:
            deliver_due(hooks_of(at(opened, timedelta(minutes=float(sys.argv[2])))))
