"""The rows of runs with containers, as they are shown."""

from dataclasses import replace

from headrace.core.errors import Code
from headrace.core.outcome import Failure
from headrace.core.run import BODY, ActivityRun, ActivityStatus
from headrace.service.runs import RunRequest, create_run, errors_of_run, get_run
from headrace.store import activity_runs
from service.conftest import House

_BROKEN = Failure(Code.INVALID, "no")


def test_what_is_inside_of_a_container_follows_it(house: House) -> None:
    """Level by level, the passes of a loop by their numbers; the bodies themselves are no failures of their own."""
    run = create_run(
        house.database, RunRequest(scope="local", flow_id="f1", created_by="tester"), house.clock, house.ids
    )
    row = ActivityRun(run.id, "", 1, "copy", ActivityStatus.PENDING, "x", created_at=run.created_at)
    inside = [
        replace(row, path=f"Copy/{number}", kind=BODY, parent="Copy", status=ActivityStatus.FAILED, failure=_BROKEN)
        for number in (10, 2)
    ]
    inside += [
        replace(row, path=f"{body.path}/In", parent=body.path, status=body.status, failure=_BROKEN) for body in inside
    ]
    with house.database.transaction() as tx:
        activity_runs.insert_all(tx, inside)
    shown = [one.path for one in get_run(house.database, "local", run.id).activities]
    assert shown == ["Copy", "Copy/2", "Copy/2/In", "Copy/10", "Copy/10/In", "Promote"]
    assert [one.path for one in errors_of_run(house.database, "local", run.id).failures] == ["Copy/2/In", "Copy/10/In"]
