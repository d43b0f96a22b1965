"""Runs programs as whole processes, in turn, and compares medians."""

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / ".bench"


@dataclass(frozen=True)
class Figure:
    """One line of the table: what, how much, beside whom, and what was to be reached."""

    what: str
    ours: str
    peer: str
    ratio: str
    goal: str

    @property
    def row(self) -> str:
        """Return the line in Markdown."""
        return f"| {self.what} | {self.ours} | {self.peer} | {self.ratio} | {self.goal} |"


HEADER = "| what | Headrace | beside it | ratio | goal |\n|---|---|---|---|---|"


def call(arguments: Sequence[str], *, python: str = sys.executable) -> dict[str, Any]:
    """Run a script that prints one JSON object as its last line, and return that object."""
    done = subprocess.run([python, *arguments], capture_output=True, text=True, cwd=ROOT, check=False, timeout=1800)
    if done.returncode != 0:
        message = f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-4000:]}"
        raise RuntimeError(message)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def in_turn(commands: dict[str, tuple[Sequence[str], str]], *, rounds: int) -> dict[str, dict[str, float]]:
    """Run every command ``rounds`` times, A B C A B C …, and return the medians of what each prints."""
    seen: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, (arguments, python) in commands.items():
            seen[name].append(call(arguments, python=python))
    return {
        name: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for name, results in seen.items()
    }


def peers_python() -> str:
    """Return the interpreter of the peers' own environment, made on first use."""
    return _environment("peers", "bench.txt")


def product_python() -> str:
    """Return the interpreter of an environment with what Headrace needs to run and nothing else, made on first use."""
    return _environment("product", "run.txt")


def _environment(name: str, pins: str) -> str:
    folder = SCRATCH / name
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(ROOT / "requirements" / pins)]
        subprocess.run([str(python), *install], check=True)
        (folder / ".installed").touch()
    return str(python)
