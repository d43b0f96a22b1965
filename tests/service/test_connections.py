"""Connections open for the data plane, and show nothing to anybody else."""

from dataclasses import replace

import pytest

from headrace.core.errors import Code, Problem
from headrace.service.connections import ConnectionDraft, get_connection, page_connections, put_connection, resolve
from headrace.service.sealing import MASK, Sealer
from headrace.store import audit, documents
from service.conftest import House

_URL = "postgresql://reader:canary%2F1@db.internal:5433/sales?sslpassword=canary"
_DRAFT = ConnectionDraft(scope="local", name="sales", kind="postgres", url=_URL, options={"sslmode": "canary"})
_SEALER = Sealer([b"k" * 32])


def test_a_connection_opens_as_it_was_given(house: House) -> None:
    """The data plane gets what the person wrote."""
    made = put_connection(house.database, _DRAFT, "tester", _SEALER, house.clock)
    info = resolve(house.database, "local", made.id, _SEALER)
    assert (info.kind, info.url, info.options) == ("postgres", _URL, {"sslmode": "canary"})


def test_no_secret_of_a_connection_is_shown_or_readable_in_the_ledger(house: House) -> None:
    """Neither callers, nor the ledger's rows, nor the audit have it."""
    made = put_connection(house.database, _DRAFT, "tester", _SEALER, house.clock)
    shown = get_connection(house.database, "local", made.id)
    assert shown.url == f"postgresql://reader:{MASK}@db.internal:5433/sales"
    with house.database.reading() as tx:
        kept: list[object] = [
            documents.get(tx, "local", "connection", made.id),
            documents.sealed(tx, "local", "connection", made.id),
        ]
        kept += [audit.page(tx, None), page_connections(house.database, "local"), shown, made, _DRAFT]
    assert "canary" not in repr(kept)


def test_an_update_with_the_mask_keeps_the_password(house: House) -> None:
    """Whoever reads a connection, changes the host and sends it back has not lost the password."""
    made = put_connection(house.database, _DRAFT, "tester", _SEALER, house.clock)
    moved = replace(_DRAFT, url=made.url.replace("db.internal", "db2.internal"), options={"sslmode": MASK})
    again = put_connection(house.database, moved, "tester", _SEALER, house.clock)
    info = resolve(house.database, "local", again.id, _SEALER)
    assert (again.id, again.revision) == (made.id, 2)
    assert (info.url, info.options) == ("postgresql://reader:canary%2F1@db2.internal:5433/sales", {"sslmode": "canary"})


def test_another_tenant_has_no_such_connection(house: House) -> None:
    """The id is of no use outside of its scope."""
    made = put_connection(house.database, _DRAFT, "tester", _SEALER, house.clock)
    with pytest.raises(Problem) as caught:
        resolve(house.database, "other", made.id, _SEALER)
    assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kind": "oracle"}, Code.UNSUPPORTED),
        ({"url": "file:///etc/passwd?canary"}, Code.INVALID),
        ({"url": "postgresql://h:99999999/canary"}, Code.INVALID),
        ({"url": "postgresql://[canary/x"}, Code.INVALID),
        ({"url": "postgresql://h/canary\n"}, Code.INVALID),
    ],
)
def test_a_wrong_connection_is_refused_without_repeating_it(house: House, change: dict[str, str], code: Code) -> None:
    """What is refused may hold a password, so messages name the form only."""
    with pytest.raises(Problem) as caught:
        put_connection(house.database, replace(_DRAFT, **change), "tester", _SEALER, house.clock)  # type: ignore[arg-type]  # texts only
    assert caught.value.code is code
    assert "canary" not in str(caught.value)
