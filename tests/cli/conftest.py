"""The real command line in its own process, in a folder of its own."""

from pathlib import Path

import pytest

from command_line import DATA, FLOW, Headrace, headrace_in


@pytest.fixture
def headrace(tmp_path: Path) -> Headrace:
    """Call the command line in an empty folder."""
    return headrace_in(tmp_path)


@pytest.fixture(scope="session")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which a small flow with one reject was run once."""
    folder = tmp_path_factory.mktemp("used")
    (folder / "flow.yaml").write_text(FLOW)
    (folder / "data.csv").write_text(DATA)
    ended = headrace_in(folder)("run", "flow.yaml", "--param", "bonus=1", "-o", "json")
    (folder / "run.json").write_text(ended.stdout)
    (folder / "run.err").write_text(ended.stderr)
    (folder / "run.code").write_text(str(ended.returncode))
    return folder
