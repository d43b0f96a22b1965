"""What an attempt's expressions gave, kept for whoever goes on with the attempt after a crash.

``utcnow()``, ``guid()``, ``rand()`` and variables give something else when they are asked again. A copy that was killed in the middle has to be gone
on with as it was begun: another folder, or another query, would be another copy, and rows would come twice. So what was evaluated is kept, sealed,
beside the journal of the transfer, before anything is written. Another attempt evaluates anew.
"""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.task import Task
from headrace.service.sealing import Sealer


@dataclass(frozen=True, slots=True)
class Memory:
    """The file that an attempt's values are kept in."""

    file: Path
    sealer: Sealer
    scope: str

    @classmethod
    def of(cls, folder: Path, sealer: Sealer, task: Task) -> "Memory":
        """Return the memory of a task's attempt, in a folder that outlives it."""
        name = hashlib.sha256(f"{task.run_id}/{task.path}/{task.attempt}".encode()).hexdigest()[:32]
        return cls(folder / f"evaluated-{name}", sealer, task.scope)

    def read(self) -> dict[str, Json]:
        """Return what was kept; nothing where nothing was, or where it cannot be opened any more."""
        with contextlib.suppress(FileNotFoundError, Problem, ValueError):
            found = json.loads(self.sealer.open(self.file.read_text(encoding="utf-8"), self.scope, self.file.name))
            if isinstance(found, dict):
                return found
        return {}

    def keep(self, values: dict[str, Json]) -> None:
        """Keep values, in the place of those that were."""
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = self.sealer.seal(json.dumps(values), self.scope, self.file.name)
        new = self.file.with_name(f"{self.file.name}.{os.getpid()}.new")
        new.write_text(sealed, encoding="utf-8")
        new.replace(self.file)
