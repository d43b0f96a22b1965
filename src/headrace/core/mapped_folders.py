"""Which directories of this machine stand for hosts that pipelines name, as the operator says it in the settings."""

import json
from collections.abc import Mapping
from pathlib import PurePosixPath

from headrace.core.errors import Code, FieldError, Problem


def parse_mapped_folders(text: str) -> Mapping[str, str]:
    """Return the directories that the JSON object ``text`` (empty: none) has for hosts, by these in one form: lower case, with slashes.

    Raises:
        Problem: ``INVALID``: an entry is no absolute path; all at once.
    """
    found: dict[str, str] = {}
    errors: list[FieldError] = []
    for host, folder in (json.loads(text) if text else {}).items():
        if isinstance(folder, str) and PurePosixPath(folder).is_absolute():
            found["/".join(_steps(host)).lower()] = folder.rstrip("/")
        else:
            errors.append(
                FieldError(f"datafactory_folders.{host}", "is no absolute path of a directory", "/data/share")
            )
    if errors:
        raise Problem.of_fields(Code.INVALID, "the configuration", tuple(errors))
    return found


def mapped_folder(folders: Mapping[str, str], host: str) -> str:
    """Return the directory that stands for ``host``, by the longest entry that it begins with, else ``host`` itself."""
    steps = _steps(host)
    for count in range(len(steps), 0, -1):
        folder = folders.get("/".join(steps[:count]).lower())
        if folder is not None:
            return "/".join((folder, *steps[count:]))
    return host


def _steps(host: str) -> list[str]:
    return [step for step in host.replace("\\", "/").split("/") if step]
