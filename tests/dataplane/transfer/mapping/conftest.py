"""A session for all tests of mappings."""

from collections.abc import Iterator

import pytest

from mapping_desk import Desk
from transfer_files import session_in


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Return one."""
    folder = tmp_path_factory.mktemp("mapping")
    with session_in(folder) as session:
        yield Desk(session, folder)
