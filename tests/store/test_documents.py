from typing import Any

import pytest

from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.query import Compare, Op, Order
from headrace.store import documents
from headrace.store.database import Database
from headrace.store.documents import Document, DocumentQuery
from ledger_rows import NOW, OTHER_SCOPE, SCOPE


def test_a_document_grows_by_revisions(database: Database) -> None:
    """Each change gets the next revision; who made it, and when, stays."""
    with database.transaction() as tx:
        assert documents.put(tx, _document()).revision == 1
        changed = documents.put(
            tx, _document(body={"a": 2}, created_by="other", created_at=Instant(NOW + 1)), expected=1
        )
        assert documents.get(tx, SCOPE, "connection", "id-1") == changed
    assert (changed.revision, changed.created_by, changed.created_at) == (2, "me", NOW)


def test_a_change_of_an_old_revision_is_refused(database: Database) -> None:
    """Whoever has read an older revision has to look again: no change is lost."""
    with database.transaction() as tx:
        documents.put(tx, _document())
        documents.put(tx, _document(body={"a": 2}), expected=1)
        with pytest.raises(Problem) as caught:
            documents.put(tx, _document(body={"a": 3}), expected=1)
    assert caught.value.code is Code.STALE


def test_a_document_that_must_be_new_is_refused_where_there_is_one(database: Database) -> None:
    """Making is not overwriting."""
    with database.transaction() as tx:
        documents.put(tx, _document(), expected=0)
        with pytest.raises(Problem) as caught:
            documents.put(tx, _document(), expected=0)
    assert caught.value.code is Code.CONFLICT


def test_secrets_are_kept_apart_from_the_body(database: Database) -> None:
    """Sealed secrets come back to who asks for them, survive a change of the body, and stand in no page."""
    with database.transaction() as tx:
        documents.put(tx, _document(), sealed=b"sealed")
        documents.put(tx, _document(body={"a": 2}))
        assert documents.sealed(tx, SCOPE, "connection", "id-1") == b"sealed"
        assert b"sealed" not in repr(documents.page(tx, DocumentQuery(scope=SCOPE, kind="connection"))).encode()


def test_a_document_of_another_scope_is_not_found(database: Database) -> None:
    """A tenant's definitions and secrets are that tenant's."""
    with database.transaction() as tx:
        documents.put(tx, _document(), sealed=b"sealed")
        for look in (documents.get, documents.sealed, documents.delete):
            with pytest.raises(Problem) as caught:
                look(tx, OTHER_SCOPE, "connection", "id-1")
            assert caught.value.code is Code.NOT_FOUND


def test_a_removed_document_is_gone_with_its_secrets(database: Database) -> None:
    """A document that is made again under the same id has no secrets of the one before."""
    with database.transaction() as tx:
        documents.put(tx, _document(), sealed=b"sealed")
        documents.delete(tx, SCOPE, "connection", "id-1", expected=1)
        documents.put(tx, _document(), expected=0)
        assert documents.sealed(tx, SCOPE, "connection", "id-1") is None


@pytest.mark.parametrize("order", ["created_at", "updated_at", "name"])
def test_documents_are_paged_in_every_order(database: Database, order: str) -> None:
    """Every document that the filter takes is on exactly one page."""
    with database.transaction() as tx:
        for number in range(5):
            changes: dict[str, Any] = {"name": f"n{number // 2}", "body": {"even": number % 2 == 0}}
            documents.put(tx, _document(id=f"id-{number}", created_at=Instant(NOW + number), **changes))
        query = DocumentQuery(
            scope=SCOPE, kind="connection", filter=Compare("body.even", Op.EQ, value=True), order=Order(order)
        )
        first = documents.page(tx, query, limit=2)
        second = documents.page(tx, query, limit=2, cursor=first.next)
        assert documents.count(tx, query) == 3
    assert [d.id for d in (*first.items, *second.items)] == ["id-0", "id-2", "id-4"]
    assert second.next is None


def test_a_name_finds_the_newest_document(database: Database) -> None:
    """Names need not be unique."""
    with database.transaction() as tx:
        documents.put(tx, _document())
        documents.put(tx, _document(id="id-2", created_at=Instant(NOW + 1)))
        found = documents.by_name(tx, SCOPE, "connection", "name")
        assert documents.by_name(tx, SCOPE, "flow", "name") is None
    assert found is not None
    assert found.id == "id-2"


def _document(**changes: Any) -> Document:
    values: dict[str, Any] = {
        "scope": SCOPE,
        "kind": "connection",
        "id": "id-1",
        "name": "name",
        "body": {"a": 1},
        "created_at": NOW,
        "updated_at": NOW,
        "created_by": "me",
    }
    return Document(**{**values, **changes})
