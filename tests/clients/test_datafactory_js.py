"""Microsoft's own JavaScript client of Data Factory against the server."""

import pytest

from clients.factory_served import ServedFactories, session
from clients.factory_world import CountingWorld


@pytest.mark.e2e
def test_the_javascript_client_runs_and_recovers(server: ServedFactories, world: CountingWorld) -> None:
    """It defines, starts, looks, queries, cancels and recovers."""
    world.fail("POST /js/two")
    found = session("factory_session.mjs", {"base": server.base, "world": world.base})
    assert sorted(found["listed"]) == ["long", "steps"]
    assert found["failed"] == ["Failed", {"day": "monday"}, True]
    assert found["recovered"] == ["Succeeded", True, True]
    assert found["runs"] == found["ids"], "the group, newest first"
    assert found["rows"] == [
        {"One": ["Succeeded", "None"], "Two": ["Failed", "None"]},
        {"One": ["Skipped", "Skipped"], "Two": ["Succeeded", "None"]},
    ]
    assert found["cancelled"] == "Cancelled"
    assert found["refused"] == ["RestError", 404, "NotFound"]
    assert dict(world.calls) == {"POST /js/one": 1, "POST /js/two": 2}
