"""The one way in: rights are looked at here, then the operation's function is called."""

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, cast

from headrace.core.client import Identity
from headrace.core.errors import Code, Problem
from headrace.core.native.operation import Asked, Operation, Told
from headrace.service.native import (
    connections,
    flows,
    installation,
    logs,
    quarantine,
    retries,
    runs,
    schedules,
    webhooks,
)
from headrace.service.native.desk import NativeDesk

Function = Callable[..., Any]
"""``(desk, caller, asked) -> told``; for an operation that ``sends``: ``(desk, caller, asked, body) -> told``.

It looks at scopes itself, with ``service.native.reach``: what lies in a scope that the caller does not reach is not there.
"""

_NOUNS = (runs, retries, logs, quarantine, flows, schedules, connections, webhooks, installation)
FUNCTIONS: Mapping[str, Function] = {name: one for noun in _NOUNS for name, one in noun.FUNCTIONS.items()}
"""By the operation's name. A test holds it against ``core.native.table``."""


def require(caller: Identity, operation: Operation[Any, Any]) -> None:
    """Refuse ``caller`` an operation that its role is too low for: who is asked to send much looks here before it is sent.

    Raises:
        Problem: ``FORBIDDEN``.
    """
    if not caller.role.includes(operation.role):
        raise Problem(
            Code.FORBIDDEN, f"this needs the role {operation.role}; client {caller.client_id} is {caller.role}"
        )


def ask(
    desk: NativeDesk,
    caller: Identity,
    operation: Operation[Asked, Told],
    asked: Asked,
    body: BinaryIO | None = None,
) -> Told:
    """Return what the operation tells ``caller``.

    Raises:
        Problem: ``FORBIDDEN``: the caller's role is too low; and what the operation's function raises.
    """
    require(caller, operation)
    function = FUNCTIONS[operation.name]
    told = function(desk, caller, asked, body) if operation.sends else function(desk, caller, asked)
    return cast("Told", told)
