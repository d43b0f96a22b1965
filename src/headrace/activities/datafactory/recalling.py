"""What an attempt's expressions gave, kept for whoever goes on with the attempt after a crash.

``utcnow()``, ``guid()``, ``rand()`` and variables give something else when they are asked again. A copy that was killed in the middle has to be gone
on with as it was begun: another folder, or another query, would be another copy, and rows would come twice. So what was evaluated is kept, sealed,
beside the journal of the transfer, before anything is written. Another attempt evaluates anew.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from headrace.core.codec import Json
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
        """Return what was kept; nothing where nothing was.

        Raises:
            Problem: it cannot be opened any more: whoever went on without it could make another copy of this one.
        """
        try:
            sealed = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        found: dict[str, Json] = json.loads(self.sealer.open(sealed, self.scope, self.file.name))
        return found

    def keep(self, values: dict[str, Json], *, first: bool) -> bool:
        """Keep values, in the place of those that were; with ``first``, only if nobody has kept any meanwhile. Say whether they are kept.

        A worker that was frozen, and taken for dead, would put its own values over those that its successor works with.
        """
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        sealed = self.sealer.seal(json.dumps(values), self.scope, self.file.name)
        new = self.file.with_name(f"{self.file.name}.{os.getpid()}.new")
        new.write_text(sealed, encoding="utf-8")
        if not first:
            new.replace(self.file)
            return True
        try:
            os.link(new, self.file)
        except FileExistsError:
            return False
        finally:
            new.unlink()
        return True
