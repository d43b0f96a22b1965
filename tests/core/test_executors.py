"""What executes other types of activities is named in the settings."""

import json

import pytest

from headrace.core.codec import Json
from headrace.core.errors import Problem
from headrace.core.executors import Executor, parse_executors


def test_a_command_or_an_endpoint_executes_a_type() -> None:
    """Types are found in any letter case."""
    text = '{"Custom": {"command": ["/bin/run", "-q"]}, "DatabricksNotebook": {"url": "http://x/y"}}'
    assert parse_executors(text) == {
        "custom": Executor(command=("/bin/run", "-q")),
        "databricksnotebook": Executor(url="http://x/y"),
    }
    assert parse_executors("") == {}


@pytest.mark.parametrize("entry", [1, {}, {"command": []}, {"command": "ls -l"}, {"url": "ftp://x"}, {"url": 1}])
def test_an_entry_that_is_none_is_refused(entry: Json) -> None:
    """The message names the type."""
    with pytest.raises(Problem, match=r"datafactory_activities\.Custom: names no command and no endpoint"):
        parse_executors(json.dumps({"Custom": entry}))
