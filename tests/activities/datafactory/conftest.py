"""What tests of activities share."""

from collections.abc import Iterator

import pytest

from stores import Shelf, s3_shelf


@pytest.fixture(scope="session")
def s3() -> Iterator[Shelf]:
    """A bucket of a real server."""
    with s3_shelf() as shelf:
        yield shelf
