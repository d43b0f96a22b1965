"""What a patch makes of a flow (4.7): which paths, which values, and what may not change any more once the start has passed."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.entities import check_writable
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_checks import check_flow, check_marks, draft_parts
from headrace.api.flowservice.flow_records import FlowRecord
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.patches import Operation, apply_patch
from headrace.api.flowservice.translate.plan import delta_of
from headrace.api.flowservice.translate.schedule import ONCE
from headrace.api.flowservice.wire import Item, flag, instant, integer, list_in, object_in, required_text

DRAFT = "draft"
"""The state of a flow that is not complete yet."""
_PATHS = (
    *("/name", "/description", "/scheduleParams", "/transformations", "/options", "/labels", "/policy", "/state"),
)
_IDS = ("/sourceConnectionIds", "/targetConnectionIds")
_STATES = {"enabled": "enabled", "disabled": "disabled", "initializing": "disabled"}


def patched(tenant: Tenant, record: FlowRecord, operations: tuple[Operation, ...]) -> tuple[Item, Item]:
    """Return the flow's definition and what it is made of (``frozen``) after ``operations``, checked like a new flow's.

    Raises:
        Refusal: the first check that fails.
    """
    is_draft = record.item["state"] == DRAFT
    for operation in operations:
        check_writable(operation, (*_PATHS, *_IDS) if is_draft else _PATHS)
    item = apply_patch(record.item, operations)
    required_text(item, "name")
    if item.get("description") is not None and not isinstance(item["description"], str):
        raise Refusal(Fault.VALUE, "description is no text")
    if is_draft:
        return item, _draft(tenant, item)
    item["state"] = _state(item.get("state"))
    _check_started(tenant, record, item)
    delta = delta_of(list_in(item, "transformations"))
    added = record.frozen.get("deltaAdded") is True and delta == delta_of(list_in(record.item, "transformations"))
    frozen = _rescheduled(tenant, record, item)
    new_start = "startsAt" in frozen and frozen["startsAt"] != record.frozen.get("startsAt")
    check_flow(tenant, item, frozen, delta_added=added, new_start=new_start)
    return item, frozen


def _draft(tenant: Tenant, item: Item) -> Item:
    if item.get("state") != DRAFT:
        raise Refusal(Fault.ACTION_STATE, "the flow is a draft; its state changes when it is published")
    check_marks(item)
    return draft_parts(tenant, item)


def _state(value: object) -> str:
    state = _STATES.get(value.lower()) if isinstance(value, str) else None
    if state is None:
        raise Refusal(Fault.STATE_VALUE, f"state is {value!r}; enabled or disabled is expected")
    return state


def _check_started(tenant: Tenant, record: FlowRecord, after: Mapping[str, Any]) -> None:
    """Refuse changes of a schedule whose start has passed."""
    old, new = object_in(record.item, "scheduleParams"), object_in(after, "scheduleParams")
    start = instant(old.get("startTime"))
    if old == new or start is None or start > tenant.door.clock.now():
        return
    if old.get("frequency") == ONCE or integer(old.get("startTime")) != integer(new.get("startTime")):
        raise Refusal(Fault.START_PASSED, "scheduleParams.startTime has passed and cannot be changed any more")
    if new.get("frequency") == ONCE:
        raise Refusal(Fault.FREQUENCY_TO_ONCE, "scheduleParams.frequency cannot become once after the start")
    if flag(old.get("backfill", True)) != flag(new.get("backfill", True)):
        raise Refusal(Fault.BACKFILL_LATE, "scheduleParams.backfill cannot be changed after the start")


def _rescheduled(tenant: Tenant, record: FlowRecord, after: Mapping[str, Any]) -> Item:
    """Return ``frozen`` with the moment at which a new start, or a new schedule for the same one, was given."""
    old, new = object_in(record.item, "scheduleParams"), object_in(after, "scheduleParams")
    now = tenant.door.clock.now()
    if integer(old.get("startTime")) != integer(new.get("startTime")):
        return {**record.frozen, "startsAt": now}
    return record.frozen if old == new else {**record.frozen, "scheduledAgainAt": now}
