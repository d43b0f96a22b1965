"""A run's end, out: the two published forms of a notification (14)."""

from collections.abc import Mapping
from typing import Any

from headrace.api.flowservice.wire import Item, object_in, text_in
from headrace.core.run import RunStatus

SUCCESS = "sources_flow_run_success"
FAILED = "sources_flow_run_failed"
EVENTS: Mapping[str, RunStatus] = {
    SUCCESS: RunStatus.SUCCEEDED,
    FAILED: RunStatus.FAILED,
    "sources_flow_run_failure": RunStatus.FAILED,
}
"""The events that can be asked for, by every name that is taken."""


def notification(run: Item, event_id: str, status: RunStatus) -> Any:
    """Return the body that tells of ``run`` (its run object): an object for a success, a list of one message for a failure.

    Its times are those of the run, so it is the same whenever it is sent.
    """
    org = text_in(run, "imsOrgId")
    duration = object_in(object_in(run, "metrics"), "durationSummary")
    ended = duration.get("completedAtUTC", run.get("updatedAt", 0))
    if status is not RunStatus.SUCCEEDED:
        message = {
            "msgType": "eventNotification",
            "version": "1.0",
            "timestamp": ended,
            "imsOrgId": org,
            "schema": {"name": "run-notification", "version": "1.0"},
            "provider": "FlowService",
            "_eventNotificationMeta": {"category": "Platform Notifications", "type": FAILED},
            "value": run,
        }
        return [{"messages": [message]}]
    header = {
        "_adobeio": {"imsOrgId": org, "providerMetadata": "platform_notifications", "eventCode": SUCCESS},
    }
    event = {
        **run,
        "slaCreatedAt": run.get("createdAt", 0),
        "processStartTime": duration.get("startedAtUTC", run.get("createdAt", 0)),
        "header": header,
        "transformedTime": ended,
    }
    return {"event_id": event_id, "event": event}
