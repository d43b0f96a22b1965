"""``make bench``: figures side by side with peers in the same run, as a table in Markdown. ``make bench BENCH="promotion pages"`` picks some."""

import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Callable

import duckdb

from bench import console, ledger, records, transfers
from bench.data import TYPES, orders
from bench.measure import HEADER, SCRATCH, Figure, call, in_turn, peers_python, product_python

ROWS = 5_000_000
ROUNDS = 3


def promotion() -> list[Figure]:
    """Promotion of a CSV with typed, validated columns, without rejects and with 0.1 %, against DuckDB and dlt."""
    clean, dirty, types = str(orders(ROWS)), str(orders(ROWS, bad_every=1000)), json.dumps(TYPES)
    mine = sys.executable
    peer = peers_python()
    medians = in_turn(
        {
            "ours": (["-m", "bench.promote_ours", clean, "0"], mine),
            "rejects": (["-m", "bench.promote_ours", dirty, "5"], mine),
            "duckdb": (["-m", "bench.promote_duckdb", clean, types], mine),
            "dlt": (["bench/peers/dlt_load.py", clean, str(SCRATCH / "dlt"), types], peer),
        },
        rounds=ROUNDS,
    )
    rate = {name: ROWS / median["seconds"] / 1e6 for name, median in medians.items()}

    def line(what: str, ours: str, beside: str, goal: str) -> Figure:
        ratio = rate[ours] / rate[beside]
        return Figure(
            what, f"{rate[ours]:.2f} M rows/s", f"{beside}: {rate[beside]:.2f} M rows/s", f"{ratio:.2f} ×", goal
        )

    return [
        line("promotion of 5 M × 8 CSV rows, no rejects, vs DuckDB's own typed COPY", "ours", "duckdb", "≥ 0.85 ×"),
        line("the same with 0.1 % rejects kept with reasons", "rejects", "duckdb", "≥ 0.60 ×"),
        line("the same vs dlt (DuckDB reader, Arrow, Parquet)", "ours", "dlt", "≥ 3 ×"),
    ]


def memory() -> list[Figure]:
    """Peak memory of a promotion, 10 × larger file."""
    small, large = (call(["-m", "bench.promote_ours", str(orders(n)), "0"])["peak_mb"] for n in (2_000_000, 20_000_000))
    return [
        Figure(
            "peak memory, 20 M rows vs 2 M rows",
            f"{large:.0f} MB",
            f"2 M: {small:.0f} MB",
            f"{large / small:.2f} ×",
            "≤ 1.2 ×",
        )
    ]


def engine() -> list[Figure]:
    """Latency, overhead and runs a second of the engine on SQLite, against Dagster and Prefect."""
    latency, overhead = (call(["-m", "bench.engine_ours", name]) for name in ("latency", "overhead"))
    ours = call(["-m", "bench.engine_ours", "throughput"])["runs_per_second"]
    lines = [
        Figure(
            "request → first activity started, p50 / p99",
            f"{latency['p50_ms']:.0f} / {latency['p99_ms']:.0f} ms",
            "",
            "",
            "30 / 100 ms",
        ),
        Figure("overhead of an activity that does nothing", f"{overhead['overhead_ms']:.1f} ms", "", "", "≤ 5 ms"),
    ]
    python = peers_python()
    for name, goal in (("dagster", 25), ("prefect", 50)):
        theirs = call([f"bench/peers/{name}_runs.py", "40"], python=python)["runs_per_second"]
        what = f"two-activity runs a second, SQLite, vs {name.capitalize()}"
        lines.append(Figure(what, f"{ours:.0f}/s", f"{theirs:.1f}/s", f"{ours / theirs:.0f} ×", f"≥ {goal} ×"))
    return lines


def startup() -> list[Figure]:
    """Cold start and idle memory."""
    got = call(["bench/startup.py"], python=product_python())
    return [
        Figure("cold start of `headrace serve` to its first answer", f"{got['seconds']:.1f} s", "", "", "≤ 3 s"),
        Figure(
            "idle memory, API / worker", f"{got['api_mb']:.0f} / {got['worker_mb']:.0f} MB", "", "", "≤ 150 / ≤ 200 MB"
        ),
    ]


def pipelines() -> list[Figure]:
    """Latency, overhead and runs a second of pipelines, through the Data Factory door."""
    got = {
        name: call(["-m", "bench.pipelines_ours", name]) for name in ("latency", "throughput", "overhead", "waiting")
    }
    latency, overhead, waiting = got["latency"], got["overhead"], got["waiting"]
    create = f"{latency['create_p50_ms']:.0f} / {latency['create_p99_ms']:.0f} ms"
    first = f"{latency['first_p50_ms']:.0f} / {latency['first_p99_ms']:.0f} ms"
    wait = f"{waiting['seconds']:.1f} s, {waiting['memory_mb']:.0f} MB more"
    return [
        Figure("`createRun` until its answer, p50 / p99", create, "", "", ""),
        Figure("creation of the run → first activity started, p50 / p99", first, "", "", "30 / 100 ms"),
        Figure(
            "two-activity pipeline runs a second, asked for one by one",
            f"{got['throughput']['runs_per_second']:.0f}/s",
            "",
            "",
            "",
        ),
        Figure("overhead of a SetVariable with an expression", f"{overhead['activity_ms']:.1f} ms", "", "", "≤ 5 ms"),
        Figure(
            "an iteration of a ForEach (50 lanes, one AppendVariable)", f"{overhead['iteration_ms']:.1f} ms", "", "", ""
        ),
        Figure("1,000 pipeline runs until all of them wait at once", wait, "", "", ""),
    ]


MEASUREMENTS: dict[str, Callable[[], list[Figure]]] = {
    "promotion": promotion,
    "memory": memory,
    "engine": engine,
    "startup": startup,
    "pipelines": pipelines,
    "transfers": transfers.figures,
    "pages": ledger.figures,
    "records": records.figures,
    "console": console.figures,
}


def main(names: list[str]) -> int:
    """Measure ``names`` (default: all) and print the table."""
    unknown = [name for name in names if name not in MEASUREMENTS]
    if unknown:
        print(f"no measurement {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}", file=sys.stderr)
        return 64
    SCRATCH.mkdir(exist_ok=True)
    today = dt.datetime.now(dt.UTC).date()
    print(
        f"{today}, {os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {duckdb.__version__}, {platform.system()}\n"
    )
    print(HEADER)
    for name in names or MEASUREMENTS:
        for figure in MEASUREMENTS[name]():
            print(figure.row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
