"""Actions (3.6): what ``op``, ``subOp`` and the optional body of ``POST …/action`` ask for."""

from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item, body_object, number
from headrace.core.client import Identity
from headrace.http.bodies import Body, Missing

FINALIZE = frozenset({"finalize", "finalize_update"})
"""Actions that end what is under way elsewhere; here nothing ever is."""
_SUB_OPS = frozenset({"APPLY", "ROLLBACK", "PROGRESS"})
_STATUSES = frozenset(
    {
        *("IN_PROGRESS", "COMPLETED", "SUCCESS", "PARTIAL_SUCCESS", "FAILED", "PARTIAL_FAILURE", "QUEUED"),
        "SCHEDULED",
    }
)
_ENDED = frozenset({"COMPLETED", "FAILED"})
_PARAMETERS = frozenset({"op", "subOp", "if-match", "If-Match"})
_DONE = 100


@dataclass(frozen=True, slots=True)
class Action:
    """What is asked for: ``op`` in lower case with ``_``, ``sub_ops`` and ``status`` in capitals with ``_`` (None: no status was sent)."""

    op: str
    sub_ops: frozenset[str] = frozenset()
    status: str | None = None


def read_action(request: Request, body: Body, known: Collection[str], fault: Fault = Fault.ACTION) -> Action:
    """Return the action that a request asks for; ``known`` are those of the entity, in lower case with ``_``.

    Raises:
        Refusal: 1451-400: another query parameter; 1359-400, 1334-400: ``op`` missing, empty; ``fault``: ``op`` unknown; 1435-400: ``subOp`` unknown;
            1436-400, 1406-400, 1407-400: ``PROGRESS`` with enable or disable, with another one, with a failure; 1000-400: a body that is no object;
            1437-400: its status unknown; 1312-400: its percentage no number; 1408-400: an end with another percentage than 100.
    """
    unknown = sorted(set(request.query_params) - _PARAMETERS)
    if unknown:
        raise Refusal(Fault.QUERY_PARAMETER, f"the query parameter {unknown[0][:80]!r} is unknown here")
    op = _op(request, known, fault)
    sub_ops = _sub_ops(request, op)
    status = _status(body, sub_ops)
    return Action(op, sub_ops, status)


def finalize_refusal(identity: Identity) -> Refusal:
    """Return why ``finalize`` is always refused: 1402-400 to a user; 1409-400 to a service: nothing is ever in a transitional state."""
    if not identity.service:
        return Refusal(Fault.FINALIZE_BY_USER, "finalize is for services, not for users")
    return Refusal(
        Fault.FINALIZE_STATE, "there is nothing to finalize: every change of state is complete when it is answered"
    )


def _op(request: Request, known: Collection[str], fault: Fault) -> str:
    given = request.query_params.get("op")
    if given is None:
        raise Refusal(Fault.QUERY_MISSING, "the query parameter op is missing")
    if not given.strip():
        raise Refusal(Fault.QUERY_EMPTY, "the query parameter op is empty")
    op = given.strip().lower().replace("-", "_")
    if op not in known:
        raise Refusal(fault, f"the action {given[:40]!r} is unknown; use one of {', '.join(sorted(known))}")
    return op


def _sub_ops(request: Request, op: str) -> frozenset[str]:
    given = frozenset(_word(text) for text in request.query_params.getlist("subOp") if text.strip())
    unknown = sorted(given - _SUB_OPS)
    if unknown:
        raise Refusal(
            Fault.SUB_OP, f"the subOp {unknown[0][:40]!r} is unknown; use one of {', '.join(sorted(_SUB_OPS))}"
        )
    if "PROGRESS" in given and op in {"enable", "disable"}:
        raise Refusal(Fault.SUB_OP_STATE, f"the subOp PROGRESS does not go with {op}")
    if "PROGRESS" in given and len(given) > 1:
        raise Refusal(Fault.SUB_OP_ALONE, "the subOp PROGRESS does not go with other ones")
    return given


def _status(body: Body, sub_ops: frozenset[str]) -> str | None:
    item: Item = {} if isinstance(body, Missing) or body is None else body_object(body)
    percent = item.get("percentCompleted")
    status = item.get("status")
    value = None if status is None else _status_value(status)
    if value == "FAILED" and "PROGRESS" in sub_ops:
        raise Refusal(Fault.PROGRESS_FAILED, "the subOp PROGRESS does not go with the status FAILED")
    if percent is None:
        return value
    given = number(percent)
    if given is None or not 0 <= given <= _DONE:
        raise Refusal(Fault.VALUE, f"percentCompleted is {percent!r}; a number from 0 to {_DONE} is expected")
    if value in _ENDED and given != _DONE:
        raise Refusal(Fault.PERCENT, f"percentCompleted is {percent!r}; what is {value} has {_DONE}")
    return value


def _status_value(status: object) -> str | None:
    value = status.get("value") if isinstance(status, dict) else status
    if isinstance(status, dict) and value is None:
        return None
    word = _word(value) if isinstance(value, str) else ""
    if word not in _STATUSES:
        raise Refusal(
            Fault.STATUS_VALUE, f"status.value is {value!r}; one of {', '.join(sorted(_STATUSES))} is expected"
        )
    return word


def _word(text: str) -> str:
    return text.strip().upper().replace("-", "_")
