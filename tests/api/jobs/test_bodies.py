"""Bodies as clients send them: packed, in chunks, empty; and those that are meant to hurt."""

import gzip
import json
import time
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.jobs.conftest import Client, errors_of
from headrace.api.jobs.app import make_app
from headrace.api.jobs.bodies import MAX_CONTAINERS, MAX_DEPTH, parse, unpack
from headrace.api.jobs.errors import STATUS_OF, Refusal
from headrace.core.errors import Code
from headrace.core.job_limits import JobLimits
from headrace.core.workspace import KeyKind
from headrace.service.workspace.keys import create_key

JOB = json.dumps({"type": "space", "operation": "tidy", "source": "us_sp_1"}).encode()


def deflated(raw: bytes) -> bytes:
    """Return ``raw`` deflated, without a frame."""
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(raw) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(JOB)),
        ("GZIP", gzip.compress(JOB[:9]) + gzip.compress(JOB[9:]) + b"\0\0"),
        ("x-gzip", gzip.compress(JOB)),
        ("deflate", zlib.compress(JOB)),
        ("deflate", deflated(JOB)),
        ("identity", JOB),
        ("gzip", b""),
    ],
)
def test_bodies_are_unpacked(shared_client: Client, coding: str, packed: bytes) -> None:
    """Every common coding; what says it is packed and has nothing is nothing."""
    answer = shared_client.raw("POST", "/v1/jobs", packed, content_encoding=coding)
    assert answer.status_code == (200 if packed else 400), answer.text


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", JOB),
        ("gzip", gzip.compress(JOB)[:-9]),
        ("br", JOB),
        ("deflate", gzip.compress(JOB)[:20]),
        ("gzip, gzip", JOB),
    ],
)
def test_what_cannot_be_unpacked_is_refused(shared_client: Client, coding: str, packed: bytes) -> None:
    """400 with a reason, not a fault of ours."""
    assert errors_of(shared_client.raw("POST", "/v1/jobs", packed, content_encoding=coding))[0] == 400


def test_a_body_may_come_in_chunks_and_packed_at_once(shared_client: Client) -> None:
    """Without a length: as the listener sends its write-backs."""

    async def chunks() -> AsyncIterator[bytes]:
        packed = gzip.compress(JOB)
        for begin in range(0, len(packed), 7):
            yield packed[begin : begin + 7]

    async def send() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=shared_client.app)) as http:
            headers = {**shared_client.headers, "content-encoding": "gzip"}
            return await http.post("http://127.0.0.1/api/v1/jobs", content=chunks(), headers=headers)

    assert shared_client.runner.run(send()).status_code == 200


def test_a_bomb_is_refused_before_it_takes_the_memory(sqlite_client: Client) -> None:
    """A packed body that grows beyond the limit is given up there, whatever it would have become; and so is one that is large as it is."""
    bomb = gzip.compress(b"[" * (64 << 20), compresslevel=1)
    begun = time.process_time()
    with pytest.raises(Refusal, match="more than 1000000 bytes"):
        unpack(bomb, 1_000_000)
    assert time.process_time() - begun < 0.5
    door = replace(sqlite_client.door, limits=JobLimits(max_json_bytes=1_000, max_unpacked_bytes=5_000))
    small = replace(sqlite_client, app=make_app(door), door=door)
    sent = json.dumps({**json.loads(JOB), "metadata": {"a": "x" * 3_000}}).encode()
    assert small.raw("POST", "/v1/jobs", gzip.compress(sent), content_encoding="gzip").status_code == 200
    assert errors_of(small.raw("POST", "/v1/jobs", sent))[0] == 413
    twice = json.dumps({**json.loads(JOB), "metadata": {"a": "x" * 6_000}}).encode()
    assert errors_of(small.raw("POST", "/v1/jobs", gzip.compress(twice), content_encoding="gzip"))[0] == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b'{"a": 1e999}',
        b'["\\ud800"]',
        b'["a\\u0000"]',
        b'{"\\u0000": 1}',
        b'"\xff"',
        b"[" * 5_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    ],
)
def test_what_is_no_json_or_cannot_be_kept_is_refused(raw: bytes) -> None:
    """With one message each."""
    with pytest.raises(Refusal) as refused:
        parse(raw)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"", {}),
        (b" \n", {}),
        (b"null", {}),
        (b"\xef\xbb\xbf{}", {}),
        (b'{"a":1,"a":2}', {"a": 2}),
        (b"[10000000000000000000000]", [10**22]),
    ],
)
def test_what_counts_as_nothing_and_what_is_read(raw: bytes, value: Any) -> None:
    """As browsers and Node read it."""
    assert parse(raw) == value


def test_every_problem_has_a_status_that_clients_can_bear() -> None:
    """409 and 304 are never sent; what users cause is no 5xx, which clients would send again."""
    assert set(STATUS_OF) == set(Code)
    assert set(STATUS_OF.values()) <= {400, 401, 403, 404, 500, 503}
    assert STATUS_OF[Code.CONFLICT] == STATUS_OF[Code.STALE] == 400


def test_unknown_failures_show_nothing_of_their_insides(sqlite_client: Client) -> None:
    """The log has them under the request's id."""
    broken: Any = replace(sqlite_client.door, account=None)  # type: ignore[arg-type]  # so that something breaks
    answer = replace(sqlite_client, app=make_app(broken))("GET", "/accounts/current")
    status, errors = errors_of(answer)
    assert status == 500
    assert answer.headers["x-request-id"] in errors[0][1]
    assert "None" not in answer.text


def test_strangers_send_little(sqlite_client: Client) -> None:
    """Whom anybody may be, without a token or with a key that stands in pages, makes the server read a mebibyte at most, unpacked too."""
    door = sqlite_client.door
    public = create_key(door.keys, door.account.environment_scope, KeyKind.PUBLISHABLE, "us_usr_test0001")
    large = json.dumps({"name": "x" * (1 << 20)}).encode()
    for path, sender in (
        ("/v1/auth", sqlite_client.holding("none")),
        ("/v1/spaces", sqlite_client.holding(public.token)),
    ):
        assert errors_of(sender.raw("POST", path, large))[0] == 413
        assert errors_of(sender.raw("POST", path, gzip.compress(large), content_encoding="gzip"))[0] == 413
    assert sqlite_client.raw("POST", "/v1/spaces", large).status_code == 200


def test_more_values_than_can_be_held_are_refused_before_they_are_made() -> None:
    """Two letters are a value of more than fifty bytes: a packed body of a mebibyte could take all of the memory."""
    body = b"[" + b"{}," * MAX_CONTAINERS
    with pytest.raises(Refusal, match="send it in parts") as refused:
        unpack(gzip.compress(body, 1), len(body))
    assert refused.value.status == 413
