"""What whole commands print, in files: exit code, standard output, standard error; in a pipe, in a terminal of 80 columns, and of a server.

``SNAPSHOTS=write`` in the environment writes them anew; read what has changed before it is committed.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.native.conftest import Api, runner, served  # noqa: F401 — fixtures
from cli.seeded_home import BATCH, FAILED, QUEUED, REPAIRED, seeded
from command_line import Ended, environment, headrace_in
from headrace.api.native.app import make_app
from headrace.bootstrap.doors import Unasked, make_native_door
from headrace.bootstrap.native import make_native_desk
from headrace.core.client import Role
from headrace.http.event_stream import Streams

SNAPSHOTS = Path(__file__).with_name("snapshots")
_WRITING = os.environ.get("SNAPSHOTS") == "write"
LOOKS = {
    "runs": ("runs", "ls"),
    "runs-failed": ("runs", "ls", "--status", "failed"),
    "runs-page": ("runs", "ls", "--limit", "1"),
    "runs-none": ("runs", "ls", "--status", "cancelled"),
    "run-failed": ("runs", "show", "a1"),
    "run-repaired": ("runs", "show", REPAIRED),
    "errors": ("runs", "errors", FAILED),
    "errors-rejects": ("runs", "errors", "b2"),
    "activities": ("runs", "activities", "a1"),
    "activity": ("runs", "activity", "a1", "Copy"),
    "logs": ("runs", "logs", "a1"),
    "rejects": ("runs", "rejects", "b2"),
    "diff": ("runs", "diff", "a1", "b2"),
    "retry-plan": ("runs", "retry", "e5", "--dry-run"),
    "retry-refused": ("runs", "retry", "b2"),
    "flows": ("flows", "ls"),
    "flow": ("flows", "show", "flow-1"),
    "quarantine": ("quarantine", "ls"),
    "batch": ("quarantine", "show", "@latest"),
    "rows": ("quarantine", "rows", BATCH, "--column", "delay"),
    "run-unknown": ("runs", "show", "ffff"),
    "flow-unknown": ("flows", "show", "fl"),
    "cancel-several": ("runs", "cancel", "a1", "ffff"),
}
"""Commands that a home and a server answer alike."""
HERE = {
    "empty": ("runs", "ls", "--home", "empty"),
    "mistyped": ("rnus", "ls"),
    "mistyped-verb": ("runs", "sohw"),
    "option-missing": ("runs", "show"),
    "both": ("runs", "ls", "--home", "home", "--url", "http://127.0.0.1:9"),
    "away": ("runs", "ls", "--url", "http://127.0.0.1:9"),
    "run-there": ("run", "flow.yaml", "--url", "http://127.0.0.1:9"),
    "db-there": ("db", "check", "--url", "http://127.0.0.1:9"),
    "start": (),
}
"""Commands whose answer is a home's or the command line's own."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, runner: object) -> Iterator[tuple[Path, str, str]]:  # noqa: F811 — the fixture
    """Return a folder with a seeded home, the address of a server of it, and a token."""
    folder = tmp_path_factory.mktemp("seeded")
    with seeded(folder) as application:
        desk = make_native_desk(application, Unasked())
        door = make_native_door(application, desk, Streams(3))
        api = Api(runner, make_app(door), door)  # type: ignore[arg-type]  # the fixture's runner
        with served(api) as url:
            yield folder, url, api.of(Role.OPERATOR).token


def in_terminal(folder: Path, arguments: tuple[str, ...]) -> Ended:
    """Run a command whose standard output is a terminal of 80 columns."""
    master, slave = os.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        # A terminal whose other side is closed has no end of file: reading fails.
        try:
            while piece := os.read(master, 65536):
                pieces.append(piece)
        except OSError:
            pass

    reader = threading.Thread(target=read)
    reader.start()
    variables = {"COLUMNS": "80", "TERM": "xterm", "NO_COLOR": "", "HEADRACE_HOME": "home"}
    ended = headrace_in(folder, standard_output=os.ttyname(slave))(*arguments, **variables)
    os.close(slave)
    reader.join(10)
    os.close(master)
    ended.stdout = b"".join(pieces).decode().replace("\r\n", "\n")
    return ended


def shown(arguments: tuple[str, ...], ended: Ended) -> str:
    """Return all that a command did, as text; escapes can be read."""
    out, err = (text.replace("\x1b", "␛") for text in (ended.stdout, ended.stderr))
    return f"$ headrace {' '.join(arguments)}\nexit code {ended.returncode}\n--- standard output\n{out}--- standard error\n{err}---\n"


def compare(name: str, text: str) -> None:
    """Hold ``text`` against the file of this name."""
    file = SNAPSHOTS / f"{name}.txt"
    if _WRITING:
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", LOOKS)
def test_a_home_and_a_server_are_told_of_alike_in_a_pipe(name: str, home: tuple[Path, str, str]) -> None:
    """Nothing is cut, nothing is coloured, no character of the data controls anything; and where it comes from does not matter."""
    folder, url, token = home
    here = headrace_in(folder)(*LOOKS[name], HEADRACE_HOME="home")
    there = headrace_in(folder)(*LOOKS[name], HEADRACE_URL=url, HEADRACE_TOKEN=token)
    compare(f"{name}.pipe", shown(LOOKS[name], here))
    assert shown(LOOKS[name], there) == shown(LOOKS[name], here)
    assert not set(here.stdout + here.stderr) & {"\x1b", "\x07", "\r", "\u202e"}


@pytest.mark.parametrize("name", LOOKS)
def test_a_terminal_of_80_columns_shows_what_fits(name: str, home: tuple[Path, str, str]) -> None:
    """Tables are no wider than the terminal; ids are whole; a status has a sign and a word beside its colour."""
    folder, _, _ = home
    compare(f"{name}.terminal", shown(LOOKS[name], in_terminal(folder, LOOKS[name])))


@pytest.mark.parametrize("name", HERE)
def test_what_cannot_be_done_is_said_so(name: str, home: tuple[Path, str, str]) -> None:
    """In a line or two, with what would be right, and never with a traceback."""
    folder, _, _ = home
    ended = headrace_in(folder)(*HERE[name])
    compare(f"{name}.pipe", shown(HERE[name], ended))
    assert "Traceback" not in ended.stdout + ended.stderr


def test_runs_are_cancelled_over_there(home: tuple[Path, str, str]) -> None:
    """What a server is asked to do is done."""
    folder, url, token = home
    ended = headrace_in(folder)("runs", "cancel", "d4", "--url", url, HEADRACE_TOKEN=token)
    assert (ended.returncode, ended.stdout) == (0, f"run {QUEUED} is cancelled\n")


def test_what_the_token_does_not_allow_is_refused(home: tuple[Path, str, str]) -> None:
    """In the server's words."""
    folder, url, token = home
    ended = headrace_in(folder)("clients", "ls", "--url", url, HEADRACE_TOKEN=token)
    assert ended.returncode == 1
    assert "this needs the role admin" in ended.stderr
    nobody = headrace_in(folder)("runs", "ls", "--url", url, HEADRACE_TOKEN="wrong")
    assert (nobody.returncode, "Traceback" in nobody.stderr) == (1, False)


def test_the_environment_of_these_tests_is_theirs() -> None:
    """Settings of whoever runs the tests change nothing."""
    assert [name for name in environment() if name.startswith("HEADRACE_")] == []
