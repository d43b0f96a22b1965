"""Two-op jobs in process, with Dagster's own ledger on SQLite. Arguments: number of runs. Prints runs a second."""

import json
import os
import sys
import tempfile
import time

home = tempfile.mkdtemp()
os.environ["DAGSTER_HOME"] = home
with open(os.path.join(home, "dagster.yaml"), "w") as file:
    file.write("telemetry:\n  enabled: false\n")

import logging

import dagster

logging.disable(logging.CRITICAL)


@dagster.op
def first() -> int:
    return 1


@dagster.op
def second(value: int) -> int:
    return value + 1


@dagster.job
def two() -> None:
    second(first())


count = int(sys.argv[1])
instance = dagster.DagsterInstance.get()
two.execute_in_process(instance=instance)
start = time.perf_counter()
for _ in range(count):
    assert two.execute_in_process(instance=instance).success
seconds = time.perf_counter() - start
print(json.dumps({"runs_per_second": count / seconds}))
