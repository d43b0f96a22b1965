"""What tests of transfers stand on."""

from pathlib import Path

import pytest

from transferring import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Return an installation of its own."""
    return Desk(tmp_path).make()
