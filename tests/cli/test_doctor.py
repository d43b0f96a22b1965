"""What the doctor prints: faults first, what to do, nothing secret, in 80 columns; and its words stay true."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer

from cli.scripted import answer, scripted
from headrace import __version__
from headrace.bootstrap.checks.examining import OF_HOMES, OF_SERVERS
from headrace.cli.main import call
from headrace.cli.tree import app
from headrace.store.database import Database
from ledger_rows import a_run, put_run

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "doctor.md"
CHECKS = sorted((ROOT / "src" / "headrace" / "bootstrap" / "checks").glob("*.py"))


@pytest.fixture
def broken(tmp_path: Path, sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with several faults."""
    database = Database(sqlite_ledger_url)
    put_run(database, a_run())
    database.dispose()
    home = tmp_path / "my home"
    home.mkdir(mode=0o755)
    (home / "headrace.toml").write_text("wokers = 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_DATABASE_URL", sqlite_ledger_url)
    monkeypatch.setenv("HEADRACE_TOKEN", "never-shown-token-of-somebody")
    return home


def test_faults_come_first_and_each_says_what_to_do(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In 80 columns, commands whole and for this home; the exit code says that something fails."""
    assert call(["doctor", "--home", str(broken)]) == 1
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    assert lines[0] == f"headrace {__version__} at {broken}"
    signs = [line[:6] for line in lines if line[:1] in "✗!✓–" and line[:1]]
    assert signs == sorted(signs, key=["✗ FAIL", "! WARN", "✓ ok  ", "– skip"].index)
    assert f"headrace worker --home '{broken}'" in shown
    assert f"chmod 700 '{broken}'" in shown
    assert "wokers is no setting" in shown
    assert lines[-1].startswith("2 checks failed, 2 warnings; ")
    # Places and commands are to be copied, so they are never broken.
    assert [line for line in lines if len(line) > 80 and str(broken.parent) not in line] == []
    assert "never-shown" not in shown
    assert "\x1b" not in shown


def test_scripts_get_one_document(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With every check, its state, and what to do."""
    assert call(["doctor", "--home", str(broken), "-o", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["good"], document["failed"], document["warned"]) == (False, 2, 2)
    assert [one["name"] for one in document["checks"]] == [check.name for check in OF_HOMES]
    assert all(set(one) == {"name", "state", "seen", "where", "remedy", "command"} for one in document["checks"])
    assert all(bool(one["remedy"]) is (one["state"] in {"fail", "warn"}) for one in document["checks"])


def test_a_good_home_is_told_in_a_few_lines(
    tmp_path: Path, sqlite_ledger_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Warnings and what is skipped fail nothing; --all tells every check."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_DATABASE_URL", sqlite_ledger_url)
    assert call(["doctor", "--home", str(home)]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1].startswith("All is well: ")
    assert len(shown.splitlines()) < 12
    monkeypatch.setenv("HEADRACE_PUBLIC_URL", "http://flows.example")
    assert call(["doctor", "--home", str(home), "--all"]) == 0
    shown = capsys.readouterr().out
    assert [check.name for check in OF_HOMES if f" {check.name} " not in shown] == []
    assert shown.splitlines()[-1].startswith("1 warning; ")


def test_a_server_is_asked_over_its_native_api(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same page, of the server's own checks."""
    monkeypatch.chdir(tmp_path)
    well = answer('{"status": "ok"}')
    me = answer(json.dumps({"client": "c", "name": "ann", "role": "reader", "scopes": ["*"]}))
    about = {
        "version": __version__,
        "database": "sqlite",
        "now": "2001-01-01T00:00:00Z",
        "workers": 0,
        "open": {},
        "scopes": [],
    }
    about["problems"] = ["No worker is alive."]
    told = answer(json.dumps(about))
    with scripted([well, well, me, told, told, told]) as server:
        assert call(["doctor", "--url", server.url]) == 1
    shown = capsys.readouterr().out
    assert "✗ FAIL     server-clock" in shown
    assert "No worker is alive." in shown
    assert "reachable, ready, token, version" in shown


def test_the_page_has_every_check_in_its_order() -> None:
    """What a check looks at stands there in its own words."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+?) \| .+ \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [
        *((check.name, check.looks_at) for check in OF_HOMES),
        *((check.name, check.looks_at) for check in OF_SERVERS),
    ]


def commands() -> list[str]:
    """Return every command of ours that a remedy names, as the checks' source and the page have it."""
    text = "\n".join(path.read_text() for path in CHECKS)
    found = re.findall(r'ground\.command\(f?"([^"]+)"', text) + re.findall(r'"(serve[^"]*)" if', text)
    quoted = text + PAGE.read_text()
    return sorted({*found, *re.findall(r'(?:`|command=")headrace ([a-z][^"`]*)["`]', quoted)})


@pytest.mark.parametrize("command", commands())
def test_every_command_that_is_advised_exists(command: str) -> None:
    """With its arguments and options: nobody is sent to what is not there."""
    words = shlex.split(re.sub(r"\{[^}]*\}", "1", command.replace("…", "x")))
    node = typer.main.get_command(app)
    names = []
    while hasattr(node, "commands"):
        names.append(words.pop(0))
        node = node.commands[names[-1]]
    node.make_context(" ".join(names), words, resilient_parsing=command.endswith(("deliveries", "redeliver")))


def test_the_commands_that_are_advised_are_found() -> None:
    """The test above looks at more than nothing."""
    assert {"db upgrade", "worker", "webhooks deliveries {most}", "runs ls --status queued"} <= set(commands())
