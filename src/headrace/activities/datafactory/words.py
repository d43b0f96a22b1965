"""Failures in the words of Data Factory: error codes, whose fault, and the texts of containers and runs (contract 7.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from headrace.core.errors import Blame, Code
from headrace.core.outcome import Failure

INVALID_TEMPLATE = "InvalidTemplate"
"""An expression cannot be evaluated, or gives a value of the wrong type."""
BAD_REQUEST = "BadRequest"
"""A property of the activity makes no sense."""
ACTION_FAILED = "ActionFailed"
"""A container failed since an inner activity did."""
UNSUPPORTED_TYPE = "UnsupportedType"
"""Nothing here executes the activity's type, or its linked service's."""
ACCESS_DENIED = "UserErrorFileAccessDenied"
"""A place of this machine lies outside of what pipelines may read and write."""

_CODES: Mapping[Code, str] = MappingProxyType(
    {
        Code.EXPRESSION_SYNTAX: INVALID_TEMPLATE,
        Code.EXPRESSION_TYPE: INVALID_TEMPLATE,
        Code.UNKNOWN_FUNCTION: INVALID_TEMPLATE,
        Code.TIMED_OUT: "ActivityTimeout",
        Code.CANCELLED: "Cancelled",
        Code.UNSUPPORTED: UNSUPPORTED_TYPE,
        Code.INVALID: BAD_REQUEST,
        Code.MALFORMED: BAD_REQUEST,
        Code.LIMIT_EXCEEDED: BAD_REQUEST,
        Code.NOT_FOUND: BAD_REQUEST,
    }
)
_ENDS = frozenset({Code.TIMED_OUT, Code.CANCELLED, Code.FENCED})
"""Codes that say how an attempt itself ended; a container around it ended otherwise."""


def error_code(failure: Failure) -> str:
    """Return the failure's ``errorCode``."""
    return failure.label or _CODES.get(failure.code) or "InternalServerError"


def failure_type(failure: Failure) -> str:
    """Return the failure's ``failureType``: the platform's own failures are the system's, all others the user's."""
    return "SystemError" if failure.blame is Blame.PLATFORM and failure.code is not Code.TIMED_OUT else "UserError"


def inner_failed(culprits: Sequence[tuple[str, Failure]]) -> Failure:
    """Return why a container failed, in whose bodies these activities did."""
    texts = [
        f"Activity failed because an inner activity failed; Inner activity name: {name}, Error: {failure.message}"
        for name, failure in culprits
    ]
    return _because(culprits, texts)


def target_failed(culprits: Sequence[tuple[str, Failure]]) -> Failure:
    """Return why a run failed that these activities made so."""
    return _because(culprits, [f"Operation on target {name} failed: {failure.message}" for name, failure in culprits])


def _because(culprits: Sequence[tuple[str, Failure]], texts: Sequence[str]) -> Failure:
    code = culprits[0][1].code if culprits else Code.INTERNAL
    failure = Failure(Code.EXTERNAL_FAILED if code in _ENDS else code, "; ".join(texts))
    return replace(failure, label=ACTION_FAILED)
