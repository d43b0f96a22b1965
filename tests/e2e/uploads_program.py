"""A client that sends two files in a process of its own, ``uploads_program.py``; started again it goes on where the last one ended."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from e2e.orders import FlowText
from headrace import config
from headrace.bootstrap.application import LOCAL, Application, open_application
from headrace.core.codec import JsonObject, encode
from headrace.core.flow import Plan
from headrace.core.settings import UploadSettings
from headrace.core.upload import Upload, UploadState
from headrace.flowfile import load
from headrace.service.uploads import (
    UploadDesk,
    UploadDraft,
    begin_parts,
    complete_parts,
    complete_upload,
    create_upload,
    find_upload,
    keep,
    look,
    receive,
)

WHOLE, IN_PARTS = "a.csv", "b.csv.gz"
"""The files of the folder ``data`` that are sent; the rows are those of all of them."""
PART = 1500


def send(app: Application, folder: Path) -> None:
    """Send what has not come yet, and complete the upload."""
    desk = UploadDesk(app.database, app.roots, app.clock, app.ids)
    upload = _upload(desk, folder / "upload")
    if upload.state is UploadState.LOADING:
        for name in (WHOLE, "c.csv.zip"):
            _send(desk, upload, name, (folder / "data" / name).read_bytes())
        _send_parts(desk, upload, (folder / "data" / IN_PARTS).read_bytes())
    plan = load(folder / "flow.yaml", None, {}).flow.plan

    def plan_of(sent: UploadSettings) -> Plan:
        copy, promote = plan.activities
        return Plan((replace(copy, kind="upload", settings=cast("JsonObject", encode(sent))), promote))

    complete_upload(desk, upload, plan_of, {}, "tester")


def _upload(desk: UploadDesk, known: Path) -> Upload:
    if not known.exists():
        draft = UploadDraft(scope=LOCAL, dataset="d", table=FlowText().table, body={}, who="tester")
        known.write_text(create_upload(desk, draft).id, encoding="utf-8")
    upload = find_upload(desk.database, LOCAL, known.read_text(encoding="utf-8"))
    assert upload is not None
    return upload


def _send(desk: UploadDesk, upload: Upload, name: str, data: bytes, at: int | None = None) -> None:
    with receive(desk, upload, name, None if at is None else (at, at + len(data))) as incoming:
        incoming.write(data)
        keep(desk, upload, incoming)


def _send_parts(desk: UploadDesk, upload: Upload, data: bytes) -> None:
    sent = look(desk, upload, IN_PARTS)
    if sent is None:
        begin_parts(desk, upload, IN_PARTS)
    come = () if sent is None else sent.ranges
    for at in range(0, len(data), PART):
        part = data[at : at + PART]
        if not any(start <= at and at + len(part) <= end for start, end in come):
            _send(desk, upload, IN_PARTS, part, at)
    complete_parts(desk, upload, IN_PARTS)


if __name__ == "__main__":
    with open_application(config.load()) as opened:
        send(opened, Path.cwd())
