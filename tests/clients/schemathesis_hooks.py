"""What schemathesis is told besides the document: most path parameters name things that exist, so that requests get behind the first refusal."""

import json
import os
from typing import Any

import schemathesis
from schemathesis import HookContext

KNOWN: dict[str, str] = json.loads(os.environ["HEADRACE_TESTS_KNOWN"])
"""Ids by what stands before them in a path: ``flows`` to a flow's id."""


@schemathesis.hook
def map_path_parameters(context: HookContext, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Put existing ids into every second path; which ones is decided by what was generated, so that a failure can be repeated."""
    if not path_parameters or len(str(path_parameters)) % 2:
        return path_parameters
    path = context.operation.path.split("/") if context.operation else []
    return {
        name: KNOWN.get(path[path.index("{" + name + "}") - 1], value) if "{" + name + "}" in path else value
        for name, value in path_parameters.items()
    }
