"""Triggers of this door, started and stopped by somebody who did not come through it: as its verbs do it, its documents with it."""

from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.errors import missing_document
from headrace.api.datafactory.gateway import factory_at
from headrace.api.datafactory.triggers import STARTED, STOPPED, set_state
from headrace.core.trigger import Trigger
from headrace.service.native.desk import TriggerSwitch


def switch(door: DataFactoryDoor) -> TriggerSwitch:
    """Return what starts and stops this door's triggers."""

    def set_started(trigger: Trigger, started: bool, who: str) -> None:
        factory = factory_at(door, trigger.scope, who)
        if factory is None:
            raise missing_document(f"trigger/{trigger.name}")
        set_state(factory, trigger.name, STARTED if started else STOPPED)

    return set_started
