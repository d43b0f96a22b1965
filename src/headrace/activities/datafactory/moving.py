"""What the activities that move data need of the installation, and how they get at the machinery, which an idle worker does without."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from headrace.activities.datafactory.datasets import Connecting
from headrace.core.clock import Clock
from headrace.core.task import Task
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots

_TRANSFER = "headrace.dataplane.transfer"


@dataclass(frozen=True, slots=True)
class Moving:
    """What of the installation is needed.

    ``roots_of`` gives the folders of a scope. ``batch_id`` names the batch of a task: one for each activity of a run, whatever its attempts.
    """

    connecting: Connecting
    roots_of: Callable[[str], Roots]
    limits: Limits
    clock: Clock
    egress: Egress
    batch_id: Callable[[Task], str]


def machinery(module: str) -> Any:
    """Return a module of the data plane's transfers by its name (``conduct``, ``databases.statements``); it is loaded when it is first needed."""
    return importlib.import_module(f"{_TRANSFER}.{module}")
