"""Input that is broken or made to do harm, through the command line: the exit code, the message, bounded memory, nothing committed."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.house import COMMAND, House

pytestmark = pytest.mark.e2e

MIB = 1 << 20
FLOW = """\
name: bad
source: {files: "data/*", format: {type: TYPE}}
mapping: {id: to_integer(id)}
target: {table: bad, schema: {id: integer}}
"""


def a_bomb(data: Path) -> None:
    """300 MiB of empty lines in an archive of about 1 MiB."""
    with (
        zipfile.ZipFile(data / "bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("bomb.csv", "w") as member,
    ):
        member.write(b"id\n")
        for _ in range(300):
            member.write(b"\n" * MIB)


def a_wide_header(data: Path) -> None:
    """100,000 columns."""
    (data / "wide.csv").write_text(",".join(f"c{number}" for number in range(100_000)) + "\n")


def a_long_line(data: Path, size: int = 128 * MIB) -> None:
    """One line that does not end."""
    with (data / "line.csv").open("wb") as file:
        file.write(b"id\n1")
        file.truncate(size)


def broken_json(data: Path) -> None:
    """A document that stops in the middle."""
    (data / "a.json").write_text('[{"id": 1}, {"id": ')


def no_utf_8(data: Path) -> None:
    """A byte that no UTF-8 has."""
    (data / "a.csv").write_bytes(b"id\n1\n\xff\n")


BAD = [
    (a_bomb, "'bomb.zip' unpacks to more than 200 times its "),
    (a_wide_header, "'wide.csv' has 100,000 columns, more than 10,000 (max_columns)"),
    (
        a_long_line,
        "'line.csv' has a line of more than 67,108,864 bytes (max_row_bytes); is the delimiter or the line end another one?",
    ),
    (broken_json, "'a.json' is no valid JSON document: "),
    (no_utf_8, "byte 0xff at position 1 is not valid UTF-8"),
]


# A process counts what the one that made it had in memory among its own peak, so a small one stands between.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([done.returncode, done.stdout, peak]))
"""


def run(house: House, kind: str) -> tuple[int, str, int]:
    """Run the flow; return the exit code, what was said, and the peak of the process's memory in bytes."""
    (house.folder / "flow.yaml").write_text(FLOW.replace("TYPE", kind))
    command = [sys.executable, "-c", MEASURE, *COMMAND, "run", "flow.yaml"]
    done = subprocess.run(
        command, env=house.environment(), cwd=house.folder, stdout=subprocess.PIPE, text=True, check=True, timeout=250
    )
    code, told, peak = json.loads(done.stdout)
    return code, told, peak


@pytest.mark.parametrize(("write", "says"), BAD)
def test_bad_data_fail_the_run_with_what_is_wrong(
    sqlite_house: House, write: Callable[[Path], None], says: str
) -> None:
    """In one message that names the file; memory does not grow with the input; nothing is committed."""
    data = sqlite_house.folder / "data"
    data.mkdir()
    write(data)
    code, told, peak = run(sqlite_house, "json" if write is broken_json else "delimited")
    assert (code, says in told) == (1, True), told
    assert "Traceback" not in told
    assert peak < 400 * MIB
    assert sqlite_house.commits("bad") == 0


@pytest.mark.soak
def test_a_line_of_a_gigabyte_is_refused_in_bounded_memory(sqlite_house: House) -> None:
    """The same as with 128 MiB."""
    (data := sqlite_house.folder / "data").mkdir()
    a_long_line(data, 1024 * MIB)
    code, told, peak = run(sqlite_house, "delimited")
    assert (code, "'line.csv' has a line of more than 67,108,864 bytes" in told) == (1, True), told
    assert peak < 400 * MIB


def test_nul_bytes_are_data(sqlite_house: House) -> None:
    """They arrive in the target as they came (C22)."""
    (data := sqlite_house.folder / "data").mkdir()
    (data / "a.csv").write_bytes(b"id,name,amount\n1,a\0b,1\n")
    text = FLOW.replace("TYPE", "delimited").replace("id: to_integer(id)", "id: id, name: name, amount: amount")
    (sqlite_house.folder / "flow.yaml").write_text(
        text.replace("{id: integer}", "{id: integer, name: string, amount: integer}")
    )
    ended = sqlite_house.headrace("run", "flow.yaml")
    assert ended.returncode == 0, ended.stderr
    assert list(sqlite_house.target("bad")) == [(1, "a\0b", "1")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("source:", "sourec:"), "unknown field 'sourec' (did you mean 'source'?)"),
        (("to_integer", "to_integr"), "unknown function 'to_integr'; did you mean 'to_integer'?"),
        (("to_integer(id)", "to_integer(idd)"), "unknown column 'idd'; did you mean 'id'?"),
        (("id: integer", "id: intger"), "'intger' is no column type"),
        (("{files:", "{files: {"), "this is no YAML"),
    ],
)
def test_a_mistake_in_a_flow_file_is_told_with_what_would_be_right(
    sqlite_house: House, wrong: tuple[str, str], says: str
) -> None:
    """In the words of the file."""
    (data := sqlite_house.folder / "data").mkdir()
    (data / "a.csv").write_text("id\n1\n")
    (sqlite_house.folder / "flow.yaml").write_text(FLOW.replace("TYPE", "delimited").replace(*wrong))
    ended = sqlite_house.headrace("run", "flow.yaml")
    assert (ended.returncode, says in ended.stdout + ended.stderr) == (1, True), ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
