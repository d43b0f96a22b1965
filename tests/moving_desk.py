"""What activities that look at stores need, over folders of a test and documents by hand."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.activities.datafactory.calls import execution_fields
from headrace.activities.datafactory.datasets import Connecting
from headrace.activities.datafactory.moving import Moving
from headrace.core.codec import Json
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from pipeline_desk import Desk, Shelf
from stores import Shelf as Store


@dataclass
class Bench:
    """A folder ``files`` that pipelines may use, behind the linked service ``disk``; ``roots`` are Headrace's own."""

    home: Path
    desk: Desk = field(default_factory=Desk)
    shelf: Shelf = field(default_factory=Shelf)

    def __post_init__(self) -> None:
        self.files.mkdir()
        self.roots.make()
        self.service("disk", "FileServer", host=str(self.files))

    @property
    def files(self) -> Path:
        """Return the folder."""
        return self.home / "files"

    @property
    def roots(self) -> Roots:
        """Return Headrace's own folders."""
        own = self.home / "own"
        return Roots(own / "landing", own / "lake", own / "quarantine", own / "work", (self.files,))

    @property
    def moving(self) -> Moving:
        """Return what the activities need."""
        egress = Egress(("127.0.0.1", "localhost"))
        connecting = Connecting(self.shelf, egress.pin, lambda _scope: (self.files,))
        return Moving(connecting, lambda _scope: self.roots, Limits(), self.desk.clock, egress, lambda _task: "batch")

    def service(self, name: str, kind: str, **properties: Any) -> None:
        """Store a linked service."""
        self.shelf.documents["linked_service", name] = {"type": kind, "typeProperties": properties}

    def amazon(self, store: Store) -> None:
        """Store the linked service ``s3`` for a real server."""
        assert store.info is not None
        options = store.info.options
        key = {"type": "SecureString", "value": options["secret_key"]}
        named = options["access_key"]
        self.service("s3", "AmazonS3", serviceUrl=store.info.url, accessKeyId=named, secretAccessKey=key)

    def dataset(
        self, name: str, location: Mapping[str, Json], *, kind: str = "Binary", service: str = "disk", **more: Any
    ) -> Mapping[str, Json]:
        """Store a dataset; return a reference to it."""
        self.shelf.documents["dataset", name] = {
            "type": kind,
            "linkedServiceName": {"referenceName": service, "type": "LinkedServiceReference"},
            "typeProperties": {"location": dict(location), **more},
        }
        return {"referenceName": name, "type": "DatasetReference"}

    def put(self, name: str, data: bytes = b"a,b\n1,2\n") -> Path:
        """Write a file."""
        file = self.files / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return file

    def names(self) -> list[str]:
        """Return what lies below the folder."""
        return sorted(str(path.relative_to(self.files)) for path in self.files.rglob("*"))


def told(outcome: Any) -> dict[str, Json]:
    """Return what an outcome tells besides what the output of every activity has."""
    assert outcome.failure is None, outcome.failure
    common = execution_fields("PipelineActivity")
    assert all(key in outcome.output for key in common)
    return {key: value for key, value in outcome.output.items() if key not in common}
