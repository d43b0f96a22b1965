"""Flows and triggers are paused and resumed: as their door does it, where they have one that keeps documents of its own."""

from dataclasses import replace

from headrace.core.flow import Flow
from headrace.service.flows import write_flow
from headrace.service.native.desk import NativeDesk
from headrace.service.schedules import put_schedule
from headrace.service.triggers.changes import start_trigger, stop_trigger
from headrace.store import audit, flows, schedules, triggers
from headrace.store.schedules import Scheduled
from headrace.store.start_pages import Start


def switch(desk: NativeDesk, start: Start, who: str, *, started: bool) -> None:
    """Let what starts flows by itself do so, or not.

    Raises:
        Problem: what the door says; ``NOT_FOUND``: it is gone.
    """
    of = start.of
    if isinstance(of, Scheduled):
        with desk.database.reading() as tx:
            flow = flows.get(tx, of.scope, of.flow_id)
        switch_flow(desk, flow, who, enabled=started)
        return
    door = desk.trigger_switches.get(of.scope.partition("/")[0])
    if door is not None:
        door(of, started, who)
        return
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        kept = triggers.find(tx, of.scope, of.name)
        if kept is not None and kept.is_started is not started:
            (start_trigger if started else stop_trigger)(tx, kept, who, now)


def switch_flow(desk: NativeDesk, flow: Flow, who: str, *, enabled: bool) -> None:
    """Enable a flow, or disable it; its schedule, if it has one, goes with it.

    Raises:
        Problem: what the door says; ``NOT_FOUND``: it is gone.
    """
    door = desk.flow_switches.get(flow.scope.partition("/")[0])
    now, action = desk.clock.now(), "flow.resume" if enabled else "flow.pause"
    if door is not None:
        # Doors write down whom they know under a name of theirs.
        door(flow, enabled, who)
        with desk.database.transaction() as tx:
            audit.record(tx, flow.scope, who, action, flow.id, now)
        return
    with desk.database.transaction() as tx:
        kept = flows.get(tx, flow.scope, flow.id)
        if kept.enabled is enabled:
            return
        audit.record(tx, flow.scope, who, action, flow.id, now)
        written = write_flow(tx, replace(kept, enabled=enabled), who, now)
        scheduled = schedules.get(tx, flow.scope, flow.id)
        if scheduled is not None:
            put_schedule(tx, written, scheduled.schedule, now)
