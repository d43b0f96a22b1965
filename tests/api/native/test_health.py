"""What whoever watches a server may know without a name."""

from dataclasses import replace

from api.native.conftest import Api
from headrace.api.native.app import make_app
from headrace.core.client import Role
from headrace.store import workers
from headrace.store.database import Database


def _ready(api: Api, **changes: object) -> tuple[int, list[str]]:
    door = replace(api.door, **changes)  # type: ignore[arg-type]  # members of the door
    answer = replace(api, app=make_app(door), door=door)("GET", "//readyz")
    return answer.status_code, answer.json()["problems"]


def test_the_process_says_that_it_answers(nobody: Api) -> None:
    """To everybody, and nothing more than that."""
    answer = nobody("GET", "//healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert nobody("HEAD", "//healthz").status_code == nobody("HEAD", "//readyz").status_code == 200


def test_a_server_that_starts_workers_is_ready_when_one_is_alive(nobody: Api) -> None:
    """One that starts none is ready without."""
    assert _ready(nobody) == (200, [])
    assert _ready(nobody, workers_expected=True) == (503, ["no worker is alive"])
    desk = nobody.door.desk
    with desk.database.transaction() as tx:
        claim = workers.register(tx, "w-1", "host", 1, desk.clock.now())
    assert _ready(nobody, workers_expected=True) == (200, [])
    with desk.database.transaction() as tx:
        workers.stop(tx, claim, desk.clock.now())


def test_a_ledger_that_is_not_there_or_of_another_version_is_said(nobody: Api, postgres_url: str) -> None:
    """Without its address, which may have a password in it."""
    gone = Database(postgres_url.replace("postgres@", "postgres:pa55@").rpartition(":")[0] + ":1/ledger")
    empty = Database(postgres_url)
    try:
        assert _ready(nobody, desk=replace(nobody.door.desk, database=gone)) == (503, ["the ledger cannot be reached"])
        status, problems = _ready(nobody, desk=replace(nobody.door.desk, database=empty))
        assert (status, len(problems)) == (503, 1)
        assert "headrace db upgrade" in problems[0]
    finally:
        gone.dispose()
        empty.dispose()


def test_an_answer_is_kept_for_a_moment(nobody: Api) -> None:
    """Anybody may ask, and each look reads the ledger."""
    door = replace(nobody.door, workers_expected=True)
    api = replace(nobody, app=make_app(door), door=door)
    first = api("GET", "//readyz").json()
    with door.desk.database.transaction() as tx:
        claim = workers.register(tx, "w-2", "host", 1, door.desk.clock.now())
    assert api("GET", "//readyz").json() == first
    with door.desk.database.transaction() as tx:
        workers.stop(tx, claim, door.desk.clock.now())


def test_metrics_are_for_those_who_may_read_everything(reader: Api, nobody: Api) -> None:
    """As Prometheus reads them."""
    answer = reader("GET", "//metrics")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
    assert "\n# TYPE headrace_" in answer.text
    assert nobody.of(Role.READER, "flowservice/other")("GET", "//metrics").status_code == 403
