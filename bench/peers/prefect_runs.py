"""Two-task flows against Prefect's own server on SQLite. Arguments: number of runs. Prints runs a second."""

import json
import os
import sys
import tempfile
import time

os.environ.update(
    PREFECT_HOME=tempfile.mkdtemp(),
    PREFECT_LOGGING_LEVEL="CRITICAL",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="true",
    DO_NOT_TRACK="1",
)

from prefect import flow, task


@task
def first() -> int:
    return 1


@task
def second(value: int) -> int:
    return value + 1


@flow
def two() -> int:
    return second(first())


count = int(sys.argv[1])
two()
start = time.perf_counter()
for _ in range(count):
    assert two() == 2
seconds = time.perf_counter() - start
print(json.dumps({"runs_per_second": count / seconds}))
