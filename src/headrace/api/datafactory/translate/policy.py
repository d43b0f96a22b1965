"""What a document says about how often and how long an activity is tried (7.4), as far as that is sure before a run."""

from collections.abc import Mapping

from headrace.api.datafactory.wire import Item
from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.flow import Policy
from headrace.language.datafactory.policy import DEFAULT_TIMEOUT, read_policy, read_timeout

_FIELDS = ("timeout", "retry", "retryIntervalInSeconds")
_TIMEOUTS = {"until": DEFAULT_TIMEOUT, "validation": DEFAULT_TIMEOUT, "web_hook": 600.0}
"""Control activities that have a time of their own, in their ``typeProperties``, by kind; the seconds that they have by default."""
_UNTRIED = frozenset(
    {
        *("for_each", "if", "switch", "filter", "pipeline_wait", "set_variable", "append_variable"),
        *("execute_pipeline", "fail"),
    }
)
"""Kinds that are tried once, for as long as it takes."""


def policy_of(kind: str, activity: Item) -> tuple[Policy, Mapping[str, Json]]:
    """Return the policy of an activity as its document has it, and the *dynamic policy*: what can only be read when it runs.

    The second is empty unless a value is an expression, or is none that a policy can have: the activity then fails and says so.
    """
    if kind in _UNTRIED:
        return Policy(), {}
    if kind in _TIMEOUTS:
        return _own_timeout(activity, _TIMEOUTS[kind])
    written = activity.get("policy")
    raw = {name: written[name] for name in _FIELDS if name in written} if isinstance(written, Mapping) else {}
    try:
        return read_policy(raw), {}
    except Problem:
        return read_policy({}), raw


def _own_timeout(activity: Item, default: float) -> tuple[Policy, Mapping[str, Json]]:
    properties = activity.get("typeProperties")
    raw = properties.get("timeout") if isinstance(properties, Mapping) else None
    try:
        return Policy(timeout_seconds=read_timeout(raw, default)), {}
    except Problem:
        return Policy(timeout_seconds=default), {"timeout": raw}
