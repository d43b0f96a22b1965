"""Each fault of an installation is found, with what to do; an installation without faults has none."""

import json
import os
import resource
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

import warm
from cli.scripted import answer, scripted
from command_line import environment
from fakes import CountingIds, ManualClock
from headrace.bootstrap.application import SystemClock, open_application
from headrace.bootstrap.checks import ledger, process
from headrace.bootstrap.checks.examining import OF_HOMES, OF_SERVERS, examine
from headrace.bootstrap.checks.finding import Check, Finding, State, ok
from headrace.bootstrap.checks.ground import Ground
from headrace.bootstrap.checks.remote import Server
from headrace.config import diagnose, load
from headrace.core.client import Role
from headrace.core.clock import HOUR, Instant
from headrace.core.errors import Code, Problem
from headrace.core.native.installation import About, Me
from headrace.core.outcome import Figures
from headrace.core.run import ActivityStatus, RunStatus
from headrace.core.schedule import Schedule, Unit
from headrace.service.clients import ClientRequest, create_client, ensure_admin, revoke_client
from headrace.service.connections import ConnectionDraft, put_connection
from headrace.service.sealing import Sealer, read_or_make_keys
from headrace.store import activity_runs, batches, runs, schedules, schema_version, settings, webhooks, workers
from headrace.store.database import Database
from headrace.store.schedules import Scheduled
from headrace.store.webhooks import DeliveryStatus, Webhook
from ledger_rows import NOW, SCOPE, a_batch, a_flow, a_run, activities, finish, put_run
from servers import free_port

NOT_HERE = {"connections", "clock", "journal", "integrity", "server"}
"""Checks of the other kind of database, and of a server where none was ever started."""


def home_in(folder: Path) -> Path:
    """Return a home as a start makes it, without a ledger."""
    home = folder / "home"
    home.mkdir(mode=0o700, exist_ok=True)
    read_or_make_keys(home / "secret.key")
    return home


def ground_of(folder: Path, url: str = "", **variables: str) -> Ground:
    """Return a home with a key, and the ledger at ``url``; the clock is the rows' own."""
    given = {"HEADRACE_DATABASE_URL": url, **{f"HEADRACE_{name.upper()}": text for name, text in variables.items()}}
    found, faults = diagnose(given, home=home_in(folder), directory=folder)
    return Ground(found, ManualClock(), faults)


def told(ground: Ground, name: str) -> Finding:
    """Return what one check tells, asked after the database's own."""
    wanted = [check for check in OF_HOMES if check.name in {"database", name}]
    return {one.name: one for one in examine(wanted, ground)}[name]


@pytest.fixture
def ground(tmp_path: Path, ledger_url: str) -> Ground:
    """Return an installation on each kind of database."""
    return ground_of(tmp_path, ledger_url)


@pytest.fixture
def small(tmp_path: Path, sqlite_ledger_url: str) -> Ground:
    """Return an installation on SQLite, for what does not depend on the kind of database."""
    return ground_of(tmp_path, sqlite_ledger_url)


def test_a_good_installation_has_no_fault(ground: Ground) -> None:
    """Every check is passed, or is about something that this installation does not have."""
    found = list(examine(OF_HOMES, replace_clock(ground)))
    assert {one.name: one.seen for one in found if one.state in {State.FAIL, State.WARN}} == {}
    assert {one.name for one in found if one.state is State.SKIPPED} <= NOT_HERE
    assert len(found) == len(OF_HOMES) == len({one.name for one in found})


def replace_clock(ground: Ground) -> Ground:
    """Return the installation at the present time."""
    return replace(ground, clock=SystemClock())


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    """Of a home that is not there, that is told, and it is not there afterwards either."""
    ground = Ground(load({}, home=tmp_path / "nowhere", directory=tmp_path), ManualClock())
    found = {one.name: one for one in examine(OF_HOMES, ground)}
    assert (found["home"].state, found["database"].state) == (State.FAIL, State.FAIL)
    assert found["home"].command == found["database"].command == "headrace db upgrade"
    assert found["workers"].seen == "the ledger cannot be read"
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_wrong_with_the_settings_is_told_at_once(tmp_path: Path) -> None:
    """Unknown names with the nearest ones, in the environment and the file, and values, secrets masked; the rest counts."""
    (tmp_path / "headrace.toml").write_text("wokers = 2\nretention_days = 'long'\nthreads = 3\n")
    given = {"HEADRACE_DATABSE_URL": "x", "HEADRACE_NATIVE_TOKENS": "my-hidden-one", "HEADRACE_DRAIN_SECONDS": "soon"}
    found, faults = diagnose(given, directory=tmp_path)
    seen = told(Ground(found, ManualClock(), faults), "settings")
    assert seen.state is State.FAIL
    for words in ("HEADRACE_DATABASE_URL", "did you mean workers", "retention_days", "drain_seconds", "native_tokens"):
        assert words in seen.seen
    assert "my-hidden-one" not in seen.seen
    assert (found.threads, found.retention_days) == (3, 45)


@pytest.mark.parametrize("text", ["workers = \n", "dead_after_seconds = 1\n"])
def test_a_broken_file_leaves_the_defaults(tmp_path: Path, text: str) -> None:
    """What can still be looked at is looked at."""
    (tmp_path / "headrace.toml").write_text(text)
    found, faults = diagnose({}, directory=tmp_path)
    assert len(faults) == 1
    assert found == load({}, directory=tmp_path / "elsewhere", home=tmp_path / ".headrace")


def test_rights_of_the_home_and_its_key_are_told(small: Ground) -> None:
    """With the command that mends them."""
    home, key = small.settings.home, small.settings.key_file
    home.chmod(0o755)
    key.chmod(0o644)
    assert (told(small, "home").state, told(small, "home").command) == (State.WARN, f"chmod 700 {home}")
    assert (told(small, "key").state, told(small, "key").command) == (State.FAIL, f"chmod 600 {key}")
    key.chmod(0o600)
    key.write_text("")
    assert "empty" in told(small, "key").seen
    key.write_text("no key\n")
    assert told(small, "key").state is State.FAIL
    for given in ("nonsense", ", "):
        found = told(replace(small, settings=replace(small.settings, secret_key=given)), "key")
        assert (found.state, "HEADRACE_SECRET_KEY" in str(found), given in found.seen) == (State.FAIL, True, False)
    assert told(replace(small, settings=replace(small.settings, home=key)), "home").seen == "it is a file and no folder"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may look into, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def test_the_home_of_another_user_is_told_with_its_owner(open_folder: Path) -> None:
    """In a process of a user without rights to it: what can be told is told, and whom to run Headrace as."""
    home = home_in(open_folder)
    code = """
import json, os, sys
from headrace.bootstrap.application import SystemClock
from headrace.bootstrap.checks.examining import OF_HOMES, examine
from headrace.bootstrap.checks.ground import Ground
from headrace.config import diagnose
from pathlib import Path
if os.getuid() == 0:
    os.setgroups([])
    os.setresuid(65534, 65534, 65534)
else:
    os.chmod(sys.argv[1], 0)
found, faults = diagnose({}, home=Path(sys.argv[1]), directory=Path("/"))
print(json.dumps({one.name: [one.state.value, one.remedy] for one in examine(OF_HOMES, Ground(found, SystemClock(), faults))}))
"""
    ended = warm.run([sys.executable, "-c", code, str(home)], env=environment(), cwd=open_folder)
    home.chmod(0o700)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout)
    assert {name for name, (state, _) in found.items() if state == "fail"} == {"home", "key", "settings", "database"}
    assert found["home"][1] == f"it belongs to {home.owner()}: run Headrace as that user"


def test_a_lost_or_exchanged_key_is_found_by_what_it_sealed(ground: Ground) -> None:
    """The place of a secret that does not open is told, never the secret."""
    database = Database(ground.settings.database_url)
    sealer = Sealer(read_or_make_keys(ground.settings.key_file))
    draft = ConnectionDraft(scope=SCOPE, name="orders", kind="mysql", url="mysql://u:hidden@db.example/x")
    put_connection(database, draft, "me", sealer, ManualClock())
    database.dispose()
    assert told(ground, "secrets").state is State.OK
    ground.settings.key_file.unlink()
    assert (told(ground, "key").state, told(ground, "secrets").state) == (State.FAIL, State.SKIPPED)
    read_or_make_keys(ground.settings.key_file)
    found = told(ground, "secrets")
    assert (found.state, SCOPE in found.where, "hidden" in str(found)) == (State.FAIL, True, False)
    missing = told(replace(ground, has_module=lambda _module: False), "libraries")
    assert (missing.state, missing.command) == (State.FAIL, 'pip install "headrace[mysql]"')
    assert told(ground, "libraries").state is State.OK


def test_a_schema_of_another_release_is_told(ground: Ground) -> None:
    """An older one with the command that upgrades; a newer one has no way back."""
    execute(ground, "UPDATE headrace_version SET version_num = '0001'")
    found = told(ground, "schema")
    assert (found.state, found.command) == (State.FAIL, "headrace db upgrade")
    assert told(ground, "workers").seen == "the ledger is not at this release's schema"
    execute(ground, "UPDATE headrace_version SET version_num = '9999'")
    assert "newer release" in told(ground, "schema").seen
    execute(ground, f"UPDATE headrace_version SET version_num = '{schema_version.NEWEST}'")


def test_a_ledger_without_tables_is_told(small: Ground) -> None:
    """Somebody has made a database for it, and nothing more."""
    execute(small, "DROP TABLE headrace_version")
    assert (told(small, "schema").seen, told(small, "schema").command) == (
        "it has no tables yet",
        "headrace db upgrade",
    )


def execute(ground: Ground, statement: str) -> None:
    """Do what no process of ours would do."""
    url = ground.settings.database_url
    if ground.ledger_file is None:
        with psycopg.connect(url) as connection:
            connection.execute(statement.encode())
        return
    connection_ = sqlite3.connect(ground.ledger_file)
    connection_.execute(statement)
    connection_.commit()
    connection_.close()


def test_a_ledger_that_is_none_is_told(tmp_path: Path) -> None:
    """A file of something else, a URL that is none: each says so, and nothing else waits for it again."""
    file = tmp_path / "ledger.db"
    file.write_text("this is no database at all, and long enough to be looked at\n" * 40)
    found = told(ground_of(tmp_path, f"sqlite:///{file}"), "workers")
    assert found.seen == "the ledger cannot be read"
    assert "no ledger" in told(ground_of(tmp_path, f"sqlite:///{file}"), "database").remedy
    assert told(ground_of(tmp_path, "oracle://x"), "database").state is State.FAIL


def test_a_server_of_the_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    """Neither the URL nor what the driver says shows it."""
    url = f"postgresql://me:s3cret@127.0.0.1:{free_port()}/ledger?sslpassword=s3cret"
    found = told(ground_of(tmp_path, url), "database")
    assert (found.state, "start PostgreSQL" in found.remedy, "127.0.0.1" in found.where) == (State.FAIL, True, True)
    assert "s3cret" not in str(found)


@pytest.mark.postgres
def test_a_database_that_is_not_there_and_clocks_that_differ_are_told(tmp_path: Path, postgres_ledger_url: str) -> None:
    """Each with its own remedy; the connections that are left are counted."""
    away = postgres_ledger_url.rpartition("/")[0] + "/nowhere"
    assert "createdb" in told(ground_of(tmp_path, away), "database").remedy
    ground = ground_of(tmp_path, postgres_ledger_url)
    assert told(ground, "clock").state is State.FAIL
    assert "connections are taken" in told(ground, "connections").seen
    assert (ledger.room_finding(77, 97).state, ledger.room_finding(78, 97).state) == (State.OK, State.WARN)
    assert ledger.apart_finding(-2.0, "x", 6).seen == "the clock of x is 2 s behind ours"


def test_a_damaged_file_and_another_journal_are_told(small: Ground) -> None:
    """SQLite's own words for the damage, and where the file is."""
    execute(small, "PRAGMA journal_mode=DELETE")
    assert (told(small, "journal").state, told(small, "integrity").state) == (State.WARN, State.OK)
    file = small.ledger_file
    assert file is not None
    with file.open("r+b") as stream:
        stream.seek(file.stat().st_size // 2 // 4096 * 4096)
        stream.write(b"\xff" * 4096)
    found = told(small, "integrity")
    assert (found.state, found.where) == (State.FAIL, str(file))


def test_runs_without_workers_are_told(ground: Ground) -> None:
    """None alive, late ones, runs that wait, and runs in the hands of the dead."""
    database = Database(ground.settings.database_url)
    put_run(database, a_run())
    found = told(ground, "workers")
    assert (found.state, found.command) == (State.FAIL, "headrace worker")
    later = replace(ground, clock=ManualClock(NOW + HOUR))
    assert "waited for a worker for 60 min" in told(later, "queued-runs").seen
    with database.transaction() as tx:
        runs.move(tx, "run-1", {RunStatus.QUEUED}, RunStatus.RUNNING, NOW)
        workers.register(tx, "w-1", "host", 7, NOW)
        row = activities()[0]
        working = replace(row, status=ActivityStatus.RUNNING, worker_id="w-1", started_at=NOW, epoch=1)
        activity_runs.insert_all(tx, [working])
    assert {told(ground, name).state for name in ("workers", "queued-runs", "running-runs")} == {State.OK}
    assert "process 7 on host" in told(later, "workers").remedy
    lost = told(later, "running-runs")
    assert (lost.state, lost.where, lost.command) == (State.FAIL, "run-1", "headrace worker")
    with database.transaction() as tx:
        workers.register(tx, "w-2", "host", 8, Instant(NOW + HOUR))
    assert told(later, "running-runs").state is State.WARN
    database.dispose()


def test_what_should_have_happened_by_the_clock_is_told(ground: Ground) -> None:
    """Schedules that are overdue, and deliveries that were given up; rejects are told without being a fault."""
    database = Database(ground.settings.database_url)
    hook = Webhook(
        id="hook-1",
        scope=SCOPE,
        address="http://x.example",
        events=frozenset({RunStatus.FAILED}),
        flow_ids=None,
        created_by="me",
        created_at=NOW,
    )
    with database.transaction() as tx:
        due = Scheduled(SCOPE, a_flow().id, Schedule(NOW, Unit.DAY), True, Instant(NOW - HOUR), None, None, 0)
        schedules.put(tx, due, NOW)
        webhooks.insert(tx, hook, Sealer(read_or_make_keys(ground.settings.key_file)).seal("x", SCOPE).encode())
        runs.insert(tx, a_run())
        finish(tx, "run-1")
        batches.save(tx, a_batch(figures=Figures(rows_read=10, rows_accepted=7, rows_rejected=3, rows_skipped=0)))
        for one in webhooks.take(tx, NOW, Instant(NOW + HOUR), 9, 9):
            webhooks.settle(tx, one, DeliveryStatus.GIVEN_UP, None, {}, NOW)
    database.dispose()
    assert (told(ground, "schedules").state, told(ground, "schedules").command) == (State.FAIL, "headrace worker")
    found = told(ground, "webhooks")
    assert (found.state, found.command) == (State.WARN, "headrace webhooks deliveries hook-1")
    found = told(ground, "rejects")
    assert (found.state, "3 rejected rows" in found.seen) == (State.OK, True)


def test_an_installation_that_nobody_can_administer_is_told(ground: Ground) -> None:
    """A revoked administrator is none, and neither is one of a single tenant."""
    database, clock, ids = Database(ground.settings.database_url), ManualClock(), CountingIds()
    made = ensure_admin(database, clock, ids)
    assert made is not None
    assert told(ground, "admin").state is State.OK
    revoke_client(database, made.client.id, "me", clock)
    create_client(database, ClientRequest(name="of one", role=Role.ADMIN, scopes=("flowservice/acme",)), clock, ids)
    database.dispose()
    found = told(ground, "admin")
    assert (found.state, found.command) == (State.WARN, "headrace clients create admin --role admin")


@pytest.fixture
def limit() -> Iterator[None]:
    """Let few files be open, for one test."""
    kept = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, kept[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, kept)


@pytest.mark.usefixtures("limit")
def test_few_files_old_folders_a_long_log_and_a_full_disk_are_told(small: Ground) -> None:
    """What a machine runs out of, before it does."""
    assert (told(small, "open-files").state, told(small, "open-files").command) == (State.WARN, "ulimit -n 4096")
    left = small.settings.home / "work" / "old"
    left.mkdir(parents=True)
    os.utime(left, (time.time() - 5e6,) * 2)
    assert (told(small, "work-folders").state, told(small, "work-folders").command) == (State.WARN, "headrace db clean")
    with (small.settings.home / "headrace.log").open("wb") as stream:
        stream.truncate(200_000_000)
    assert "200 MB" in told(small, "log").seen
    full = told(replace(small, free_bytes=lambda _folder: 5 << 20), "disk")
    assert (full.state, full.command) == (State.FAIL, "headrace db clean")
    assert told(replace(small, free_bytes=lambda _folder: 500 << 20), "disk").state is State.WARN


def test_settings_that_let_others_in_are_told(tmp_path: Path) -> None:
    """Flows that could read the key; passwords in clear; neither shows what a URL holds."""
    found = told(ground_of(tmp_path, file_roots=str(tmp_path)), "file-roots")
    assert (found.state, found.where) == (State.FAIL, str(tmp_path))
    assert told(ground_of(tmp_path, file_roots=str(tmp_path / "none")), "file-roots").state is State.WARN
    found = told(ground_of(tmp_path, public_url="http://me:s3cret@flows.example/x?y=s3cret"), "public-url")
    assert (found.state, found.where) == (State.WARN, "http://flows.example/x")
    assert told(ground_of(tmp_path, public_url="https://flows.example"), "public-url").state is State.OK
    assert told(ground_of(tmp_path, public_url="http://localhost:8080"), "public-url").state is State.OK


def serving(ground: Ground, address: str) -> Ground:
    """Return the ground after a server has said where it answers."""
    database = Database(ground.settings.database_url)
    with database.transaction() as tx:
        settings.put(tx, "serving.address", address, NOW)
    database.dispose()
    return ground


def test_a_server_that_does_not_answer_or_is_another_is_told(small: Ground) -> None:
    """Nobody there, somebody else there, ours that is not ready, ours that is."""
    port = free_port()
    found = told(serving(small, f"http://127.0.0.1:{port}"), "server")
    assert (found.state, found.command) == (State.WARN, f"headrace serve --port {port}")
    well = answer('{"status": "ok"}')
    answers = [
        answer("<html>", "404 x"),
        b"SSH-2.0\r\n",
        well,
        answer('{"problems": ["no worker is alive"]}', "503 x"),
        well,
        well,
    ]
    with scripted(answers) as server:
        serving(small, server.url)
        assert ["status 404" in told(small, "server").seen, told(small, "server").state] == [True, State.FAIL]
        assert "no worker is alive" in told(small, "server").seen
        assert told(small, "server").state is State.OK


def server_at(url: str, **changes: Any) -> Server:
    """Return a server whose operations answer well, but for ``changes``."""
    me = Me(client="c", name="ann", role=Role.READER, scopes=("flowservice/acme",))
    about = About(version="0", database="sqlite", now=NOW, workers=1, open={}, scopes=())
    parts: dict[str, Any] = {"me": lambda: me, "about": lambda: about, "clock": ManualClock(NOW + HOUR), **changes}
    return Server(url, **parts)


def test_a_server_is_looked_at_from_elsewhere() -> None:
    """Not ready, of another release, with another clock, and with complaints of its own; the token's rights are told."""
    with scripted([answer('{"status": "ok"}'), answer('{"problems": ["no worker is alive"]}', "503 x")]) as server:
        found = {one.name: one for one in examine(OF_SERVERS, server_at(server.url))}
    assert {name: one.state.value for name, one in found.items()} == {
        "reachable": "ok",
        "ready": "fail",
        "token": "ok",
        "version": "warn",
        "server-clock": "fail",
        "problems": "ok",
    }
    assert "role reader, flowservice/acme" in found["token"].seen


def test_a_server_out_of_reach_or_one_that_does_not_know_us_is_told() -> None:
    """What hangs on an answer is passed over; a token that is refused is a fault of its own."""
    found = [one.state for one in examine(OF_SERVERS, server_at(f"http://127.0.0.1:{free_port()}"))]
    assert found == [State.FAIL, *[State.SKIPPED] * 5]

    def refused() -> Any:
        raise Problem(Code.UNAUTHENTICATED, "the token is unknown")

    well = answer('{"status": "ok"}')
    with scripted([well, well]) as server:
        found = [one.state for one in examine(OF_SERVERS, server_at(server.url, me=refused, about=refused))]
    assert found == [State.OK, State.OK, State.FAIL, *[State.SKIPPED] * 3]


def test_a_check_that_hangs_or_breaks_stops_no_other() -> None:
    """Each has its time, and what it raises is a finding."""
    reading, writing = os.pipe()

    def broken(_place: None) -> Finding:
        raise ZeroDivisionError

    def gone(_place: None) -> Finding:
        raise FileNotFoundError(2, "No such file", "/x")

    def away(_place: None) -> Finding:
        raise Problem(Code.UNAVAILABLE, "it went away just now")

    checks = [
        Check("hangs", "", lambda _place: ok(str(os.read(reading, 1))), 0.05),
        Check("breaks", "", broken),
        Check("lacks", "", gone),
        Check("fails", "", away),
        Check("well", "", lambda _place: ok("well")),
    ]
    found = list(examine(checks, None))
    os.close(writing)
    assert [one.state for one in found] == [State.WARN, State.WARN, State.SKIPPED, State.WARN, State.OK]
    assert "ZeroDivisionError" in found[1].seen


def test_the_oldest_python_is_the_packages_own() -> None:
    """The check and the package's metadata say the same."""
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text()
    assert f'requires-python = ">={".".join(map(str, process.OLDEST))}' in text


def test_a_home_that_was_opened_is_good(tmp_path: Path) -> None:
    """What a start makes passes what is looked for, without anything done by hand."""
    settings_ = load({}, home=tmp_path / "home", directory=tmp_path)
    open_application(settings_).close()
    found = [
        one for one in examine(OF_HOMES, Ground(settings_, SystemClock())) if one.state in {State.FAIL, State.WARN}
    ]
    assert found == []
