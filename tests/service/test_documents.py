"""Doors' definitions: in revisions, with secrets taken out."""

from dataclasses import replace

import pytest

from headrace.core.errors import Code, Problem
from headrace.service.documents import (
    DocumentDraft,
    DocumentQuery,
    delete_document,
    find_document,
    get_document,
    open_document,
    page_documents,
    put_document,
    write_document,
)
from headrace.service.sealing import MASK, Sealer
from headrace.store.database import Transaction
from service.conftest import House

_SEALER = Sealer([b"k" * 32])
_DRAFT = DocumentDraft(
    scope="local", kind="linked", id="d1", name="one", body={"auth": {"user": "u", "password": "canary"}}, who="tester"
)


def _is_secret(key: str) -> bool:
    return key == "password"


def test_a_document_is_kept_in_revisions(house: House) -> None:
    """Who changes what somebody else has changed meanwhile is told so."""
    first = put_document(house.database, _DRAFT, house.clock, expected=0)
    second = put_document(house.database, replace(_DRAFT, name="two"), house.clock, expected=first.revision)
    assert (first.revision, second.revision) == (1, 2)
    with pytest.raises(Problem) as caught:
        put_document(house.database, _DRAFT, house.clock, expected=first.revision)
    assert caught.value.code is Code.STALE


def test_secrets_are_masked_for_callers_and_open_for_the_data_plane(house: House) -> None:
    """The same document, seen from two sides."""
    put_document(house.database, _DRAFT, house.clock, sealer=_SEALER, is_secret=_is_secret)
    shown = get_document(house.database, "local", "linked", "d1")
    assert shown.body == {"auth": {"user": "u", "password": MASK}}
    assert open_document(house.database, "local", "linked", "d1", _SEALER).body == _DRAFT.body


def test_a_secret_stays_when_its_mask_comes_back_and_goes_with_its_key(house: House) -> None:
    """Reading and sending back loses nothing; leaving the key out removes the secret."""
    put_document(house.database, _DRAFT, house.clock, sealer=_SEALER, is_secret=_is_secret)
    masked = replace(_DRAFT, body={"auth": {"user": "v", "password": MASK}})
    put_document(house.database, masked, house.clock, sealer=_SEALER, is_secret=_is_secret)
    opened = open_document(house.database, "local", "linked", "d1", _SEALER).body
    assert opened == {"auth": {"user": "v", "password": "canary"}}
    put_document(house.database, replace(_DRAFT, body={"auth": {}}), house.clock, sealer=_SEALER, is_secret=_is_secret)
    put_document(house.database, masked, house.clock, sealer=_SEALER, is_secret=_is_secret)
    assert open_document(house.database, "local", "linked", "d1", _SEALER).body == masked.body


def test_documents_are_found_by_name_and_listed_by_scope(house: House) -> None:
    """Another tenant's documents are in no list."""
    put_document(house.database, _DRAFT, house.clock)
    put_document(house.database, replace(_DRAFT, scope="other", id="d2"), house.clock)
    found = find_document(house.database, "local", "linked", "one")
    assert found is not None
    assert page_documents(house.database, DocumentQuery(scope="local", kind="linked")).items == (found,)


def test_a_deleted_document_is_gone_with_its_secrets(house: House) -> None:
    """Making it again does not bring the old secrets back."""
    made = put_document(house.database, _DRAFT, house.clock, sealer=_SEALER, is_secret=_is_secret)
    delete_document(house.database, made, "tester", house.clock)
    with pytest.raises(Problem) as caught:
        get_document(house.database, "local", "linked", "d1")
    assert caught.value.code is Code.NOT_FOUND
    masked = replace(_DRAFT, body={"auth": {"password": MASK}})
    put_document(house.database, masked, house.clock, sealer=_SEALER, is_secret=_is_secret)
    assert open_document(house.database, "local", "linked", "d1", _SEALER).body == masked.body


def test_what_goes_along_with_a_document_is_there_with_it_or_not_at_all(house: House) -> None:
    """The secrets of a connection and what is shown of it are one change: who dies in between has changed neither."""
    made = put_document(house.database, _DRAFT, house.clock)
    beside = replace(_DRAFT, id="beside")

    def write_and_fail(tx: Transaction) -> None:
        write_document(tx, beside, house.clock.now())
        raise Problem(Code.UNAVAILABLE, "the process is gone")

    with pytest.raises(Problem, match="is gone"):
        put_document(house.database, replace(_DRAFT, name="two"), house.clock, along=write_and_fail)
    with pytest.raises(Problem, match="is gone"):
        delete_document(house.database, made, "tester", house.clock, along=write_and_fail)
    assert get_document(house.database, made.scope, made.kind, made.id) == made
    with pytest.raises(Problem, match="there is no"):
        get_document(house.database, made.scope, made.kind, "beside")
