"""The house, wired: flows run in it on real files, are retried, played again, and cleaned up after."""

import io
import json
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from deltalake import DeltaTable

from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.serving import serve
from headrace.bootstrap.upkeep import sweep
from headrace.bootstrap.working import working
from headrace.config import load
from headrace.core.clock import DAY
from headrace.core.errors import Code, Problem
from headrace.core.run import ActivityStatus, RunStatus
from headrace.dataplane.quarantine.corrected import Rejects, land
from headrace.flowfile import read
from headrace.service.flows import put_flow
from headrace.service.quarantine import ReplayRequest, get_batch, outstanding, rejected_rows, replay
from headrace.service.retries import RetryRequest, retry_run
from headrace.service.runs import RunDetails, RunRequest, create_run, get_run

_FLOW = """
name: orders
source: {{files: orders.csv}}
mapping: {{id: to_integer(id), name: name, amount: to_integer(amount)}}
target:
  table: orders
  schema:
    id: {{type: integer, required: true}}
    name: {{type: string}}
    amount: {{type: integer, required: true, maximum: 100}}
  rejects: {{at_most: {at_most}%}}
"""
_ROWS = 'id,name,amount\n1,a,10\n2,"b, ""b""",x\n3,,30\n4,d,999\n'


class Installation:
    """An application and a person who runs a flow file in it."""

    def __init__(self, application: Application, folder: Path) -> None:
        self.application = application
        self.folder = folder
        (folder / "orders.csv").write_text(_ROWS)

    def put(self, at_most: int) -> str:
        """Keep the flow with this threshold, and return its id."""
        file = read(_FLOW.format(at_most=at_most), path=self.folder / "flow.yaml")
        return put_flow(self.application.database, file.flow, "tester", self.application.clock).id

    def run(self, at_most: int) -> RunDetails:
        """Run the flow to its end."""
        request = RunRequest(scope="local", flow_id=self.put(at_most), created_by="tester")
        app = self.application
        return self.finish(create_run(app.database, request, app.clock, app.ids).id)

    def finish(self, run_id: str) -> RunDetails:
        """Do what is queued until the run has ended."""
        with working(self.application):
            return self.application.wait_for(run_id, timeout=60)

    def retry(self, run_id: str) -> RunDetails:
        """Retry the run to its end."""
        app = self.application
        request = RetryRequest(created_by="tester")
        return self.finish(
            retry_run(app.database, "local", run_id, request, app.outcome_lost, clock=app.clock, ids=app.ids).id
        )

    def play(self, batch_id: str, rows: list[dict[str, object]], key: str | None = None) -> str:
        """Ask for a replay of corrected rows, and return the run's id."""
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        request = ReplayRequest(created_by="tester", request_key=key)
        return replay(self.application.replay_desk(), "local", batch_id, io.BytesIO(lines), request).id

    def rejected(self, batch_id: str) -> list[dict[str, object]]:
        """Return the rejected rows of the batch."""
        found = rejected_rows(self.application.database, self.application.roots, "local", batch_id)
        return [dict(row) for row in found if isinstance(row, Mapping)]

    def target(self) -> list[tuple[object, ...]]:
        """Return the rows of the target, in order."""
        table = DeltaTable(str(self.application.roots.lake / "orders")).to_pyarrow_table()
        return sorted(tuple(row.values()) for row in table.to_pylist())


@pytest.fixture
def house(tmp_path: Path, ledger_url: str) -> Iterator[Installation]:
    """Return an installation, once on SQLite and once on PostgreSQL."""
    settings = load({"HEADRACE_DATABASE_URL": ledger_url}, home=tmp_path / "home")
    with open_application(settings, unrestricted=True) as application:
        yield Installation(application, tmp_path)


def test_a_home_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    """Nobody else reads the ledger, the key or the data; opening again finds everything as it is."""
    settings = load({}, home=tmp_path / "home")
    open_application(settings).close()
    open_application(settings).close()
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert stat.S_IMODE(settings.key_file.stat().st_mode) == 0o600


def test_a_flow_runs_end_to_end(house: Installation) -> None:
    """Rows are in the target or in the quarantine, each once, and the figures add up."""
    done = house.run(at_most=50)
    assert (done.run.status, done.run.reason) == (RunStatus.SUCCEEDED, None)
    assert house.target() == [(1, "a", 10), (3, None, 30)]
    assert (done.run.figures.rows_read, done.run.figures.rows_accepted, done.run.figures.rows_rejected) == (4, 2, 2)
    assert [batch.version for batch in done.batches] == [0]


def test_a_retry_after_too_many_rejects_reads_nothing_again(house: Installation) -> None:
    """The source is gone, and the retry with a corrected rule succeeds all the same."""
    failed = house.run(at_most=1)
    assert failed.run.reason is not None
    assert failed.run.reason.code is Code.TOO_MANY_REJECTS
    (house.folder / "orders.csv").unlink()
    house.put(at_most=50)
    retried = house.retry(failed.run.id)
    assert [row.status for row in retried.activities] == [ActivityStatus.CARRIED, ActivityStatus.SUCCEEDED]
    assert house.target() == [(1, "a", 10), (3, None, 30)]
    assert retried.run.figures.bytes_read is None
    assert retried.batches[0].id != failed.batches[0].id


def test_corrected_rejects_are_played_again_one_by_one(house: Installation) -> None:
    """What is right now is in the target, once, and no longer counted; what is not stays rejected."""
    batch = house.run(at_most=50).batches[0]
    rows = house.rejected(batch.id)
    for row in rows:
        row["amount"] = 20 if row["id"] == "2" else 1000
    played = house.finish(house.play(batch.id, rows, key="k"))
    assert played.run.status is RunStatus.SUCCEEDED
    assert house.target() == [(1, "a", 10), (2, 'b, "b"', 20), (3, None, 30)]
    assert (played.batches[0].replay_of, played.run.group_id) == (batch.id, batch.run_id)
    assert outstanding(get_batch(house.application.database, "local", batch.id)) == 1
    assert house.play(batch.id, rows, key="k") == played.run.id


def test_a_batch_has_one_replay_at_a_time(house: Installation) -> None:
    """A second click does not deliver the rows twice, neither while the first goes on nor after it."""
    batch = house.run(at_most=50).batches[0]
    row: dict[str, object] = {"_reject": 1, "id": "2", "name": "b", "amount": "5"}
    first = house.play(batch.id, [row])
    with pytest.raises(Problem) as caught:
        house.play(batch.id, [row])
    assert caught.value.code is Code.CONFLICT
    house.finish(first)
    with pytest.raises(Problem, match="any more"):
        house.play(batch.id, [row])
    assert {folder.name for folder in house.application.roots.landing.iterdir()} == {batch.run_id, first}


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b'{"_reject": 3, "id": "1"}', "no rejected row of this batch"),
        (b'{"_reject": 1, "id": "1"}\n{"_reject": 1, "id": "1"}', "occurs twice"),
        (b'{"id": "1"}', "has no _reject"),
        (b'{"_reject": true, "id": "1"}', "has no _reject"),
        (b'{"_reject": 1, "_corrupt_record": "x"}', "no columns"),
        (b"1", "no JSON object"),
        (b'{"_reject": 1, "id": NaN}', "line 1"),
        (b"\xff", "line 1"),
        (b"", "no rows"),
    ],
)
def test_a_wrong_corrected_file_is_refused_before_anything_is_made(tmp_path: Path, line: bytes, says: str) -> None:
    """The message says which line and why; nothing is left behind."""
    with open_application(load({}, home=tmp_path / "home")) as application:
        rejects = Rejects("01HEADRACE0000000000000000", delimited=True, is_open=lambda number: number in {1, 2})
        with pytest.raises(Problem, match=says):
            land(application.roots, "r1", rejects, io.BytesIO(line), name="c.json")
        assert list(application.roots.landing.iterdir()) == []


def test_what_a_crash_left_behind_is_removed_and_what_counts_stays(house: Installation) -> None:
    """Folders of runs that never came to be, half-written tries, data files without a commit: all go, and every row stays."""
    done = house.run(at_most=50)
    roots = house.application.roots
    lost = [
        roots.landing / "00000000-dead" / "corrected" / "1.1" / "corrected.csv",
        roots.landing / done.run.id / "copy" / "1.9" / "000001.csv",
        roots.lake / "orders" / f"part-{done.run.id}~promote~1.9-0.parquet",
        roots.quarantine / "01LEFTBEHIND" / "row_error_samples.json",
        roots.work / "00000000-dead" / "spill",
    ]
    for path in lost:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    sweep(house.application, grace=0)
    assert [path for path in lost if path.exists()] == []
    assert house.target() == [(1, "a", 10), (3, None, 30)]
    assert house.application.outcome_lost(done.activities[0]) == ""
    assert len(list(rejected_rows(house.application.database, roots, "local", done.batches[0].id))) == 2


def test_a_server_takes_any_token_on_loopback_only(tmp_path: Path) -> None:
    """--dev on an address that others can reach does not start."""
    with pytest.raises(Problem, match="--dev") as caught:
        serve(load({}, home=tmp_path / "home"), "0.0.0.0", 0, dev=True)  # noqa: S104 — it is refused
    assert caught.value.code is Code.FORBIDDEN
    assert not (tmp_path / "home").exists()


def test_a_person_reads_every_folder_and_a_tenant_only_the_allowed_ones(tmp_path: Path) -> None:
    """A worker that does both keeps them apart by their scope; the home itself, with its key, and others' landing zones are no allowed folders."""
    settings = load({"HEADRACE_FILE_ROOTS": str(tmp_path / "data")}, home=tmp_path / "home")
    with open_application(settings, unrestricted=True) as application:
        assert application.roots_of("local").file_roots is None
        tenant = application.roots_of("flowservice/acme/prod").file_roots
    assert tenant is not None
    *allowed, zone = tenant
    assert allowed == [tmp_path / "data", tmp_path / "home" / "files"]
    assert zone.parent == tmp_path / "home" / "landing-zone"


def test_a_server_loads_no_data_plane() -> None:
    """An API process stays small: it does no runs, so it needs neither DuckDB nor Delta."""
    code = "import sys, headrace.bootstrap.serving; print({'duckdb', 'deltalake'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_a_worker_loads_drivers_when_they_are_needed() -> None:
    """What reads foreign databases and SFTP is 18 MB together; a worker that copies none of them stays small."""
    drivers = {"adbc_driver_manager", "paramiko", "pymysql", "mssql_python"}
    code = f"import sys, headrace.bootstrap.working; print({drivers} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    assert found.stdout.strip() == "set()"


def test_an_old_landing_goes_after_its_days_and_the_retry_says_so(house: Installation) -> None:
    """Retention removes what was landed by runs that ended long ago, and the planner knows (dagster#14268)."""
    failed = house.run(at_most=1)
    assert house.application.outcome_lost(failed.activities[0]) == ""
    late = LateClock(house.application, 8 * DAY)
    sweep(late.application)
    assert house.application.outcome_lost(failed.activities[0]) == "what it landed has been removed"
    assert get_run(house.application.database, "local", failed.run.id).run.status is RunStatus.FAILED


class LateClock:
    """The same installation, some days later."""

    def __init__(self, application: Application, later: int) -> None:
        clock = application.clock

        class Late:
            def now(self) -> int:
                return clock.now() + later

        self.application = type(application)(
            application.settings,
            application.database,
            application.sealer,
            application.roots,
            application.limits,
            Late(),  # type: ignore[arg-type]  # an Instant is an int
            application.ids,
        )


@pytest.mark.parametrize(("setting", "minutes"), [("", 24 * 60), ("5", 5)])
def test_tokens_live_as_long_as_the_doors_clients_expect_unless_set_otherwise(
    setting: str, minutes: int, tmp_path: Path
) -> None:
    """Clients of Flow Service ask for a token once a day."""
    with open_application(load({"HEADRACE_TOKEN_MINUTES": setting}, home=tmp_path, directory=tmp_path)) as application:
        assert application.token_desk(24 * 60).minutes == minutes
