"""The guide to object stores, whose blocks are not executed: its flow files are good, and its messages are what is said."""

import re
from pathlib import Path

import pytest

from headrace.core.errors import Problem
from headrace.flowfile import FlowFile, read

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "guides" / "object-stores.md").read_text(encoding="utf-8")
FLOWS = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
NAMES = ("TRIPS_ACCESS_KEY", "TRIPS_SECRET_KEY", "PLANT_SAS", "GCS_KEY", "GCS_SECRET")
MESSAGES = re.findall(r"^  trips\.yaml:(.*)$", TEXT, re.MULTILINE)


def flow(text: str, tmp_path: Path, *, has_keys: bool = True) -> FlowFile:
    """Read a flow file of the guide."""
    (tmp_path / "key").write_text("a key")
    names = (*NAMES, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY") if has_keys else ()
    return read(text.replace("~/.ssh/id_ed25519", "key"), {}, dict.fromkeys(names, "x"), path=tmp_path / "trips.yaml")


@pytest.mark.parametrize("number", range(len(FLOWS)))
def test_every_flow_file_of_the_guide_is_good(number: int, tmp_path: Path) -> None:
    """And has a connection of its own."""
    (connection,) = flow(FLOWS[number], tmp_path).connections
    assert connection.kind in {"s3", "azure", "gcs", "sftp"}


def test_the_messages_of_the_guide_are_what_is_said(tmp_path: Path) -> None:
    """To whoever has no keys, and to whoever writes one into the file."""
    for text, message in (
        (FLOWS[0], MESSAGES[0]),
        (FLOWS[1].replace("${env:TRIPS_SECRET_KEY}", "it"), MESSAGES[1]),
    ):
        with pytest.raises(Problem) as refusal:
            flow(text, tmp_path, has_keys=text is not FLOWS[0])
        assert [str(error).partition("trips.yaml:")[2] for error in refusal.value.fields] == [message]
