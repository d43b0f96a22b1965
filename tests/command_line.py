"""The command line in a process of its own for each command; it begins warm."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import warm

Ended = subprocess.CompletedProcess[str]
Headrace = Callable[..., Ended]

COMMAND = [sys.executable, "-c", "from headrace.cli.main import main; main()"]
FLOW = """
name: small
parameters: {bonus: 0}
source: {files: data.csv}
mapping: {id: to_integer(id), name: name, amount: 'to_integer(amount) + ${bonus}'}
target:
  table: small
  schema:
    id: {type: integer, required: true}
    name: {type: string, required: true}
    amount: integer
  rejects: {at_most: 50%}
"""
DATA = "id,name,amount\n1,ann,5\n2,bob,6\n3,,7\n"


def environment() -> dict[str, str]:
    """Return this process's environment without settings of Headrace."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")} | {"NO_COLOR": "1"}


def headrace_in(folder: Path, standard_output: str = "") -> Headrace:
    """Return what calls the command line in ``folder``; its standard output may go to a device, such as a terminal."""

    def call(*arguments: str, **variables: str) -> Ended:
        command, env = [*COMMAND, *arguments], {**environment(), **variables}
        if not standard_output:
            return warm.run(command, cwd=folder, env=env)
        with Path(standard_output).open("r+b", buffering=0) as device:
            return warm.run(command, cwd=folder, env=env, stdout=device)

    return call
