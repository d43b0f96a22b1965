"""A file that is larger than any memory that a copy may take."""

import hashlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]  # it has none
import pytest

from headrace.dataplane.connectors.connection import ConnectionInfo
from stores import BUCKET, Shelf

TESTS = Path(__file__).parents[2]
SIZE = 2_000_000_000
MOST_MIB = 160
"""An interpreter with the data plane's libraries takes about 130 MiB before it copies anything."""


class Rows(io.RawIOBase):
    """A CSV of ``size`` bytes that nobody keeps; ``digest`` is of what was read."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._left = size
        self._block = b"".join(b"%07d,%s\n" % (number, b"x" * 91) for number in range(10_486))
        self.digest = hashlib.sha256()
        self.tell_at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        wanted = self._left if size < 0 else min(size, self._left)
        offset = self.tell_at % len(self._block)
        data = (self._block[offset:] + self._block * (wanted // len(self._block) + 1))[:wanted]
        self._left -= len(data)
        self.tell_at += len(data)
        self.digest.update(data)
        return data


def _copied_alone(home: Path, info: ConnectionInfo) -> Any:
    told = {"kind": info.kind, "url": info.url, "options": dict(info.options)}
    done = subprocess.run(
        [sys.executable, str(TESTS / "copy_alone.py"), str(home)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.soak
def test_two_gigabytes_come_through_s3_in_little_memory(s3_store: Shelf, tmp_path: Path) -> None:
    """A copy holds a piece of a file, never a file."""
    shelf = s3_store.fresh()
    assert shelf.info is not None
    options = shelf.info.options
    client = boto3.client(
        "s3",
        endpoint_url=shelf.info.url,
        region_name="us-east-1",
        aws_access_key_id=options["access_key"],
        aws_secret_access_key=options["secret_key"],
    )
    rows = Rows(SIZE)
    client.upload_fileobj(rows, BUCKET, f"{shelf.folder}/large.csv")
    told = _copied_alone(tmp_path, shelf.info)
    print(told)  # noqa: T201 — the figures
    assert (told["bytes"], told["failure"]) == (SIZE, None)
    assert told["peak_mib"] < MOST_MIB
    (landed,) = (tmp_path / "landing" / "r" / "Copy" / "1.1").glob("0*.csv")
    with landed.open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == rows.digest.hexdigest()
