"""Copying files: selection, what may go wrong, and what a second try takes from the first."""

from pathlib import Path

from headrace.core.source import FileSource

from .conftest import Copier


def test_every_file_of_a_folder_lands_with_its_bytes(copier: Copier, data: Path) -> None:
    """Files land as they came, under names of ours, in the order of their names."""
    (data / "b.csv").write_bytes(b"x\n2\n")
    (data / "a.csv.gz").write_bytes(b"\x1f\x8b")
    outcome = copier(FileSource(data.as_uri()))
    assert copier.contents(outcome) == {"a.csv.gz": b"\x1f\x8b", "b.csv": b"x\n2\n"}
    names = [file.path for file in copier.landed(outcome).files]
    assert names == ["run-1/Copy/1.1/000001.csv.gz", "run-1/Copy/1.1/000002.csv"]
