"""What an idle process does without."""

import subprocess
import sys
from pathlib import Path

from headrace.bootstrap.lightness import aside

_PROGRAM = """
import sys
from headrace.bootstrap.lightness import give_back, load_without_pictures
load_without_pictures()
import headrace.cli.logs
import headrace.bootstrap.serving
import headrace.bootstrap.working
give_back()
unwanted = {"duckdb", "pyarrow", "pyodbc", "paramiko", "rich", "pygments", "alembic", "jinja2", "opentelemetry.sdk", "openlineage"}
print(*sorted(unwanted & set(sys.modules)))
"""


def test_idle_processes_have_loaded_nothing_that_moves_data_draws_or_upgrades() -> None:
    """DuckDB and Arrow would take 50 MB of each process, pictures and migrations 15; they come with what needs them first."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_done_aside_leaves_nothing_here(tmp_path: Path) -> None:
    """A process of its own does it; where this one has threads, nobody does."""
    made: list[int] = []

    def work() -> None:
        made.append(1)
        (tmp_path / "made").touch()

    aside(work)
    assert made == []
