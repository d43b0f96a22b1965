"""Who may call: a secret shown once, rights that end at once."""

from dataclasses import replace

import jwt
import pytest

from headrace.core.client import Role
from headrace.core.clock import MINUTE
from headrace.core.errors import Code, Problem
from headrace.service.clients import (
    ClientRequest,
    NewClient,
    create_client,
    ensure_admin,
    list_clients,
    revoke_client,
    verify_secret,
)
from headrace.service.sealing import Sealer
from headrace.service.tokens import TokenDesk, issue_token, revoke_token, revoke_tokens, verify_token
from service.conftest import House


def _client(house: House) -> NewClient:
    request = ClientRequest(name="etl", role=Role.OPERATOR, scopes=("flowservice/acme",), created_by="tester")
    return create_client(house.database, request, house.clock, house.ids)


def _desk(house: House) -> TokenDesk:
    return TokenDesk(house.database, Sealer([b"k" * 32]), house.clock, house.ids)


def test_a_client_is_known_by_its_secret_and_nothing_else(house: House) -> None:
    """Wrong secrets and unknown clients get the same answer."""
    made = _client(house)
    assert verify_secret(house.database, made.client.id, made.secret) == made.client.identity
    messages = set()
    for client_id, secret in ((made.client.id, made.secret + "x"), ("nobody", made.secret), (made.client.id, "\ud800")):
        with pytest.raises(Problem) as caught:
            verify_secret(house.database, client_id, secret)
        assert caught.value.code is Code.UNAUTHENTICATED
        messages.add(caught.value.message)
    assert len(messages) == 1


def test_the_ledger_has_no_secret(house: House) -> None:
    """Whoever reads the ledger cannot log in with what is there."""
    made = _client(house)
    assert made.secret not in repr(list_clients(house.database))
    assert made.client.secret_hash.startswith("$argon2id$")


def test_the_first_start_makes_one_admin(house: House) -> None:
    """Later starts, and a second server that starts at the same moment, make none."""
    first = ensure_admin(house.database, house.clock, house.ids)
    assert first is not None
    assert first.client.role is Role.ADMIN
    assert ensure_admin(house.database, house.clock, house.ids) is None


def test_a_revoked_client_may_nothing_from_the_next_request_on(house: House) -> None:
    """Neither its secret nor a token that it holds is worth anything; revoking again changes nothing."""
    made, desk = _client(house), _desk(house)
    token = issue_token(desk, made.client.id, "flowservice")
    revoked = revoke_client(house.database, made.client.id, "tester", house.clock)
    assert revoke_client(house.database, made.client.id, "tester", house.clock) == revoked
    for attempt in (
        lambda: verify_secret(house.database, made.client.id, made.secret),
        lambda: verify_token(desk, token.text, "flowservice"),
        lambda: issue_token(desk, made.client.id, "flowservice"),
    ):
        with pytest.raises(Problem) as caught:
            attempt()
        assert caught.value.code is Code.UNAUTHENTICATED


def test_a_token_says_who_holds_it_at_its_own_door_only(house: House) -> None:
    """A token for one door opens no other."""
    made, desk = _client(house), _desk(house)
    token = issue_token(desk, made.client.id, "flowservice")
    assert verify_token(desk, token.text, "flowservice") == made.client.identity
    with pytest.raises(Problem):
        verify_token(desk, token.text, "jobs")


def test_a_token_expires(house: House) -> None:
    """Time is the given clock's, not the machine's."""
    made, desk = _client(house), _desk(house)
    token = issue_token(desk, made.client.id, "flowservice")
    house.clock.set(token.expires_at - MINUTE)
    assert verify_token(desk, token.text, "flowservice").client_id == made.client.id
    house.clock.set(token.expires_at)
    with pytest.raises(Problem, match="expired"):
        verify_token(desk, token.text, "flowservice")


def test_tokens_are_revoked_one_by_one_or_all_at_once(house: House) -> None:
    """The others go on, and the client can get new ones with its secret."""
    made, desk = _client(house), _desk(house)
    one, other = (issue_token(desk, made.client.id, "flowservice") for _ in range(2))
    revoke_token(desk, one.text, "flowservice")
    with pytest.raises(Problem, match="revoked"):
        verify_token(desk, one.text, "flowservice")
    verify_token(desk, other.text, "flowservice")
    revoke_tokens(desk, made.client.id, "tester")
    with pytest.raises(Problem, match="revoked"):
        verify_token(desk, other.text, "flowservice")
    verify_token(desk, issue_token(desk, made.client.id, "flowservice").text, "flowservice")


def test_forged_tokens_are_refused(house: House) -> None:
    """Another key, no signature, another issuer, a missing claim, or no token at all: nobody gets in."""
    made, desk = _client(house), _desk(house)
    key = desk.sealer.signing_keys("tokens")[0]
    claims = jwt.decode(
        issue_token(desk, made.client.id, "a").text,
        key,
        algorithms=["HS256"],
        audience="a",
        options={"verify_exp": False, "verify_iat": False},
    )
    forged = [
        jwt.encode(claims, b"x" * 32, algorithm="HS256"),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode({**claims, "iss": "another"}, key, algorithm="HS256"),
        jwt.encode({**claims, "aud": ["a", "b"]}, key, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, algorithm="HS256"),
        "",
        "a.b.c",
        "x" * 100_000,
    ]
    for text in forged:
        with pytest.raises(Problem) as caught:
            verify_token(desk, text, "a")
        assert caught.value.code is Code.UNAUTHENTICATED


def test_a_token_outlives_a_rotation_of_the_key(house: House) -> None:
    """Rotating keys logs nobody out."""
    made, desk = _client(house), _desk(house)
    token = issue_token(desk, made.client.id, "flowservice")
    rotated = replace(desk, sealer=Sealer([b"n" * 32, b"k" * 32]))
    assert verify_token(rotated, token.text, "flowservice") == made.client.identity
