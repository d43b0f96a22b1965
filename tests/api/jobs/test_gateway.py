"""Who may ask the Jobs door, and how it refuses."""

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.mounts import serves


def test_nobody_is_answered_without_a_token(client: Client) -> None:
    """Every path asks for a token first, known or not, below both mounts."""
    for path in ("/v1/jobs", "/api/v1/jobs", "/v1/nothing", "/v2-alpha/records.jsonl"):
        answer = client.raw("GET", path, authorization="")
        assert errors_of(answer)[0] == 401, path
    assert errors_of(client.holding("sk_unknown")("GET", "/jobs"))[0] == 401


def test_the_door_takes_its_own_paths_and_no_others() -> None:
    """Beside it stand the other doors, with paths of their own."""
    ours = ("/v1", "/v1/jobs", "/api/v1", "/api/v1/jobs", "/v2-alpha/records.jsonl", "/api/v2-alpha/records.jsonl")
    driver = ("/v2/subscribe/k/c/0", "/v2/presence/sub-key/k", "/time/0")
    assert all(serves(path) for path in (*ours, *driver))
    others = (
        "/",
        "/v10/jobs",
        "/api",
        "/api/v2",
        "/v2",
        "/data/foundation/flowservice/flows",
        "/subscriptions/s",
        "/t/oauth2/v2.0/token",
    )
    assert not any(serves(path) for path in others)


def test_an_unknown_path_is_refused_in_the_envelope(client: Client) -> None:
    """404, one entry, no HTML: below each mount, for each method."""
    for path in ("/v1/nothing", "/api/v1/nothing", "/v1/v1/workbooks/us_wb_1/flags"):
        status, errors = errors_of(client.raw("GET", path))
        assert (status, len(errors)) == (404, 1), path
    assert client("PATCH", "/auth").status_code == 404
