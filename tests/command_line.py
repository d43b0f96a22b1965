"""The command line in a process of its own for each command: a process that has loaded what commands need is forked, which spares the loading."""

import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

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
_FORKS = """
import json, os, sys, signal
from headrace.bootstrap import native, working
from headrace.cli import clients, expressions, flows, installation, keys, ledger, places, quarantine
from headrace.cli import remote, retrying, run_logs, runs, tree, watching, webhooks
from headrace.cli.main import main

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        for number, path in ((0, os.devnull), (1, asked["out"]), (2, asked["err"])):
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            os.dup2(file, number)
            os.close(file)
        sys.stdin = open(0, encoding="utf-8", closefd=False)
        sys.argv = ["headrace", *asked["arguments"]]
        signal.alarm(120)
        code = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class _Forks:
    """The process that is forked, started when it is first asked."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def call(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> Ended:
        """Run a command in ``folder``."""
        with tempfile.TemporaryDirectory() as place, self._lock:
            out, err = Path(place, "out"), Path(place, "err")
            asked = {"folder": str(folder), "arguments": arguments, "environment": environment}
            told = self._told({**asked, "out": str(out), "err": str(err)})
            texts = [path.read_text(encoding="utf-8", errors="surrogateescape") for path in (out, err)]
        return subprocess.CompletedProcess(list(arguments), told, *texts)

    def _told(self, asked: dict[str, object]) -> int:
        process = self._started()
        into, out = _pipes(process)
        into.write(json.dumps(asked) + "\n")
        into.flush()
        return int(out.readline())

    def _started(self) -> "subprocess.Popen[str]":
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _FORKS],
                env=environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            atexit.register(self._end)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            into, out = _pipes(self._process)
            into.close()
            self._process.wait(10)
            out.close()


def _pipes(process: "subprocess.Popen[str]") -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


_forks = _Forks()


def environment() -> dict[str, str]:
    """Return this process's environment without settings of Headrace."""
    return {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")} | {"NO_COLOR": "1"}


def headrace_in(folder: Path) -> Headrace:
    """Return what calls the command line in ``folder``."""

    def call(*arguments: str, **variables: str) -> Ended:
        return _forks.call(folder, arguments, {**environment(), **variables})

    return call
