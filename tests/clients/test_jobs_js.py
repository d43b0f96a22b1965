"""Flatfile's own JavaScript client against a server."""

import pytest

from clients.factory_served import session
from clients.jobs_served import TOKEN, ServedJobs


@pytest.mark.e2e
def test_the_javascript_client_does_all_that_can_be_done_with_jobs(jobs_server: ServedJobs) -> None:
    """Every operation of jobs, with bodies packed and not."""
    found = session("jobs_session.mjs", {"base": jobs_server.base, "token": TOKEN})
    assert found == {
        "created": ["created", "manual", True],
        "changed": "soon",
        "executed": True,
        "taken": ["executing", 13],
        "parts": [0, 1],
        "completed": ["complete", 100, "retry"],
        "acknowledged": True,
        "retried": "ready",
        "failed": "failed",
        "cancelled": "canceled",
        "refused": [True, 400, "status"],
        "listed": 1,
        "deleted": True,
        "gone": [True, 404, "jobId"],
        "plan": [["name", "absolute"]],
        "put": 1,
        "patched": 1,
        "mapped": ["Ann", "Bob"],
        "previewed": [["ANN", "Ann"], ["BOB", "Bob"]],
    }
