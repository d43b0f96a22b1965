"""Being somebody else: root may read everything, so tests of what may not be read are an ordinary user for a while."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NOBODY = 65534


@contextmanager
def as_nobody(*folders: Path) -> Iterator[None]:
    """Be an ordinary user who can reach ``folders``, which lie below the folder for temporary files."""
    if os.geteuid() != 0:
        yield
        return
    top = Path(tempfile.gettempdir()).resolve()
    for folder in {parent for given in folders for parent in (given, *given.resolve().parents)}:
        if top in folder.parents:
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
