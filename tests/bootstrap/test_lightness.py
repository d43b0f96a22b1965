"""What an idle process does without."""

import subprocess
import sys

_PROGRAM = """
import sys
import headrace.bootstrap.serving
import headrace.bootstrap.working
print(*sorted({"duckdb", "pyarrow", "pyodbc", "paramiko"} & set(sys.modules)))
"""


def test_an_idle_worker_has_loaded_nothing_that_moves_data() -> None:
    """DuckDB and Arrow would take 50 MB of each process; they come with the first activity that needs them."""
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
