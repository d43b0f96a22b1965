"""What is said to an attempt at an activity that waits: what a signal holds. The service and the store say it, the engine listens.

A cancellation is no message: workers look for the status ``cancelling`` in the ledger.
"""

from collections.abc import Mapping

from headrace.core.codec import Json, JsonObject
from headrace.core.errors import Code
from headrace.core.run import RunStatus


def child_ended(run_id: str, status: RunStatus) -> JsonObject:
    """Return the message that the run ``run_id``, which the hearer has made, has ended so."""
    return {"run_id": run_id, "status": status.value}


def completed(who: str, output: Mapping[str, Json]) -> JsonObject:
    """Return the message that the outside party has done its work."""
    return {"who": who, "output": dict(output)}


def failed(who: str, message: str) -> JsonObject:
    """Return the message that the outside party has failed; ``failure`` is an encoded ``core.outcome.Failure``."""
    return {"who": who, "failure": {"code": Code.EXTERNAL_FAILED.value, "message": message}}
