"""Folders to promote in."""

from pathlib import Path

import pytest

from promoting import Bench, make_bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return empty folders to promote in."""
    return make_bench(tmp_path)
