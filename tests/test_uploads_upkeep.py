"""Uploads that nobody completes are given up, and what was laid down is not kept twice; nothing that is needed goes."""

from datetime import timedelta
from pathlib import Path

from e2e.house import at
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.upkeep import sweep
from headrace.config import load
from headrace.core.flow import Activity, Plan
from headrace.core.upload import Upload, UploadState
from headrace.service import uploads
from headrace.service.uploads import UploadDesk, UploadDraft

SCOPE = "flowservice/acme@AdobeOrg/prod"


def begun(application: Application) -> tuple[UploadDesk, Upload]:
    """Return an upload with one file."""
    desk = UploadDesk(application.database, application.roots, application.clock, application.ids)
    upload = uploads.create_upload(desk, UploadDraft(scope=SCOPE, dataset="d", table="t", body={}, who="tester"))
    with uploads.receive(desk, upload, "a.json") as incoming:
        incoming.write(b"{}")
        uploads.keep(desk, upload, incoming)
    return desk, upload


def state(application: Application, upload: Upload) -> tuple[UploadState | None, bool]:
    """Return what the ledger says of an upload, and whether its files are there."""
    found = uploads.find_upload(application.database, SCOPE, upload.id)
    there = any(application.roots.uploads.glob(f"*/{upload.id}/*.data"))
    return (None if found is None else found.state), there


def test_an_upload_that_nobody_completes_is_given_up_after_a_week(tmp_path: Path) -> None:
    """It is aborted with its files, and forgotten when runs of its age are."""
    with open_application(load({}, home=tmp_path / "home")) as application:
        _, upload = begun(application)
        sweep(at(application, timedelta(days=6)), grace=0)
        assert state(application, upload) == (UploadState.LOADING, True)
        sweep(at(application, timedelta(days=8)), grace=0)
        assert state(application, upload) == (UploadState.ABORTED, False)
        sweep(at(application, timedelta(days=60)), grace=0)
        assert state(application, upload) == (None, False)


def test_files_of_a_complete_upload_stay_until_its_run_has_ended(tmp_path: Path) -> None:
    """Whoever takes the run up finds them, however long it waited."""
    with open_application(load({}, home=tmp_path / "home")) as application:
        desk, upload = begun(application)
        plan = Plan((Activity("upload", "upload"),))
        done = [uploads.complete_upload(desk, upload, lambda _: plan, {}, "tester") for _ in range(2)]
        assert done[0].run is not None
        assert [one.run.id for one in done if one.run] == [done[0].run.id] * 2
        sweep(at(application, timedelta(days=60)), grace=0)
        assert state(application, upload) == (UploadState.LOADED, True)
