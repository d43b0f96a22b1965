"""The entry point: problems become messages and exit codes, never a traceback.

Exit codes: 0 succeeded, 1 failed, 2 succeeded with rejected rows, 64 the command was not understood, 130 interrupted.
"""

import os
import sys
from collections.abc import Sequence

import typer

from headrace import config
from headrace.cli.output import Format, Output, harmless
from headrace.cli.tree import app
from headrace.core.codec import encode
from headrace.core.errors import Problem

USAGE = 64
INTERRUPTED = 130
FAILED = 1


def main() -> None:
    """Run the command line of this process and end it with the exit code."""
    sys.exit(call(sys.argv[1:]))


def call(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` are, and return its exit code."""
    try:
        result = app(args=list(arguments), prog_name="headrace", standalone_mode=False)
    except typer.TyperException as error:
        _explain_usage(error)
        return USAGE
    except (typer.Abort, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except Problem as problem:
        _explain(problem, arguments)
        return FAILED
    except BrokenPipeError:
        # Whoever read our output has gone; what Python flushes at its end must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # the outermost edge: a bug is reported in one line, with the way to see all of it
        if config.is_debugging():
            raise
        print(harmless(f"error: a bug in Headrace: {type(error).__name__}: {error}"), file=sys.stderr)
        print("set HEADRACE_DEBUG=1 to see where, and please report it", file=sys.stderr)
        return FAILED
    return result if isinstance(result, int) else 0


def _explain_usage(error: typer.TyperException) -> None:
    context = getattr(error, "ctx", None)
    message = error.format_message()
    if message.startswith("Usage:"):  # a group without a command: its help is the answer
        print(message, file=sys.stderr)
        return
    # The parser's own words for a value of a closed list begin with the class of its error.
    print(harmless(f"error: {message.replace('Value error, ', '')}"), file=sys.stderr)
    command = context.command_path if context is not None else "headrace"
    print(f"try: {command} --help", file=sys.stderr)


def _explain(problem: Problem, arguments: Sequence[str]) -> None:
    if config.is_debugging():
        raise problem
    # Its words may be a server's, or those of data.
    print(harmless(f"error: {problem}"), file=sys.stderr)
    if _wants_json(arguments):
        fields = [{"path": e.path, "message": e.message, "hint": e.hint} for e in problem.fields]
        document = {"error": {"code": problem.code.value, "message": problem.message, "fields": fields}}
        Output(Format.JSON).document(encode(document))


def _wants_json(arguments: Sequence[str]) -> bool:
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        (one in {"-o", "--output"} and other == "json") or one in {"-ojson", "--output=json"} for one, other in pairs
    )
