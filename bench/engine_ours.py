"""Figures of the engine, on SQLite. Argument: what to measure (latency, throughput, overhead). Prints one JSON object.

The worker is a process of its own, as in real life; this one asks for runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from headrace import config
from headrace.bootstrap.application import Application, open_application
from headrace.core.flow import Activity, Dependency, Flow, Plan
from headrace.core.run import Run
from headrace.service.flows import put_flow
from headrace.service.runs import RunRequest, create_run
from headrace.store import activity_runs, runs

HEADRACE = str(Path(sys.executable).with_name("headrace"))


def chain(count: int) -> Plan:
    """Return a plan of ``count`` activities that do nothing, one after the other."""
    names = [f"a{number}" for number in range(count)]
    return Plan(
        tuple(
            Activity(name, "noop", depends_on=(Dependency(names[number - 1]),) if number else ())
            for number, name in enumerate(names)
        )
    )


def asked(application: Application, flow: Flow) -> Run:
    """Return a new run of ``flow``."""
    request = RunRequest(scope="local", flow_id=flow.id, created_by="bench")
    return create_run(application.database, request, application.clock, application.ids)


def latency(application: Application, count: int = 300) -> dict[str, float]:
    """Ask for one run after the other on an idle server; how long until its first activity has started."""
    flow = put_flow(application.database, Flow("f", "local", "f", chain(2)), "bench", application.clock)
    took = []
    for _ in range(count):
        run = asked(application, flow)
        application.wait_for(run.id)
        with application.database.reading() as tx:
            first = activity_runs.of_run(tx, run.id)[0]
        assert first.started_at is not None
        took.append((first.started_at - run.created_at) / 1000)
    took.sort()
    return {"p50_ms": statistics.median(took), "p99_ms": took[int(len(took) * 0.99) - 1]}


def throughput(application: Application, count: int = 600) -> dict[str, float]:
    """Ask for many two-activity runs at once; how many end a second."""
    flow = put_flow(application.database, Flow("f", "local", "f", chain(2)), "bench", application.clock)
    application.wait_for(asked(application, flow).id)
    start = time.perf_counter()
    ids = [asked(application, flow).id for _ in range(count)]
    while True:
        with application.database.reading() as tx:
            open_ones = sum(number for status, number in runs.counts(tx, "local").items() if not status.is_final)
        if not open_ones:
            break
        time.sleep(0.05)
    return {"runs_per_second": len(ids) / (time.perf_counter() - start)}


def overhead(application: Application) -> dict[str, float]:
    """Compare runs of 51 activities that do nothing with runs of one."""
    took = {}
    for count in (1, 51):
        flow = put_flow(
            application.database, Flow(f"f{count}", "local", f"f{count}", chain(count)), "bench", application.clock
        )
        seconds = []
        for _ in range(5):
            run = application.wait_for(asked(application, flow).id).run
            assert run.ended_at is not None
            assert run.started_at is not None
            seconds.append((run.ended_at - run.started_at) / 1000)
        took[count] = statistics.median(seconds)
    return {"overhead_ms": (took[51] - took[1]) / 50}


def main() -> None:
    """Measure with a fresh home and one worker."""
    home = Path(tempfile.mkdtemp())
    environment = {**os.environ, "HEADRACE_HOME": str(home)}
    with open_application(config.load(environment)) as application:
        worker = subprocess.Popen([HEADRACE, "worker"], env=environment, stderr=subprocess.DEVNULL)
        try:
            flow = put_flow(application.database, Flow("w", "local", "w", chain(1)), "bench", application.clock)
            application.wait_for(asked(application, flow).id)
            measure = {"latency": latency, "throughput": throughput, "overhead": overhead}[sys.argv[1]]
            print(json.dumps(measure(application)))
        finally:
            worker.terminate()
            worker.wait()


if __name__ == "__main__":
    main()
