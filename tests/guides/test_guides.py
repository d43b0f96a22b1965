"""The guides are true: every console block is executed, in order, with the real command line."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

import warm
from command_line import COMMAND, environment, headrace_in
from servers import PostgresServer

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
BLOCK = re.compile(r"^```(\w+)((?: \w+=\S+)*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CHANGES = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f-]+)?|01[0-9A-Z]{24}|\d+\.\d+ s|\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ|…")
"""What is another in every run: ids, durations, times; and what a guide leaves out."""


@dataclass
class Reader:
    """Somebody who does what a guide says, in a folder of their own."""

    folder: Path
    variables: dict[str, str]
    processes: ExitStack = field(default_factory=ExitStack)

    def does(self, kind: str, options: dict[str, str], text: str) -> None:
        """Do what one block says."""
        if "file" in options:
            (self.folder / options["file"]).write_text(text)
        elif "append" in options:
            with (self.folder / options["append"]).open("a") as file:
                file.write(text)
        elif kind == "sql":
            with psycopg.connect(self.variables[options["run"].upper()]) as connection:
                connection.execute(text.encode())
        elif kind == "console":
            for command, shown in commands(text):
                self.enters(command, shown, options)

    def enters(self, command: str, shown: list[str], options: dict[str, str]) -> None:
        """Enter a command; its exit code and what stays the same of the shown output are compared."""
        words = shlex.split(command)
        is_ours = words[0] == "headrace"
        if "background" in options:
            for _ in range(int(options["background"])):
                process = warm.start([*COMMAND, *words[1:]], cwd=self.folder, env=self.environment)
                self.processes.callback(process.wait, 60)
                self.processes.callback(process.terminate)
            return
        if is_ours:
            ended = headrace_in(self.folder)(*words[1:], **self.variables)
        else:
            ended = subprocess.run(
                words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120, check=False
            )
        told = ended.stdout + ended.stderr
        assert ended.returncode == int(options.get("exit", "0")), f"$ {command}\n{told}"
        assert "WARNING" not in told
        for line in shown:
            for piece in CHANGES.split(line):
                assert squeezed(piece) in squeezed(told), f"$ {command}\n{piece!r} is not in\n{told}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the reader's environment."""
        return {**environment(), **self.variables, "PATH": os.environ["PATH"]}


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console block with the output that is shown for it."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


def squeezed(text: str) -> str:
    """Return the text with single spaces: widths of columns hang on ids and times."""
    return " ".join(text.split()).rstrip("-")


def read(guide: str, folder: Path, variables: dict[str, str]) -> None:
    """Do all that a guide says."""
    reader = Reader(folder, variables)
    with reader.processes:
        for kind, options, text in BLOCK.findall((GUIDES / guide).read_text()):
            reader.does(kind, dict(option.split("=", 1) for option in options.split()), text)


@pytest.mark.parametrize("guide", ["first-flow.md", "rejects.md"])
def test_a_guide_on_files_is_true(guide: str, tmp_path: Path) -> None:
    """What a new user does first works, and looks as it is shown."""
    read(guide, tmp_path, {})


@pytest.mark.postgres
def test_the_guide_to_tables_is_true(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """Watermark, windows, partitions and queries do what the guide says."""
    url = postgres_server.create_database("shop")
    read("postgresql-source.md", tmp_path, {"SHOP": url})


@pytest.mark.postgres
def test_the_guide_to_workers_is_true(tmp_path: Path, postgres_server: PostgresServer) -> None:
    """A ledger on PostgreSQL that is made by hand, and two workers on it."""
    url = postgres_server.create_database("guide_ledger")
    read("workers-and-postgresql.md", tmp_path, {"HEADRACE_DATABASE_URL": url, "HEADRACE_FILE_ROOTS": str(tmp_path)})
