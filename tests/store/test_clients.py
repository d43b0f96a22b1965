import pytest

from headrace.core.client import Client, Role
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.store import audit, clients, settings, tokens
from headrace.store.database import Database
from ledger_rows import NOW, OTHER_SCOPE, SCOPE

CLIENT = Client("client-1", "loader", Role.OPERATOR, (SCOPE, "local"), "argon2-hash", NOW)


def test_a_client_comes_back_as_it_was_written(database: Database) -> None:
    """Role and scopes decide about rights: they are kept exactly."""
    with database.transaction() as tx:
        clients.insert(tx, CLIENT)
        assert clients.get(tx, "client-1") == CLIENT
        assert clients.all_of(tx) == [CLIENT]
        assert clients.find(tx, "other") is None


def test_a_client_id_is_given_once(database: Database) -> None:
    """Nobody can take over a client by making it again."""
    with database.transaction() as tx:
        clients.insert(tx, CLIENT)
    with pytest.raises(Problem) as caught, database.transaction() as tx:
        clients.insert(tx, CLIENT)
    assert caught.value.code is Code.CONFLICT


def test_a_revoked_client_stays_revoked_since_then(database: Database) -> None:
    """Revoking ends the tokens too, and doing it again does not change when it was."""
    with database.transaction() as tx:
        clients.insert(tx, CLIENT)
        assert clients.next_generation(tx, "client-1") == 2
        clients.revoke(tx, "client-1", Instant(NOW + 1))
        clients.revoke(tx, "client-1", Instant(NOW + 2))
        client = clients.get(tx, "client-1")
        with pytest.raises(Problem) as caught:
            clients.revoke(tx, "nobody", NOW)
    assert (client.revoked_at, client.generation, caught.value.code) == (NOW + 1, 4, Code.NOT_FOUND)


def test_a_revoked_token_is_known_until_it_expires(database: Database) -> None:
    """The list of revoked tokens does not grow for ever."""
    with database.transaction() as tx:
        tokens.revoke(tx, "token-1", "client-1", Instant(NOW + 5), NOW)
        tokens.revoke(tx, "token-1", "client-1", Instant(NOW + 5), NOW)
        assert (tokens.is_revoked(tx, "token-1"), tokens.is_revoked(tx, "token-2")) == (True, False)
        assert (tokens.forget(tx, Instant(NOW + 5)), tokens.forget(tx, Instant(NOW + 6))) == (0, 1)


def test_the_audit_is_read_newest_first(database: Database) -> None:
    """Each entry is on exactly one page, and a tenant reads its own."""
    with database.transaction() as tx:
        for number in range(3):
            audit.record(tx, SCOPE, "me", "run.create", f"run-{number}", NOW, {"n": number})
        audit.record(tx, OTHER_SCOPE, "you", "run.create", "other", NOW)
        first = audit.page(tx, SCOPE, limit=2)
        second = audit.page(tx, SCOPE, limit=2, cursor=first.next)
    assert [entry.object for entry in (*first.items, *second.items)] == ["run-2", "run-1", "run-0"]
    assert first.items[0].details == {"n": 2}


def test_a_fact_is_put_once_by_one(database: Database) -> None:
    """Of several processes that start at once, one makes the first client."""
    with database.transaction() as tx:
        assert settings.put_once(tx, "setup", {"by": 1}, NOW)
        assert not settings.put_once(tx, "setup", {"by": 2}, NOW)
        assert settings.get(tx, "setup") == {"by": 1}
        settings.put(tx, "setup", [3], NOW)
        assert settings.get(tx, "setup") == [3]
        settings.delete(tx, "setup")
        assert settings.get(tx, "setup") is None
