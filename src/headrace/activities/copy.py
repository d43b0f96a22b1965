"""Kind ``copy``: a source is read once and laid down."""

from collections.abc import Callable

from headrace.core.clock import Clock
from headrace.core.codec import decode
from headrace.core.outcome import Outcome
from headrace.core.settings import CopySettings
from headrace.core.task import Context, Task, WorkFunction
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.copying import copy
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots

KIND = "copy"


def copy_activity(
    roots_of: Callable[[str], Roots],
    limits: Limits,
    clock: Clock,
    connect: Callable[[str, str], ConnectionInfo],
) -> WorkFunction:
    """Return the function that does copies.

    ``roots_of`` says which folders the flows of a scope may read; ``connect(scope, id)`` opens a connection of the scope.
    """

    def act(task: Task, context: Context) -> Outcome:
        settings = decode(CopySettings, task.settings, what=f"activity {task.path!r}")
        return copy(
            settings,
            task,
            context,
            roots=roots_of(task.scope),
            connect=lambda connection_id: connect(task.scope, connection_id),
            limits=limits,
            clock=clock,
        )

    return act
