"""Why something failed, in words that a person understands: what to do about each code."""

from collections.abc import Mapping

from headrace.core.errors import Code
from headrace.core.masking import masked_forms
from headrace.core.native.runs import Reason
from headrace.core.outcome import Failure

ADVICE: Mapping[Code, str] = {
    Code.INVALID: "Correct the value that the message names, in the definition or in the request, and run it again.",
    Code.MALFORMED: "Correct the document where the message says that it cannot be read.",
    Code.UNKNOWN_FIELD: "Remove or rename the field that nothing reads.",
    Code.NOT_FOUND: "See whether what is named still exists in this scope, and is spelt as it is there.",
    Code.CONFLICT: "Something of this name or key is there already: use another, or what is there.",
    Code.STALE: "Somebody changed it meanwhile: look at what is there now, and ask again.",
    Code.ILLEGAL_STATE: "Wait until its state allows it, or do first what the message names.",
    Code.UNAUTHENTICATED: "Log in again, or get a new token: this credential is unknown, expired or revoked.",
    Code.FORBIDDEN: "Ask an administrator for a client with the role or the scope that this needs.",
    Code.LIMIT_EXCEEDED: "Ask for less, or raise the limit that the message names, if it is a setting.",
    Code.UNSUPPORTED: "This installation cannot do it; the reference says what it does instead.",
    Code.UNAVAILABLE: "Retry: what it needs could not be reached just then.",
    Code.EXPRESSION_SYNTAX: "Correct the expression at the position that the message gives.",
    Code.UNKNOWN_FUNCTION: "Correct the function's name: the reference lists those that there are.",
    Code.UNKNOWN_COLUMN: "Name a column that the source has, or see whether the source has lost one.",
    Code.EXPRESSION_TYPE: "Give the function the arguments that it takes.",
    Code.SOURCE_NOT_FOUND: "See that the file, folder or table is there and rightly named, then retry from the failure.",
    Code.SOURCE_UNAUTHENTICATED: "Renew the connection's credentials, then retry from the failure.",
    Code.SOURCE_DENIED: "Allow the connection's login to read it, or choose a path in the allowed folders, then retry.",
    Code.SOURCE_UNAVAILABLE: "See that the source is up and can be reached from the workers, then retry from the failure.",
    Code.SOURCE_TIMEOUT: "See why the source is slow, or give it more time, then retry from the failure.",
    Code.SOURCE_UNREADABLE: "See whether the file is whole and of the format and encoding that the flow says.",
    Code.SOURCE_CHANGED: "Retry when nobody writes to the source.",
    Code.SOURCE_EMPTY: "See why the file has no bytes; retry when it has been written.",
    Code.SOURCE_HEADERLESS: "Give the file a header, or say in the format that it has none.",
    Code.TOO_MANY_REJECTS: "Look at the rejects: mend the data, the mapping or the rule, or allow more of them; then retry.",
    Code.COUNTS_DIFFER: "Nothing was committed. Retry; if it comes again, please report it: counts must agree.",
    Code.LANDING_GONE: "Run everything again: what was copied has been removed.",
    Code.TARGET_UNAVAILABLE: "See that the target is up and can be written, then retry from the failure.",
    Code.TARGET_MISMATCH: "Make the target's columns and types fit, or map the rows to what it has.",
    Code.TARGET_DENIED: "Allow the connection's login to write there, then retry from the failure.",
    Code.TIMED_OUT: "See what it waited for, or give it more time, then retry from the failure.",
    Code.CANCELLED: "Somebody stopped it. Retry does what is left.",
    Code.WORKER_LOST: "The worker died again and again while it did this: look at its memory and its log, then retry.",
    Code.FENCED: "Nothing has to be done: a newer attempt has taken over.",
    Code.EXTERNAL_FAILED: "See what the called service reports, then retry from the failure.",
    Code.DISK_FULL: "Make room where Headrace keeps its files, then retry from the failure.",
    Code.INTERNAL: "This is a fault of Headrace: the log has more. Retry once, and please report it.",
}
"""A sentence for every code. A test holds it against ``Code``."""


def reason_of(failure: Failure | None) -> Reason | None:
    """Return a failure with whose it is to act, and what may be done."""
    if failure is None:
        return None
    return Reason(
        code=failure.code,
        blame=failure.blame,
        message=masked_forms(failure.message),
        advice=ADVICE[failure.code],
        label=failure.label,
        fields=failure.fields,
    )
