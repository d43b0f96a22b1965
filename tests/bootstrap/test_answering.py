"""The process that answers, as it really is: a home, a folder, questions and answers through its pipes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headrace import config
from headrace.bootstrap.exploring import ProcessExplorer, make_explorer
from headrace.core.errors import Code, Problem
from headrace.core.explore import Check, Connected, Folder, ListPlaces, PeekFile, PeekLake, TryMapping
from headrace.core.source import FileType
from waiting import until

SCOPE = "flowservice/acme/prod"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home with a file in its own folder, and one outside."""
    folder = tmp_path_factory.mktemp("answering")
    (folder / "home" / "files").mkdir(parents=True)
    (folder / "home" / "files" / "a.csv").write_text("x,y\n1,2\n")
    (folder / "b.csv").write_text("x\n1\n")
    return folder / "home"


@pytest.fixture(scope="module")
def settings(home: Path) -> config.Settings:
    """Return settings of the home."""
    return config.load({}, home, home)


@pytest.fixture(scope="module")
def explorer(settings: config.Settings) -> Iterator[ProcessExplorer]:
    """Return an explorer of the home."""
    made = make_explorer(settings)
    yield made
    made.close()


def test_files_within_the_roots_are_looked_into(explorer: ProcessExplorer, home: Path) -> None:
    """Listed, detected, previewed; what lies outside is denied as a run would deny it."""
    inside = Folder(SCOPE, (home / "files").as_uri())
    assert [place.path for place in explorer(ListPlaces(inside)).items] == ["a.csv"]
    peek = explorer(PeekFile(inside, "a.csv"))
    assert peek.rows == ({"x": "1", "y": "2"},)
    assert peek.format is not None
    assert peek.format.type is FileType.DELIMITED
    with pytest.raises(Problem) as caught:
        explorer(ListPlaces(Folder(SCOPE, home.parent.as_uri())))
    assert caught.value.code is Code.SOURCE_DENIED


def test_connections_of_other_scopes_are_not_there(explorer: ProcessExplorer) -> None:
    """An id that is guessed opens nothing."""
    with pytest.raises(Problem) as caught:
        explorer(Check(Connected("flowservice/other/prod", "c")))
    assert caught.value.code is Code.NOT_FOUND


def test_the_lake_and_mappings_are_asked_too(explorer: ProcessExplorer) -> None:
    """A table that nobody wrote has no columns; a mapping is tried on rows that come with it."""
    assert explorer(PeekLake("flowservice/x/prod/none")).columns == ()
    tried = explorer(TryMapping(({"a": "x"},), {"b": "upper(a)"}))
    assert tried.rows == ({"b": "X"},)


def test_a_process_ends_when_nobody_is_there_to_ask(settings: config.Settings) -> None:
    """However the one that asked has ended: its pipe is closed then."""
    command = [sys.executable, "-c", "from headrace.bootstrap.answering import main; main()"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**config.environment(), **settings.to_environment()},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"question": 7}\n')
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["problem"]["code"] == "invalid"
    process.stdin.close()
    until(lambda: process.poll() is not None, seconds=20, what="the end of the process")
    process.stdout.close()
    assert process.returncode == 0
