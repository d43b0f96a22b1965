"""Actions (3.6): ``op`` is read in any case, and ``-`` equals ``_``."""

from collections.abc import Collection

from starlette.requests import Request

from headrace.api.flowservice.errors import Fault, Refusal


def read_action(request: Request, known: Collection[str], fault: Fault) -> str:
    """Return the action that ``op`` names, in lower case with ``_``.

    Raises:
        Refusal: 1359-400: missing; 1334-400: empty; ``fault``: unknown.
    """
    given = request.query_params.get("op")
    if given is None:
        raise Refusal(Fault.QUERY_MISSING, "the query parameter op is missing")
    if not given.strip():
        raise Refusal(Fault.QUERY_EMPTY, "the query parameter op is empty")
    action = given.strip().lower().replace("-", "_")
    if action not in known:
        raise Refusal(fault, f"the action {given[:40]!r} is unknown; use one of {', '.join(sorted(known))}")
    return action
