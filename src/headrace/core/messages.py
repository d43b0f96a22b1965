"""What is said to a run that goes on: the topics, and what a message holds. The service says it, the engine listens.

A cancellation is no message: workers look for the status ``cancelling`` in the ledger.
"""

from collections.abc import Mapping

from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code
from headrace.core.run import RunStatus


def completion_topic(path: str, attempt: int) -> str:
    """Return the topic on which an attempt at the activity at ``path`` hears that somebody outside has done it, or failed to."""
    return f"external:{attempt}:{path}"


def child_ended(run_id: str, status: RunStatus) -> JsonObject:
    """Return the message that the run ``run_id``, which the hearer has made, has ended so."""
    return {"run_id": run_id, "status": status.value}


def completed(who: str, output: Mapping[str, Json]) -> JsonObject:
    """Return the message that the outside party has done its work."""
    return {"who": who, "output": dict(output)}


def failed(who: str, message: str) -> JsonObject:
    """Return the message that the outside party has failed; ``failure`` is an encoded ``core.outcome.Failure``."""
    return {"who": who, "failure": {"code": Code.EXTERNAL_FAILED.value, "message": message}}
