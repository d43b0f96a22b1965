"""Listeners written with Flatfile's own packages against a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.jobs_served import ServedJobs, listening, served_jobs
from waiting import until

RECORDS = [f"record{n}" for n in range(10)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServedJobs]:
    """Return a server that does not wait long for listeners."""
    with served_jobs(tmp_path, HEADRACE_JOBS_ACK_SECONDS="5", HEADRACE_JOBS_HEARTBEAT_SECONDS="1.5") as made:
        yield made


@pytest.mark.e2e
def test_a_listener_does_jobs(jobs_server: ServedJobs) -> None:
    """It acknowledges, reports, completes, fails and splits."""
    server = jobs_server
    with listening(server, PAUSE="10") as listener:
        shared, refused = server.job("share"), server.job("refuse")
        assert server.ended(shared, "complete")["outcome"]["message"] == "3 of 3"
        parts = server.ask("GET", f"/jobs?parentId={shared}")
        assert sorted((part["partData"]["part"], part["status"]) for part in parts) == [
            (n, "complete") for n in range(3)
        ]
        topics = [line.split()[2] for line in listener.did(shared, "heard")]
        assert topics[:2] == ["job:created", "job:ready"]
        assert topics.count("job:ready") == 1
        until(lambda: listener.did(shared, "heard", "job:completed"), seconds=10, what="the last event")
        assert server.ended(refused, "failed")["outcome"]["next"] == {"type": "retry"}


@pytest.mark.e2e
def test_a_listener_that_was_killed_does_its_job_after_all(server: ServedJobs) -> None:
    """Killed in the middle, its job times out (``service/jobs/test_timekeeping.py``), is retried and is done, each record once."""
    job = _killed_in_the_middle(server)
    failed = server.ended(job, "failed")
    assert failed["info"] == failed["outcome"]["message"]
    assert failed["outcome"]["acknowledge"] is True
    with listening(server, PAUSE="10") as listener:
        assert server.ask("POST", f"/jobs/{job}/retry")["status"] == "ready"
        done = server.ended(job, "complete")
        assert (done["progress"], done["outcome"]["message"]) == (100, "All records are in")
        assert [line.split()[2] for line in listener.did(job, "handled")] == RECORDS
    attempts = server.ask("GET", f"/jobs/{job}/attempts")
    assert [(one["number"], one["status"], one.get("endedBy")) for one in attempts] == [
        (1, "failed", "timeout"),
        (2, "complete", "client"),
    ]


def _killed_in_the_middle(server: ServedJobs) -> str:
    """Return a job whose listener was killed after some of its records."""
    with listening(server, PAUSE="100") as listener:
        job = server.job("submit", input={"records": RECORDS})
        until(lambda: len(listener.did(job, "handled")) >= 3, seconds=30, what="some records")
        listener.kill()
        assert len(listener.did(job, "handled")) < len(RECORDS)
    return job


@pytest.mark.e2e
@pytest.mark.soak
def test_nothing_is_lost_when_the_server_is_killed(tmp_path: Path) -> None:
    """A listener connects again by itself, and hears what was held when the server died, and what happened meanwhile, once each and in order."""
    with served_jobs(tmp_path) as server, listening(server, PAUSE="1") as listener:
        jobs = [server.job("submit", input={"records": ["one"]}) for _ in range(3)]
        # Their events are held for a while after the answer, and now nobody is there to tell them.
        server.stop(hard=True)
        server.start()
        jobs.append(server.job("submit", input={"records": ["one"]}))
        for job in jobs:
            server.ended(job, "complete", seconds=60)
        until(lambda: listener.did(jobs[-1], "heard", "job:completed"), seconds=30, what="the last event")
        for job in jobs:
            heard = [line.split()[2] for line in listener.did(job, "heard")]
            assert (heard[:2], heard[-1]) == (["job:created", "job:ready"], "job:completed")
            assert listener.did(job, "handled") == [f"{job} handled one"]
