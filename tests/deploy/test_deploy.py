"""What is needed to deploy cannot be started here; it is held against the formats' own rules, and against the code that it names."""

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from headrace.cli.tree import app
from headrace.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
INSTRUCTIONS = frozenset(
    {
        "FROM",
        "ENV",
        "RUN",
        "COPY",
        "USER",
        "WORKDIR",
        "VOLUME",
        "EXPOSE",
        "STOPSIGNAL",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
)
_SETTINGS = {f"HEADRACE_{field.name.upper()}" for field in dataclasses.fields(Settings)}


def _dockerfile() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text(encoding="utf-8"))
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def _compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return document


def _unit(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def _is_command(words: list[str]) -> bool:
    """Say whether the command line has this command, with these options."""
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        command = command.commands.get(words.pop(0))
    known = {name for parameter in getattr(command, "params", ()) for name in parameter.opts}
    return command is not None and {word for word in words if word.startswith("-")} <= known


def _commands() -> Iterator[list[str]]:
    yield json.loads(dict(_dockerfile())["CMD"])
    for service in _compose()["services"].values():
        if "command" in service:
            yield service["command"]
    for path in UNITS:
        (start,) = _unit(path)["ExecStart"]
        program, *words = start.split()
        assert program == "/opt/headrace/venv/bin/headrace"
        yield words


def test_every_command_that_is_started_is_one() -> None:
    """A renamed command or option is noticed here, not on a machine that does not come up."""
    commands = [list(words) for words in _commands()]
    assert len(commands) == 6
    assert [words for words in commands if not _is_command(list(words))] == []


def test_every_setting_that_is_named_is_one() -> None:
    """A typing error in a setting's name keeps an installation from starting."""
    named = {
        name
        for path in DEPLOY.rglob("*")
        if path.is_file()
        for name in re.findall(r"HEADRACE_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }
    assert named >= {"HEADRACE_HOME", "HEADRACE_DATABASE_URL"}
    assert named - _SETTINGS == set()


def test_the_image_is_made_of_what_is_there_and_runs_as_nobody_special() -> None:
    """Bases have a tag of their own, packages are installed by hash, the process is no root, and its health is asked for."""
    lines = _dockerfile()
    assert {name for name, _ in lines} <= INSTRUCTIONS
    bases = [text.split()[0] for name, text in lines if name == "FROM"]
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", bases[0])
    sources = [text.split()[0] for name, text in lines if name == "COPY" and not text.startswith("--from")]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    kept = {
        line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")
    }
    assert kept == set(sources)
    installs = [text for name, text in lines if name == "RUN" and "pip install" in text]
    assert [text for text in installs if "--require-hashes" not in text] == []
    last = max(number for number, (name, _) in enumerate(lines) if name == "FROM")
    final = dict(lines[last:])
    assert final["USER"] == "headrace"
    assert json.loads(final["ENTRYPOINT"]) == ["headrace"]
    assert "/healthz" in final["HEALTHCHECK"]


def test_the_compose_file_is_one_and_fits_together() -> None:
    """It is as the published schema says; one server and two workers share a home, and begin when the ledger is ready."""
    document = _compose()
    jsonschema.Draft7Validator(json.loads((Path(__file__).parent / "compose-spec.json").read_text())).validate(document)
    services = document["services"]
    assert services["worker"]["deploy"]["replicas"] == 2
    volumes = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert volumes == set(document["volumes"])
    for name in ("server", "worker", "upgrade"):
        service = services[name]
        assert set(service["depends_on"]) <= set(services)
        assert service["volumes"] == ["home:/var/lib/headrace"]
        assert service["cap_drop"] == ["ALL"]
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_are_good_and_hardened(path: Path, tmp_path: Path) -> None:
    """Systemd itself reads them, where it is; the program and the user, which are not here, are replaced by others."""
    unit = _unit(path)
    for key, value in {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "CapabilityBoundingSet": "",
        "User": "headrace",
    }.items():
        assert unit[key] == [value]
    verifier = shutil.which("systemd-analyze")
    if verifier is None:
        pytest.skip("systemd-analyze is not here")
    text = re.sub(r"(?m)^ExecStart=.*$", "ExecStart=/bin/true", path.read_text(encoding="utf-8"))
    copy = tmp_path / path.name
    copy.write_text(re.sub(r"(?m)^(User|Group)=.*$", r"\1=daemon", text), encoding="utf-8")
    done = subprocess.run([verifier, "verify", str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if path.name in line]) == (0, [])
