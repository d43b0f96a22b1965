"""Triggers of this door, started and stopped by somebody who did not come through it: as its verbs do it, its documents with it."""

from headrace.api.datafactory.door import AUDIENCE, DataFactoryDoor
from headrace.api.datafactory.errors import missing_document
from headrace.api.datafactory.gateway import FACTORY_KIND, Factory, factories_scope
from headrace.api.datafactory.triggers import STARTED, STOPPED, set_state
from headrace.core.client import Identity, Role
from headrace.core.trigger import Trigger
from headrace.service.native.desk import TriggerSwitch
from headrace.store import documents


def switch(door: DataFactoryDoor) -> TriggerSwitch:
    """Return what starts and stops this door's triggers."""

    def set_started(trigger: Trigger, started: bool, who: str) -> None:
        subscription, _, subject = trigger.scope.removeprefix(f"{AUDIENCE}/").partition("/")
        with door.database.reading() as tx:
            document = documents.find(tx, factories_scope(subscription), FACTORY_KIND, subject)
        if document is None:
            raise missing_document(f"trigger/{trigger.name}")
        factory = Factory(door, Identity(who, Role.OPERATOR, (trigger.scope,)), document)
        set_state(factory, trigger.name, STARTED if started else STOPPED)

    return set_started
