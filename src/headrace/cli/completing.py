"""``headrace completion``: the script that lets a shell complete commands."""

from typer._completion_shared import get_completion_script

from headrace.cli.options import Shell

_NAME = "headrace"
_VARIABLE = "_HEADRACE_COMPLETE"
"""By it the shell asks the program what could come next."""


def script_of(shell: Shell) -> str:
    """Return the script for a shell."""
    return get_completion_script(prog_name=_NAME, complete_var=_VARIABLE, shell=shell.value)
