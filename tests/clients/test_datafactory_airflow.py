"""What Airflow's operator for Data Factory asks, in its order, with Microsoft's client: waiting, deferred, killed, recovering."""

import pytest

from clients.factory_served import ServedFactories, session
from clients.factory_world import CountingWorld


@pytest.mark.e2e
@pytest.mark.parametrize("nine", [True, False], ids=["9.2.0", "10.0.0"])
def test_the_operator_of_airflow_sees_runs_end(nine: bool, server: ServedFactories, world: CountingWorld) -> None:
    """A run that it waits for, defers for, kills or recovers ends with the status that it compares with."""
    world.fail("GET /bad", times=2)
    world.fail("GET /once")
    found = session("factory_operator.py", {"base": server.base, "world": world.base}, nine=nine)
    assert found["again"]
    assert found["sync"][1:] == ["success", "Succeeded"]
    assert found["failed"][1:] == ["failed or cancelled", "Failed"]
    assert found["recovered"][1:] == ["success", "Succeeded"]
    assert found["deferred"][1] == "success"
    assert found["deferred and failed"][1] in {
        "ended before it was deferred",
        f"The pipeline run {found['deferred and failed'][0]} has Failed.",
    }
    assert found["killed"] == [True, "Cancelled"]
    assert found["without waiting"] == "success"
    assert dict(world.calls) == {"GET /bad": 2, "GET /once": 2}
