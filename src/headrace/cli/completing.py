"""``headrace completion``: the script that lets a shell complete commands."""

from typer._completion_shared import get_completion_script

from headrace.cli.options import Shell

_NAME = "headrace"
_VARIABLE = "_HEADRACE_COMPLETE"
"""By it the shell asks the program what could come next."""


_HOW = {
    Shell.BASH: 'in ~/.bashrc: eval "$(headrace completion bash)"',
    Shell.ZSH: 'in ~/.zshrc, after compinit: eval "$(headrace completion zsh)"',
    Shell.FISH: "once: headrace completion fish > ~/.config/fish/completions/headrace.fish",
}


def script_of(shell: Shell) -> str:
    """Return the script for a shell; its last line is a comment that says where it goes."""
    script = get_completion_script(prog_name=_NAME, complete_var=_VARIABLE, shell=shell.value)
    return f"{script.rstrip()}\n# {_HOW[shell]}"
