"""The guide to a server from afar is true: what its blocks enter works, one after the other, and says what is shown."""

import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

import warm
from command_line import COMMAND, environment
from guides.test_guides import BLOCK, CHANGES, GUIDES, commands, squeezed
from servers import free_port
from waiting import until

GUIDE = GUIDES / "remote.md"


@contextmanager
def server(command: list[str], folder: Path, base: str) -> Iterator[None]:
    """Serve until the end of the block."""
    process = warm.start([*COMMAND, *command], env=environment(), cwd=folder)

    def ready() -> bool:
        try:
            return httpx.get(f"{base}/readyz", trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    try:
        until(ready, seconds=60, what="the server's start")
        yield
    finally:
        process.terminate()
        process.wait(60)


class Afar:
    """Somebody who does what the guide says; addresses and clients that it shows stand for the real ones in ``own``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = f"http://127.0.0.1:{free_port()}"
        self.own = {"http://127.0.0.1:8080": self.base, "8080": self.base.rpartition(":")[2]}
        self.variables = environment()

    def real(self, text: str) -> str:
        """Return a text of the guide with what is real here."""
        for shown, real in self.own.items():
            text = text.replace(shown, real)
        return text

    def enters(self, written: str, shown: list[str], code: int) -> None:
        """Enter a command; its exit code and what stays the same of the shown output are compared."""
        command = self.real(written)
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.variables[name] = self.shell(f"printf %s {value}").stdout
            return
        ended = self.shell(command) if not command.startswith("headrace ") else self.headrace(command)
        told = ended.stdout + ended.stderr
        assert ended.returncode == code, f"$ {command}\n{told}"
        if " clients create " in command:
            self.own.update(zip((line.split()[1] for line in shown), told.split()[1:4:2], strict=True))
        for line in shown:
            for piece in CHANGES.split(self.real(line)):
                assert squeezed(piece) in squeezed(told), f"$ {command}\n{piece!r} is not in\n{told}"

    def headrace(self, command: str) -> subprocess.CompletedProcess[str]:
        """Return what the command line wrote."""
        return warm.run([*COMMAND, *shlex.split(command)[1:]], env=self.variables, cwd=self.folder)

    def shell(self, command: str) -> subprocess.CompletedProcess[str]:
        """Return what a shell wrote."""
        line = ["sh", "-e", "-c", command]
        return subprocess.run(
            line, cwd=self.folder, env=self.variables, capture_output=True, text=True, timeout=60, check=False
        )


def test_the_guide_to_a_server_from_afar_is_true(tmp_path: Path) -> None:
    """Somebody who pastes its blocks mends a run on a server with the command line, and asks for it with curl."""
    reader = Afar(tmp_path)
    with ExitStack() as stack:
        for kind, words, text in BLOCK.findall(GUIDE.read_text(encoding="utf-8")):
            options = dict(option.split("=", 1) for option in words.split())
            if "file" in options:
                (tmp_path / options["file"]).write_text(text)
                continue
            assert kind == "console"
            for command, shown in commands(text):
                if "background" in options:
                    stack.enter_context(server(shlex.split(reader.real(command))[1:], tmp_path, reader.base))
                else:
                    reader.enters(command, shown, int(options.get("exit", "0")))
