"""The collection that we write ourselves: every documented operation of the Flow Service door, and its refusals."""

from pathlib import Path

import pytest

from clients.newman import run_collection
from clients.served import served
from servers import PostgresServer


@pytest.mark.e2e
def test_the_collection_passes(ledger_url: str, postgres_server: PostgresServer, tmp_path: Path) -> None:
    """What the contract says of each operation and refusal holds for a client that knows nothing of us."""
    with served(tmp_path, ledger_url, postgres_server) as server:
        done = run_collection(server, tmp_path)
    assert not done.failures, "\n".join(done.failures)
    assert done.requests >= 300
    assert done.assertions >= 800
