"""Failures of activities in the words of the wire (4.3 and 7.3). The functions of activities say the same to expressions (``.error``)."""

from collections.abc import Mapping

from headrace.core.errors import Blame, Code
from headrace.core.outcome import Failure

_INVALID_TEMPLATE = "InvalidTemplate"
_BAD_REQUEST = "BadRequest"
_CODES: Mapping[Code, str] = {
    Code.EXPRESSION_SYNTAX: _INVALID_TEMPLATE,
    Code.EXPRESSION_TYPE: _INVALID_TEMPLATE,
    Code.UNKNOWN_FUNCTION: _INVALID_TEMPLATE,
    Code.TIMED_OUT: "ActivityTimeout",
    Code.CANCELLED: "Cancelled",
    Code.UNSUPPORTED: "UnsupportedType",
    Code.INVALID: _BAD_REQUEST,
    Code.MALFORMED: _BAD_REQUEST,
    Code.LIMIT_EXCEEDED: _BAD_REQUEST,
    Code.NOT_FOUND: _BAD_REQUEST,
}


def error_code(failure: Failure) -> str:
    """Return the ``errorCode``: what the activity calls it, or what its code is here."""
    return failure.label or _CODES.get(failure.code) or "InternalServerError"


def failure_type(failure: Failure) -> str:
    """Return the ``failureType``: the platform's own failures are the system's, all others the user's."""
    return "SystemError" if failure.blame is Blame.PLATFORM and failure.code is not Code.TIMED_OUT else "UserError"
